"""What the studies train with can be meant: objectives parse, lists can be drawn, sizes fit what is claimed."""

from __future__ import annotations

import pytest

from benchmarks.studies import losses, strong
from rankdistill.training import Objective, TrainingSettings
from rankdistill.training.draw import drawn_by
from rankdistill.training.fit import fitted_columns


@pytest.mark.parametrize("way", losses.WAYS)
def test_every_way_of_the_study_of_losses_can_be_trained(way: str) -> None:
    objective, _, draw = losses.WAYS[way]
    parsed = Objective.parse(objective)
    assert set(parsed.columns) <= {"label", "target"}
    by = drawn_by(TrainingSettings(draw=draw), fitted_columns(parsed), ["label", "target"])
    assert by == (None if draw == "random" else "target")


def test_the_strong_student_has_six_layers_and_its_updates_are_drawn_from_enough_lists() -> None:
    assert len(strong.LAYERS) == 6
    assert max(strong.LAYERS) == 6
    sizes = strong.Sizes()
    quick = strong.Sizes.quick()
    assert sizes.labelled.max_steps > 0 > sizes.wide.max_steps
    assert {quick.wide.max_steps, quick.labelled.max_steps, quick.cross_wide.max_steps} == {2}

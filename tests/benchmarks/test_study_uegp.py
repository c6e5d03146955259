"""UEGP's study: the means over tasks in its table, its ways' settings, and its committed runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.results import FOLDER
from benchmarks.studies import uegp_rank
from benchmarks.studies.runs import RUN, restore_runs
from benchmarks.studies.uegp import GUIDED, QUICK_GUIDED, WAYS, Trainings, with_means
from rankdistill.recipes.guided_settings import GuidedSettings


def test_means_are_over_tasks_and_tested_over_seeds() -> None:
    lines = [
        {"base": "six layers", "way": "expert", "task": "rte", "values": "60 62"},
        {"base": "six layers", "way": "expert", "task": "cola", "values": "30 32"},
        {"base": "six layers", "way": "UEGP", "task": "rte", "values": "66 64"},
        {"base": "six layers", "way": "UEGP", "task": "cola", "values": "25 24"},
    ]
    expert, guided = with_means(lines)[len(lines) :]
    assert expert == {"base": "six layers", "way": "expert", "task": "mean", "mean": 46.0}
    assert guided == {
        "base": "six layers",
        "way": "UEGP",
        "task": "mean",
        "mean": 44.75,
        "to the expert": -1.25,
        "p over seeds": 0.61,
    }


@pytest.mark.parametrize("guiding", [GUIDED, QUICK_GUIDED], ids=["full", "quick"])
def test_every_way_guides_by_settings_that_have_an_effect(guiding: GuidedSettings) -> None:
    settings = {name: way.settings(guiding) for name, way in WAYS.items() if way is not None}
    reads = {name: (each.terms, each.kd_reads) for name, each in settings.items()}
    assert reads == {
        "UEGP": ("kd+mlm", "masked"),
        "MoEGP": ("kd+mlm", "masked"),
        "KD only": ("kd", "plain"),
        "MLM only": ("mlm", "plain"),
        "UEGP, KD reads the plain text": ("kd+mlm", "plain"),
    }
    assert {each.guided_steps for each in settings.values()} == {guiding.guided_steps}


@pytest.mark.parametrize("size", [uegp_rank.FULL, uegp_rank.QUICK], ids=["full", "quick"])
def test_every_way_of_the_ranking_study_guides_by_settings_that_have_an_effect(size: uegp_rank.Size) -> None:
    for terms in uegp_rank.WAYS.values():
        assert size.guided.with_terms(terms).terms == terms


def test_the_committed_runs_are_of_the_studys_settings(tmp_path: Path) -> None:
    trainings = Trainings(tmp_path, {}, GUIDED)
    assert restore_runs(tmp_path, FOLDER / "runs" / "uegp.tar.xz", trainings.facts) > 0
    assert (tmp_path / "six layers" / "UEGP" / "glue:rte0" / RUN).is_file()

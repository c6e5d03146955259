"""An objective is read as people write it, and is the weighted sum of its terms."""

from __future__ import annotations

import pytest
import torch

from rankdistill.errors import UnknownNameError, UsageError
from rankdistill.losses import LOSSES, hinge, margin_mse, pairwise_mse
from rankdistill.models.outputs import OWN
from rankdistill.training import Objective, Term
from rankdistill.training.objective import ListOutputs

SCORES = torch.tensor([[0.3, -0.2, 1.0], [0.1, 0.4, 0.0]])
COLUMNS = {
    "label": torch.tensor([[1.0, 0, 0], [2, 0, float("nan")]]),
    "pile": torch.tensor([[0.9, 0.1, 0.3], [0.5, 0.2, 0.0]]),
}
MASK = torch.tensor([[True, True, True], [True, True, False]])


def test_a_written_sum_becomes_its_terms() -> None:
    objective = Objective.parse("hinge(label, margin=0.5) + 0.25*pairwise_mse(pile) + margin_mse(pile, label)*2")
    assert objective.terms == (
        Term("hinge", labels="label", settings={"margin": 0.5}),
        Term("pairwise_mse", targets="pile", weight=0.25),
        Term("margin_mse", targets="pile", labels="label", weight=2),
    )
    assert objective.columns == ["label", "pile"]
    assert str(objective) == "hinge(label, margin=0.5) + 0.25*pairwise_mse(pile) + 2*margin_mse(pile, label)"
    assert Objective.parse(str(objective)) == objective


def test_the_value_is_the_weighted_sum_and_every_term_is_reported_alone() -> None:
    objective = Objective.parse("hinge(label) + 0.5*pairwise_mse(pile) + 2*margin_mse(pile, label)")
    total, values = objective(ListOutputs({OWN: SCORES[..., None]}), COLUMNS, MASK)
    labels, pile = COLUMNS["label"], COLUMNS["pile"]
    expected = {
        "hinge(label)": hinge(SCORES, None, MASK, labels=labels),
        "pairwise_mse(pile)": pairwise_mse(SCORES, pile, MASK),
        "margin_mse(pile, label)": margin_mse(SCORES, pile, MASK, labels=labels),
    }
    assert values.keys() == expected.keys()
    for name, value in expected.items():
        torch.testing.assert_close(values[name], value)
    weights = torch.tensor([1.0, 0.5, 2.0])
    torch.testing.assert_close(total, (weights * torch.stack(list(expected.values()))).sum())


@pytest.mark.parametrize("written", ["", "hinge", "hinge(label", "hinge(label) - bce(label)", "-1*hinge(label)", "2"])
def test_what_is_no_sum_of_losses_is_refused_with_an_example(written: str) -> None:
    with pytest.raises(UsageError, match=r"expected a sum such as 'hinge\(label\)"):
        Objective.parse(written)


def test_an_unknown_loss_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'hinge'"):
        Objective.parse("hinges(label)")


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("hinge(pile, label)", r"hinge takes 1 column, the labels, got 2: write hinge\(label\)"),
        ("margin_mse(pile)", r"2 columns, the targets and the labels, got 1: write margin_mse\(target, label\)"),
        ("pairwise_mse()", r"pairwise_mse takes 1 column, the targets, got 0: write pairwise_mse\(target\)"),
    ],
)
def test_a_wrong_number_of_columns_is_refused(written: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Objective.parse(written)


def test_a_setting_that_a_loss_does_not_have_is_refused() -> None:
    with pytest.raises(UnknownNameError, match="setting of hinge 'margn'; did you mean 'margin'"):
        Objective.parse("hinge(label, margn=2)")
    with pytest.raises(UnknownNameError, match="map of layers 'lastk'; did you mean 'last-k'"):
        Objective.parse("hidden_mse(teacher, layers='lastk')")
    assert Objective.parse("hidden_mse(teacher, layers=[0, 3], shared=True)").compares_insides


def test_logits_are_fitted_to_a_teacher_and_to_no_column() -> None:
    with pytest.raises(UsageError, match=r"write soft_cross_entropy\(teacher\)"):
        Objective.parse("soft_cross_entropy(t1)")


def test_lists_need_labels_that_differ_where_every_term_reads_them() -> None:
    assert Objective.parse("hinge(label) + margin_mse(pile, label)").only_labels
    assert not Objective.parse("hinge(label) + pairwise_mse(pile)").only_labels


def test_a_term_named_twice_is_refused() -> None:
    with pytest.raises(UsageError, match="names a term twice"):
        Objective.parse("hinge(label) + 2*hinge(label)")


def test_a_loss_over_two_logits_refuses_a_model_with_one() -> None:
    with pytest.raises(UsageError, match="needs a model with 2 logits, this one has 1"):
        Objective.parse("soft_cross_entropy(teacher)").check_logits(1)


@pytest.mark.parametrize("name", LOSSES)
def test_every_loss_can_be_written_and_is_printed_as_it_is_read(name: str) -> None:
    loss = LOSSES[name]
    targets = ["teacher" if loss.sees != "scores" else "pile"] if loss.needs_targets else []
    written = f"{name}({', '.join(targets + (['label'] if loss.needs_labels else []))})"
    objective = Objective.parse(written)
    assert [term.loss for term in objective.terms] == [name]
    assert str(objective) == written


def test_a_term_may_train_a_head_of_its_own() -> None:
    written = "pointwise_mse(t1, head=t1) + 0.5*pairwise_mse(t2, head=t2) + cross_entropy(label, head=c)"
    objective = Objective.parse(written)
    assert [term.head for term in objective.terms] == ["t1", "t2", "c"]
    assert objective.heads == {"t1": 1, "t2": 1, "c": 2}
    assert not objective.trains_own_head
    assert Objective.parse(str(objective)) == objective
    objective.check_logits(1)
    logits = {OWN: SCORES[..., None], "t1": 2 * SCORES[..., None], "t2": -SCORES[..., None], "c": torch.zeros(2, 3, 2)}
    _, values = objective(ListOutputs(logits), {**COLUMNS, "t1": SCORES, "t2": SCORES}, MASK)
    assert values["pointwise_mse(t1, head=t1)"].item() == pytest.approx(float(SCORES[MASK].square().mean()))
    with pytest.raises(UsageError, match=r"'llm.trec' in objective .* expected a name of letters"):
        Objective.parse("pointwise_mse(t1, head='llm.trec')")
    with pytest.raises(UsageError, match="compares insides, which no head changes"):
        Objective.parse("hidden_mse(teacher, head=t1)")


def test_a_column_may_be_called_as_a_loss_is() -> None:
    assert Objective.parse("pointwise_mse(lambda) + lambda(label)").columns == ["label", "lambda"]

"""An objective is read as people write it, and is the weighted sum of its terms."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

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


def test_logits_are_fitted_to_a_teacher_or_to_columns_of_logits() -> None:
    objective = Objective.parse("soft_cross_entropy(t1)")
    with pytest.raises(UsageError, match=r"the column 't1' holds scores alone: write soft_cross_entropy\(teacher\)"):
        objective.check_columns(["t1"])
    with pytest.raises(UnknownNameError, match=r"unknown column of the objective soft_cross_entropy\(t1\) 't1.0'"):
        objective.check_columns(["t2.0"])
    assert objective.read_columns(["t1.0", "t1.1", "t1.2", "t1.4", "t2.0"]) == ["t1.0", "t1.1", "t1.2"]


def test_a_head_has_as_many_logits_as_the_columns_that_it_fits() -> None:
    objective = Objective.parse("kl(rte, head=rte) + kl(mnli, head=mnli) + pointwise_mse(sts, head=sts)")
    columns = ["rte.0", "rte.1", "mnli.0", "mnli.1", "mnli.2", "sts"]
    assert objective.head_sizes(columns) == {"rte": 2, "mnli": 3, "sts": 1}
    assert objective.read_columns(columns) == sorted(columns)


def test_lists_need_labels_that_differ_where_every_term_reads_them() -> None:
    assert Objective.parse("hinge(label) + margin_mse(pile, label)").only_labels
    assert not Objective.parse("hinge(label) + pairwise_mse(pile)").only_labels


def test_a_term_named_twice_is_refused() -> None:
    with pytest.raises(UsageError, match="names a term twice"):
        Objective.parse("hinge(label) + 2*hinge(label)")
    with pytest.raises(UsageError, match=r"has hinge\(label\) with two sets of settings.* so keep one"):
        Objective.parse("hinge(label, margin=0.5) + hinge(label)")


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
    assert objective.head_sizes() == {"t1": 1, "t2": 1, "c": 2}
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


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ('hinge(label, margin="x")', "margin of hinge must be a number from 0 to 1e.06, got 'x'"),
        ("hinge(label, margin=True)", "margin of hinge must be a number"),
        ("hinge(label, margin=None)", "margin of hinge must be a number"),
        ("hinge(label, margin=1e400)", "margin of hinge must be at most 1e.06, got inf"),
        ("hinge(label, margin=-1)", "margin of hinge must be at least 0, got -1"),
        ("kl_list(t1, temperature=0)", "temperature of kl_list must be at least 1e-06, got 0"),
        ("kl_list(t1, temperature=-2)", "temperature of kl_list must be at least"),
        ("ranknet(label, sigma=1e-400)", "sigma of ranknet must be at least"),
        ("lambda(label, k=0)", "k of lambda must be at least 1, got 0"),
        ("lambda(label, k=2.5)", "k of lambda must be a whole number"),
        ("lambda(label, gain='expo')", "unknown gain 'expo'; did you mean 'exponential'"),
        ("cross_entropy(label, relevant_from=None)", "relevant_from of cross_entropy must be a number"),
        ("hidden_mse(teacher, layers=5)", "layers of hidden_mse must be one of every, last-k, last, or a list"),
        ("hidden_mse(teacher, layers=[0, -1])", "layers of hidden_mse must be at least 0, got -1"),
        ("hidden_mse(teacher, layers=[])", "layers of hidden_mse must be one of"),
        ("hidden_mse(teacher, shared=1)", "shared of hidden_mse must be True or False, got 1"),
        ("hinge(label, margin={[]: 1})", "as a setting in objective"),
        ("hinge(label, margin=x)", "got 'x' as a setting in objective"),
        ("1e400*hinge(label)", "a weight must be at most 1e.09, got inf"),
        ("0*hinge(label)", "a weight must be at least 1e-09, got 0"),
        ("1e-400*hinge(label)", "a weight must be at least 1e-09, got 0.0"),
        ("1e9*(10*hinge(label))", "the weight of hinge.label. must be at most"),
        ("True*hinge(label)", "a weight must be a number"),
        ("2j*hinge(label)", "a weight must be a number"),
        ("9" * 400 + "*hinge(label)", "a weight must be at most"),
        ("0x" + "f" * 400 + "*hinge(label)", "a weight must be at most"),
        ("hinge(label)" + "+hinge(label)" * 3000, "an objective of 39,012 characters, expected at most 2,000"),
        ("9" * 5000 + "*hinge(label)", "an objective of 5,013 characters"),
        ("(" * 900 + "hinge(label)" + ")" * 900, "expected a sum such as"),
        ("-" * 1900 + "1*hinge(label)", "expected a sum such as"),
        ("hinge(label)" + "()" * 900, "expected a sum such as"),
        ("hinge(label)\0", "expected a sum such as"),
        ("hinge(label, margin=1, margin=2)", "got margin twice in hinge"),
        ("hinge(label, **{'margin': 2})", r"got \*\*.* in hinge"),
        ("hinge(*label)", "expected the name of a column"),
        ("hinge(label)(label)", "expected a sum such as"),
        ("hinge(teacher)", "name the column of its scores, such as t1"),
        ("hinge(label, lambda=1)", "unknown setting of hinge 'lambda'"),
    ],
    ids=lambda value: value[:40] if len(value) > 40 else value,
)
def test_values_that_cannot_be_meant_are_refused_by_name(written: str, message: str) -> None:
    with pytest.raises(UsageError, match=message) as refused:
        Objective.parse(written)
    assert "_lambda_loss_" not in str(refused.value)
    assert len(str(refused.value)) < 2500


def test_settings_are_checked_however_a_term_is_made() -> None:
    with pytest.raises(UsageError, match="margin of hinge must be at least 0, got nan"):
        Term("hinge", labels="label", settings={"margin": float("nan")})
    with pytest.raises(UsageError, match=r"the weight of hinge\(label\) must be at least 1e-09, got -1"):
        Term("hinge", labels="label", weight=-1)


def test_weights_are_written_in_full_so_that_others_are_others() -> None:
    texts = [str(Objective.parse(f"{weight}*hinge(label)")) for weight in ("0.1234567", "0.1234568", "0.5", "3")]
    assert texts == ["0.1234567*hinge(label)", "0.1234568*hinge(label)", "0.5*hinge(label)", "3*hinge(label)"]


def test_a_quoted_name_may_be_lambda() -> None:
    assert Objective.parse("pointwise_mse('lambda') + lambda(label)").columns == ["label", "lambda"]


@given(st.text(st.sampled_from("hinge(label)+*01e.,='\"[]-_ \0\n"), max_size=60))
def test_any_text_is_an_objective_or_a_message(text: str) -> None:
    try:
        objective = Objective.parse(text)
    except UsageError:
        return
    assert Objective.parse(str(objective)) == objective

"""The score contract turns logits into scores and survives the config file."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from transformers import BertConfig

from rankdistill.errors import DataError, UnknownNameError, UsageError
from rankdistill.models.contract import CONTRACTS, ScoreContract

LOGITS = {n: np.random.default_rng(n).normal(size=(50, n)).astype(np.float32) * 8 for n in (1, 2)}


def reference(form: str, z: np.ndarray) -> np.ndarray:
    z = z.astype(np.float64)
    if form == "logit":
        return z[:, 0]
    if form == "sigmoid":
        return 1 / (1 + np.exp(-z[:, 0]))
    if form == "probability":
        return (np.exp(z) / np.exp(z).sum(1, keepdims=True))[:, 1]
    return z[:, 1] - z[:, 0]


@pytest.mark.parametrize("form", [form for form in CONTRACTS if form != "classes"])
@pytest.mark.parametrize("scale", [1.0, 5.0])
def test_scores_are_what_the_form_says_times_the_scale(form: str, scale: float) -> None:
    contract = ScoreContract(form, scale)
    scores = contract.scores(LOGITS[contract.n_logits])
    assert scores.dtype == np.float32
    np.testing.assert_allclose(scores, scale * reference(form, LOGITS[contract.n_logits]), rtol=1e-6)


@pytest.mark.parametrize("form", CONTRACTS)
def test_contract_is_read_back_from_the_config_entry(form: str) -> None:
    for relevant in range(CONTRACTS[form].n_logits):
        contract = ScoreContract(form, 2.5, 1 - relevant)
        assert ScoreContract.of_config(config(contract.n_logits, **contract.to_config())) == contract


def config(n_logits: int, labels: dict[int, str] | None = None, problem: str | None = None, **entry: Any) -> BertConfig:
    made = BertConfig(num_labels=n_logits, problem_type=problem)
    if labels is not None:
        made.id2label, made.label2id = labels, {name: place for place, name in labels.items()}
    if entry:
        made.rankdistill = entry
    return made


def test_model_that_states_nothing_scores_by_its_logit_or_by_the_margin_of_two() -> None:
    assert ScoreContract.of_config(config(1)) == ScoreContract("logit")
    assert ScoreContract.of_config(config(2)) == ScoreContract("margin", relevant=1)


def test_labels_say_which_logit_is_relevant_and_a_given_label_comes_first() -> None:
    qnli = config(2, {0: "entailment", 1: "not_entailment"})
    assert ScoreContract.of_config(qnli).relevant == 0
    assert ScoreContract.of_config(qnli, "Not Entailment").relevant == 1
    assert ScoreContract.of_config(config(2, {0: "a", 1: "b"}), "b").relevant == 1
    with pytest.raises(UsageError, match="must be one of 'a' and 'b', or its number 0 or 1, got 'c'"):
        ScoreContract.of_config(config(2, {0: "a", 1: "b"}), "c")


def test_stated_order_of_logits_comes_before_the_labels() -> None:
    stated = config(2, {0: "entailment", 1: "not_entailment"}, score={"form": "margin", "relevant": 1})
    assert ScoreContract.of_config(stated).relevant == 1


def test_logits_that_give_no_single_score_are_refused_by_name() -> None:
    with pytest.raises(DataError, match=r"m has 3 logits \(no, maybe, yes\).*one logit.*or two.*finetune --base"):
        ScoreContract.of_config(config(3, {0: "no", 1: "maybe", 2: "yes"}), where="m")
    with pytest.raises(DataError, match=r"m: which of its two logits.*'a' and 'b'.*--relevant-label"):
        ScoreContract.of_config(config(2, {0: "a", 1: "b"}), where="m")
    with pytest.raises(DataError, match="problem_type 'multi_label_classification'"):
        ScoreContract.of_config(config(2, problem="multi_label_classification"))


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"score": {"form": "margin"}}, "needs 2 logits, but the model has 1"),
        ({"score": {"form": "logits"}}, "states no score contract.*did you mean 'logit'"),
        ({"score": {"form": "logit", "scale": "five"}}, "finite and positive, got 'five'"),
        ({"score": {"form": "logit", "relevant": 0}}, "must be 0 or 1, and is 1 where there is one logit, got 0"),
        ({"score": {"from": "logit"}}, "states no score contract"),
        ({"score": ["logit"]}, "none of ours"),
        ({"max_length": "64"}, "none of ours"),
    ],
)
def test_damaged_entries_are_refused(entry: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        ScoreContract.of_config(config(1, **entry))


def test_wrong_shapes_are_refused() -> None:
    with pytest.raises(UsageError, match=r"needs logits \(N, 1\)"):
        ScoreContract("logit").scores(LOGITS[2])


def test_unknown_form_lists_the_valid_ones_and_scale_must_be_positive() -> None:
    with pytest.raises(UnknownNameError, match=r"did you mean 'logit'.*margin"):
        ScoreContract("logits")
    with pytest.raises(UsageError, match="positive"):
        ScoreContract("logit", 0.0)


def test_margins_order_what_probabilities_tie() -> None:
    z = np.stack([np.zeros(50, np.float32), 20 + np.arange(50, dtype=np.float32) / 4], axis=1)
    for contract in (ScoreContract("probability"), ScoreContract("margin")):
        np.testing.assert_array_equal(contract.margins(z), z[:, 1])
        assert (np.diff(contract.scores(z)) > 0).all() == (contract.form == "margin")
    np.testing.assert_array_equal(ScoreContract("margin", relevant=0).scores(z), -z[:, 1])


def test_large_logits_neither_overflow_nor_warn() -> None:
    z = np.asarray([[-1e4], [1e4]], np.float32)
    np.testing.assert_array_equal(ScoreContract("sigmoid").scores(z), [0, 1])

"""The score contract turns logits into scores and survives the config file."""

from __future__ import annotations

import numpy as np
import pytest

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


@pytest.mark.parametrize("form", CONTRACTS)
@pytest.mark.parametrize("scale", [1.0, 5.0])
def test_scores_are_what_the_form_says_times_the_scale(form: str, scale: float) -> None:
    contract = ScoreContract(form, scale)
    scores = contract.scores(LOGITS[contract.n_logits])
    assert scores.dtype == np.float32
    np.testing.assert_allclose(scores, scale * reference(form, LOGITS[contract.n_logits]), rtol=1e-6)


@pytest.mark.parametrize("form", CONTRACTS)
def test_contract_is_read_back_from_the_config_entry(form: str) -> None:
    contract = ScoreContract(form, 2.5)
    assert ScoreContract.from_config(contract.to_config(), contract.n_logits) == contract


def test_model_that_states_nothing_scores_by_its_logit_or_by_the_probability() -> None:
    assert ScoreContract.from_config(None, 1).form == "logit"
    assert ScoreContract.from_config({}, 2).form == "probability"
    with pytest.raises(DataError, match="3 logits"):
        ScoreContract.from_config(None, 3)


def test_contradicting_logits_are_refused() -> None:
    with pytest.raises(DataError, match="needs 2 logits, but the model has 1"):
        ScoreContract.from_config(ScoreContract("margin").to_config(), 1)
    with pytest.raises(UsageError, match=r"needs logits \(N, 1\)"):
        ScoreContract("logit").scores(LOGITS[2])


def test_unknown_form_lists_the_valid_ones_and_scale_must_be_positive() -> None:
    with pytest.raises(UnknownNameError, match=r"did you mean 'logit'.*margin"):
        ScoreContract("logits")
    with pytest.raises(UsageError, match="positive"):
        ScoreContract("logit", 0.0)


def test_large_logits_neither_overflow_nor_warn() -> None:
    z = np.asarray([[-1e4], [1e4]], np.float32)
    np.testing.assert_array_equal(ScoreContract("sigmoid").scores(z), [0, 1])

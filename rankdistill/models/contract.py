"""The score contract: how a model's logits become the one score a candidate is ranked by, stored in the model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rankdistill.arrays import F32
from rankdistill.errors import DataError, UnknownNameError, UsageError

_IDENTITY = "torch.nn.modules.linear.Identity"
_SIGMOID = "torch.nn.modules.activation.Sigmoid"


def _sigmoid(x: NDArray[Any]) -> NDArray[Any]:
    """Logistic function in float64, exact to the last digits however large or small it is."""
    return np.exp(-np.logaddexp(0.0, -x.astype(np.float64)))


@dataclass(frozen=True)
class ScoreForm:
    """One way from logits (N, n_logits) to scores (N,), and the activation that other libraries apply to the logits."""

    n_logits: int
    score: Callable[[F32], NDArray[Any]]
    activation: str


CONTRACTS: dict[str, ScoreForm] = {
    "logit": ScoreForm(1, lambda z: z[:, 0], _IDENTITY),
    "sigmoid": ScoreForm(1, lambda z: _sigmoid(z[:, 0]), _SIGMOID),
    "probability": ScoreForm(2, lambda z: _sigmoid(z[:, 1] - z[:, 0]), _IDENTITY),
    "margin": ScoreForm(2, lambda z: z[:, 1] - z[:, 0], _IDENTITY),
}


@dataclass(frozen=True)
class ScoreContract:
    """How one score is computed from a model's logits.

    form: "logit" (one logit as it is), "sigmoid" (of one logit), "probability" (two logits, P(relevant) = softmax(z)_1,
    PD-BERT's ranking score) or "margin" (two logits, z_1 - z_0: the same order, without saturation).
    scale: the score is multiplied by this range, for example 5 where the sigmoid of a logit was trained on 0-5.
    """

    form: str = "logit"
    scale: float = 1.0

    def __post_init__(self) -> None:
        if self.form not in CONTRACTS:
            raise UnknownNameError("score contract", self.form, CONTRACTS)
        if not (np.isfinite(self.scale) and self.scale > 0):
            raise UsageError(f"the scale of a score contract must be finite and positive, got {self.scale}")

    def scores(self, logits: F32) -> F32:
        """Turn logits float32 (N, n_logits) into scores float32 (N,)."""
        if logits.ndim != 2 or logits.shape[1] != self.n_logits:
            raise UsageError(f"contract {self.form!r} needs logits (N, {self.n_logits}), got shape {logits.shape}")
        return np.asarray(CONTRACTS[self.form].score(logits) * self.scale, dtype=np.float32)

    @property
    def n_logits(self) -> int:
        return CONTRACTS[self.form].n_logits

    @property
    def activation(self) -> str:
        """Dotted name of the torch module that sentence-transformers applies to the logits."""
        return CONTRACTS[self.form].activation

    def to_config(self) -> dict[str, Any]:
        """Return the contract's part of the ``rankdistill`` entry of ``config.json``."""
        return {"score": asdict(self)}

    @classmethod
    def for_logits(cls, n_logits: int) -> ScoreContract:
        """Return the contract of a model that states none: its one logit, or the probability of the second of two.

        A sigmoid that another library would put on top of one logit is left out on purpose: it keeps the order, and
        distilling squashed logits ruins students.
        """
        if n_logits not in (1, 2):
            raise DataError(
                f"a model with {n_logits} logits gives no single ranking score: expected a head with one logit "
                "(the score) or two (not relevant, relevant)"
            )
        return cls("logit" if n_logits == 1 else "probability")

    @classmethod
    def from_config(cls, entry: Mapping[str, Any] | None, n_logits: int) -> ScoreContract:
        """Read the ``rankdistill`` entry of a model's config, or fall back on `for_logits` where there is none."""
        if not entry or "score" not in entry:
            return cls.for_logits(n_logits)
        contract = cls(**entry["score"])
        if contract.n_logits != n_logits:
            raise DataError(
                f"config.json states the score contract {contract.form!r}, which needs {contract.n_logits} logits, "
                f"but the model has {n_logits}"
            )
        return contract

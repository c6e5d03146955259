"""The score contract: how a model's logits become the one score a candidate is ranked by, stored in the model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rankdistill.arrays import F32
from rankdistill.data.scored_pairs import ScoredPairs
from rankdistill.errors import DataError, UnknownNameError, UsageError
from rankdistill.models.labels import chosen_logit, labels_of, relevant_of, shown

ENTRY = "rankdistill"
"""Name of the entry of a model's ``config.json`` that holds its score contract and length."""
_IDENTITY = "torch.nn.modules.linear.Identity"
_SIGMOID = "torch.nn.modules.activation.Sigmoid"


def _sigmoid(x: NDArray[Any]) -> NDArray[Any]:
    """Logistic function in float64, exact to the last digits however large or small it is."""
    return np.exp(-np.logaddexp(0.0, -x.astype(np.float64)))


@dataclass(frozen=True)
class ScoreForm:
    """One way from margins (N,) to scores (N,), and the activation that other libraries apply to the logits."""

    n_logits: int
    score: Callable[[NDArray[Any]], NDArray[Any]]
    activation: str


CLASSES = "classes"
"""Form of a classifier, whose score is the number of the likeliest class: it says nothing about rank."""
CONTRACTS: dict[str, ScoreForm] = {
    "logit": ScoreForm(1, lambda margins: margins, _IDENTITY),
    "sigmoid": ScoreForm(1, _sigmoid, _SIGMOID),
    "probability": ScoreForm(2, _sigmoid, _IDENTITY),
    "margin": ScoreForm(2, lambda margins: margins, _IDENTITY),
    CLASSES: ScoreForm(0, lambda classes: classes, _IDENTITY),  # the number of classes is the contract's
}


@dataclass(frozen=True)
class ScoreContract:
    """How one score is computed from a model's logits.

    form: "logit" (one logit as it is), "sigmoid" (of one logit), "margin" (of two logits, the relevant one minus the
    other) or "probability" (P(relevant) of two logits, the sigmoid of their margin: the same order, but in float32 it
    is 1 for margins above 17, so that candidates tie).
    scale: the score is multiplied by this range, for example 5 where the sigmoid of a logit was trained on 0-5.
    relevant: place, 0 or 1, of the logit that means relevant, where there are two.
    lowest: is added to the scaled score, for example 1 and a scale of 4 where the sigmoid was trained on 1-5.
    n_classes: logits of a form "classes", a classifier: its score is the number of the likeliest class, from 0.
    """

    form: str = "logit"
    scale: float = 1.0
    relevant: int = 1
    lowest: float = 0.0
    n_classes: int = 0

    def __post_init__(self) -> None:
        if self.form not in CONTRACTS:
            raise UnknownNameError("score contract", str(self.form), CONTRACTS)
        if not (_is_number(self.scale) and np.isfinite(self.scale) and self.scale > 0):
            raise UsageError(f"the scale of a score contract must be finite and positive, got {self.scale!r}")
        if not (_is_number(self.lowest) and np.isfinite(self.lowest)):
            raise UsageError(f"the lowest score of a score contract must be finite, got {self.lowest!r}")
        valid = (self.form == CLASSES and type(self.n_classes) is int and self.n_classes > 1) or self.n_classes == 0
        if not valid or (self.form == CLASSES and not self.n_classes):
            raise UsageError(f"a form {CLASSES!r}, and no other, has two classes or more, got {self.n_classes!r}")
        if self.relevant not in ((1,) if self.n_logits == 1 else (0, 1)):
            raise UsageError(
                f"the place of the logit that means relevant must be 0 or 1, and is 1 where there is one logit, got "
                f"{self.relevant!r}"
            )

    def scores(self, logits: F32) -> F32:
        """Turn logits float32 (N, n_logits) into scores float32 (N,); of classes the first of equally likely ones."""
        if self.form == CLASSES:
            return self._checked(logits).argmax(axis=1).astype(np.float32)
        return self.scores_of_margins(self.margins(logits))

    def margins(self, logits: F32) -> F32:
        """The one number that orders candidates, float32 (N,): the logit, or the relevant one of two minus the other.

        Scores have the same order, but may tie where these do not. Raises `UsageError` for a classifier's.
        """
        if self.form == CLASSES:
            raise UsageError(f"a classifier of {self.n_classes} classes gives no score to rank candidates by")
        logits = self._checked(logits)
        return logits[:, 0] if self.n_logits == 1 else logits[:, self.relevant] - logits[:, 1 - self.relevant]

    def scores_of_margins(self, margins: F32) -> F32:
        """Turn margins float32 (N,) into scores float32 (N,)."""
        return np.asarray(CONTRACTS[self.form].score(margins) * self.scale + self.lowest, dtype=np.float32)

    def _checked(self, logits: F32) -> F32:
        if logits.ndim != 2 or logits.shape[1] != self.n_logits:
            raise UsageError(f"contract {self.form!r} needs logits (N, {self.n_logits}), got shape {logits.shape}")
        return logits

    @property
    def n_logits(self) -> int:
        return CONTRACTS[self.form].n_logits or self.n_classes

    @property
    def is_margin(self) -> bool:
        """Whether two logits make the score, of which one means relevant."""
        return CONTRACTS[self.form].n_logits == 2

    @property
    def activation(self) -> str:
        """Dotted name of the torch module that sentence-transformers applies to the logits."""
        return CONTRACTS[self.form].activation

    def to_config(self) -> dict[str, Any]:
        """Return the contract's part of the ``rankdistill`` entry of ``config.json``."""
        facts = asdict(self)
        if not self.is_margin:
            del facts["relevant"]
        for name in ("lowest", "n_classes"):
            if not facts[name]:
                del facts[name]
        return {"score": facts}

    @classmethod
    def for_logits(cls, n_logits: int) -> ScoreContract:
        """Return the contract of a new model: its one logit, or the margin of the second of two, the relevant one."""
        return cls(_FORM_OF[_one_or_two(n_logits)])

    @classmethod
    def for_pairs(cls, scored: ScoredPairs) -> ScoreContract:
        """Return the contract of a new model of scored pairs: classes, or a sigmoid over the range of the labels."""
        if scored.kind == "classification":
            return cls(CLASSES, n_classes=len(scored.classes))
        return cls("sigmoid", scale=scored.highest - scored.lowest, lowest=scored.lowest)

    @classmethod
    def of_config(
        cls,
        config: Any,
        relevant_label: str | None = None,
        where: str = "the model",
        *,
        as_classifier: bool = False,
    ) -> ScoreContract:
        """Read how a model scores from its transformers config. where: the model's folder, for messages.

        What the entry ``rankdistill`` states holds. Without it one logit is the score, and of two it is the margin of
        the one that means relevant: ``relevant_label``, its name or its number, else what the labels' names tell. A
        sigmoid that another library puts on top of one logit is left out on purpose: it keeps the order, and distilling
        squashed logits ruins students. as_classifier: whether two logits or more are those of classes, where the entry
        is missing.
        Raises `DataError` for other numbers of logits, where the entry is wrong, and where the names do not tell.
        """
        n_logits = int(config.num_labels)
        labels = labels_of(config)
        contract = _stated(entry_of(config, where).get("score"), n_logits, where)
        if contract is None:
            _check_kind(config, n_logits, where)
            if as_classifier and n_logits > 1:
                return cls(CLASSES, n_classes=n_logits)
            contract = cls(_FORM_OF[_one_or_two(n_logits, labels, where)])
            place = relevant_of(config) if n_logits == 2 else 1
        else:
            place = contract.relevant
        if contract.form == CLASSES:
            return contract
        if n_logits == 2 and relevant_label is not None:
            place = chosen_logit(labels, relevant_label)
        if place is None:
            raise DataError(
                f"{where}: which of its two logits means relevant cannot be told from their labels, {shown(labels)}: "
                f"name it by --relevant-label (relevant_label= in Python), {labels[0]!r} or {labels[1]!r}, or its "
                "number, 0 or 1"
            )
        return replace(contract, relevant=place)


def entry_of(config: Any, where: str = "the model") -> dict[str, Any]:
    """What `CrossEncoder.save` noted in a model's config, by name; empty where it noted nothing.

    Raises `DataError` where the entry is not of that form. where: the model's folder, for messages.
    """
    entry = getattr(config, ENTRY, None)
    if entry is None:
        return {}
    kinds = {"score": dict, "max_length": int, "prompt": str, "n_texts": int, "prompt_contract": dict}
    if not isinstance(entry, dict) or any(not isinstance(entry.get(name, of()), of) for name, of in kinds.items()):
        raise DataError(f"{where}: got {entry!r:.200} as the entry {ENTRY!r} of config.json, which is none of ours")
    return entry


_FORM_OF = {1: "logit", 2: "margin"}
"""Number of logits -> the form of a model that states none."""
_RETRAIN = "Choose another model, or train one from it, which gets a new head (rankdistill finetune --base)"


def _one_or_two(n_logits: int, labels: Sequence[str] = (), where: str = "the model") -> int:
    if n_logits in _FORM_OF:
        return n_logits
    named = f" ({', '.join(labels[:6])})" if labels else ""
    raise DataError(
        f"{where} has {n_logits} logits{named}, which give no single ranking score: expected a head with one logit "
        "(the score) or two (not relevant, relevant). As a classifier it is read for a task of its classes, and as an "
        f"expert. {_RETRAIN}"
    )


def _check_kind(config: Any, n_logits: int, where: str) -> None:
    """Raise `DataError` for logits that are no classes, of which one is the answer."""
    kind = getattr(config, "problem_type", None)
    if n_logits > 1 and kind in ("regression", "multi_label_classification"):
        raise DataError(
            f"{where}: config.json states the problem_type {kind!r}: the model's {n_logits} logits are {n_logits} "
            f"answers, not classes of which one is the answer. {_RETRAIN}"
        )


def _stated(stated: Any, n_logits: int, where: str) -> ScoreContract | None:
    """The contract that the entry ``rankdistill`` states; None where it states none, `DataError` where it is wrong."""
    if stated is None:
        return None
    try:
        contract = ScoreContract(**stated)
    except (TypeError, UsageError) as error:
        raise DataError(f"{where}: config.json states no score contract, {stated!r}: {error}") from error
    if contract.n_logits != n_logits:
        raise DataError(
            f"{where}: config.json states the score contract {contract.form!r}, which needs {contract.n_logits} "
            f"logits, but the model has {n_logits}"
        )
    return contract


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | np.number) and not isinstance(value, bool)

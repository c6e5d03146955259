"""One column out of several teachers' columns: normalise, settle what is missing, and ensemble by a named method."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from rankdistill.data.candidates import Candidates
from rankdistill.ensembling.mean import mean, single
from rankdistill.ensembling.missing import POLICIES
from rankdistill.ensembling.normalize import normalize as normalized
from rankdistill.ensembling.pile import PileReport, pile_with_report
from rankdistill.errors import DataError, UnknownNameError, UsageError

MethodName = Literal["pile", "mean", "single"]


@dataclass(frozen=True)
class Method:
    """A way to ensemble: its function, and whether that takes the labels beside the teachers' scores.

    Without labels the function is called as ``function(teacher_scores)`` and returns float64 (N,); with labels as
    ``function(teacher_scores, labels, offsets, rate=, seed=, query_ids=)`` and returns that and a report.
    """

    function: Callable[..., Any]
    needs_labels: bool


METHODS: dict[str, Method] = {
    "single": Method(single, needs_labels=False),
    "mean": Method(mean, needs_labels=False),
    "pile": Method(pile_with_report, needs_labels=True),
}


@dataclass(frozen=True)
class EnsembleReport:
    """What an ensemble was made of."""

    method: str
    teachers: tuple[str, ...]
    missing: dict[str, int]
    """Teacher -> number of candidates it had no score for."""
    policy: str
    """What was done about them: the ``missing`` policy."""
    dropped: int
    """Candidates dropped for want of a score."""
    candidates: int
    """Candidates that have an ensemble score."""
    unlabelled: int | None
    """Those among them without a label; None where the method takes no labels."""
    pile: PileReport | None
    """PILE's own counts; None for other methods."""


def ensemble(
    candidates: Candidates,
    teachers: Sequence[str],
    method: str = "pile",
    labels: str = "label",
    normalize: str = "none",
    missing: str = "error",
    rate: float = 0.9,
    seed: int = 0,
    normalize_over: str = "query",
) -> tuple[Candidates, EnsembleReport]:
    """Ensemble teachers' columns into one column named after the method; return the candidates with it, and a report.

    teachers: names of columns. method: a name of `METHODS`. labels: the column of relevance labels (for "pile").
    normalize, normalize_over: see `rankdistill.ensembling.normalize`; done before anything is filled, so that a mean of
    other teachers is on the scale of the one that lacks the score. missing: a name of `POLICIES`, see
    `rankdistill.ensembling.missing`. rate, seed: see `pile`; each query's random stream comes from its id.

    Raises `DataError` naming teacher, query and document where a teacher lacks a score and the policy cannot help, and
    where PILE would find no label at all; `UnknownNameError` for an unknown column, method, normalisation or policy.
    Source: METHODS §1.
    """
    if method not in METHODS:
        raise UnknownNameError("ensemble method", method, METHODS)
    if missing not in POLICIES:
        raise UnknownNameError("policy for missing scores", missing, POLICIES)
    if isinstance(teachers, str) or not len(teachers):
        raise UsageError(f"teachers must be a list of at least one column name, got {teachers!r}")
    columns = [normalized(candidates[name], candidates.offsets, normalize, normalize_over) for name in teachers]
    lacking = {name: int(np.isnan(column).sum()) for name, column in zip(teachers, columns, strict=True)}
    scores, kept = POLICIES[missing](np.stack(columns), candidates, teachers)
    values, unlabelled, pile_report = _apply(METHODS[method], method, scores, kept, labels, rate, seed)
    report = EnsembleReport(
        method=method,
        teachers=tuple(teachers),
        missing=lacking,
        policy=missing,
        dropped=len(candidates) - len(kept),
        candidates=len(kept),
        unlabelled=unlabelled,
        pile=pile_report,
    )
    return kept.with_columns({method: values}), report


def _apply(
    method: Method, name: str, scores: NDArray[np.float64], kept: Candidates, labels: str, rate: float, seed: int
) -> tuple[NDArray[np.float64], int | None, PileReport | None]:
    if not method.needs_labels:
        return method.function(scores), None, None
    grades = kept[labels]
    unlabelled = int(np.isnan(grades).sum())
    if len(grades) and unlabelled == len(grades):
        raise DataError(
            f"none of the {len(grades)} candidates has a label in column {labels!r}, and {name!r} without labels is "
            "nothing but the mean: join the qrels first, or use method='mean'"
        )
    values, report = method.function(scores, grades, kept.offsets, rate=rate, seed=seed, query_ids=kept.query_ids)
    return values, unlabelled, report

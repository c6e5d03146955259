"""Ensemble several teachers' columns into one: normalise, treat missing scores, and apply a named method."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from rankdistill.arrays import F64, Floats
from rankdistill.data.candidates import Candidates
from rankdistill.ensembling.mean import mean, single
from rankdistill.ensembling.missing import POLICIES, lowest
from rankdistill.ensembling.normalize import normalized, warn_of_scales
from rankdistill.ensembling.pile import PileReport, pile_with_report
from rankdistill.ensembling.settings import EnsembleSettings
from rankdistill.ensembling.whole import Whole
from rankdistill.errors import DataError, UsageError


@dataclass(frozen=True)
class Method:
    """An ensemble method: its function, and whether the function takes labels.

    Without labels it is called as ``function(teacher_scores)`` and returns float64 (N,); with labels as
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
    """Counts of an ensemble."""

    method: str
    teachers: tuple[str, ...]
    missing: dict[str, int]
    """Teacher -> number of candidates without a score of it."""
    policy: str
    """The policy for missing scores, a name of `POLICIES`."""
    dropped: int
    """Candidates dropped because a teacher lacks their score."""
    candidates: int
    """Candidates that have an ensemble score."""
    unlabelled: int | None
    """Candidates with an ensemble score and no label; None where the method takes no labels."""
    pile: PileReport | None
    """PILE's own counts; None for other methods."""


def ensemble(
    candidates: Candidates,
    teachers: Sequence[str],
    settings: EnsembleSettings | None = None,
    *,
    labels: str = "label",
    seed: int = 0,
    whole: Whole | None = None,
) -> tuple[Candidates, EnsembleReport]:
    """Ensemble teachers' columns into one column named after the method; return the candidates with it, and a report.

    teachers: names of columns. labels: the column of relevance labels, which PILE needs. seed: of PILE, whose random
    stream for a query comes from the seed and the query's id. Scores are normalised before missing ones are filled, so
    that the mean of the other teachers is on the scale of the teacher that lacks the score. Warns where teachers that
    are not normalised differ in scale, see `warn_of_scales`. whole: given where the candidates are a part of a run;
    what concerns all parts comes from it, a part may lack labels, and nothing is warned of.

    Raises `DataError` naming teacher, query and document where a teacher lacks a score and the policy cannot fill it,
    and where PILE has no label at all; `UnknownNameError` for an unknown column.
    Source: PILE §3.3 and §4.4 (docs/papers.md).

    >>> import rankdistill as rd
    >>> lists = rd.Candidates.from_rows(["q1", "q1"], ["d1", "d2"], {"t1": [1, 3], "t2": [3, 2], "label": [1, 0]})
    >>> combined, report = rd.ensemble(lists, ["t1", "t2"])
    >>> (combined["pile"][0] > combined["pile"][1]).item(), report.pile.reversed_before
    (True, 1)
    """
    settings = settings or EnsembleSettings()
    if isinstance(teachers, str) or not len(teachers):
        raise UsageError(f"teachers must be a list of at least one column name, got {teachers!r}")
    scales = whole.scales if whole else None
    columns = normalized(candidates, teachers, settings.normalize, settings.normalize_over, scales)
    if settings.normalize == "none" and whole is None:
        warn_of_scales(columns)
    return combine(candidates, columns, settings, labels=labels, seed=seed, whole=whole)


def combine(
    candidates: Candidates,
    columns: Mapping[str, Floats],
    settings: EnsembleSettings,
    *,
    labels: str,
    seed: int,
    whole: Whole | None = None,
) -> tuple[Candidates, EnsembleReport]:
    """Do as `ensemble` with scores that are normalised already: {teacher: float (N,), NaN = missing}."""
    teachers = list(columns)
    missing = {name: int(np.isnan(column).sum()) for name, column in columns.items()}
    scores: Floats = np.stack(list(columns.values()))
    kept = candidates
    if any(missing.values()):
        fill = POLICIES[settings.missing]
        if whole is not None and settings.missing == "min":
            fill = partial(lowest, least=whole.lowest)
        scores, kept = fill(scores.astype(np.float64), candidates, teachers)
    values, unlabelled, pile_report = _apply(settings, scores, kept, labels, seed, part=whole is not None)
    report = EnsembleReport(
        method=settings.method,
        teachers=tuple(teachers),
        missing=missing,
        policy=settings.missing,
        dropped=len(candidates) - len(kept),
        candidates=len(kept),
        unlabelled=unlabelled,
        pile=pile_report,
    )
    return kept.with_columns({settings.method: values}), report


def _apply(
    settings: EnsembleSettings, scores: Floats, kept: Candidates, labels: str, seed: int, part: bool
) -> tuple[F64, int | None, PileReport | None]:
    method = METHODS[settings.method]
    if not method.needs_labels:
        return method.function(scores), None, None
    grades = kept[labels]
    unlabelled = int(np.isnan(grades).sum())
    if len(grades) and unlabelled == len(grades) and not part:
        raise DataError(
            f"none of the {len(grades)} candidates has a label in column {labels!r}, and {settings.method!r} without "
            "labels is the mean: join the qrels first, or use method='mean'"
        )
    values, report = method.function(
        scores, grades, kept.offsets, rate=settings.rate, seed=seed, query_ids=kept.query_ids
    )
    return values, unlabelled, report

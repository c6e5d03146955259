"""Whole: what the ensemble of a part takes from all parts, so that parts together are what the run is at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from rankdistill.arrays import F64, Floats
from rankdistill.data.candidates import Candidates
from rankdistill.ensembling.normalize import Scale, normalized
from rankdistill.ensembling.settings import EnsembleSettings
from rankdistill.errors import DataError, UsageError

Parts = Callable[[], Iterable[Candidates]]
"""Reads all parts anew, in order, with their teachers' columns."""


@dataclass(frozen=True)
class Whole:
    """Statistics of the teachers over all parts."""

    scales: Mapping[str, Scale] | None = None
    """Teacher -> its scale, where all candidates are normalised as one list."""
    lowest: Mapping[str, float] = field(default_factory=dict)
    """Teacher -> its lowest score after normalisation, which ``missing="min"`` may need."""


def whole_of(parts: Parts, teachers: Sequence[str], settings: EnsembleSettings) -> Whole:
    """Measure what the settings need to know of all parts; each of up to three statistics is one pass over them.

    Sums go on from part to part in the order of the rows, so that they are bit for bit those of the run at once. Raises
    `UsageError` for the normalisation ``rank`` over all candidates, which no pass over parts can do, and `DataError`
    for a teacher that has no score and shall be filled by its lowest.
    """
    scales = None
    if settings.normalize != "none" and settings.normalize_over == "all":
        if settings.normalize == "rank":
            raise UsageError(
                "normalize='rank' over all candidates sorts them all at once: for parts, take normalize_over='query' "
                "(--normalize-over query), or zscore or minmax"
            )
        scales = _scales(parts, teachers, settings.normalize == "zscore")
    if settings.missing != "min":
        return Whole(scales)
    lowest = dict.fromkeys(teachers, np.inf)
    for part in parts():
        columns = normalized(part, teachers, settings.normalize, settings.normalize_over, scales)
        lowest = {name: min(low, _least(columns[name])) for name, low in lowest.items()}
    if empty := [name for name, low in lowest.items() if low == np.inf]:
        raise DataError(f"teacher {empty[0]!r} has no score for any candidate: leave it out")
    return Whole(scales, lowest)


def _scales(parts: Parts, teachers: Sequence[str], deviations: bool) -> dict[str, Scale]:
    sums, counts = dict.fromkeys(teachers, 0.0), dict.fromkeys(teachers, 0)
    low, high = dict.fromkeys(teachers, np.inf), dict.fromkeys(teachers, -np.inf)
    for name, scores in _known(parts, teachers):
        sums[name] = _added(sums[name], scores)
        counts[name] += len(scores)
        low[name], high[name] = min(low[name], scores.min()), max(high[name], scores.max())
    means = {name: sums[name] / max(counts[name], 1) for name in teachers}
    squares = dict.fromkeys(teachers, 0.0)
    if deviations:
        for name, scores in _known(parts, teachers):
            squares[name] = _added(squares[name], (scores - means[name]) ** 2)
    spread = {name: float(np.sqrt(squares[name] / max(counts[name], 1))) for name in teachers}
    return {name: Scale(means[name], spread[name], low[name], high[name]) for name in teachers}


def _known(parts: Parts, teachers: Sequence[str]) -> Iterable[tuple[str, F64]]:
    """Yield, part by part, each teacher's scores that are there."""
    for part in parts():
        for name in teachers:
            scores = part[name].astype(np.float64)
            if len(known := scores[~np.isnan(scores)]):
                yield name, known


def _added(total: float, scores: F64) -> float:
    """Add scores to a sum one after the other, as `numpy.bincount` does over a whole list."""
    return float(np.bincount(np.zeros(len(scores) + 1, np.int64), np.concatenate([[total], scores]))[0])


def _least(scores: Floats) -> float:
    return float(np.fmin.reduce(scores, initial=np.inf))

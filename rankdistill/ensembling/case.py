"""case: one query's candidates with each teacher's score, the mean and PILE. Source: PILE table 4 (docs/papers.md)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from rankdistill.arrays import F32
from rankdistill.data.candidates import Candidates
from rankdistill.ensembling.ensemble import combine
from rankdistill.ensembling.normalize import normalized
from rankdistill.ensembling.pile import count_pairs
from rankdistill.ensembling.settings import EnsembleSettings, MethodName
from rankdistill.errors import DataError

METHODS_SHOWN: tuple[MethodName, ...] = ("mean", "pile")


@dataclass(frozen=True)
class Case:
    """One query's candidates, the most relevant first, then by falling PILE score."""

    query_id: str
    doc_ids: list[str]
    labels: F32
    """float32 (C,), NaN = unjudged."""
    scores: dict[str, F32]
    """Teacher, "mean" or "pile" -> float32 (C,)."""
    reversed_pairs: dict[str, int]
    """Teacher, "mean" or "pile" -> pairs that it orders against the labels."""
    pairs: int
    """Pairs with different labels."""
    missing: dict[str, int]
    """Teacher -> number of the query's candidates without a score of it."""


def case(
    candidates: Candidates,
    teachers: Sequence[str],
    query_id: str,
    settings: EnsembleSettings | None = None,
    *,
    labels: str = "label",
    seed: int = 0,
) -> Case:
    """Compare the mean and PILE of the teachers' scores for one query; arguments as in `ensemble`, both methods shown.

    Teachers' scores are shown after normalisation. Raises `DataError` for a query that is not among the candidates.
    """
    settings = settings or EnsembleSettings()
    if query_id not in set(candidates.query_ids.to_pylist()):
        raise DataError(f"query {query_id!r} is not among the {candidates.n_queries:,} queries of the runs")
    scaled = normalized(candidates, teachers, settings.normalize, settings.normalize_over)
    lists = candidates.with_columns(scaled).take_queries([query_id])
    missing = {name: int(np.isnan(lists[name]).sum()) for name in teachers}
    for method in METHODS_SHOWN:
        columns = {name: lists[name].astype(np.float64) for name in teachers}
        lists, _ = combine(lists, columns, replace(settings, method=method), labels=labels, seed=seed)
    lists = lists.take_rows(np.lexsort((-lists["pile"], -np.nan_to_num(lists[labels], nan=-np.inf))))
    ordered = lists.query(0)
    grades = ordered.columns[labels]
    known = ~np.isnan(grades)
    scores = {name: ordered.columns[name] for name in (*teachers, *METHODS_SHOWN)}
    counts = {name: count_pairs(grades[known], values[known].astype(np.float64)) for name, values in scores.items()}
    reversed_pairs = {name: int(count) for name, (_, count) in counts.items()}
    return Case(query_id, ordered.doc_ids, grades, scores, reversed_pairs, int(counts["pile"][0]), missing)

"""The case view: one query's candidates with every teacher's score, the mean's and PILE's. Source: PILE table 4."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rankdistill.data.candidates import Candidates
from rankdistill.ensembling.ensemble import ensemble
from rankdistill.ensembling.normalize import normalize as normalized
from rankdistill.ensembling.pile import count_pairs
from rankdistill.errors import DataError


@dataclass(frozen=True)
class Case:
    """One query's candidates, the most relevant first, then by falling PILE score."""

    query_id: str
    doc_ids: list[str]
    labels: NDArray[np.float32]
    """float32 (C,), NaN = unjudged."""
    scores: dict[str, NDArray[np.float32]]
    """Teacher, "mean" or "pile" -> float32 (C,)."""
    reversed_pairs: dict[str, int]
    """Teacher, "mean" or "pile" -> pairs that it orders against the labels."""
    pairs: int
    """Pairs of different labels."""
    missing: dict[str, int]
    """Teacher -> candidates of the query that it did not score."""


def case(
    candidates: Candidates,
    teachers: Sequence[str],
    query_id: str,
    labels: str = "label",
    *,
    normalize: str = "none",
    normalize_over: str = "query",
    missing: str = "error",
    rate: float = 0.9,
    seed: int = 0,
) -> Case:
    """Show what the mean and PILE make of the teachers' scores for one query; the settings are those of `ensemble`.

    Teachers' scores are shown as they are normalised. Raises `DataError` for a query that is not among the candidates.
    """
    if query_id not in set(candidates.query_ids.to_pylist()):
        raise DataError(f"query {query_id!r} is not among the {candidates.n_queries:,} queries of the runs")
    scaled = {name: normalized(candidates[name], candidates.offsets, normalize, normalize_over) for name in teachers}
    made = candidates.with_columns(scaled).take_queries([query_id])
    lacking = {name: int(np.isnan(made[name]).sum()) for name in teachers}
    for method in ("mean", "pile"):
        made, _ = ensemble(made, teachers, method, labels, missing=missing, rate=rate, seed=seed)
    made = made.take_rows(np.lexsort((-made["pile"], -np.nan_to_num(made[labels], nan=-np.inf))))
    kept = made.query(0)
    grades = kept.columns[labels]
    known = ~np.isnan(grades)
    scores = {name: kept.columns[name] for name in (*teachers, "mean", "pile")}
    counts = {name: count_pairs(grades[known], values[known].astype(np.float64)) for name, values in scores.items()}
    reversed_pairs = {name: int(count) for name, (_, count) in counts.items()}
    return Case(query_id, kept.doc_ids, grades, scores, reversed_pairs, int(counts["pile"][0]), lacking)

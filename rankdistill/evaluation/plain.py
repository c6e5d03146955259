"""Evaluate small runs without Arrow and Numba: the same measures, over lists that plain Python has read and ranked.

What is not ordinary is left to `rankdistill.evaluation.evaluate`, whose errors and warnings are the only ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import ir_measures
import numpy as np

from rankdistill.data.offsets import offsets_of
from rankdistill.data.trec.forms import QRELS, RUNS
from rankdistill.data.trec.plain import PlainLists, read_plain
from rankdistill.errors import RankDistillError
from rankdistill.evaluation.evaluate import Evaluation, measured
from rankdistill.evaluation.judged_run import JudgedRun, OwnDocuments, unjudged_by
from rankdistill.evaluation.measures.outside import plan
from rankdistill.evaluation.measures.provider import OWN


def plain_evaluations(
    qrels: Path, runs: Sequence[str], measures: dict[str, ir_measures.Measure]
) -> dict[str, Evaluation] | None:
    """Evaluate small TREC runs against small qrels under the default conventions: {path: evaluation}.

    measures: as `rankdistill.evaluation.names.parse_measures` returns them. None where a file is not ordinary, or a
    measure is another provider's or reads more than judgments and ranks; nothing is reported then.
    """
    chosen = plan(list(dict.fromkeys(measures.values())))
    if any(provider is not OWN for provider, _ in chosen) or any(m.NAME == "Interleaving" for m in measures.values()):
        return None
    judgments = read_plain(qrels, QRELS, "label")
    if judgments is None:
        return None
    results = {}
    for path in runs:
        run = read_plain(Path(path), RUNS, "score")
        judged = None if run is None else judge_plain(judgments, run)
        if judged is None:
            return None
        try:
            results[path] = measured(measures, chosen, judged)
        except RankDistillError:
            return None
    return results


def judge_plain(qrels: PlainLists, run: PlainLists) -> JudgedRun | None:
    """Join judgments to a run, as `rankdistill.evaluation.judged.judge` does under the default conventions.

    None where no query is judged, and where a list may hold the query itself or its scores may be distances.
    """
    if run.may_be_distances("score") or _holds_its_query(run):
        return None
    ranked = run.ranked("score").join(qrels, "label")
    labels = ranked["label"]
    nth = {query: i for i, query in enumerate(ranked.query_ids)}
    lists = np.array([nth.get(query, -1) for query in qrels.query_ids], np.int64)
    if not (lists >= 0).any():
        return None
    rows = [
        np.flatnonzero(~np.isnan(labels[start:end])) + start if i >= 0 else np.zeros(0, np.int64)
        for i, start, end in zip(lists, ranked.offsets[:-1][lists], ranked.offsets[1:][lists], strict=True)
    ]
    taken = np.concatenate(rows)
    offsets = offsets_of([len(each) for each in rows])
    own = cast(Any, qrels)  # measures read of `Candidates` what `PlainLists` has
    return JudgedRun(
        own,
        offsets,
        taken - ranked.offsets[:-1][np.repeat(lists, np.diff(offsets))] + 1,
        labels[taken],
        ranked["score"][taken],
        cast(Any, ranked),
        lists,
        unjudged_by(qrels["label"]),
        "keep",
        OwnDocuments(),
    )


def _holds_its_query(run: PlainLists) -> bool:
    """Tell whether a list has a document of the query's own id."""
    bounds = zip(run.query_ids, run.offsets[:-1], run.offsets[1:], strict=True)
    return any(query.encode() in run.doc_ids[start:end] for query, start, end in bounds)

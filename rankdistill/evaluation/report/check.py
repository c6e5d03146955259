"""check: find faults and oddities in runs and qrels, before their numbers are trusted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow.compute as pc

from rankdistill.data.candidates import Candidates, Ties, positions_of
from rankdistill.data.collection import Collection
from rankdistill.data.score_files.found import is_score_file
from rankdistill.data.trec.forms import MSMARCO_RUN, QRELS, RUNS, THREE_COLUMNS, TREC_QRELS, LineForm, recognise
from rankdistill.data.trec.lines import faults
from rankdistill.data.trec.read import read_lines, read_qrels, read_ranks, read_run
from rankdistill.errors import DataError, FileFormatError
from rankdistill.evaluation.conventions import Conventions
from rankdistill.evaluation.evaluate import evaluation
from rankdistill.evaluation.judged import own_documents, own_facts
from rankdistill.evaluation.names import parse_measures
from rankdistill.files.reading import map_bytes

Level = Literal["error", "warning", "note"]
TIE_SENSITIVE_MEASURES = ("nDCG@10", "RR@10", "AP")
RELEVANT = 1


@dataclass(frozen=True)
class Finding:
    """One fault or oddity of one file."""

    file: str
    level: Level
    """error: measures of the file are wrong or cannot be computed; warning: they may surprise; note: information."""
    what: str
    count: int
    example: str


def check(
    runs: Sequence[str | Path],
    qrels: str | Path | None = None,
    collection: Collection | None = None,
    measures: Sequence[str] = TIE_SENSITIVE_MEASURES,
    conventions: Conventions | None = None,
) -> list[Finding]:
    """Check runs, judgments, and whether they belong together.

    Errors: malformed lines, scores that are not finite numbers, grades that are not integers, duplicate documents in a
    list, a run without a judged query, ids without a text in the collection, a third column that may be a rank or a
    score. Warnings: queries missing on either side, ranks that do not follow the scores, measures that depend on the
    rule for ties, queries without a relevant document, queries that are their own candidates. Notes: equal scores, what
    the third of three columns is taken for, a second column of judgments that differs.
    conventions: how runs are read; their rule for ties plays no part, as all are tried.
    Raises `DataError` for a file that cannot be opened, `UsageError` for unknown measures.
    """
    parse_measures(measures)
    findings: list[Finding] = []
    judged = None
    if qrels is not None:
        judged = _read(qrels, QRELS, findings)
        if judged is not None:
            findings += _of_judgments(str(qrels), judged)
            findings += _of_second_column(qrels)
            findings += _without_text(str(qrels), judged, collection)
    conventions = conventions or Conventions()
    for path in runs:
        run = _read(path, RUNS, findings, conventions, collection)
        if run is not None:
            findings += _of_ranks(path, run)
            findings += _of_third_column(path, conventions)
            findings += _without_text(str(path), run, collection)
            findings += _of_ties(str(path), run)
        if run is not None and judged is not None:
            findings += _of_both(path, run, judged, measures, conventions)
    return findings


def _read(
    path: str | Path,
    forms: tuple[LineForm, ...],
    findings: list[Finding],
    conventions: Conventions | None = None,
    collection: Collection | None = None,
) -> Candidates | None:
    """Read a file; None where its lines have faults, with one finding for each kind of fault."""
    try:
        return (
            read_qrels(path)
            if conventions is None
            else read_run(path, third_column=conventions.third_column, collection=collection)
        )
    except FileFormatError as error:
        if conventions is not None and is_score_file(path):
            findings.append(Finding(str(path), "error", "entries that are not of the file's form", 1, str(error)))
            return None
        counts: Counter[str] = Counter()
        examples: dict[str, str] = {}
        for kind, fault in faults(Path(path), forms):
            counts[kind] += 1
            examples.setdefault(kind, str(fault))
        counts = counts or Counter({"files that cannot be read": 1})
        findings += [Finding(str(path), "error", k, n, examples.get(k, str(error))) for k, n in counts.items()]
        return None


def _of_judgments(file: str, judged: Candidates) -> list[Finding]:
    relevant = np.bincount(judged.query_of_row, judged["label"] >= RELEVANT, judged.n_queries)
    without = np.flatnonzero(relevant == 0)
    negative = np.flatnonzero(judged["label"] < 0)
    return [
        *_warning(file, "queries without a relevant document, which score 0", without, judged.query_ids),
        *_note(file, "grades below 0, which count as not relevant", negative, judged.row_query_ids),
    ]


def _without_text(file: str, candidates: Candidates, collection: Collection | None) -> list[Finding]:
    """Report the queries and documents that the collection does not have."""
    findings: list[Finding] = []
    if collection is not None:
        ids = {"queries": candidates.query_ids, "documents": pc.unique(candidates.doc_ids)}
        for kind, texts in (("queries", collection.queries), ("documents", collection.documents)):
            rows = np.flatnonzero(texts.positions(ids[kind]) < 0)
            findings += _finding(file, "error", f"{kind} without a text in {collection.name}", rows, ids[kind])
    return findings


def _of_ranks(path: str | Path, run: Candidates) -> list[Finding]:
    """Warn of queries whose ranks order the documents differently than their scores do."""
    if not _has_ranks(Path(path)):
        return []
    try:
        by_rank = read_ranks(path).join(run, "score")
    except FileFormatError as error:
        return [Finding(str(path), "warning", "ranks that are not integers", 1, str(error))]
    except DataError:
        return [Finding(str(path), "note", "lines with the same rank, which is none", len(run), run.pair_at(0))]
    rises = np.flatnonzero(np.diff(by_rank["score"]) > 0) + 1
    inside = np.setdiff1d(rises, by_rank.offsets)
    queries = np.unique(by_rank.query_of_row[inside])
    return _warning(
        str(path),
        "queries whose ranks do not follow their scores; evaluation uses the scores",
        queries,
        by_rank.query_ids,
    )


def _has_ranks(path: Path) -> bool:
    """Tell whether a run has ranks beside its scores: parts and three columns have not."""
    return (
        path.is_file() and not is_score_file(path) and "rank" in recognise(path, map_bytes(path), RUNS).form.fields[2:4]
    )


def _of_third_column(path: str | Path, conventions: Conventions) -> list[Finding]:
    """Note what the third of three columns is taken for."""
    path = Path(path)
    if not path.is_file() or is_score_file(path):
        return []
    lines, layout = read_lines(path, map_bytes(path), third=conventions.third_column)
    if len(layout.form.fields) != len(THREE_COLUMNS.fields):
        return []
    taken = "ranks, and -rank as the score" if layout.form is MSMARCO_RUN else "scores"
    example = f"{lines.query_ids[0].as_py()} {lines.doc_ids[0].as_py()} {lines.values[0] * layout.form.sign:g}"
    return [Finding(str(path), "note", f"lines whose third column is taken for {taken}", len(lines.values), example)]


def _of_second_column(path: str | Path) -> list[Finding]:
    """Note TREC judgments whose second column, which no measure here reads, has several values."""
    path = Path(path)
    found: dict[bytes, int] = {}
    data = map_bytes(path)
    if recognise(path, data, QRELS).form is not TREC_QRELS:
        return []
    for line in bytes(data).splitlines():
        fields = line.split(None, 2)
        if len(fields) == 3 and not fields[0].startswith(b"#"):
            found[fields[1]] = found.get(fields[1], 0) + 1
    if len(found) < 2:
        return []
    what = "values of the second column (subtopics, iterations), which measures here do not read"
    return [Finding(str(path), "note", what, len(found), min(found).decode(errors="backslashreplace"))]


def _of_ties(file: str, run: Candidates) -> list[Finding]:
    equal = np.flatnonzero(np.diff(run["score"]) == 0) + 1
    inside = np.setdiff1d(equal, run.offsets)
    queries = np.unique(run.query_of_row[inside])
    return _note(file, f"queries with equal scores ({len(inside):,} candidates tie)", queries, run.query_ids)


def _of_both(
    path: str | Path, run: Candidates, judged: Candidates, measures: Sequence[str], conventions: Conventions
) -> list[Finding]:
    file = str(path)
    unjudged = np.flatnonzero(positions_of(run.query_ids, judged.query_ids) < 0)
    missing = np.flatnonzero(positions_of(judged.query_ids, run.query_ids) < 0)
    if len(unjudged) == run.n_queries:
        return [
            Finding(file, "error", "queries in the run, none of them judged", run.n_queries, run.query_ids[0].as_py())
        ]
    findings = _warning(file, "judged queries that the run lacks, which count as 0", missing, judged.query_ids)
    findings += _warning(file, "queries that are not judged, which are ignored", unjudged, run.query_ids)
    rules: tuple[Ties, ...] = ("trec", "docid-asc")
    if conventions.identical_ids == "keep":
        ranked = run.ranked("score")
        rows = own_documents(ranked, judged)
        own = ranked.query_of_row[rows] if own_facts(ranked, rows).plainly else rows[:0]
        what = "queries that are in their own list, by their id; BEIR's evaluation drops them (--identical-ids drop)"
        findings += _warning(file, what, own, run.query_ids)
    by_rule = {ties: replace(conventions, ties=ties) for ties in rules}
    values = {ties: evaluation(judged, run, measures, conventions=rule).values for ties, rule in by_rule.items()}
    moved = [name for name in measures if abs(values["trec"][name] - values["docid-asc"][name]) > 0]
    if moved:
        spans = (f"{name} {values['trec'][name]:.4f} or {values['docid-asc'][name]:.4f}" for name in moved)
        what = "measures that depend on the rule for ties (trec or docid-asc)"
        findings.append(Finding(file, "warning", what, len(moved), "; ".join(spans)))
    return findings


def _finding(file: str, level: Level, what: str, rows: np.ndarray, ids: object) -> list[Finding]:
    """Report the rows as one finding with the first id as its example, or as none where there are no rows."""
    return [Finding(file, level, what, len(rows), str(ids[int(rows[0])]))] if len(rows) else []  # type: ignore[index]


def _warning(file: str, what: str, rows: np.ndarray, ids: object) -> list[Finding]:
    return _finding(file, "warning", what, rows, ids)


def _note(file: str, what: str, rows: np.ndarray, ids: object) -> list[Finding]:
    return _finding(file, "note", what, rows, ids)

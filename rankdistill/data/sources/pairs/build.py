"""Turn tables of texts and labels into a collection of scored pairs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from rankdistill.arrays import F32
from rankdistill.data.candidates import Candidates
from rankdistill.data.collection import Collection
from rankdistill.data.scored_pairs import NO_SECOND_TEXT, ScoredPairs
from rankdistill.data.sources.pairs.tables import Table
from rankdistill.data.texts import Texts
from rankdistill.errors import DataError, FileFormatError


@dataclass(frozen=True)
class Columns:
    """Names of the columns of a table of pairs."""

    texts: tuple[str, ...]
    label: str
    no_label: str | None = None
    """What is written where there is no label, beside what `ScoredPairs.hides`."""


def pair_id(split: str, row: int) -> str:
    """Name a pair by its split and its row, from 0."""
    return f"{split}-{row}"


def rows_of_ids(split: str, ids: Sequence[str]) -> list[int]:
    """The row of each of a split's pairs, where `pair_id` named them; else its place among them."""
    written = [id_.removeprefix(f"{split}-") for id_ in ids]
    rows = [int(number) for number in written if number.isdecimal()]
    return rows if [pair_id(split, row) for row in rows] == list(ids) else list(range(len(ids)))


def pairs_collection(
    name: str, tables: Mapping[str, Table], columns: Columns, scored: ScoredPairs, *, empty_seconds: bool = False
) -> Collection:
    """Build a collection of the pairs of all splits, in the order given; pairs without a label are unjudged.

    A pair is named by its row, and rows that were left out of a table count. empty_seconds: whether a second text may
    be empty, as two of QQP are; a first one never is. Raises `DataError` without any pair, `FileFormatError` for an
    empty text and for a label that is not valid.
    """
    ids = {split: [pair_id(split, row) for row in table.numbers] for split, table in tables.items()}
    all_ids = [each for split_ids in ids.values() for each in split_ids]
    if not all_ids:
        raise DataError(f"{name} has no pairs: its tables have no rows")
    firsts = [text for table in tables.values() for text in _visible(table, columns.texts[0])]
    if scored.n_texts == 1:
        documents, document_ids = Texts.from_pairs([NO_SECOND_TEXT], [""]), [NO_SECOND_TEXT] * len(all_ids)
    else:
        column = columns.texts[1]
        seconds = [
            text
            for table in tables.values()
            for text in (table.columns[column] if empty_seconds else _visible(table, column))
        ]
        documents, document_ids = Texts.from_pairs(all_ids, seconds), all_ids
    labels = np.concatenate([_labels(table, columns, scored) for table in tables.values()])
    known = ~np.isnan(labels)
    pairs = Candidates.from_rows(all_ids, document_ids)
    return Collection(
        name=name,
        queries=Texts.from_pairs(all_ids, firsts),
        documents=documents,
        qrels=_judged(all_ids, document_ids, labels, known) if known.any() else None,
        candidates=pairs,
        splits=ids,
        unjudged="missing",
        scored_pairs=scored,
    )


def _judged(ids: Sequence[str], document_ids: Sequence[str], labels: F32, known: np.ndarray) -> Candidates:
    rows = pa.array(np.flatnonzero(known))
    query_ids, doc_ids = (pa.array(column, pa.large_string()).take(rows) for column in (ids, document_ids))
    return Candidates.from_rows(query_ids, doc_ids, {"label": labels[known]})


def _visible(table: Table, column: str) -> list[str]:
    """The texts of a column; raise `FileFormatError` for one without a visible character."""
    texts = table.columns[column]
    for line, text in zip(table.lines, texts, strict=True):
        if not text.strip():
            raise FileFormatError(table.path, line, text, f"a text under {column!r}")
    return texts


def _labels(table: Table, columns: Columns, scored: ScoredPairs) -> F32:
    """Labels float32 (rows,), NaN where there is none."""
    written = table.columns.get(columns.label)
    labels = np.full(len(table), np.nan, np.float32)
    if written is None:
        return labels
    for row, text in enumerate(written):
        if text == columns.no_label or scored.hides(text):
            continue
        label = scored.label(text)
        if label is None:
            raise FileFormatError(table.path, table.lines[row], text, f"{scored.expected}, under {columns.label!r}")
        labels[row] = label
    return labels

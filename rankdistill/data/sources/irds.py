"""Data sets of ir_datasets: their queries, judgments and first-stage lists, and documents read from their docstore."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import islice
from typing import Any

import ir_datasets
import numpy as np
import pyarrow as pa

from rankdistill.data.candidates import Candidates, as_ids
from rankdistill.data.collection import Collection
from rankdistill.data.texts import BATCH, Texts, missing_text
from rankdistill.errors import DataError, UnknownNameError
from rankdistill.progress import progress


def load(argument: str) -> Collection:
    """Load the data set of this id, such as ``msmarco-passage/trec-dl-2019/judged``; what is not here is downloaded.

    Relevance becomes the column "label", the data set's scored documents the candidates' column "score". Subsets of
    ir_datasets have ids of their own, so the collection has no splits and is split by hash.
    Raises `UnknownNameError` for an unknown id, `DataError` where the data set has no queries or no documents.
    """
    try:
        dataset = ir_datasets.load(argument)
    except KeyError:
        raise UnknownNameError("ir_datasets id", argument, ir_datasets.registry) from None
    for kind in ("queries", "docs"):
        if not dataset.has(kind):
            raise DataError(f"irds:{argument} has no {kind}: choose a data set that has, ir_datasets lists them")
    queries = list(dataset.queries_iter())
    return Collection(
        name=f"irds:{argument}",
        queries=Texts.from_pairs([query.query_id for query in queries], [default_text(query) for query in queries]),
        documents=DocstoreTexts(dataset),
        qrels=_pairs(dataset.qrels_iter(), "relevance", "label") if dataset.has("qrels") else None,
        candidates=_pairs(dataset.scoreddocs_iter(), "score", "score") if dataset.has("scoreddocs") else None,
    )


class DocstoreTexts(Texts):
    """The documents of an ir_datasets data set behind the interface of `Texts`, looked up in its docstore, not copied.

    `take` reads the documents asked for. `ids` and `positions` go through all documents once, for their ids; `texts`
    holds them all in memory.
    """

    def __init__(self, dataset: Any) -> None:
        self._dataset = dataset
        self._store = dataset.docs_store()

    @cached_property
    def _ids(self) -> pa.Array:
        return pa.concat_arrays([pa.array([], pa.large_string()), *(ids for ids, _ in self.batches())])

    @property
    def texts(self) -> pa.Array:
        return pa.concat_arrays([pa.array([], pa.large_string()), *(texts for _, texts in self.batches())])

    def __len__(self) -> int:
        count = self._dataset.docs_count()
        return len(self._ids) if count is None else count

    def __contains__(self, text_id: object) -> bool:
        return isinstance(text_id, str) and text_id in self._store.get_many([text_id])

    def batches(self, size: int = BATCH) -> Iterator[tuple[pa.Array, pa.Array]]:
        documents = iter(self._dataset.docs_iter())
        with progress("reading documents", self._dataset.docs_count(), "documents") as advance:
            while batch := list(islice(documents, size)):
                yield as_ids([d.doc_id for d in batch]), as_ids([default_text(d) for d in batch])
                advance(len(batch))

    def take(self, ids: pa.Array | Sequence[str]) -> list[str]:
        wanted = as_ids(ids)
        names = wanted.to_pylist()
        found = {d.doc_id: default_text(d) for d in self._store.get_many_iter(list(dict.fromkeys(names)))}
        missing = [name not in found for name in names]
        if any(missing):
            raise missing_text(wanted.filter(pa.array(missing)), len(names))
        return [found[name] for name in names]


def default_text(record: Any) -> str:
    """The text that ir_datasets takes as a record's content; else all its fields of text, joined by spaces."""
    if hasattr(record, "default_text"):
        return record.default_text()
    return " ".join(value for value in record[1:] if isinstance(value, str))


def _pairs(records: Any, field: str, column: str) -> Candidates:
    """Candidates of records that have a query id, a document id and a value; best first where it is a score."""
    rows = [(record.query_id, record.doc_id, getattr(record, field)) for record in records]
    query_ids, doc_ids, values = zip(*rows, strict=True) if rows else ((), (), ())
    made = Candidates.from_rows(list(query_ids), list(doc_ids), {column: np.asarray(values, np.float32)})
    return made.ranked(column) if column == "score" else made

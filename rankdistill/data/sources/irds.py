"""Load data sets of ir_datasets: queries, judgments and first-stage lists, and documents from their docstore."""

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
    """Load the data set of this id, such as ``msmarco-passage/trec-dl-2019/judged``, downloading missing files.

    Relevance is in the qrels' column "label", the scores of scored documents in the candidates' column "score". Subsets
    of ir_datasets have ids of their own, so the collection has no splits and is split by hash.
    Raises `UnknownNameError` for an unknown id, `DataError` where the data set has no queries or no documents.
    """
    try:
        dataset = ir_datasets.load(argument)
    except KeyError:
        raise UnknownNameError("ir_datasets id", argument, ir_datasets.registry) from None
    for kind in ("queries", "docs"):
        if not dataset.has(kind):
            raise DataError(f"irds:{argument} has no {kind}: choose another data set of ir_datasets")
    try:
        queries = list(dataset.queries_iter())
    except OSError as error:
        raise DataError(
            f"irds:{argument} cannot be fetched: {error}; load it once where there is a network, or put its files "
            "where ir_datasets looks for them"
        ) from error
    return Collection(
        name=f"irds:{argument}",
        queries=Texts.from_pairs([query.query_id for query in queries], [default_text(query) for query in queries]),
        documents=DocstoreTexts(dataset),
        qrels=_pairs(dataset.qrels_iter(), "relevance", "label") if dataset.has("qrels") else None,
        candidates=_pairs(dataset.scoreddocs_iter(), "score", "score") if dataset.has("scoreddocs") else None,
    )


class DocstoreTexts(Texts):
    """Offer the documents of an ir_datasets data set as `Texts`, looked up in its docstore and not copied.

    `take` reads the documents asked for. `ids` and `positions` read all documents once, for their ids; `texts` loads
    all of them into memory.
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
        asked = as_ids(ids)
        names = asked.to_pylist()
        known = {d.doc_id: default_text(d) for d in self._store.get_many_iter(list(dict.fromkeys(names)))}
        missing = [name not in known for name in names]
        if any(missing):
            raise missing_text(asked.filter(pa.array(missing)), len(names))
        return [known[name] for name in names]


def default_text(record: Any) -> str:
    """Get a record's text as ir_datasets defines it, else all its text fields joined by spaces."""
    if hasattr(record, "default_text"):
        return record.default_text()
    return " ".join(value for value in record[1:] if isinstance(value, str))


def _pairs(records: Any, field: str, column: str) -> Candidates:
    """Convert records of a query id, a document id and a value to candidates, scores best first."""
    rows = [(record.query_id, record.doc_id, getattr(record, field)) for record in records]
    query_ids, doc_ids, values = zip(*rows, strict=True) if rows else ((), (), ())
    pairs = Candidates.from_rows(list(query_ids), list(doc_ids), {column: np.asarray(values, np.float32)})
    return pairs.ranked(column) if column == "score" else pairs

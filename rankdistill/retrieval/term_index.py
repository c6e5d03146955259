"""TermIndex: BM25 over texts in an order, of equal scores the earlier text first."""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from rankdistill.arrays import F32, I64
from rankdistill.data.offsets import offsets_of
from rankdistill.retrieval.postings import Postings
from rankdistill.retrieval.terms import terms

K1, B = 1.2, 0.75
_VOCABULARY = "vocabulary.arrow"


@dataclass(frozen=True, eq=False)
class TermIndex:
    """The number of each term, and the postings of the texts by it."""

    vocabulary: dict[str, int]
    postings: Postings

    @classmethod
    def build(cls, texts: Iterable[Sequence[str]], k1: float = K1, b: float = B) -> TermIndex:
        """Index texts, some at a time, which are split by `terms`; those without a term are never found."""
        vocabulary: dict[str, int] = defaultdict(lambda: len(vocabulary))
        term_ids, sizes = array("i"), array("i")
        for some in texts:
            for text in some:
                before = len(term_ids)
                term_ids.extend(map(vocabulary.__getitem__, terms(text)))
                sizes.append(len(term_ids) - before)
        flat = np.frombuffer(term_ids, np.int32) if term_ids else np.zeros(0, np.int32)
        return cls(dict(vocabulary), Postings.build(flat, offsets_of(sizes), len(vocabulary), k1, b))

    def best(self, queries: Sequence[Sequence[str]], k: int) -> tuple[I64, I64, F32]:
        """Find the k best texts of queries that are split into terms, as `Postings.search` returns them."""
        known = self.vocabulary
        return self.postings.search([[known[term] for term in query if term in known] for query in queries], k)

    def save(self, folder: Path) -> None:
        """Write the files of the index into a folder."""
        self.postings.save(folder)
        table = pa.table({"term": pa.array(list(self.vocabulary), pa.large_string())})
        with pa.ipc.new_file(str(folder / _VOCABULARY), table.schema) as file:
            file.write_table(table)

    @classmethod
    def load(cls, folder: Path) -> TermIndex:
        """Open the files that `save` wrote."""
        names = pa.ipc.open_file(pa.memory_map(str(folder / _VOCABULARY))).read_all()["term"].to_pylist()
        return cls(dict(zip(names, range(len(names)), strict=True)), Postings.load(folder))

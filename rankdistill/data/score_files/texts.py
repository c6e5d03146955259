"""Find the ids of queries and documents that a file names by their texts, in the collection that they come from."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rankdistill.arrays import I64
from rankdistill.data.collection import Collection
from rankdistill.data.kernels.ids import take_ids
from rankdistill.data.score_files.lists import Part
from rankdistill.data.texts import Texts


class TextIndex:
    """Find ids by texts; white space counts as one blank each, and none at the ends. A text can have several ids."""

    def __init__(self, texts: Texts) -> None:
        self.ids = texts.ids
        encoded = pc.dictionary_encode(plain(texts.texts))
        self.known = encoded.dictionary
        codes = encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64)
        self.rows = np.argsort(codes, kind="stable")
        self.ends = np.cumsum(np.bincount(codes, minlength=len(self.known)))

    def find(self, texts: pa.Array) -> tuple[I64, pa.Array]:
        """Find texts (n,): the place among them of each id found, int64 (m,), and the ids, large_string (m,)."""
        codes = pc.fill_null(pc.index_in(plain(texts), value_set=self.known), -1).to_numpy(zero_copy_only=False)
        places = np.flatnonzero(codes >= 0)
        ends = self.ends[codes[places]]
        sizes = np.diff(self.ends, prepend=0)[codes[places]]
        rows = np.arange(int(sizes.sum())) + np.repeat(ends - sizes - (np.cumsum(sizes) - sizes), sizes)
        return np.repeat(places, sizes), take_ids(self.ids, self.rows[rows])


def plain(texts: pa.Array) -> pa.Array:
    """Write each run of white space in texts as one blank, and none at the ends."""
    return pc.utf8_trim_whitespace(pc.replace_substring_regex(texts, r"[\s\p{Z}]+", " "))


class Resolver:
    """Put ids in the place of the texts of parts, and count the texts that no query or document has."""

    def __init__(self, collection: Collection, queries: bool, documents: bool) -> None:
        self.queries = TextIndex(collection.queries) if queries else None
        self.documents = TextIndex(collection.documents) if documents else None
        self.lost = {"lists of queries": 0, "documents": 0}
        self.examples: dict[str, str] = {}

    def resolved(self, part: Part) -> Part:
        """Leave out lists and documents whose text is unknown; a text of several ids stands for each of them."""
        if self.documents is not None:
            rows, ids = self.documents.find(part.documents)
            self._count("documents", part.documents, rows)
            lists = np.repeat(np.arange(len(part.sizes)), part.sizes)[rows]
            sizes = np.bincount(lists, minlength=len(part.sizes)).astype(np.int64)
            part = Part(part.queries, sizes, ids, part.scores[rows], part.entries)
        if self.queries is not None:
            lists, ids = self.queries.find(part.queries)
            self._count("lists of queries", part.queries, lists, part.entries)
            starts, sizes = np.cumsum(part.sizes) - part.sizes, part.sizes[lists]
            rows = np.arange(int(sizes.sum())) + np.repeat(starts[lists] - (np.cumsum(sizes) - sizes), sizes)
            part = Part(ids, sizes, take_ids(part.documents, rows), part.scores[rows], part.entries[lists])
        return part

    def _count(self, kind: str, texts: pa.Array, found: I64, entries: I64 | None = None) -> None:
        lost = np.setdiff1d(np.arange(len(texts)), found)
        self.lost[kind] += len(lost) if entries is None else len(np.unique(entries[lost]))
        if lost.size:
            self.examples.setdefault(kind, texts[int(lost[0])].as_py())

    @property
    def notes(self) -> list[str]:
        """What was not found, in words."""
        return [
            f"{count:,} {kind} whose text the collection does not have are left out, the first is "
            f"{self.examples[kind][:60]!r}"
            for kind, count in self.lost.items()
            if count
        ]

"""QueryParts: find BM25's candidates of many queries part by part, here or on a Ray cluster."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from rankdistill import __version__
from rankdistill.cluster.over_parts import over_parts
from rankdistill.cluster.settings import ClusterSettings
from rankdistill.cluster.work import DoPart
from rankdistill.data.candidates import Candidates
from rankdistill.data.collection import Collection
from rankdistill.data.digest import documents_digest, texts_digest
from rankdistill.data.parquet import QUERY, read_table
from rankdistill.data.parts import SCORE, check_part, read_parts, seal_parts, write_part
from rankdistill.data.texts import Texts
from rankdistill.files.atomic import atomic_path
from rankdistill.files.checksums import IN_FOLDER, checksum
from rankdistill.files.unfinished import unfinished
from rankdistill.retrieval.bm25 import INDEX_FORMAT, BM25Index
from rankdistill.retrieval.found import check_k, chosen_queries, found_candidates

_QUERIES, _RESULTS = 4096, 1 << 22
"""Most queries of a part, and most candidates."""


@dataclass(frozen=True)
class QueryParts:
    """Find the candidates of a part's queries, those without any left out.

    index: folder of a saved `BM25Index`, which all workers find under this name.
    """

    index: str
    k: int

    def facts(self) -> dict[str, Any]:
        """Return the checksum of the index's checksums, and k."""
        return {"index": checksum(Path(self.index) / IN_FOLDER)["sha256"], "k": self.k}

    def start(self) -> DoPart:
        """Map the index into memory."""
        index = BM25Index.load(Path(self.index))

        def do(part: Path, store: Path, out: Path) -> Counter[str]:
            check_part(part)
            table = read_table(part)
            run = index.search(Texts(table[QUERY], table["text"]), self.k)
            write_part(Candidates(run.query_ids, run.offsets, run.doc_ids, {SCORE: run["bm25"]}), out)
            return Counter({"queries": len(table)})

        return do


@contextmanager
def bm25_on_cluster(
    collection: Collection, query_ids: Sequence[str] | None, k: int, out: Path, settings: ClusterSettings
) -> Iterator[Candidates]:
    """Yield what `bm25` finds, by the actors of a cluster, for a block that writes it to ``out``.

    The index, the queries in parts and what is found lie in a hidden folder beside ``out``, which all workers must find
    under the same name; the same call goes on there after a kill, and it is deleted when the block succeeds.
    """
    check_k(k)
    queries = chosen_queries(collection, query_ids)
    facts = {
        "version": [__version__, INDEX_FORMAT],
        "documents": documents_digest(collection),
        "queries": texts_digest(queries),
        "k": k,
    }
    with unfinished(out, facts) as work:
        index, parts, found = work / "index", work / "queries", work / "found"
        if not index.is_dir():
            BM25Index.build(collection.documents).save(index)
        if not parts.is_dir():
            _write_queries(queries, max(1, min(_QUERIES, _RESULTS // k)), parts)
        over_parts(QueryParts(str(index), k), parts, found, settings)
        yield _with_all(queries, read_parts(found, "bm25"))


def _write_queries(queries: Texts, queries_per_part: int, folder: Path) -> None:
    with atomic_path(folder) as temporary:
        temporary.mkdir()
        for part, (ids, texts) in enumerate(queries.batches(queries_per_part)):
            with atomic_path(temporary / f"{part:05}.parquet", sealed=True) as path:
                pq.write_table(pa.table({QUERY: ids, "text": texts}), path, write_page_checksum=True)
        seal_parts(temporary, folder)


def _with_all(queries: Texts, found: Candidates) -> Candidates:
    """Give the queries that found nothing, which parts do not hold, their empty lists."""
    sizes = np.zeros(len(queries), np.int64)
    sizes[queries.positions(found.query_ids)] = np.diff(found.offsets)
    return found_candidates(queries.ids, found.doc_ids, sizes, np.arange(len(found)), found["bm25"], "bm25")

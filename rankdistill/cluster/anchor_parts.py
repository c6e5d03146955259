"""AnchorParts: search for a textbook's anchors part by part, here or on a Ray cluster."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from rankdistill.arrays import I64
from rankdistill.cluster.over_parts import over_parts
from rankdistill.cluster.settings import ClusterSettings
from rankdistill.cluster.work import DoPart
from rankdistill.data.parquet import read_table
from rankdistill.data.parts import check_part, parts_of, seal_parts
from rankdistill.files.atomic import atomic_path
from rankdistill.files.checksums import IN_FOLDER, checksum
from rankdistill.retrieval.term_index import TermIndex
from rankdistill.textbook.found import FOUND, NEVER, anchors_at_once, improve
from rankdistill.textbook.index import INDEX

ANCHORS_PER_PART = 4096
_ANCHORS, _COUNTS = "anchors", "nothing"


@dataclass(frozen=True)
class AnchorParts:
    """Search for the anchors of a part: the best place of each unit that they find, as `find_units` defines it.

    index: folder of a saved `TermIndex`, which all workers find under this name. n_anchors: in all parts.
    """

    index: str
    k: int
    n_anchors: int

    def facts(self) -> dict[str, Any]:
        """Return the checksum of the index's checksums, k, and the number of anchors."""
        return {
            "index": checksum(Path(self.index) / IN_FOLDER)["sha256"],
            "k": self.k,
            "anchors": self.n_anchors,
        }

    def start(self) -> DoPart:
        """Map the index into memory."""
        index = TermIndex.load(Path(self.index))

        def do(part: Path, store: Path, out: Path) -> Counter[str]:
            check_part(part)
            table = read_table(part)
            first, step = table["anchor"][0].as_py(), anchors_at_once(self.k)
            places, nothing = np.full(len(index.postings.lengths), NEVER), 0
            for start in range(0, len(table), step):
                queries = table["terms"].slice(start, step).to_pylist()
                nothing += improve(places, index, queries, self.k, first + start, self.n_anchors)
            units = np.flatnonzero(places != NEVER)
            metadata = {_COUNTS: str(nothing)}
            found = pa.table({"unit": units, "place": places[units]}).replace_schema_metadata(metadata)
            with atomic_path(out, sealed=True) as temporary:
                pq.write_table(found, temporary, write_page_checksum=True)
            return Counter({"anchors": len(table)})

        return do


def find_on_cluster(
    index: TermIndex, terms: pa.ChunkedArray, k: int, work: Path, settings: ClusterSettings
) -> tuple[I64, int]:
    """Do what `find_units` does by the actors of a cluster, which write parts into ``work``; those that are resume.

    All workers must find that folder, which has the saved index, under the same name.
    """
    anchors, found = work / _ANCHORS, work / FOUND / str(k)
    if not anchors.is_dir():
        _write_anchors(terms, anchors)
    over_parts(AnchorParts(str(work / INDEX), k, len(terms)), anchors, found, settings)
    places, nothing = np.full(len(index.postings.lengths), NEVER), 0
    for file in parts_of(found):
        table = pq.read_table(file)
        rows = table["unit"].to_numpy()
        places[rows] = np.minimum(places[rows], table["place"].to_numpy())
        nothing += int(table.schema.metadata[_COUNTS.encode()])
    return places, nothing


def _write_anchors(terms: pa.ChunkedArray, folder: Path) -> None:
    with atomic_path(folder) as temporary:
        temporary.mkdir()
        for part, start in enumerate(range(0, len(terms), ANCHORS_PER_PART)):
            some = terms.slice(start, ANCHORS_PER_PART)
            numbers = pa.array(range(start, start + len(some)), pa.int64())
            table = pa.table({"anchor": numbers, "terms": some})
            with atomic_path(temporary / f"{part:05}.parquet", sealed=True) as path:
                pq.write_table(table, path, write_page_checksum=True)
        seal_parts(temporary, folder)

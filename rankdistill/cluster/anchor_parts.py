"""AnchorParts: search for a textbook's anchors part by part, here or on a Ray cluster."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
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
from rankdistill.textbook.found import NEVER, places_of

ANCHORS_PER_PART = 4096
_ANCHORS, _INDEX, _COUNTS = "anchors", "index", "nothing"


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
            queries = [json.loads(terms) for terms in table["terms"].to_pylist()]
            units, places, nothing = places_of(index, queries, self.k, table["anchor"][0].as_py(), self.n_anchors)
            metadata = {_COUNTS: str(nothing)}
            found = pa.table({"unit": units, "place": places}).replace_schema_metadata(metadata)
            with atomic_path(out, sealed=True) as temporary:
                pq.write_table(found, temporary, write_page_checksum=True)
            return Counter({"anchors": len(queries)})

        return do


def find_on_cluster(
    index: TermIndex, queries: Sequence[Sequence[str]], k: int, saved: Path, settings: ClusterSettings
) -> tuple[I64, int]:
    """Do what `find_units` does by the actors of a cluster, which write parts beside ``saved``; those that are resume.

    All workers must find that folder under the same name.
    """
    work, found = saved.parent, saved.with_suffix("")
    if not (work / _INDEX).is_dir():
        with atomic_path(work / _INDEX, sealed=True) as folder:
            folder.mkdir()
            index.save(folder)
    if not (work / _ANCHORS).is_dir():
        _write_anchors(queries, work / _ANCHORS)
    over_parts(AnchorParts(str(work / _INDEX), k, len(queries)), work / _ANCHORS, found / str(k), settings)
    places, nothing = np.full(len(index.postings.lengths), NEVER), 0
    for file in parts_of(found / str(k)):
        table = pq.read_table(file)
        rows = table["unit"].to_numpy()
        places[rows] = np.minimum(places[rows], table["place"].to_numpy())
        nothing += int(table.schema.metadata[_COUNTS.encode()])
    return places, nothing


def _write_anchors(queries: Sequence[Sequence[str]], folder: Path) -> None:
    with atomic_path(folder) as temporary:
        temporary.mkdir()
        for start in range(0, len(queries), ANCHORS_PER_PART):
            some = queries[start : start + ANCHORS_PER_PART]
            table = pa.table(
                {
                    "anchor": pa.array(range(start, start + len(some)), pa.int64()),
                    "terms": pa.array([json.dumps(terms) for terms in some], pa.large_string()),
                }
            )
            with atomic_path(temporary / f"{start // ANCHORS_PER_PART:05}.parquet", sealed=True) as path:
                pq.write_table(table, path, write_page_checksum=True)
        seal_parts(temporary, folder)

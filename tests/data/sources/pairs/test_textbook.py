"""textbook:FOLDER: parts of single sentences or pairs, as a collection without labels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from rankdistill.data.pair_parts import write_pair_part
from rankdistill.data.sources import load_collection
from rankdistill.errors import DataError


def write(folder: Path, seconds: list[str]) -> str:
    for part, ids in enumerate((["0", "1"], ["2"])):
        columns = {name: pa.array(ids, pa.large_string()) for name in ("id", "first")}
        columns["second"] = pa.array(seconds[: len(ids)], pa.large_string())
        columns["anchor"] = pa.array(["why"] * len(ids), pa.large_string())
        write_pair_part(pa.table(columns), folder / f"{part:05}.parquet", {"expert": np.ones(len(ids), np.float32)})
    return f"textbook:{folder}"


@pytest.mark.parametrize("seconds", [["", ""], ["b", "c"]], ids=["sentences", "pairs"])
def test_all_parts_are_one_collection_of_texts_without_scores_and_labels(tmp_path: Path, seconds: list[str]) -> None:
    found = load_collection(write(tmp_path / "book", seconds))
    assert found.name == "textbook:book"
    assert found.queries.take(["0", "1", "2"]) == ["0", "1", "2"]
    assert found.documents.take(["0", "1", "2"]) == [*seconds, seconds[0]]
    assert found.candidates is not None
    assert found.candidates.doc_ids.equals(found.candidates.query_ids)
    assert (found.candidates.columns, found.qrels, found.unjudged) == ({}, None, "missing")


def test_a_folder_without_parts_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="without parts"):
        load_collection(f"textbook:{tmp_path}")

"""Parts of a run: whole queries, in order, and one run again when they are read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tiny import make_candidates, make_collection

from rankdistill.data import Candidates, read_run, write_candidates, write_run
from rankdistill.data.parts import begin_parts, parts_of, read_parts, write_parts
from rankdistill.errors import DataError, UsageError


@pytest.fixture
def run() -> Candidates:
    made = make_candidates(make_collection(7), 10)
    return made.with_columns(score=np.random.default_rng(0).normal(size=len(made)).round(1)).ranked("score")


def same(a: Candidates, b: Candidates) -> bool:
    columns = a.columns.keys() == b.columns.keys() and all(np.array_equal(a[name], b[name]) for name in a.columns)
    return columns and a.query_ids.equals(b.query_ids) and a.doc_ids.equals(b.doc_ids)


@pytest.mark.parametrize("queries", [1, 3, 7, 100])
def test_parts_are_the_run_again(run: Candidates, tmp_path: Path, queries: int) -> None:
    files = write_parts(run, tmp_path / "parts", queries)
    assert files == parts_of(tmp_path / "parts")
    assert len(files) == -(-7 // queries)
    assert same(read_parts(tmp_path / "parts"), run)
    write_run(run, tmp_path / "run.trec", by="score")
    assert same(read_run(tmp_path / "parts"), read_run(tmp_path / "run.trec"))
    both = (read_run(tmp_path / name, "bm25", ties="docid-asc") for name in ("parts", "run.trec"))
    assert same(*both)


def test_what_is_no_folder_of_parts_is_told(run: Candidates, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"folder without parts .* write them with `rankdistill parts`"):
        parts_of(tmp_path)
    write_parts(run, tmp_path)
    with pytest.raises(UsageError, match="already exists: give a new folder"):
        write_parts(run, tmp_path)
    (tmp_path / ".tmp-1-00005.parquet").write_bytes(b"half of it")
    assert [file.name for file in parts_of(tmp_path)] == ["00000.parquet"]
    with pytest.raises(UsageError, match="a part must have at least 1 query, got 0"):
        write_parts(run, tmp_path / "new", 0)
    begin_parts(tmp_path / "begun", ["00000.parquet", "00001.parquet"], {"k": 1})
    write_candidates(run, tmp_path / "begun" / "00001.parquet")
    with pytest.raises(DataError, match="lacks 1 of its 2 parts: run the command that writes them again"):
        read_run(tmp_path / "begun")
    with pytest.raises(UsageError, match="has parts that were made otherwise"):
        begin_parts(tmp_path / "begun", ["00000.parquet", "00001.parquet"], {"k": 2})
    write_candidates(run.only_columns(), tmp_path / "00001.parquet")
    with pytest.raises(DataError, match=r"00001.parquet has no column 'score': it is not a part of a run"):
        read_parts(tmp_path)

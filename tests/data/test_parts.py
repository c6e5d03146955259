"""Parts of a run: whole queries, in order, and one run again when they are read."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tiny import make_candidates, make_collection

from rankdistill.data import Candidates, read_run, write_candidates, write_run
from rankdistill.data.parts import LIST, begin_parts, parts_of, read_parts, write_part, write_parts
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
    with pytest.raises(UsageError, match="with other names of parts, see"):
        write_parts(run, tmp_path, 3)
    with pytest.raises(UsageError, match=r"with other contents \(00000.parquet\), see"):
        write_parts(run.with_columns(score=-run["score"]), tmp_path)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "file").touch()
    with pytest.raises(UsageError, match="already exists and is not empty: give a new folder"):
        write_parts(run, tmp_path / "other")
    (tmp_path / ".tmp-1-00005.parquet").write_bytes(b"half of it")
    assert [file.name for file in parts_of(tmp_path)] == ["00000.parquet"]
    with pytest.raises(UsageError, match="a part must have at least 1 query, got 0"):
        write_parts(run, tmp_path / "new", 0)
    begin_parts(tmp_path / "begun", ["00000.parquet", "00001.parquet"], {"k": 1})
    write_candidates(run, tmp_path / "begun" / "00001.parquet")
    with pytest.raises(
        DataError, match=r"lacks 1 of its 2 parts, the first is 00000.parquet: run the command that writes"
    ):
        read_run(tmp_path / "begun")
    with pytest.raises(UsageError, match="has parts that were made otherwise"):
        begin_parts(tmp_path / "begun", ["00000.parquet", "00001.parquet"], {"k": 2})
    write_candidates(run.only_columns(), tmp_path / "00001.parquet")
    with pytest.raises(DataError, match=r"00001.parquet is not among the parts that parts.json lists"):
        read_parts(tmp_path)
    (tmp_path / LIST).unlink()
    with pytest.raises(DataError, match=r"00001.parquet has no column 'score': it is not a part of a run"):
        read_parts(tmp_path)


def test_parquet_files_that_something_else_wrote_are_parts_too(run: Candidates, tmp_path: Path) -> None:
    for name, queries in (("a", slice(0, 3)), ("b", slice(3, 7))):
        write_candidates(run.take_queries(queries), tmp_path / f"{name}.parquet")
    assert same(read_parts(tmp_path), run)


DAMAGE = {
    "emptied": lambda data: b"",
    "cut": lambda data: data[: len(data) // 2],
    "flipped": lambda data: data[:-40] + bytes([data[-40] ^ 1]) + data[-39:],
}


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("name", ["00001.parquet", ".00001.parquet.checksum", LIST])
def test_a_damaged_part_or_list_is_refused_by_name(run: Candidates, tmp_path: Path, damage: str, name: str) -> None:
    write_parts(run, tmp_path / "parts", 3)
    file = tmp_path / "parts" / name
    file.write_bytes(DAMAGE[damage](file.read_bytes()))
    with pytest.raises(DataError, match=re.escape(name.removeprefix(".").removesuffix(".checksum"))):
        read_run(tmp_path / "parts")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)
@given(bit=st.integers(min_value=0))
def test_any_flipped_bit_of_the_list_is_noticed_or_changes_nothing(tmp_path: Path, bit: int) -> None:
    begin_parts(tmp_path, ["00000.parquet"], {"k": [1, None], "text": "é"})
    described = json.loads((tmp_path / LIST).read_text())
    data = bytearray((tmp_path / LIST).read_bytes())
    data[bit // 8 % len(data)] ^= 1 << bit % 8
    (tmp_path / LIST).write_bytes(data)
    (tmp_path / "00000.parquet").touch()
    with suppress(DataError):
        parts_of(tmp_path)
        assert json.loads(data) == described
    (tmp_path / "00000.parquet").unlink()


def test_a_part_missing_in_the_middle_is_named(run: Candidates, tmp_path: Path) -> None:
    write_parts(run, tmp_path / "parts", 2)
    (tmp_path / "parts" / "00001.parquet").unlink()
    with pytest.raises(DataError, match=r"lacks 1 of its 4 parts, the first is 00001.parquet"):
        read_run(tmp_path / "parts")


def test_what_shaped_the_parts_is_compared_and_what_differs_is_named(run: Candidates, tmp_path: Path) -> None:
    names, facts = ["0.parquet"], {"k": 1, "inputs": {"a": 1, "b": 2}}
    begin_parts(tmp_path, names, facts)
    write_part(run, tmp_path / "0.parquet")
    begin_parts(tmp_path, names, facts)
    for changed, said in (
        ({**facts, "k": 2}, "with other k, see"),
        ({**facts, "inputs": {"a": 1, "b": 3, "c": 0}}, r"with other inputs \(b, c\), see"),
        ({"inputs": facts["inputs"]}, "with other k, see"),
        ({**facts, "more": None, "k": 3}, "with other k, see"),
    ):
        with pytest.raises(UsageError, match=f"has parts that were made otherwise, {said} parts.json"):
            begin_parts(tmp_path, names, changed)
    with pytest.raises(UsageError, match="with other names of parts"):
        begin_parts(tmp_path, ["1.parquet"], facts)
    (tmp_path / LIST).unlink()
    with pytest.raises(DataError, match=r"no parts.json that says how they were made"):
        begin_parts(tmp_path, names, facts)


def test_the_same_parts_are_written_again_after_a_kill_at_the_end_and_damaged_ones_are_mended(
    run: Candidates, tmp_path: Path
) -> None:
    files = write_parts(run, tmp_path / "parts", 3)
    expected = {path.name: path.read_bytes() for path in (tmp_path / "parts").iterdir()}
    files[1].write_bytes(b"")
    assert write_parts(run, tmp_path / "parts", 3) == files
    assert {path.name: path.read_bytes() for path in (tmp_path / "parts").iterdir()} == expected

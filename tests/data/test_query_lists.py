"""Retrieved lists with their texts: a folder that is a collection of its own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tiny import judged_collection

from rankdistill.data import Candidates, Collection, load_collection
from rankdistill.data.parts import parts_of, read_parts
from rankdistill.data.query_lists import LISTS, write_lists
from rankdistill.errors import DataError, UsageError
from rankdistill.retrieval.bm25 import bm25


@pytest.fixture
def made() -> tuple[Collection, Candidates]:
    collection = judged_collection()
    return collection, bm25(collection, k=7)


def test_lists_are_a_collection_with_the_run_and_its_texts(made: tuple[Collection, Candidates], tmp_path: Path) -> None:
    collection, run = made
    counts = write_lists(run, collection, tmp_path / "lists", queries_per_part=16, facts={"k": 7})
    assert counts["candidates"] == len(run)
    assert counts["queries"] == run.n_queries == 60
    assert len(parts_of(tmp_path / "lists" / LISTS)) == 4
    read = load_collection(f"lists:{tmp_path / 'lists'}")
    assert read.candidates is not None
    assert read.qrels is None
    for ours, theirs in zip(read.candidates.queries(), run.queries(), strict=True):
        assert (ours.query_id, ours.doc_ids) == (theirs.query_id, theirs.doc_ids)
        assert ours.columns["score"].tolist() == theirs.columns["bm25"].tolist()
    for name in ("queries", "documents"):
        ours, theirs = dict(getattr(read, name)), dict(getattr(collection, name))
        assert all(text == theirs[text_id] for text_id, text in ours.items())
    assert set(dict(read.documents)) == set(run.doc_ids.to_pylist())
    as_folder = load_collection(tmp_path / "lists")
    assert dict(as_folder.queries) == dict(read.queries)
    assert len(read_parts(tmp_path / "lists" / LISTS)) == len(run)
    assert json.loads((tmp_path / "lists" / "lists.json").read_text())["made of"] == {"k": 7}


def test_queries_without_a_candidate_are_left_out_and_counted(tmp_path: Path) -> None:
    collection = judged_collection()
    run = Candidates(["q0", "q1"], [0, 0, 1], ["d1"], {"bm25": [1.0]})
    counts = write_lists(run, collection, tmp_path / "lists")
    assert (counts["queries"], counts["queries without a candidate"]) == (1, 1)
    assert load_collection(f"lists:{tmp_path / 'lists'}").queries.ids.to_pylist() == ["q1"]


def test_what_cannot_be_written_leaves_nothing(made: tuple[Collection, Candidates], tmp_path: Path) -> None:
    collection, run = made
    with pytest.raises(DataError, match="none of the 1 queries has a candidate"):
        write_lists(Candidates(["q0"], [0, 0], [], {"bm25": []}), collection, tmp_path / "lists")
    with pytest.raises(DataError, match="'d99' has no text"):
        write_lists(Candidates.from_rows(["q0"], ["d99"], {"bm25": [1.0]}), collection, tmp_path / "lists")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "lists").mkdir()
    (tmp_path / "lists" / "mine.txt").write_text("keep")
    with pytest.raises(UsageError, match="already exists and is not empty"):
        write_lists(run, collection, tmp_path / "lists")
    assert (tmp_path / "lists" / "mine.txt").read_text() == "keep"


def test_a_damaged_or_other_folder_is_refused(made: tuple[Collection, Candidates], tmp_path: Path) -> None:
    collection, run = made
    with pytest.raises(DataError, match="is no folder of lists: write one with `rankdistill retrieve --lists`"):
        load_collection(f"lists:{tmp_path}")
    write_lists(run, collection, tmp_path / "lists", queries_per_part=16)
    (tmp_path / "lists" / LISTS / "00001.parquet").unlink()
    with pytest.raises(DataError, match=r"lacks 1 of its 4 parts"):
        load_collection(f"lists:{tmp_path / 'lists'}")

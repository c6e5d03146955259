"""Anchors searched for part by part: the places that one process finds, resumed, and by other k apart."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from rankdistill.cluster import anchor_parts
from rankdistill.cluster.anchor_parts import AnchorParts, find_on_cluster
from rankdistill.cluster.settings import ClusterSettings
from rankdistill.retrieval.term_index import TermIndex
from rankdistill.textbook import found
from rankdistill.textbook.found import find_units
from rankdistill.textbook.index import INDEX, index_of
from rankdistill.textbook.units import SCHEMA

WORDS = [f"word{i}x" for i in range(12)]


def made(work: Path, seed: int = 0) -> tuple[TermIndex, pa.ChunkedArray]:
    """An index of 60 units, saved in a folder, and the terms of 11 anchors, of which the last finds nothing."""
    random = np.random.default_rng(seed)
    texts = [" ".join(random.choice(WORDS, 4)) for _ in range(60)]
    units = pa.table([texts, [""] * 60, np.arange(60, dtype=np.uint64)], schema=SCHEMA)
    queries = [random.choice(WORDS, 2).tolist() for _ in range(10)]
    return index_of(units, work), pa.chunked_array([queries[:3], [*queries[3:], ["unknown"]]])


@pytest.mark.parametrize("k", [1, 5])
@pytest.mark.parametrize("results", [1 << 24, 10])
def test_parts_of_anchors_find_what_one_process_finds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, k: int, results: int
) -> None:
    monkeypatch.setattr(anchor_parts, "ANCHORS_PER_PART", 4)
    index, terms = made(tmp_path)
    expected, nothing = find_units(index, terms, k, tmp_path / "alone")
    monkeypatch.setattr(found, "_RESULTS", results)
    places, without = find_on_cluster(index, terms, k, tmp_path, ClusterSettings())
    np.testing.assert_array_equal(places, expected)
    assert without == nothing == 1
    assert len(list((tmp_path / "found" / str(k)).glob("*.parquet"))) == 3


def test_few_anchors_are_searched_for_at_once_where_k_is_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(found, "_RESULTS", 20)
    index, terms = made(tmp_path)
    at_once = []
    best = TermIndex.best
    monkeypatch.setattr(TermIndex, "best", lambda *given: at_once.append(len(given[1])) or best(*given))
    find_on_cluster(index, terms, 10, tmp_path, ClusterSettings())
    assert at_once == [2, 2, 2, 2, 2, 1]


def test_finished_parts_are_not_searched_for_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(anchor_parts, "ANCHORS_PER_PART", 4)
    index, terms = made(tmp_path)
    first, _ = find_on_cluster(index, terms, 3, tmp_path, ClusterSettings())
    (tmp_path / "found" / "3" / "00001.parquet").unlink()
    done = []
    improve = anchor_parts.improve
    monkeypatch.setattr(anchor_parts, "improve", lambda *given: done.append(given[4]) or improve(*given))
    again, _ = find_on_cluster(index, terms, 3, tmp_path, ClusterSettings())
    np.testing.assert_array_equal(again, first)
    assert done == [4]


def test_parts_say_what_shapes_them(tmp_path: Path) -> None:
    index, terms = made(tmp_path)
    find_on_cluster(index, terms, 3, tmp_path, ClusterSettings())
    facts = AnchorParts(str(tmp_path / INDEX), 3, len(terms)).facts()
    assert (facts["k"], facts["anchors"], len(facts["index"])) == (3, 11, 64)

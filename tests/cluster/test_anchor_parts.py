"""Anchors searched for part by part: the places that one process finds, resumed, and by other k apart."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from rankdistill.cluster import anchor_parts
from rankdistill.cluster.anchor_parts import AnchorParts, find_on_cluster
from rankdistill.cluster.settings import ClusterSettings
from rankdistill.retrieval.term_index import TermIndex
from rankdistill.textbook.found import find_units

WORDS = [f"word{i}x" for i in range(12)]


def made(seed: int = 0) -> tuple[TermIndex, list[list[str]]]:
    random = np.random.default_rng(seed)
    texts = [" ".join(random.choice(WORDS, 4)) for _ in range(60)]
    queries = [random.choice(WORDS, 2).tolist() for _ in range(10)]
    return TermIndex.build([texts]), [*queries, ["unknown"]]


@pytest.mark.parametrize("k", [1, 5])
def test_parts_of_anchors_find_what_one_process_finds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, k: int) -> None:
    monkeypatch.setattr(anchor_parts, "ANCHORS_PER_PART", 4)
    index, queries = made()
    expected, nothing = find_units(index, queries, k, tmp_path / "alone.npz")
    found, without = find_on_cluster(index, queries, k, tmp_path / "found.npz", ClusterSettings())
    np.testing.assert_array_equal(found, expected)
    assert without == nothing == 1
    assert len(list((tmp_path / "found" / str(k)).glob("*.parquet"))) == 3


def test_finished_parts_are_not_searched_for_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(anchor_parts, "ANCHORS_PER_PART", 4)
    index, queries = made()
    first, _ = find_on_cluster(index, queries, 3, tmp_path / "found.npz", ClusterSettings())
    (tmp_path / "found" / "3" / "00001.parquet").unlink()
    done = []
    places_of = anchor_parts.places_of
    monkeypatch.setattr(anchor_parts, "places_of", lambda *given: done.append(given[3]) or places_of(*given))
    again, _ = find_on_cluster(index, queries, 3, tmp_path / "found.npz", ClusterSettings())
    np.testing.assert_array_equal(again, first)
    assert done == [4]


def test_parts_say_what_shapes_them(tmp_path: Path) -> None:
    index, queries = made()
    find_on_cluster(index, queries, 3, tmp_path / "found.npz", ClusterSettings())
    facts = AnchorParts(str(tmp_path / "index"), 3, len(queries)).facts()
    assert (facts["k"], facts["anchors"], len(facts["index"])) == (3, 11, 64)

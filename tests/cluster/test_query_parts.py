"""Queries searched for part by part: the candidates that one process finds, resumed, and the same files by Ray."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from rankdistill.cluster import query_parts
from rankdistill.cluster.query_parts import bm25_on_cluster
from rankdistill.cluster.settings import ClusterSettings
from rankdistill.data import Collection, Texts, write_run
from rankdistill.retrieval.bm25 import bm25

EMPTY = "ignore:bm25 found no document"
COLLECTION = Collection(
    "made",
    Texts.from_pairs([f"q{i}" for i in range(9)], ["cat", "dog", "xyzzy", "cat dog", "old dog", "?", "!", "a", "old"]),
    Texts.from_pairs([f"d{i}" for i in range(6)], ["cat", "dog cat", "an old dog", "cat cat", "river", "old cat"]),
)


@pytest.mark.filterwarnings(EMPTY)
@pytest.mark.parametrize("k", [1, 3, 100])
@pytest.mark.parametrize("query_ids", [None, ["q4", "q2", "q0"]])
def test_parts_of_queries_find_what_one_process_finds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, k: int, query_ids: list[str] | None
) -> None:
    monkeypatch.setattr(query_parts, "_QUERIES", 2)  # a part has queries that find nothing alone
    expected = bm25(COLLECTION, query_ids, k)
    with bm25_on_cluster(COLLECTION, query_ids, k, tmp_path / "out", ClusterSettings()) as found:
        assert len(list((tmp_path / ".out.work" / "found").glob("*.parquet"))) == (2 if query_ids else 5)
    assert found.query_ids.equals(expected.query_ids)
    assert found.doc_ids.equals(expected.doc_ids)
    np.testing.assert_array_equal(found.offsets, expected.offsets)
    np.testing.assert_array_equal(found["bm25"], expected["bm25"])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.filterwarnings(EMPTY)
def test_what_was_found_before_a_kill_is_used_for_the_same_texts_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(collection: Collection) -> None:
        with (
            pytest.raises(KeyboardInterrupt),
            bm25_on_cluster(collection, None, 3, tmp_path / "out", ClusterSettings()),
        ):
            raise KeyboardInterrupt

    killed(COLLECTION)
    with monkeypatch.context() as nothing:
        nothing.setattr(query_parts.BM25Index, "build", None)
        nothing.setattr(query_parts.BM25Index, "search", None)
        killed(COLLECTION)
    other = Collection("made", COLLECTION.queries, Texts.from_pairs(["d7"], ["old dog"]))
    with bm25_on_cluster(other, None, 3, tmp_path / "out", ClusterSettings()) as found:
        assert set(found.doc_ids.to_pylist()) == {"d7"}


@pytest.mark.slow
@pytest.mark.filterwarnings(EMPTY)
def test_ray_writes_the_same_bytes(tmp_path: Path) -> None:
    pytest.importorskip("ray")
    write_run(bm25(COLLECTION, k=3), tmp_path / "here.trec", "bm25")
    settings = ClusterSettings("ray", workers=1, cpus=1)
    with bm25_on_cluster(COLLECTION, None, 3, tmp_path / "ray.trec", settings) as run:
        write_run(run, tmp_path / "ray.trec", "bm25")
    assert (tmp_path / "ray.trec").read_bytes() == (tmp_path / "here.trec").read_bytes()

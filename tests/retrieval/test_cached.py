"""The cached BM25 index: used while it is whole and of the same documents, else built again."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest

from rankdistill.data import Collection, Texts, load_collection
from rankdistill.errors import DataError
from rankdistill.retrieval import cached
from rankdistill.retrieval.bm25 import BM25Index
from rankdistill.retrieval.cached import cached_index

TEXTS = {f"d{i}": f"hen {'red' if i % 2 else 'blue'} number {i} sleeps" for i in range(40)}
QUERIES = {"q1": "red hen", "q2": "number 7"}


def made(texts: dict[str, str] = TEXTS) -> Collection:
    return Collection("made", *(Texts.from_pairs(list(p), list(p.values())) for p in (QUERIES, texts)))


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("RANKDISTILL_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "bm25"


def found(index: BM25Index) -> list[tuple[str, float]]:
    run = index.search(made().queries, 5)
    return list(zip(run.doc_ids.to_pylist(), run["bm25"].tolist(), strict=True))


def no_build(*arguments: object) -> BM25Index:
    raise AssertionError("built again")


EMPTY, HALF, FLIPPED, ZEROS = (
    lambda data: b"",
    lambda data: data[: len(data) // 2],
    lambda data: data[:-3] + bytes([data[-3] ^ 0x40]) + data[-2:],
    lambda data: bytes(len(data)),
)


@pytest.mark.parametrize("change", [EMPTY, HALF, FLIPPED, ZEROS, None], ids=["empty", "half", "flip", "zeros", "gone"])
def test_a_damaged_file_of_a_cached_index_is_noticed_and_the_index_built_again(change, cache: Path) -> None:
    expected = found(cached_index(made()))
    (folder,) = cache.iterdir()
    names = sorted(path.name for path in folder.iterdir())
    assert len(names) >= 7
    for name in names:
        data = (folder / name).read_bytes()
        (folder / name).unlink() if change is None else (folder / name).write_bytes(change(data))
        with pytest.warns(UserWarning, match="built again now"):
            assert found(cached_index(made())) == expected, name
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert found(cached_index(made())) == expected, name


def test_a_whole_cached_index_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = found(cached_index(made()))
    monkeypatch.setattr(cached.BM25Index, "build", no_build)
    assert found(cached_index(made())) == expected


def test_an_index_of_another_text_or_id_is_not_used(tmp_path: Path) -> None:
    folder = tmp_path / "collection"
    folder.mkdir()
    (folder / "queries.jsonl").write_text('{"_id": "q", "text": "hen"}\n')

    def first(corpus: str) -> list[str]:
        (folder / "corpus.jsonl").write_text(corpus)
        collection = load_collection(str(folder))
        return cached_index(collection).search(collection.queries, 5).doc_ids.to_pylist()

    one, other = '{"_id": "d1", "text": "a hen"}\n{"_id": "d2", "text": "a cat"}\n', '{"_id": "d3", "text": "hen"}\n'
    assert first(one) == ["d1"]
    assert first(one.replace("cat", "hen")) == ["d2", "d1"]
    assert first(one.replace("d1", "d9")) == ["d9"]
    assert first(one + other) == ["d3", "d1"]


def test_other_parameters_have_an_index_of_their_own(cache: Path) -> None:
    plain, other = (np.array([score for _, score in found(cached_index(made(), k1=k1))]) for k1 in (1.2, 0.5))
    assert not np.allclose(plain, other)
    assert len(list(cache.iterdir())) == 2


def test_a_cache_that_cannot_be_written_costs_a_note_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = found(cached_index(made()))
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("RANKDISTILL_CACHE", str(tmp_path / "file"))
    with pytest.warns(UserWarning, match="the index is not kept"):
        assert found(cached_index(made())) == expected


def test_a_damaged_index_that_was_saved_by_name_is_refused(tmp_path: Path) -> None:
    BM25Index.build(made().documents).save(tmp_path / "index")
    (tmp_path / "index" / "idf.npy").write_text("{}")
    with pytest.raises(DataError, match=r"index is damaged: .*idf.npy has 2 bytes.*build it again"):
        BM25Index.load(tmp_path / "index")

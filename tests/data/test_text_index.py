"""Texts that are kept on disk are those of the files, looked up one by one, and read anew where files change."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rankdistill.data import mapped_texts, text_index
from rankdistill.data.digest import texts_digest
from rankdistill.data.sources import load_collection
from rankdistill.data.text_index import IndexedTexts, write_index
from rankdistill.data.texts import Texts
from rankdistill.errors import DataError

NAMES = ["d1", "d10", "é", "D1", "a document", "", "東京"]


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("RANKDISTILL_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(mapped_texts, "WORTH", 1)
    return tmp_path / "cache"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    lines = [json.dumps({"_id": f"d{n}", "title": "a title", "text": f"text {n} é"}) for n in range(50)]
    (folder / "corpus.jsonl").write_text("\n".join(lines))
    (folder / "queries.tsv").write_text("q1\twhat is it\n")
    return folder


@settings(max_examples=30)
@given(st.lists(st.sampled_from(NAMES), unique=True, min_size=1), st.lists(st.sampled_from([*NAMES, "none"])))
def test_every_id_is_found_where_texts_has_it(ids: list[str], asked: list[str]) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as name:
        texts = Texts.from_pairs(ids, [f"text of {each}" for each in ids])
        write_index(texts, Path(name) / "kept")
        kept = IndexedTexts(Path(name) / "kept")
        assert kept.positions(asked).tolist() == texts.positions(asked).tolist()
        known = [each for each in asked if each in ids]
        assert kept.take(known) == texts.take(known)
        assert list(kept) == list(texts)
        assert texts_digest(kept) == texts_digest(texts)
        assert all((each in kept) == (each in texts) for each in asked)


def test_many_ids_are_found_as_few_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = [f"d{n}" for n in range(300)]
    write_index(Texts.from_pairs(ids, [f"text {n}" for n in range(300)]), tmp_path / "kept")
    few = IndexedTexts(tmp_path / "kept").positions([*ids[::-1], "none"])
    monkeypatch.setattr(text_index, "MANY", 10)
    many = IndexedTexts(tmp_path / "kept").positions(pa.array([*ids[::-1], "none"]))
    assert few.tolist() == many.tolist() == [*range(299, -1, -1), -1]


def test_a_collection_is_read_once_and_again_where_its_file_changed(cache: Path, data: Path) -> None:
    first, again = load_collection(data), load_collection(data)
    assert (type(first.documents), type(again.documents)) == (Texts, IndexedTexts)
    assert list(again.documents) == list(first.documents)
    assert again.documents["d7"] == "a title text 7 é"
    with pytest.raises(DataError, match="'d50' has no text"):
        again.documents.take(["d1", "d50"])
    file = data / "corpus.jsonl"
    state = file.stat()
    file.write_bytes(file.read_bytes().replace(b"text 7 ", b"text 8 "))
    os.utime(file, ns=(state.st_atime_ns, state.st_mtime_ns + 1))
    assert load_collection(data).documents["d7"] == "a title text 8 é"


def test_a_small_collection_is_not_kept(cache: Path, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mapped_texts, "WORTH", 1 << 20)
    load_collection(data)
    assert not (cache / "texts").exists()


def test_a_cache_that_cannot_be_written_is_said(cache: Path, data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cache.write_text("a file")
    assert load_collection(data).documents["d7"] == "a title text 7 é"
    assert "not kept for the next command" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["texts.arrow", "order.npy", "hashes.npy", "checks.npy", "places.json"])
def test_no_damage_gives_another_text(cache: Path, data: Path, name: str) -> None:
    right = dict(load_collection(data).documents)
    (file,) = cache.glob(f"texts/*/{name}")
    whole, said = file.read_bytes(), set()
    for at in range(0, len(whole), max(1, len(whole) // 40)):
        damaged = bytearray(whole)
        damaged[at] ^= 1 << at % 8
        file.write_bytes(damaged)
        for one in ("d0", "d31", "d49"):
            try:
                assert load_collection(data).documents.take([one]) == [right[one]]
            except DataError as error:
                said.add("is damaged" in str(error))
    assert said <= {True}
    file.write_bytes(whole[: len(whole) // 2])
    assert load_collection(data).documents["d31"] == right["d31"]


def test_what_is_read_as_a_whole_is_checked_as_a_whole(cache: Path, data: Path) -> None:
    load_collection(data)
    (file,) = cache.glob("texts/*/texts.arrow")
    whole = file.read_bytes()
    file.write_bytes(whole.replace(b"text 31", b"text 13"))
    with pytest.raises(DataError, match="is damaged"):
        list(load_collection(data).documents)

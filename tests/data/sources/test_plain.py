"""Folders that are read in plain Python are what the reader by Arrow makes of them, or are left to it."""

from __future__ import annotations

import json
import tempfile
import warnings
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rankdistill.data import mapped_texts
from rankdistill.data.mapped_texts import MappedTexts
from rankdistill.data.sources import load_collection
from rankdistill.data.sources.plain import PlainCollection, PlainTexts, plain_collection
from rankdistill.errors import DataError, RankDistillError

TEXTS = ["a text", " two  words ", "", "\t", "é\u00a0", "\u3000東京", "x\x1c", "\u200bx\u200b", "\x85y", '"', "\\ud800"]
usual = st.sampled_from(TEXTS[:2])
texts = st.one_of(usual, usual, usual, st.sampled_from(TEXTS), st.characters(codec="utf-8"))
entries = st.fixed_dictionaries(
    {"_id": st.sampled_from(["d1", "d2", "d3", "é", "7"]) | st.integers(1, 9), "text": texts},
    optional={"title": texts, "contents": texts, "id": st.just("other"), "metadata": st.just({})},
)
corpora = st.lists(entries, min_size=1, max_size=3, unique_by=lambda each: each["_id"])
NAMES = [*["corpus.jsonl"] * 4, "corpus.train.jsonl", "topics.tsv", "run.trec.bz2"]


@settings(max_examples=200)
@given(
    corpora | st.lists(entries, min_size=1, max_size=3),
    st.lists(st.tuples(st.sampled_from(["q1", "q2", "q3"]), usual | texts), min_size=1, max_size=2),
    st.lists(st.sampled_from(["q1 0 d1 1", "q2 0 d2 0", "q3 0 d1 2", "q1 0 d3 -1", "q1 0 d1 x"]), max_size=2),
    st.sampled_from(NAMES),
)
def test_a_folder_is_read_as_the_other_reader_reads_it(
    documents: list[dict[str, object]], queries: list[tuple[str, str]], judged: list[str], name: str
) -> None:
    with tempfile.TemporaryDirectory() as given_folder:
        folder = Path(given_folder)
        (folder / "corpus.jsonl").write_text("\n".join(json.dumps(each) for each in documents).replace("\\\\", "\\"))
        if not (folder / name).exists():
            (folder / name).write_text('{"_id": "more", "text": "a text"}\n')
        (folder / "queries.tsv").write_text("".join(f"{query}\t{text}\n" for query, text in queries))
        if judged:
            (folder / "qrels.txt").write_text("\n".join(judged) + "\n")
        found = plain_collection(str(folder))
        if found is None:
            return
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            other = load_collection(folder)
        assert isinstance(found.documents, PlainTexts)
        assert found.name == other.name
        assert found.documents.by_id == dict(other.documents)
        assert found.queries.by_id == dict(other.queries)
        assert (found.qrels is None) == (other.qrels is None)
        if found.qrels is not None and other.qrels is not None:
            assert found.qrels.query_ids == other.qrels.query_ids.to_pylist()
            assert [doc.decode() for doc in found.qrels.doc_ids] == other.qrels.doc_ids.to_pylist()
            assert found.qrels["label"].tobytes() == other.qrels["label"].tobytes()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("RANKDISTILL_CACHE", str(tmp_path / "cache"))
    made = tmp_path / "data"
    (made / "qrels").mkdir(parents=True)
    lines = [json.dumps({"_id": f"d{n}", "title": "a title", "text": f"text {n} é"}) for n in range(50)]
    (made / "corpus.jsonl").write_text("\n".join(lines))
    (made / "queries.jsonl").write_text('{"_id": "q1", "text": "what is it"}\n')
    for split, row in (("train", "q1\td1\t1\n"), ("test", "q2\td2\t2\n")):
        (made / "qrels" / f"{split}.tsv").write_text("query-id\tcorpus-id\tscore\n" + row)
    return made


def ordinary(folder: Path) -> PlainCollection:
    found = plain_collection(str(folder))
    assert found is not None
    return found


def test_an_ordinary_folder_is_read(folder: Path) -> None:
    found = ordinary(folder)
    assert found.documents.take(["d7", "d0"]) == ["a title text 7 é", "a title text 0 é"]
    assert found.qrels is not None
    assert found.qrels.query_ids == load_collection(folder).qrels.query_ids.to_pylist()  # type: ignore[union-attr]


def test_large_documents_are_looked_up_where_they_are_kept(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small = ordinary(folder).documents
    monkeypatch.setattr(mapped_texts, "WORTH", 1)
    assert plain_collection(str(folder)) is None, "nothing is kept yet"
    kept_by_the_other = load_collection(folder).documents
    kept = ordinary(folder).documents
    assert isinstance(kept, MappedTexts)
    names = [f"d{n}" for n in range(50)]
    assert kept.take(names) == small.take(names) == kept_by_the_other.take(names)


@pytest.mark.parametrize("kept", [False, True])
def test_an_id_without_a_text_is_named_as_the_other_reader_names_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch, kept: bool
) -> None:
    if kept:
        monkeypatch.setattr(mapped_texts, "WORTH", 1)
    said = []
    for documents in (load_collection(folder).documents, ordinary(folder).documents):
        with pytest.raises(DataError) as caught:
            documents.take(["d1", "none", "d2", "no"])
        said.append(str(caught.value))
    assert said[0] == said[1]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("corpus.more.jsonl", '{"_id": "d1", "text": "again"}'),
        ("queries.dev.jsonl", '{"_id": "q1", "text": "another text"}'),
        ("corpus.more.jsonl", '{"_id": "e1"}'),
        ("qrels/dev.tsv", "query-id\tcorpus-id\tscore\nq1\td1\t2\n"),
        ("qrels/dev.tsv", "query-id\tcorpus-id\tscore\nq1\td1\tx\n"),
    ],
)
def test_what_the_other_reader_refuses_is_left_to_it(folder: Path, name: str, content: str) -> None:
    (folder / name).write_text(content + "\n")
    assert plain_collection(str(folder)) is None
    with pytest.raises(RankDistillError):
        load_collection(folder)


@pytest.mark.parametrize("source", ["pydocs", "irds:nothing", "no such folder", "{}#train", "task:{}"])
def test_another_source_is_left_to_the_other_reader(folder: Path, source: str) -> None:
    assert plain_collection(source.format(folder)) is None

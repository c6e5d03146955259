"""The commands retrieve and search: encoders as their folders state, kept indexes, queries that nothing can find."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny_causal import write_causal
from tiny_encoders import make_encoder

from rankdistill.data import load_collection, read_run
from rankdistill.data.parts import read_parts
from rankdistill.models import CrossEncoder, Encoder

Run = Callable[..., Any]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("RANKDISTILL_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "bm25"


@pytest.mark.parametrize("given", [{}, {"query": "the book "}, {"document": "the book "}, {"query": ""}])
def test_dense_retrieval_puts_prompts_before_both_sides(run: Run, files, tmp_path: Path, given: dict[str, str]) -> None:
    pytest.importorskip("faiss", reason="the extra [dense] is not installed")
    folder = make_encoder(tmp_path / "encoder", "cls", prompts={"query": "how to ", "document": "cat "})
    options = [word for side, text in given.items() for word in (f"--{side}-prompt", text)]
    out = tmp_path / "dense.trec"
    words = ["--collection", files.collection, "--retriever", "dense", "--encoder", folder, "--k", 80, "--out", out]
    outcome = run("retrieve", *words, *options)
    assert outcome.code == 0, outcome.err
    prompts = {"query": "how to ", "document": "cat ", **given}
    encoder = Encoder.from_pretrained(folder)
    queries = encoder.encode(files.loaded.queries.texts.to_pylist(), prompt=prompts["query"])
    documents = encoder.encode(files.loaded.documents.texts.to_pylist(), prompt=prompts["document"])
    positions = {doc_id: i for i, doc_id in enumerate(files.loaded.documents.ids.to_pylist())}
    for row, found in enumerate(read_run(out).queries()):
        scores = (queries[row] @ documents.T)[[positions[doc_id] for doc_id in found.doc_ids]]
        assert len(scores) == 80
        np.testing.assert_allclose(found.columns["score"], scores, atol=1e-5)


@pytest.mark.parametrize("option", ["--query-prompt", "--document-prompt"])
def test_prompts_are_for_retrievers_by_vectors(run: Run, files, tmp_path: Path, option: str) -> None:
    outcome = run("retrieve", "--collection", files.collection, option, "query: ", "--out", tmp_path / "x")
    assert outcome.code == 2
    assert f"{option} is for retrievers by vectors" in outcome.err


def test_a_language_is_for_lucene(run: Run, files, tmp_path: Path) -> None:
    outcome = run("retrieve", "--collection", files.collection, "--language", "de", "--out", tmp_path / "x")
    assert outcome.code == 2
    assert "--language is for --retriever lucene, got bm25" in outcome.err


def test_search_asks_a_causal_language_model_as_score_does(run: Run, files, tmp_path: Path) -> None:
    folder = write_causal(tmp_path / "causal")
    asked = {"prompt": "Query: {query}\nDocument: {document}\nAnswer:", "relevant_token": "a", "other_token": "the"}
    words = [word for name, value in asked.items() for word in (f"--{name.replace('_', '-')}", value)]
    found = run("search", "cat", "--collection", files.collection, "--model", folder, *words, "--json")
    assert found.code == 0, found.err
    model = CrossEncoder.from_pretrained(folder, **asked)
    for hit in json.loads(found.out):
        assert hit["score"] == pytest.approx(float(model.predict([("cat", hit["text"])])[0]), abs=1e-4)
    for option in (words[:2], ["--relevant-label", "yes"]):
        outcome = run("search", "cat", "--collection", files.collection, *option)
        assert (outcome.code, "belong to --model" in outcome.err) == (2, True)


@pytest.mark.parametrize(("query", "said"), [("☕ ?!", "no word to search for"), ("xyzzy", "found no document")])
def test_search_says_why_nothing_is_found(run: Run, files, query: str, said: str) -> None:
    outcome = run("search", query, "--collection", files.collection, "--json")
    assert (outcome.code, json.loads(outcome.out)) == (0, [])
    assert said in " ".join(outcome.err.split())


def test_search_builds_a_damaged_index_again_and_says_so(run: Run, files, cache: Path) -> None:
    words = ("search", "cat list", "--collection", files.collection, "--json")
    expected = run(*words)
    (folder,) = cache.iterdir()
    (folder / "vocabulary.arrow").write_text("")
    again = run(*words)
    assert (again.code, again.out) == (0, expected.out)
    assert "built again" in " ".join(again.err.split())
    assert "built again" not in run(*words).err


def test_queries_of_a_file_are_looked_up_among_the_documents(run: Run, files, tmp_path: Path) -> None:
    (tmp_path / "log.tsv").write_text("n1\tthe book list\nn2\thow to sort\n")
    words = ["--collection", files.collection, "--queries", tmp_path / "log.tsv", "--k", 5]
    assert run("retrieve", *words, "--out", tmp_path / "log.trec").code == 0
    outcome = run("retrieve", *words, "--lists", "--out", tmp_path / "log.lists")
    assert "2 queries, 0 queries without a candidate" in outcome.err
    found, lists = read_run(tmp_path / "log.trec"), load_collection(f"lists:{tmp_path / 'log.lists'}")
    assert lists.candidates is not None
    assert found.query_ids.to_pylist() == ["n1", "n2"]
    assert [each.doc_ids for each in found.queries()] == [each.doc_ids for each in lists.candidates.queries()]
    assert run("score", "--model", files.model, "--collection", f"lists:{tmp_path / 'log.lists'}", "--out",
               tmp_path / "own.trec").code == 0  # fmt: skip
    parts = ["--collection", tmp_path / "log.lists", "--run", tmp_path / "log.lists" / "lists"]
    assert run("score", "--model", files.model, *parts, "--out", tmp_path / "own.parts").code == 0
    own, in_parts = read_run(tmp_path / "own.trec", column="own"), read_parts(tmp_path / "own.parts", "parts")
    np.testing.assert_allclose(own.join(in_parts)["parts"], own["own"], atol=1e-5)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--queries", "{}/log.tsv", "--split", "test"], "--split is of the collection's queries, and --queries"),
        (["--queries", "{}/absent.tsv"], "there is no file of queries"),
        (["--queries", "{}/broken.tsv"], "broken.tsv:1"),
        (["--lists"], "already exists and is not empty"),
        (["--retriever", "lucene", "--cluster", "ray"], "--cluster is for --retriever bm25, got lucene"),
    ],
)
def test_retrieve_refuses_what_it_cannot_do(run: Run, files, tmp_path: Path, options: list[str], said: str) -> None:
    (tmp_path / "log.tsv").write_text("n1\tthe book list\n")
    (tmp_path / "broken.tsv").write_text("the book list\n")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine").touch()
    out = tmp_path / "full" if "--lists" in options else tmp_path / "x.trec"
    words = (word.format(tmp_path) for word in options)
    outcome = run("retrieve", "--collection", files.collection, "--out", out, *words)
    assert outcome.code in (1, 2)
    assert said in outcome.err

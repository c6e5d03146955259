"""The commands retrieve and search: encoders as their folders state, kept indexes, queries that nothing can find."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny_encoders import make_encoder

from rankdistill.data import read_run
from rankdistill.models import Encoder

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


@pytest.mark.parametrize(("query", "said"), [("☕ ?!", "no word to search for"), ("xyzzy", "found no document")])
def test_search_says_why_nothing_is_found(run: Run, files, query: str, said: str) -> None:
    outcome = run("search", query, "--collection", files.collection, "--json")
    assert (outcome.code, json.loads(outcome.out)) == (0, [])
    assert said in " ".join(outcome.err.split())


def test_search_builds_a_damaged_index_again_and_says_so(run: Run, files, cache: Path) -> None:
    words = ("search", "cat list", "--collection", files.collection, "--json")
    expected = run(*words)
    (folder,) = cache.iterdir()
    (folder / "vocab.index.json").write_text("")
    again = run(*words)
    assert (again.code, again.out) == (0, expected.out)
    assert "built again" in " ".join(again.err.split())
    assert "built again" not in run(*words).err

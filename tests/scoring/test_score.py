"""Candidates get the scores that `predict` gives their pairs, whatever the batches, the store or a kill."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from rankdistill.data.candidates import Candidates
from rankdistill.data.sources import load_collection
from rankdistill.errors import DataError, UsageError
from rankdistill.models import CrossEncoder, ScoreContract
from rankdistill.scoring import score, score_with_report


def pairs_of(candidates: Candidates, collection) -> list[tuple[str, str]]:
    queries, documents = (
        collection.queries.take(candidates.row_query_ids),
        collection.documents.take(candidates.doc_ids),
    )
    return list(zip(queries, documents, strict=True))


def test_scores_are_those_of_predict_row_for_row(tiny: CrossEncoder, candidates: Candidates, collection) -> None:
    scores = score(tiny, candidates, collection)
    assert scores.dtype == np.float32
    np.testing.assert_allclose(scores, tiny.predict(pairs_of(candidates, collection)), atol=1e-6)


def test_two_logit_models_score_by_their_contract(candidates: Candidates, collection, tiny: CrossEncoder) -> None:
    config = type(tiny.model.config)(**{**tiny.model.config.to_dict(), "num_labels": 2, "id2label": None})
    model = CrossEncoder(type(tiny.model)(config).eval(), tiny.tokenizer, ScoreContract("margin"))
    np.testing.assert_allclose(
        score(model, candidates, collection), model.predict(pairs_of(candidates, collection)), atol=1e-6
    )


@pytest.mark.parametrize("batch_tokens", [1, 100, 100_000])
@pytest.mark.parametrize("chunk_pairs", [1, 7, 4096])
def test_scores_do_not_depend_on_batches_or_chunks(
    tiny: CrossEncoder, candidates: Candidates, collection, batch_tokens: int, chunk_pairs: int
) -> None:
    scores, _ = score_with_report(tiny, candidates, collection, batch_tokens=batch_tokens, chunk_pairs=chunk_pairs)
    np.testing.assert_allclose(scores, score(tiny, candidates, collection), atol=1e-5)


def test_report_counts_truncated_pairs_and_empty_documents(tiny: CrossEncoder, candidates, collection, changed) -> None:
    collection.documents = changed(collection.documents, d1=" ")
    _, report = score_with_report(tiny, candidates, collection)
    encoded = tiny.tokenizer(*map(list, zip(*pairs_of(candidates, collection), strict=True)), verbose=False)[
        "input_ids"
    ]
    assert report.n_truncated == sum(len(ids) > tiny.max_length for ids in encoded) > 0
    assert (report.n_pairs, report.n_resumed, report.n_empty_documents) == (len(candidates), 0, 1)
    assert report.pairs_per_second > 0
    assert 0 <= report.padding < 1


def test_real_collection_is_scored_with_its_own_run(tiny: CrossEncoder, shared_data: Path) -> None:
    collection = load_collection(str(shared_data / "noveleval"))
    candidates = collection.qrels
    assert candidates is not None
    few = candidates.take_queries(np.arange(2))
    scores, report = score_with_report(tiny, few, collection)
    assert np.isfinite(scores).all()
    np.testing.assert_allclose(scores, tiny.predict(pairs_of(few, collection)), atol=1e-6)
    assert report.n_pairs == len(few)


def test_a_folder_is_scored_as_its_model(tiny: CrossEncoder, candidates, collection, tmp_path: Path) -> None:
    folder = tiny.save(tmp_path / "model")
    np.testing.assert_array_equal(score(str(folder), candidates, collection), score(tiny, candidates, collection))


def test_id_without_text_and_empty_query_are_errors(tiny: CrossEncoder, candidates, collection, changed) -> None:
    whole, collection.documents = collection.documents, changed(collection.documents, d3=None)
    with pytest.raises(DataError, match="'d3' has no text"):
        score(tiny, candidates, collection)
    collection.documents, collection.queries = whole, changed(collection.queries, q2=" \t")
    with pytest.raises(DataError, match="query 'q2' is empty"):
        score(tiny, candidates, collection)
    with pytest.raises(UsageError, match="chunk_pairs"):
        score_with_report(tiny, candidates, collection, chunk_pairs=0)


def test_no_candidates_make_no_scores(tiny: CrossEncoder, collection) -> None:
    assert score(tiny, Candidates.from_rows([], []), collection).shape == (0,)


def test_finished_store_is_read_without_scoring_again(tiny, candidates, collection, tmp_path: Path) -> None:
    first, _ = score_with_report(tiny, candidates, collection, store=tmp_path, chunk_pairs=7)
    again, report = score_with_report(tiny, candidates, collection, store=tmp_path, chunk_pairs=7)
    np.testing.assert_array_equal(again, first)
    assert report.n_resumed == len(candidates)
    assert np.isnan(report.pairs_per_second)
    assert report.n_truncated == score_with_report(tiny, candidates, collection)[1].n_truncated


def test_store_is_not_used_for_another_model_text_or_pair(
    tiny, candidates, collection, changed, tmp_path: Path
) -> None:
    def n_resumed(model: CrossEncoder, rows: Candidates) -> int:
        return score_with_report(model, rows, collection, store=tmp_path)[1].n_resumed

    assert n_resumed(tiny, candidates) == 0
    assert n_resumed(tiny, candidates) == len(candidates)
    assert n_resumed(tiny, candidates.take_rows(np.arange(len(candidates)) != 5)) == 0
    assert n_resumed(tiny.with_dtype("bfloat16"), candidates) == 0
    assert n_resumed(CrossEncoder(tiny.model, tiny.tokenizer, max_length=20), candidates) == 0
    tiny = CrossEncoder(tiny.model, tiny.tokenizer, max_length=64)
    collection.documents = changed(collection.documents, d0="another dog")
    assert n_resumed(tiny, candidates) == 0
    with torch.no_grad():
        tiny.model.classifier.bias += 1
    assert n_resumed(tiny, candidates) == 0
    assert len(list(tmp_path.glob("*.scores"))) == 6


SCRIPT = """
import sys, torch
torch.set_num_threads(1)
import tiny
from rankdistill.models import CrossEncoder
from rankdistill.scoring import score_with_report
collection = tiny.make_collection(10, 60)
candidates = tiny.make_candidates(collection, 40)
model = CrossEncoder(tiny.make_model(hidden_size=256, intermediate_size=1024), tiny.make_tokenizer())
_, report = score_with_report(model, candidates, collection, store=sys.argv[1], chunk_pairs=16)
print(report.n_resumed)
"""


def run_script(store: Path, **options) -> subprocess.Popen:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path(__file__).parents[1])}
    command = [sys.executable, "-c", SCRIPT, str(store)]
    return subprocess.Popen(command, env=environment, text=True, stderr=subprocess.DEVNULL, **options)


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL")
def test_killed_run_goes_on_and_ends_with_the_same_bytes(tmp_path: Path) -> None:
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    process = run_script(killed)
    while process.poll() is None and not any(p.stat().st_size > 1000 for p in killed.glob("*.scores")):
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    (partial,) = killed.glob("*.scores")
    size = partial.stat().st_size
    second = run_script(killed, stdout=subprocess.PIPE)
    n_resumed = int(second.communicate()[0])
    assert run_script(whole).wait() == 0
    (expected,) = whole.glob("*.scores")
    assert partial.name == expected.name
    assert 0 < n_resumed < 400
    assert size < expected.stat().st_size
    assert partial.read_bytes() == expected.read_bytes()

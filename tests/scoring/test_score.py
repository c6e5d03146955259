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
from tiny import FAMILIES, lively, make_tokenizer

import rankdistill
from rankdistill.data.candidates import Candidates
from rankdistill.data.sources import load_collection
from rankdistill.errors import DataError, UnknownNameError, UsageError
from rankdistill.models import CrossEncoder, ScoreContract
from rankdistill.scoring import ScoringSettings, score, score_logits, score_with_report
from rankdistill.scoring.score import load_model


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


def with_two_logits(model: CrossEncoder) -> CrossEncoder:
    config = type(model.model.config)(**{**model.model.config.to_dict(), "num_labels": 2, "id2label": None})
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return CrossEncoder(type(model.model)(config).eval(), model.tokenizer, ScoreContract("margin"))


def test_two_logit_models_score_by_their_contract(candidates: Candidates, collection, tiny: CrossEncoder) -> None:
    model = with_two_logits(tiny)
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


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_scores_lists_as_pairs_whatever_the_batches(
    candidates: Candidates, collection, family: str
) -> None:
    model = CrossEncoder(lively(family), make_tokenizer(), max_length=48)
    expected = model.predict(pairs_of(candidates, collection))
    assert np.ptp(expected) > 1e-3, "a model that scores all pairs alike shows nothing"
    for batch_tokens in (60, 10_000):
        scores = score(model, candidates, collection, batch_tokens=batch_tokens)
        np.testing.assert_allclose(scores, expected, rtol=1e-4, atol=1e-5)


def test_the_number_of_threads_changes_no_byte_and_is_no_fact_of_the_scores(
    tiny: CrossEncoder, candidates: Candidates, collection, tmp_path: Path
) -> None:
    expected, _ = score_with_report(tiny, candidates, collection, threads=1, chunk_pairs=8)
    for threads in (2, 5):
        given, _ = score_with_report(tiny, candidates, collection, threads=threads, chunk_pairs=8)
        assert given.tobytes() == expected.tobytes()
    score_with_report(tiny, candidates, collection, threads=1, store=tmp_path)
    _, report = score_with_report(tiny, candidates, collection, threads=2, store=tmp_path)
    assert report.n_resumed == len(candidates)
    assert ScoringSettings(threads=2).facts() == ScoringSettings().facts()
    assert ScoringSettings(threads=2).model_facts == ScoringSettings().model_facts


# -- settings ----------------------------------------------------------------------------------------------------------


def test_settings_and_single_fields_by_name_are_the_same(tiny: CrossEncoder, candidates, collection) -> None:
    given = ScoringSettings(dtype="bfloat16", passages="max")
    expected = score(tiny, candidates, collection, given)
    np.testing.assert_array_equal(score(tiny, candidates, collection, dtype="bfloat16", passages="max"), expected)
    np.testing.assert_array_equal(
        score(tiny, candidates, collection, ScoringSettings(passages="max"), dtype="bfloat16"), expected
    )
    assert not np.array_equal(expected, score(tiny, candidates, collection)), "the settings are not ignored"


def test_a_setting_that_does_not_exist_is_an_error_with_the_nearest(tiny: CrossEncoder, candidates, collection) -> None:
    with pytest.raises(UnknownNameError, match="scoring setting 'batch_token'; did you mean 'batch_tokens'"):
        score(tiny, candidates, collection, batch_token=100)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"engine": "onyx"}, "onnx"),
        ({"dtype": "float8"}, "float32"),
        ({"passages": "maximum"}, "max"),
        ({"batch_tokens": 0}, "batch_tokens must be at least 1, got 0"),
    ],
)
def test_settings_that_are_invalid_are_refused(given: dict[str, object], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        ScoringSettings(**given)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given", "engine", "dtype"),
    [({}, "torch", "bfloat16"), ({"dtype": "float32"}, "torch", "float32"), ({"engine": "onnx"}, "onnx", "bfloat16")],
)
def test_a_model_keeps_the_engine_and_dtype_that_the_settings_leave_open(
    tiny: CrossEncoder, given: dict[str, str], engine: str, dtype: str
) -> None:
    loaded = load_model(tiny.with_dtype("bfloat16"), ScoringSettings(**given))  # type: ignore[arg-type]
    assert (loaded.engine_name, loaded.dtype) == (engine, dtype)


def test_a_path_is_loaded_with_the_engine_and_dtype_of_the_settings(tiny: CrossEncoder, tmp_path: Path) -> None:
    folder = tiny.save(tmp_path / "model")
    loaded = load_model(folder, ScoringSettings(engine="onnx", dtype="int8"))
    assert (loaded.engine_name, loaded.dtype) == ("onnx", "int8")
    assert (load_model(folder, ScoringSettings()).engine_name, loaded.folder) == ("torch", folder)


def test_only_score_prints_and_what_it_prints_is_the_report(tiny: CrossEncoder, candidates, collection, capfd) -> None:
    _, report = score_with_report(tiny, candidates, collection, description="teacher")
    assert "truncated" not in capfd.readouterr().err
    score(tiny, candidates, collection, description="teacher")
    assert f"{report.n_truncated} truncated" in capfd.readouterr().err


def test_the_settings_are_read_without_importing_torch() -> None:
    script = "import sys, rankdistill.scoring.settings; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


# -- data --------------------------------------------------------------------------------------------------------------


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


# -- logits ------------------------------------------------------------------------------------------------------------


def test_logits_are_those_of_the_head_and_give_the_scores(tiny: CrossEncoder, candidates, collection) -> None:
    model = with_two_logits(tiny)
    logits, report = score_logits(model, candidates, collection)
    assert (logits.shape, logits.dtype) == ((len(candidates), 2), np.float32)
    np.testing.assert_allclose(logits, model.logits(pairs_of(candidates, collection)), atol=1e-6)
    np.testing.assert_array_equal(model.contract.scores(logits), score(model, candidates, collection))
    assert report.n_pairs == len(candidates)


def test_logits_of_one_are_still_a_column_and_a_store_of_their_own(
    tiny: CrossEncoder, candidates, collection, tmp_path: Path
) -> None:
    scores, _ = score_with_report(tiny, candidates, collection, store=tmp_path)
    for resumed in (0, len(candidates)):
        logits, report = score_logits(tiny, candidates, collection, store=tmp_path)
        assert logits.shape == (len(candidates), 1)
        assert report.n_resumed == resumed
        np.testing.assert_array_equal(logits[:, 0], scores)


def test_logits_of_windows_are_refused(tiny: CrossEncoder, candidates, collection) -> None:
    with pytest.raises(UsageError, match="passages must be 'first', got 'max'"):
        score_logits(tiny, candidates, collection, passages="max")


# -- stores and kills --------------------------------------------------------------------------------------------------


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


def run_script(function: str, n_logits: int, store: Path, **options) -> subprocess.Popen:
    here = Path(__file__).parent
    paths = [str(here.parent), str(Path(rankdistill.__file__).parents[1])]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(paths)}
    command = [sys.executable, str(here / "score_script.py"), function, str(n_logits), str(store)]
    return subprocess.Popen(command, env=environment, text=True, stderr=subprocess.DEVNULL, **options)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL")
@pytest.mark.parametrize(("function", "n_logits"), [("score_with_report", 1), ("score_logits", 2)])
def test_a_killed_run_resumes_and_ends_with_the_same_bytes(tmp_path: Path, function: str, n_logits: int) -> None:
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    process = run_script(function, n_logits, killed)
    while process.poll() is None and not any(p.stat().st_size > 1000 for p in killed.glob("*.scores")):
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    (partial,) = killed.glob("*.scores")
    size = partial.stat().st_size
    second = run_script(function, n_logits, killed, stdout=subprocess.PIPE)
    n_resumed = int(second.communicate()[0])
    assert run_script(function, n_logits, whole).wait() == 0
    (expected,) = whole.glob("*.scores")
    assert partial.name == expected.name
    assert 0 < n_resumed < 400
    assert size < expected.stat().st_size == 400 * 4 * n_logits + 25 * 12
    assert partial.read_bytes() == expected.read_bytes()

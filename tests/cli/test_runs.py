"""Commands on runs: their results are those of the Python functions."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from tiny import make_model, make_tokenizer

import rankdistill as rd
from rankdistill.data import Candidates, read_qrels, read_run
from rankdistill.ensembling.normalize import normalize
from rankdistill.ensembling.settings import EnsembleSettings
from rankdistill.evaluation.conventions import Conventions
from rankdistill.models import CrossEncoder


def lists(run: Candidates) -> dict[str, dict[str, float]]:
    column = run.score_column()
    return {q.query_id: dict(zip(q.doc_ids, q.columns[column].tolist(), strict=True)) for q in run.queries()}


def test_evaluate_prints_what_evaluate_returns_under_the_paths_given(run, files) -> None:
    measures = ["nDCG@10", "RR@10", "PNR"]
    words = [
        "--qrels",
        files.qrels,
        "--runs",
        files.bm25,
        files.other,
        "--measures",
        *measures,
        "--unjudged",
        "irrelevant",
    ]
    told = json.loads(run("evaluate", *words, "--json").out)
    assert list(told) == [str(files.bm25), str(files.other)]
    for path, values in told.items():
        conventions = Conventions(unjudged="irrelevant")
        expected = rd.evaluate(read_qrels(files.qrels), read_run(path), measures, conventions=conventions)
        shown = {name: None if math.isinf(value) else value for name, value in expected.items()}
        assert values == pytest.approx(shown), "JSON has no infinity"
    table = run("evaluate", *words).out
    assert all(f"{values['nDCG@10']:.4f}" in table for values in told.values())


def test_per_query_values_average_to_the_measure(run, files) -> None:
    words = ["evaluate", "--qrels", files.qrels, "--runs", files.bm25, "--measures", "RR@10", "--json"]
    [mean] = json.loads(run(*words).out).values()
    [queries] = json.loads(run(*words, "--per-query").out).values()
    assert np.mean(list(queries["RR@10"].values())) == pytest.approx(mean["RR@10"])


def test_leaderboard_of_a_folder_ranks_and_writes_pages(run, files, tmp_path: Path) -> None:
    folder = files.bm25.parent
    words = ["leaderboard", folder, "--qrels", files.qrels, "--baseline", "other", "--json"]
    rows = json.loads(run(*words, "--html", tmp_path / "board.html", "--export", tmp_path / "board.md").out)
    assert [row["system"] for row in rows] == ["bm25", "other"]
    assert rows[0]["p(RR@10)"] < 0.05
    assert "bm25" in (tmp_path / "board.html").read_text()
    assert "| bm25 |" in (tmp_path / "board.md").read_text()


def test_retrieve_writes_the_first_stage_of_a_split(run, files, tmp_path: Path) -> None:
    out = tmp_path / "dev.trec"
    outcome = run("retrieve", "--collection", files.collection, "--split", "dev", "--k", 5, "--out", out)
    assert outcome.code == 0, outcome.err
    expected = rd.bm25(files.loaded, rd.load_collection(files.collection).split("dev"), k=5)
    made = read_run(out)
    assert made.query_ids.equals(expected.query_ids)
    np.testing.assert_allclose(made["score"], expected["bm25"], rtol=1e-6)


@pytest.mark.parametrize("method", ["pile", "mean"])
def test_ensemble_of_runs_is_the_ensemble_function(run, files, tmp_path: Path, method: str) -> None:
    out = tmp_path / "ensemble.trec"
    words = ["ensemble", "--runs", files.bm25, files.other, "--method", method, "--normalize", "zscore", "--seed", 3]
    told = json.loads(run(*words, "--qrels", files.qrels, "--out", out, "--json").out)
    assert told["method"] == method
    both = read_run(files.bm25, "a").join(read_run(files.other, "b"), "b").join(read_qrels(files.qrels), "label")
    expected, _ = rd.ensemble(both, ["a", "b"], EnsembleSettings(method, normalize="zscore"), seed=3)
    made = read_run(out)
    np.testing.assert_allclose(made.join(expected, method)[method], made["score"], atol=1e-6)


def test_a_teacher_that_lacks_a_score_is_named_unless_a_policy_is_chosen(run, files, tmp_path: Path) -> None:
    lines = files.bm25.read_text().splitlines(keepends=True)
    (tmp_path / "short.trec").write_text("".join(lines[1:]))
    words = [
        "ensemble",
        "--runs",
        files.bm25,
        tmp_path / "short.trec",
        "--method",
        "mean",
        "--out",
        tmp_path / "e.trec",
    ]
    outcome = run(*words)
    assert outcome.code == 1
    query, _, document, *_ = lines[0].split()
    for part in ("short.trec", query, document):
        assert part in outcome.err
    assert run(*words, "--missing", "mean-of-others").code == 0
    assert lists(read_run(tmp_path / "e.trec"))[query][document] == pytest.approx(
        lists(read_run(files.bm25))[query][document]
    )


def test_stats_count_the_collection(run, files) -> None:
    told = json.loads(run("stats", files.collection, "--json").out)
    assert (told["queries"], told["documents"], told["judged_pairs"]) == (60, 80, 60)
    assert "documents" in run("stats", files.collection).out


def test_score_keeps_all_candidates_in_the_models_order(run, files, tmp_path: Path) -> None:
    out = tmp_path / "scored.trec"
    words = ["--model", files.model, "--collection", files.collection, "--run", files.bm25, "--out", out]
    assert run("score", *words).code == 0
    model = CrossEncoder(make_model(), make_tokenizer())
    candidates = read_run(files.bm25)
    expected = rd.score(model, candidates, files.loaded)
    np.testing.assert_allclose(candidates.join(read_run(out, "made"), "made")["made"], expected, atol=1e-5)


def test_rerank_keeps_the_best_and_fuses_as_told(run, files, tmp_path: Path) -> None:
    words = ["rerank", "--model", files.model, "--collection", files.collection, "--run", files.bm25]
    assert run(*words, "--out", tmp_path / "top.trec", "--top-k", 4).code == 0
    top = read_run(tmp_path / "top.trec")
    candidates = read_run(files.bm25).top_k(4, by="score")
    assert len(top) == len(candidates)
    assert (top.find(candidates) >= 0).all()
    assert run(*words, "--out", tmp_path / "fused.trec", "--fuse", 0.5).code == 0
    full = read_run(files.bm25)
    model = rd.score(CrossEncoder(make_model(), make_tokenizer()), full, files.loaded)
    expected = normalize(model, full.offsets, "zscore") + 0.5 * normalize(full["score"], full.offsets, "zscore")
    made = full.join(read_run(tmp_path / "fused.trec", "made"), "made")["made"]
    np.testing.assert_allclose(made, expected, atol=1e-3)


def test_fuse_auto_tunes_on_dev_and_says_so(run, files, tmp_path: Path) -> None:
    words = ["rerank", "--model", files.model, "--collection", files.collection, "--run", files.bm25, "--fuse", "auto"]
    outcome = run(*words, "--out", tmp_path / "fused.trec")
    assert outcome.code == 0, outcome.err
    assert "tuned on" in outcome.err
    qrels, dev = read_qrels(files.qrels), rd.load_collection(files.collection).split("dev")
    tuned, alone = (
        rd.evaluate(qrels.take_queries(dev), read_run(path).take_queries(dev), ["nDCG@10"])["nDCG@10"]
        for path in (tmp_path / "fused.trec", files.bm25)
    )
    assert tuned >= alone - 1e-6, "a weight of 10 is nearly BM25 alone, so tuning loses nothing on dev"


def test_fuse_auto_tunes_on_a_dev_run_by_the_judgments_of_a_file(run, files, tmp_path: Path) -> None:
    """The dev queries are not in the run: their own run is scored, and the weight is the same as of one run for all."""
    model = ["rerank", "--model", files.model, "--collection", files.collection, "--fuse", "auto"]
    dev = rd.load_collection(files.collection).split("dev")
    whole = read_run(files.bm25)
    is_dev = np.array([query in set(dev) for query in whole.query_ids.to_pylist()])
    for name, part in (("dev", whole.take_queries(is_dev)), ("test", whole.take_queries(~is_dev))):
        rd.write_run(part, tmp_path / f"{name}.trec", "score")
    words = ["--run", tmp_path / "test.trec", "--dev-run", tmp_path / "dev.trec", "--qrels", files.qrels]
    apart = run(*model, *words, "--out", tmp_path / "apart.trec")
    assert apart.code == 0, apart.err
    together = run(*model, "--run", files.bm25, "--out", tmp_path / "together.trec")
    (weight,) = (line for line in together.err.splitlines() if "tuned on" in line)
    assert weight in apart.err.splitlines()
    assert "scoring the dev run: " in apart.err
    fused = read_run(tmp_path / "together.trec", "together").join(read_run(tmp_path / "apart.trec", "apart"), "apart")
    tested = ~np.isnan(fused["apart"])
    assert tested.sum() == len(read_run(tmp_path / "test.trec"))
    np.testing.assert_allclose(fused["apart"][tested], fused["together"][tested], atol=1e-3)


def test_fuse_auto_without_a_judged_dev_query_is_an_error_before_anything_is_scored(run, files, tmp_path: Path) -> None:
    dev = rd.load_collection(files.collection).split("dev")
    lines = files.bm25.read_text().splitlines(keepends=True)
    (tmp_path / "test.trec").write_text("".join(line for line in lines if line.split()[0] not in dev))
    words = ["--collection", files.collection, "--run", tmp_path / "test.trec", "--out", tmp_path / "o.trec"]
    outcome = run("rerank", "--model", files.model, *words, "--fuse", "auto")
    assert outcome.code == 1
    assert "no judged query of the dev split in the run" in outcome.err
    assert [path.name for path in tmp_path.iterdir()] == ["test.trec"]


def test_search_finds_by_bm25_and_orders_by_the_model(
    run, files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    query = dict(files.loaded.queries)["q7"]
    words = ["search", query, "--collection", files.collection, "--k", 3]
    found = json.loads(run(*words, "--json").out)
    assert found[0]["doc_id"] == "d7"
    assert [hit["rank"] for hit in found] == [1, 2, 3]
    ordered = json.loads(run(*words, "--candidates", 6, "--model", files.model, "--json").out)
    scores = [hit["score"] for hit in ordered]
    assert scores == sorted(scores, reverse=True)
    model = CrossEncoder(make_model(), make_tokenizer())
    np.testing.assert_allclose(model.predict([(query, hit["text"]) for hit in ordered]), scores, atol=1e-5)
    assert "d7" in run(*words).out


def test_parts_are_scored_reranked_and_ensembled_as_the_run_is(run, files, tmp_path: Path) -> None:
    parts, model = tmp_path / "parts", ["--model", files.model, "--collection", files.collection]
    assert run("parts", "--run", files.bm25, "--out", parts, "--queries", 5).code == 0
    for name, words in (
        ("scored", ["score", *model]),
        ("reranked", ["rerank", *model, "--top-k", 4, "--fuse", 0.5]),
    ):
        whole, apart = tmp_path / f"{name}.trec", tmp_path / name
        assert run(*words, "--run", files.bm25, "--out", whole).code == 0
        assert "parts" in run(*words, "--run", parts, "--out", apart).err
        assert read_run(apart)["score"] == pytest.approx(read_run(whole)["score"], abs=1e-3)
    words = ["ensemble", "--qrels", files.qrels, "--normalize", "zscore"]
    assert run(*words, "--runs", parts, tmp_path / "scored", "--out", tmp_path / "pile").code == 0
    assert len(read_run(tmp_path / "pile")) == len(read_run(files.bm25))
    outcome = run("ensemble", "--method", "mean", "--runs", parts, files.bm25, "--out", tmp_path / "x")
    assert outcome.code == 2
    assert "some runs are folders of parts and some are files" in outcome.err
    outcome = run("score", *model, "--run", files.bm25, "--out", tmp_path / "x", "--cluster", "ray")
    assert (outcome.code, "split it by `rankdistill parts`" in outcome.err) == (2, True)
    outcome = run("score", *model, "--run", parts, "--out", tmp_path / "x", "--workers", 2)
    assert (outcome.code, "name it (--cluster ray)" in outcome.err) == (2, True)
    outcome = run("rerank", *model, "--run", parts, "--out", tmp_path / "x", "--fuse", "auto")
    assert (outcome.code, "tune the weight on a run of the dev queries" in outcome.err) == (2, True)

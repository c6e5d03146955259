"""Judgments of a collection and its splits, where commands measure."""

import json

from rankdistill.data import read_qrels, read_run, write_run


def test_a_split_of_a_collection_is_measured_alone(run, files, tmp_path):
    (tmp_path / "runs").mkdir()
    test = set(files.loaded.split("test"))
    everything = read_run(files.bm25)
    held_out = everything.take_queries([q for q in everything.query_ids.to_pylist() if q in test])
    write_run(everything, tmp_path / "runs" / "all.trec", "score")
    write_run(held_out, tmp_path / "runs" / "test.trec", "score")
    of_all = run("leaderboard", tmp_path / "runs", "--qrels", files.qrels)
    assert "do not cover the same queries" in " ".join(of_all.out.split())
    words = ["leaderboard", tmp_path / "runs", "--collection", files.collection, "--split", "test", "--json"]
    rows = json.loads(run(*words).out)
    assert rows[0]["nDCG@10"] == rows[1]["nDCG@10"]
    assert rows[0]["queries"] == len(test & set(read_qrels(files.qrels).query_ids.to_pylist()))
    measured = run("evaluate", "--collection", files.collection, "--split", "test", "--runs", files.bm25, "--json")
    assert json.loads(measured.out)[str(files.bm25)]["nDCG@10"] == rows[0]["nDCG@10"]


def test_what_does_not_say_what_to_measure_on_is_refused(run, files):
    outcome = run("evaluate", "--runs", files.bm25)
    assert outcome.code == 2
    assert "expected --qrels, or a --collection that has judgments" in outcome.err
    outcome = run("evaluate", "--runs", files.bm25, "--qrels", files.qrels, "--split", "test")
    assert outcome.code == 2
    assert "--split needs the --collection" in outcome.err

"""interleave, gsb and check, as people type them."""

import json


def test_interleave_compares_two_runs_and_its_log_says_the_same(run, files, tmp_path):
    log = tmp_path / "clicks.jsonl"
    words = ["interleave", "--runs", files.bm25, files.other, "--qrels", files.qrels, "--sessions", 20]
    simulated = run(*words, "--write-log", log, "--json")
    assert simulated.code == 0, simulated.err
    found = json.loads(simulated.out)
    assert found["low"] < found["value"] < found["high"]
    assert json.loads(run("interleave", "--log", log, "--json").out) == found
    assert run(*words).out.startswith(f"Δ_AB {found['value']:+.4f} [")


def test_gsb_takes_what_people_say_or_what_a_measure_says(run, files, tmp_path):
    said = tmp_path / "said.txt"
    said.write_text("q1 good\nq2 good\nq3 same\nq4 bad\n")
    assert json.loads(run("gsb", "--preferences", said, "--json").out)["value"] == 0.25
    outcome = run("gsb", "--runs", files.bm25, files.bm25, "--qrels", files.qrels, "--measure", "RR@10")
    assert outcome.out.startswith("ΔGSB +0.0000 [+0.0000, +0.0000] at 95%: 0 good, 0 bad,")


def test_half_a_question_is_wrong_use(run, files, tmp_path):
    for command in ("interleave", "gsb"):
        for words in ([], ["--runs", files.bm25, files.other], ["--qrels", files.qrels]):
            outcome = run(command, *words)
            assert outcome.code == 2
            assert "expected either" in outcome.err
    outcome = run("interleave", "--runs", files.bm25, "--qrels", files.qrels)
    assert outcome.code == 2


def test_check_reports_and_fails_on_errors_alone(run, files, tmp_path):
    words = ["check", "--runs", files.bm25, files.other, "--qrels", files.qrels, "--collection", files.collection]
    sound = run(*words)
    assert sound.code == 0, sound.err
    assert "3 files, no errors" in sound.err
    bad = tmp_path / "bad.trec"
    bad.write_text("q Q0 a 1 high t\n")
    outcome = run("check", "--runs", bad)
    assert outcome.code == 1
    assert outcome.out.startswith(f"{bad}\n  error           1  values that are not a finite float32 score; first:")
    assert "1 of 1 findings are errors" in outcome.err
    found = run("check", "--runs", bad, "--json")
    assert found.code == 1
    assert json.loads(found.out)[0]["level"] == "error"
    assert run("check").code == 2


def test_case_shows_a_query_with_what_each_teacher_says(run, files):
    words = ["case", "q3", "--runs", files.bm25, files.other, "--qrels", files.qrels, "--normalize", "zscore"]
    shown = run(*words, "--collection", files.collection)
    assert shown.code == 0, shown.err
    assert "query q3:" in shown.err
    assert "pairs of different labels reversed: bm25.trec" in " ".join(shown.out.split())
    found = json.loads(run(*words, "--json").out)
    assert found["reversed"]["pile"] <= found["reversed"]["mean"]
    assert {"document", "label", "mean", "pile", str(files.bm25)} == set(found["candidates"][0]) - {str(files.other)}
    assert run("case", "nowhere", *words[2:]).code == 1


def test_case_tells_teachers_apart_and_what_they_lack(run, files, tmp_path):
    lines = files.bm25.read_text().splitlines(keepends=True)
    paths = [tmp_path / name / "run.trec" for name in ("one", "two")]
    of_query = [line for line in lines if line.startswith("q3 ")]
    for path, kept in zip(paths, (lines, of_query[:-2]), strict=True):
        path.parent.mkdir()
        path.write_text("".join(kept))
    words = ["case", "q3", "--runs", *paths, "--qrels", files.qrels]
    refused = run(*words)
    assert refused.code == 1
    assert f"teacher '{paths[1]}'" in refused.err.replace("\n", "")
    outcome = run(*words, "--missing", "min")
    assert outcome.code == 0, outcome.err
    assert "one/run.trec" in outcome.out
    assert "two/run.trec lacks" in outcome.out

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


def test_every_command_that_reads_runs_to_compare_them_takes_how_they_are_read(run, tmp_path):
    """Queries among their own candidates, in three columns that may be ranks or scores: told, dropped, asked for."""
    a, b, qrels = (tmp_path / name for name in ("a.tsv", "b.tsv", "qrels.txt"))
    a.write_text("".join(f"arg-{i}\targ-{i}\t3\narg-{i}\tgood\t2\narg-{i}\tbad\t1\n" for i in range(1, 5)))
    b.write_text("".join(f"arg-{i}\tbad\t9.5\narg-{i}\tgood\t2.5\n" for i in range(1, 5)))
    qrels.write_text("".join(f"arg-{i} 0 good 1\narg-{i} 0 bad 0\n" for i in range(1, 5)))
    told = ["--third-column", "score", "--identical-ids", "drop"]
    judged = ["--qrels", qrels]
    asked = run("evaluate", "--runs", a, *judged)
    assert asked.code == 1
    assert "--third-column rank or score" in " ".join(asked.err.split())
    kept = run("evaluate", "--runs", a, *judged, "--measures", "RR@10", "--json", *told[:2])
    assert json.loads(kept.out) == {str(a): {"RR@10": 0.5}}
    assert "4 of 4 queries have themselves, by their id, in their list" in " ".join(kept.err.split())
    measured = run("evaluate", "--runs", a, *judged, "--measures", "RR@10", "--json", *told)
    assert json.loads(measured.out) == {str(a): {"RR@10": 1.0}}
    assert "these documents are dropped" in " ".join(measured.err.split())
    assert json.loads(run("gsb", "--runs", a, b, *judged, "--json", *told).out)["wins"] == 4
    clicks = json.loads(run("interleave", "--runs", a, b, *judged, "--json", *told).out)
    assert clicks["value"] > 0.2
    assert run("check", "--runs", a, *judged).code == 1
    assert "taken for scores" in run("check", "--runs", a, *judged, *told).out
    out = tmp_path / "mean.trec"
    words = ["ensemble", "--runs", a, b, "--method", "mean", "--out", out]
    assert run(*words, *told).code == 0
    assert [line.split()[2] for line in out.read_text().splitlines()[:2]] == ["bad", "good"]
    assert run(*words, *told[:2]).code == 1, "b lacks the queries' own documents"
    case = json.loads(run("case", "arg-1", "--runs", a, b, *judged, "--json", *told).out)
    assert [row["document"] for row in case["candidates"]] == ["good", "bad"]

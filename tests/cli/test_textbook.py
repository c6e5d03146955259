"""textbook, and stats of several corpora, through the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pair_tasks import write_glue

pytest.importorskip("sentencex", reason="the extra 'corpus' is not installed")


@pytest.fixture
def glue(tmp_path: Path) -> str:
    return f"glue:sst2@{write_glue(tmp_path / 'glue')}"


@pytest.fixture
def text(tmp_path: Path, glue: str) -> Path:
    """Sentences of the words of the task, in another order."""
    from rankdistill.data.sources import load_collection

    words = " ".join(load_collection(glue).queries.texts.to_pylist()).split()
    lines = [" ".join(["It", "says:", *words[i : i + 8]]) + "." for i in range(0, len(words) - 8, 3)]
    (tmp_path / "text.txt").write_text("\n\n".join(dict.fromkeys(lines)))
    return tmp_path / "text.txt"


def test_a_textbook_is_written_counted_and_compared(run, glue, text, tmp_path):
    book = tmp_path / "book"
    words = ["textbook", "--task", glue, "--corpus", text, "--out", book, "--processes", 1]
    done = run(*words, "--size", 12, "--json", "--text.min-characters", 10)
    assert done.code == 0, done.err
    counts = json.loads(done.out)
    assert (counts["kept"], counts["anchors"] > 10) == (12, True)
    assert f"wrote {book} (12 sentences or pairs" in done.err
    picture = tmp_path / "overlap.svg"
    compared = ["stats", f"task={glue}", f"book=textbook:{book}", book]
    told = run(*compared, "--picture", picture, "--json")
    assert told.code == 0, told.err
    found = json.loads(told.out)
    assert list(found["corpora"]) == ["task", "book", str(book)]
    assert found["corpora"]["book"] == found["corpora"][str(book)]
    assert (found["corpora"]["book"]["texts"], found["overlap"]["book"][str(book)]) == (12, 1.0)
    assert picture.read_text().startswith("<svg")
    assert "sample: distinct-1" in run(*compared[:3]).out
    alone = run("stats", book, "--json")
    assert alone.code == 0, alone.err
    assert json.loads(alone.out)["corpora"][str(book)]["texts"] == 12
    mixed = run("stats", text, book, f"task={glue}", "--split", "dev", "--json", "--text.min-characters", 10)
    assert mixed.code == 0, mixed.err
    found = json.loads(mixed.out)["corpora"]
    assert (found["task"]["texts"], found[str(text)]["texts"] >= 12) == (20, True)
    assert "distinct-1" in run("stats", text, "--text.min-characters", 10, "--processes", 1).out


def test_stop_words_of_a_file_are_in_no_keyword(run, glue, text, tmp_path):
    import pyarrow.parquet as pq

    words = ["textbook", "--task", glue, "--corpus", text, "--k", 2, "--processes", 1, "--text.min-characters", 10]
    for name, stopped, searched_for in (("all", "", True), ("fewer", "The CAT", False)):
        (tmp_path / "stop.txt").write_text(stopped)
        done = run(*words, "--out", tmp_path / name, "--stop-words", tmp_path / "stop.txt")
        assert done.code == 0, done.err
        phrases = pq.read_table(tmp_path / name / "00000.parquet")["keywords"].to_pylist()
        assert any("cat" in phrase for phrase in phrases) == searched_for
    told = run(*words, "--out", tmp_path / "de", "--text.language", "qu")
    assert (told.code, "stop words" in told.err) in ((2, True), (1, True)), told.err


def test_what_textbook_and_stats_cannot_do_is_an_error(run, glue, text, tmp_path):
    words = ["textbook", "--task", glue, "--corpus", text, "--out", tmp_path / "out"]
    for more, said in (
        ([], "one of them"),
        (["--size", "huge"], "a size is bytes such as 200MB"),
        (["--k", 3, "--max-k", 0], "max_k must be at least 1"),
        (["--k", 3, "--output", "words"], "words"),
    ):
        told = run(*words, *more)
        assert (told.code, said in told.err) == (2, True), told.err
    for option, value in (
        ("--split", "dev"),
        ("--picture", tmp_path / "x.svg"),
        ("--vocabulary", 3),
        ("--stop-words", tmp_path / "absent.txt"),
        ("--seed", 1),
        ("--text.similarity", 0.5),
        ("--text.min-characters", 9),
    ):
        told = run("stats", glue, option, value)
        assert (told.code, f"{option} is for statistics of texts: give --text" in told.err) == (2, True), told.err
    (tmp_path / "stop.txt").write_text("the")
    for more, said in (
        (["--text.overlap"], "--text.overlap is a setting of `corpus`"),
        (["--text.seed", 1], "the seed of samples is --seed"),
        (["--text.min-characters", 400], "--text.min-characters is for text that is split"),
        (["--text.language", "de", "--stop-words", tmp_path / "stop.txt"], "leave out one of them"),
    ):
        told = run("stats", f"a={glue}", f"b={glue}", *more)
        assert (told.code, said in " ".join(told.err.split())) == (2, True), told.err
    for more, said in (
        (["--split", "dev"], f"leave it out for {text}"),
        (["--text.pairs", 3], "a setting of `corpus`"),
        (["--text.overlap"], "a setting of `corpus`"),
        (["--text.language", "qu"], "stop words"),
        (["--text.language", "germann"], "did you mean 'de' (German)?"),
    ):
        told = run("stats", text, *more)
        assert (told.code > 0, said in told.err) == (True, True), told.err
    told = run("stats", f"a={glue}", f"a={glue}")
    assert (told.code, "two collections are called 'a'" in told.err) == (2, True)

"""Textbooks as a whole: a plain reference, the same bytes in every way, counts that add up, errors that help."""

from __future__ import annotations

import dataclasses
import json
import random
import shutil
import warnings
from collections import Counter
from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from pair_tasks import write_glue

from rankdistill.corpus.duplicates import content_key
from rankdistill.corpus.settings import CorpusSettings
from rankdistill.data import Collection, Texts, load_collection
from rankdistill.data.candidates import Candidates
from rankdistill.data.pair_parts import read_pairs
from rankdistill.errors import DataError, UsageError
from rankdistill.retrieval.bm25 import bm25
from rankdistill.retrieval.terms import query_terms
from rankdistill.textbook import TextbookSettings, build, build_textbook, found, queries
from rankdistill.textbook.anchors import Anchors, anchors_of
from rankdistill.textbook.build import REPORT
from rankdistill.textbook.rake import keywords

pytest.importorskip("sentencex", reason="the extra 'corpus' is not installed")
NOUNS = ["cat", "dog", "book", "list", "tree", "house", "river", "stone", "letter", "garden", "wolf", "king"]
EXACT = CorpusSettings(similarity=1.0)


def sentences(n: int, seed: int = 0) -> list[str]:
    draw = random.Random(seed)
    return [f"Story {i} says that a {draw.choice(NOUNS)} met the {draw.choice(NOUNS)}." for i in range(n)]


@pytest.fixture
def text(tmp_path: Path) -> Path:
    folder = tmp_path / "text"
    folder.mkdir()
    lines = sentences(200)
    (folder / "a.txt").write_text("\n\n".join(" ".join(lines[i : i + 4]) for i in range(0, 160, 4)))
    documents = [*lines[160:], lines[3], "Too short."]
    (folder / "b.jsonl").write_text("".join(json.dumps({"text": each}) + "\n" for each in documents))
    return folder


def task_of(texts: Sequence[str]) -> Collection:
    ids = [str(i) for i in range(len(texts))]
    return Collection(
        "made",
        Texts.from_pairs(ids, list(texts)),
        Texts.from_pairs(ids, [""] * len(ids)),
        candidates=Candidates.from_rows(ids, ids),
        unjudged="missing",
    )


TASK = task_of(["A cat met a dog.", "the wolf, the king", "it was what it was", "a garden of letters", "?!"])


def texts_of(anchors: Anchors) -> list[str]:
    return list(chain.from_iterable(anchors))


def rows(folder: Path) -> list[dict[str, Any]]:
    import pyarrow.parquet as pq

    return [row for file in sorted(folder.glob("*.parquet")) for row in pq.read_table(file).to_pylist()]


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def reference(texts: Sequence[str], anchors: Sequence[str], k: int) -> dict[str, tuple[int, str]]:
    """Sentence -> (best rank, first anchor that has it there), by BM25 with one anchor at a time."""
    ids = [f"{9999 - i}" for i in range(len(texts))]  # the larger id first is the earlier sentence first
    best: dict[str, tuple[int, str]] = {}
    for anchor in anchors:
        query = " ".join(phrase for phrase, _ in keywords(anchor)) or anchor
        if not query_terms(query):
            continue
        made = Collection("x", Texts.from_pairs(["q"], [query]), Texts.from_pairs(ids, list(texts)))
        for rank, doc_id in enumerate(bm25(made, k=k).doc_ids.to_pylist()):
            sentence = texts[9999 - int(doc_id)]
            if sentence not in best or rank < best[sentence][0]:
                best[sentence] = rank, anchor
    return best


def test_the_textbook_is_that_of_a_plain_reference(text: Path, tmp_path: Path) -> None:
    counts = build_textbook(TASK, [text], tmp_path / "out", k=7, text=EXACT, processes=1)
    expected = reference(sentences(200), TASK.queries.texts.to_pylist(), 7)
    made = rows(tmp_path / "out")
    assert {row["first"]: row["anchor"] for row in made} == {each: anchor for each, (_, anchor) in expected.items()}
    ranks = [expected[row["first"]][0] for row in made]
    assert ranks == sorted(ranks)
    assert [row["id"] for row in made] == [str(i) for i in range(len(made))]
    assert {row["second"] for row in made} == {""}
    of_anchor = [", ".join(phrase for phrase, _ in keywords(row["anchor"])) for row in made]
    assert [row["keywords"] for row in made] == of_anchor
    assert counts == json.loads((tmp_path / "out" / REPORT).read_text())["counts"]
    assert (counts["anchors"], counts["sentences"], counts["duplicates"], counts["too short"]) == (5, 202, 1, 1)
    assert (counts["searched"], counts["kept"], counts["k"]) == (200, len(made), 7)
    assert counts["bytes"] == sum(len(row["first"].encode()) for row in made)
    assert counts["anchors without keywords, by their words"] == 1
    assert (counts["anchors without a word"], counts["anchors that found nothing"]) == (1, 2)


def test_bytes_do_not_depend_on_processes_parts_of_work_or_depth(
    text: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build_textbook(TASK, [text], tmp_path / "one", size="40", processes=1, pairs_per_part=16)
    build_textbook(TASK, [text], tmp_path / "two", size="40", processes=2, pairs_per_part=16)
    monkeypatch.setattr(found, "_ANCHORS", 1)
    monkeypatch.setattr("rankdistill.textbook.choose._DEEPER", 100)
    build_textbook(TASK, [text], tmp_path / "three", size="40", processes=1, pairs_per_part=16)
    assert files(tmp_path / "one") == files(tmp_path / "two") == files(tmp_path / "three")
    assert sum(name.endswith(".parquet") for name in files(tmp_path / "one")) == 3
    assert [path.name for path in tmp_path.iterdir() if "work" in path.name] == []


@pytest.mark.parametrize("size", ["35", "2kB"])
def test_a_size_is_met_by_the_least_k_and_a_part_of_the_last_rank(text: Path, tmp_path: Path, size: str) -> None:
    counts = build_textbook(TASK, [text], tmp_path / "out", size=size, text=EXACT, processes=1)
    got, wanted = (counts["kept"], 35) if size == "35" else (counts["bytes"], 2000)
    assert wanted - 60 * (size != "35") <= got <= wanted
    fewer = build_textbook(TASK, [text], tmp_path / "fewer", k=counts["k"] - 1, text=EXACT, processes=1)
    more = build_textbook(TASK, [text], tmp_path / "more", k=counts["k"], text=EXACT, processes=1)
    assert fewer["kept"] < counts["kept"] <= more["kept"] == counts["kept"] + counts["beyond the size"]
    assert {row["first"] for row in rows(tmp_path / "fewer")} < {row["first"] for row in rows(tmp_path / "out")}


def test_a_killed_call_goes_on_and_writes_the_same(
    text: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    build_textbook(TASK, [text], tmp_path / "whole", k=5, processes=1)
    monkeypatch.setattr(found, "_SECONDS_BETWEEN_SAVES", 0)
    monkeypatch.setattr(found, "_ANCHORS", 2)
    searched: list[int] = []
    best = found.TermIndex.best

    def dying(index: Any, queries: Any, k: int) -> Any:
        searched.append(len(queries))
        if len(searched) == 2:
            raise KeyboardInterrupt
        return best(index, queries, k)

    monkeypatch.setattr(found.TermIndex, "best", dying)
    with pytest.raises(KeyboardInterrupt):
        build_textbook(TASK, [text], tmp_path / "out", k=5, processes=1)
    assert not (tmp_path / "out").exists()
    build_textbook(TASK, [text], tmp_path / "out", k=5, processes=1)
    assert searched == [2, 2, 2, 1]
    assert "resuming" in capsys.readouterr().err
    assert files(tmp_path / "out") == files(tmp_path / "whole")


def test_unfinished_work_of_another_corpus_is_not_used(text: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be reached"):
        build_textbook(TASK, [text], tmp_path / "out", size="250", processes=1)
    assert (tmp_path / ".out.work").is_dir()
    (text / "a.txt").write_text("The wolf of this story met another king.")
    build_textbook(TASK, [text], tmp_path / "out", k=1, processes=1)
    assert "The wolf of this story met another king." in {row["first"] for row in rows(tmp_path / "out")}
    assert not (tmp_path / ".out.work").exists()


def write_parts(folder: Path, lines: Sequence[str]) -> Path:
    from rankdistill.corpus import build_corpus

    (folder / "source").mkdir(parents=True)
    (folder / "source" / "a.txt").write_text("\n\n".join(" ".join(lines[i : i + 2]) for i in range(0, len(lines), 2)))
    build_corpus([folder / "source"], folder / "parts", EXACT, processes=1)
    return folder / "parts"


def test_parts_of_a_corpus_give_their_sentences_or_their_pairs(tmp_path: Path) -> None:
    lines = sentences(60)
    parts = write_parts(tmp_path, lines)
    counts = build_textbook(TASK, [f"pairs:{parts}"], tmp_path / "single", k=3, text=EXACT, processes=1)
    assert (counts["pairs read"], counts["searched"]) == (30, 60)
    ranking = Collection("r", *(Texts.from_pairs([f"{c}1"], [t]) for c, t in (("q", "a wolf"), ("d", "old king"))))
    split = "train" if ranking.split("train") else "dev" if ranking.split("dev") else "test"
    words: dict[str, Any] = {"k": 3, "text": EXACT, "split": split, "processes": 1}
    counts = build_textbook(ranking, [parts], tmp_path / "pairs", **words)
    assert (counts["anchors"], counts["searched"]) == (2, 30)
    made = rows(tmp_path / "pairs")
    assert {(row["first"], row["second"]) for row in made} <= set(zip(lines[::2], lines[1::2], strict=True))
    assert {row["anchor"] for row in made} == {"a wolf", "old king"}
    settings = TextbookSettings(output="anchored")
    build_textbook(ranking, [parts], tmp_path / "anchored", settings=settings, **words)
    anchored = rows(tmp_path / "anchored")
    assert all(row["first"] == row["anchor"] and row["second"] in lines for row in anchored)
    assert load_collection(f"textbook:{tmp_path / 'anchored'}").documents["0"] == anchored[0]["second"]


def test_the_language_chooses_the_stop_words_beside_parts_too(tmp_path: Path) -> None:
    pytest.importorskip("spacy", reason="the extra 'augment' is not installed")
    parts = write_parts(tmp_path, [f"Geschichte {i} sagt, dass die Katze den Hund im Garten traf." for i in range(8)])
    task = task_of(["die Katze und der Hund"])
    german = CorpusSettings(language="de", similarity=1.0)
    build_textbook(task, [f"pairs:{parts}"], tmp_path / "out", k=2, text=german, processes=1)
    assert {row["keywords"] for row in rows(tmp_path / "out")} == {"katze, hund"}
    (tmp_path / "stop.txt").write_text("die der und")
    settings = TextbookSettings(stop_words=str(tmp_path / "stop.txt"))
    with pytest.raises(UsageError, match="leave out the language or the file"):
        build_textbook(task, [parts], tmp_path / "none", k=2, text=german, settings=settings, processes=1)


def test_the_first_rows_are_the_textbook_of_a_smaller_size(text: Path, tmp_path: Path) -> None:
    task = task_of(NOUNS)
    for size in ("7", "19", "40"):
        build_textbook(task, [text], tmp_path / size, size=size, text=EXACT, processes=1)
    most = rows(tmp_path / "40")
    assert (rows(tmp_path / "7"), rows(tmp_path / "19")) == (most[:7], most[:19])


def test_the_size_of_an_anchored_textbook_counts_its_anchors(text: Path, tmp_path: Path) -> None:
    settings = TextbookSettings(output="anchored")
    counts = build_textbook(TASK, [text], tmp_path / "out", size="2kB", settings=settings, text=EXACT, processes=1)
    written = sum(len(f"{row['first']}{row['second']}".encode()) for row in rows(tmp_path / "out"))
    assert counts["bytes"] == written
    assert 1900 < written <= 2000


def test_a_textbook_of_sentences_as_corpus_has_no_pairs_and_says_so(text: Path, tmp_path: Path) -> None:
    book, pairs = tmp_path / "book", TextbookSettings(output="pairs")
    n = build_textbook(TASK, [text], book, k=2, text=EXACT, processes=1)["kept"]
    said = rf"no pair of adjacent sentences: {n} single sentences read; give --output sentences, or parts of pairs"
    with pytest.raises(DataError, match=said):
        build_textbook(TASK, [book], tmp_path / "out", k=2, settings=pairs, processes=1)
    counts = build_textbook(TASK, [f"textbook:{book}"], tmp_path / "out", k=2, text=EXACT, processes=1)
    assert (counts["pairs read"], counts["single sentences read"], counts["searched"]) == (0, n, n)


def test_anchors_without_blanks_between_words_are_warned_about_once(tmp_path: Path) -> None:
    chinese = anchors_of(task_of(["我喜欢猫和狗。", "河流和山", "a cat"]))
    for _ in range(2):  # the second time from the file
        with pytest.warns(UserWarning, match=r"2 of 3 anchors are written without blanks .* stop words") as warned:
            queries.queries_of(chinese, None, {"和"}, tmp_path)
        assert len(warned) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for name, said, stop_words in (("korean", "고양이와 개를 좋아한다", {"a"}), ("none", "河流和山", set[str]())):
            (tmp_path / name).mkdir()
            queries.queries_of(anchors_of(task_of([said])), None, stop_words, tmp_path / name)


def test_near_duplicates_of_what_was_found_before_are_left_out(tmp_path: Path) -> None:
    long = "The wolf and the king of the old garden walked along the river until the evening came to them at home"
    other = "Nobody has seen a wolf or a king in the north of this country for more than a hundred years."
    (tmp_path / "a.txt").write_text(f"{long}.\n\n{long} too.\n\n{other}")
    counts = build_textbook(task_of(["wolf king"]), [tmp_path / "a.txt"], tmp_path / "out", k=3, processes=1)
    assert (counts["found, merged"], counts["near duplicates"], counts["kept"]) == (3, 1, 2)


def test_anchors_of_a_pair_task_are_the_distinct_texts_of_its_training_split(tmp_path: Path) -> None:
    task = load_collection(f"glue:sst2@{write_glue(tmp_path / 'glue')}")
    train = {" ".join(text.split()) for text in task.queries.take(task.split("train"))}
    assert set(texts_of(anchors_of(task))) == train
    assert len(anchors_of(task)) == len(texts_of(anchors_of(task))) == len(train)
    assert not anchors_of(task).of_ranking


def test_anchors_of_a_ranking_are_queries_and_the_passages_that_judgments_name() -> None:
    queries = Texts.from_pairs([f"q{i}" for i in range(40)], [f"query {i}" for i in range(40)])
    documents = Texts.from_pairs(["d1", "d2", "d3"], ["one", "two", "query 0"])
    plain = Collection("r", queries, documents)
    train = plain.split("train")
    assert set(texts_of(anchors_of(plain))) == {*queries.take(train), *documents.texts.to_pylist()}
    qrels = Candidates.from_rows(
        [train[0], train[1], plain.split("test")[0]], ["d2", "gone", "d1"], {"label": [1, 0, 1]}
    )
    judged = anchors_of(Collection("r", queries, documents, qrels))
    assert texts_of(judged) == [*queries.take(train), "two"]
    assert judged.of_ranking


def test_wrong_use_and_corpora_without_sentences_are_refused(text: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    (tmp_path / "empty.txt").write_text("Short. 1 2 3 4 5 6 7 8 9 10 11 12 13 14.")
    for arguments, error, said in (
        ({}, UsageError, "one of them"),
        ({"size": "1MB", "k": 3}, UsageError, "one of them"),
        ({"k": 0}, UsageError, "k must be at least 1"),
        ({"size": "big"}, UsageError, "a size is bytes such as 200MB"),
        (
            {"size": "10B"},
            UsageError,
            r"10 bytes is too small: the first sentence .* has \d\d bytes; give at least that",
        ),
        (
            {"size": "1GB"},
            DataError,
            r"1,000,000,000 bytes cannot be reached: the most is [\d,]+ bytes, .*; give more text",
        ),
        ({"k": 3, "text": CorpusSettings(pairs=3)}, UsageError, "of a textbook, size is"),
    ):
        with pytest.raises(error, match=said):
            build_textbook(TASK, [text], out, processes=1, **arguments)
    with pytest.raises(DataError, match=r"empty.txt holds no sentence: .*2 sentences, .*too short"):
        build_textbook(TASK, [tmp_path / "empty.txt"], tmp_path / "none", k=3, processes=1)
    assert not (tmp_path / ".none.work").exists()
    with pytest.raises(DataError, match="none of the 1 anchors finds anything"):
        build_textbook(task_of(["xyzzy"]), [text], tmp_path / "none", k=3, processes=1)
    with pytest.raises(UsageError, match="there is no file or folder"):
        build_textbook(TASK, [tmp_path / "absent"], tmp_path / "none", k=3, processes=1)
    assert not out.exists()


def test_a_finished_textbook_is_left_as_it_is(text: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    counts = build_textbook(TASK, [text], tmp_path / "out", k=3, processes=1)
    before = files(tmp_path / "out")
    assert len(read_pairs(tmp_path / "out")) == len({content_key(row["first"]) for row in rows(tmp_path / "out")})
    shutil.copytree(tmp_path / "out", tmp_path / "damaged")
    with monkeypatch.context() as nothing:
        nothing.setattr(build, "queries_of", None)
        (tmp_path / ".out.work").mkdir()  # as a kill at the very end leaves it
        assert build_textbook(TASK, [text], tmp_path / "out", k=3, processes=1) == counts
        assert not (tmp_path / ".out.work").exists()
        with pytest.raises(UsageError, match="made with other k: give a new folder"):
            build_textbook(TASK, [text], tmp_path / "out", k=4, processes=1)
        with pytest.raises(UsageError, match="made with other contents of the task: give a new folder"):
            build_textbook(task_of(["a wolf"]), [text], tmp_path / "out", k=3, processes=1)
        (text / "c.txt").write_text("The wolf of this story met another king.")
        with pytest.raises(UsageError, match="made with other contents of the corpus: give a new folder"):
            build_textbook(TASK, [text], tmp_path / "out", k=3, processes=1)
        (text / "c.txt").unlink()
    assert files(tmp_path / "out") == before
    (tmp_path / "damaged" / "00000.parquet").unlink()
    build_textbook(TASK, [text], tmp_path / "damaged", k=3, processes=1)
    assert files(tmp_path / "damaged") == before


def test_a_kill_in_a_deeper_search_loses_neither_search_nor_what_was_made_for_it(
    text: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build_textbook(TASK, [text], tmp_path / "whole", size="160", processes=1)
    monkeypatch.setattr(found, "_SECONDS_BETWEEN_SAVES", 0)
    monkeypatch.setattr(found, "_ANCHORS", 2)
    monkeypatch.setattr("rankdistill.textbook.choose._DEEPER", 2)
    searched: list[int] = []
    best = found.TermIndex.best

    def dying(index: Any, queries: Any, k: int) -> Any:
        searched.append(k)
        if len(searched) == 5:
            raise KeyboardInterrupt
        return best(index, queries, k)

    monkeypatch.setattr(found.TermIndex, "best", dying)
    with pytest.raises(KeyboardInterrupt):
        build_textbook(TASK, [text], tmp_path / "out", size="160", processes=1)
    first, second = searched[0], 2 * searched[0]
    monkeypatch.setattr(queries, "query_of", None)
    monkeypatch.setattr(found.TermIndex, "build", None)
    build_textbook(TASK, [text], tmp_path / "out", size="160", processes=1)
    assert searched[:7] == [first] * 3 + [second] * 4, "two of the second search were done, one of them before the kill"
    assert files(tmp_path / "out") == files(tmp_path / "whole")


def test_unfinished_work_beside_the_text_is_no_text_and_goes_on(text: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for _ in range(2):
        with pytest.raises(DataError, match=r"what is done is kept in .*\.book\.work"):
            build_textbook(TASK, [text], text / "book", size="250", processes=1)
    assert "resuming" in capsys.readouterr().err


def test_unfinished_work_of_a_changed_collection_is_not_used(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "queries.tsv").write_text("q1\tcat\n")
    for said in ("The wolf of this story met the king.", "The wolf of that story met no king."):
        (folder / "corpus.jsonl").write_text(json.dumps({"_id": "d", "text": said}) + "\n")
        with pytest.raises(DataError, match="cannot be reached"):
            build_textbook(TASK, [f"folder:{folder}"], tmp_path / "out", size="2", processes=1)
    build_textbook(TASK, [f"folder:{folder}"], tmp_path / "out", size="1", processes=1)
    assert [row["first"] for row in rows(tmp_path / "out")] == ["The wolf of that story met no king."]


def test_where_nothing_is_found_nothing_is_left(text: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="none of the 1 anchors finds anything"):
        build_textbook(task_of(["xyzzy"]), [text], tmp_path / "out", k=3, processes=1)
    assert [path.name for path in tmp_path.iterdir()] == ["text"]


def test_settings_without_an_effect_are_refused(text: Path, tmp_path: Path) -> None:
    parts = write_parts(tmp_path, sentences(10))
    for corpus, more, said in (
        (text, {"text": CorpusSettings(seed=1)}, r"text\.seed is of the sample that `corpus` keeps"),
        (text, {"text": CorpusSettings(overlap=True)}, r"text\.overlap is of pairs"),
        (text, {"settings": TextbookSettings(max_k=9)}, "max_k is of a size, got max_k = 9 beside k = 3"),
        (text, {"text": CorpusSettings(script="Latim")}, "unknown script 'Latim'"),
        (parts, {"text": CorpusSettings(script="Latim")}, "unknown script 'Latim'"),
        (parts, {"text": CorpusSettings(min_characters=9)}, r"text\.min_characters is a setting of text, and the corp"),
    ):
        with pytest.raises(UsageError, match=said):
            build_textbook(TASK, [corpus], tmp_path / "out", k=3, processes=1, **more)
    assert not (tmp_path / "out").exists()
    ranking = TextbookSettings(output="pairs")
    overlapping = CorpusSettings(overlap=True)
    build_textbook(TASK, [text], tmp_path / "out", k=3, processes=1, settings=ranking, text=overlapping)


def test_lines_of_one_sentence_give_no_pairs_and_the_hint_that_they_may_be_wrapped(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("\n".join(sentences(20)))
    settings = TextbookSettings(output="pairs")
    made = {"k": 3, "settings": settings, "processes": 1}
    with pytest.raises(DataError, match=r"holds no pair of adjacent sentences: .*give --wrapped .*--text\.wrapped"):
        build_textbook(task_of(["a cat"]), [tmp_path / "a.txt"], tmp_path / "out", text=EXACT, **made)
    for text, taken in ((CorpusSettings(wrapped=True), 0.7711), (CorpusSettings(wrapped=True, similarity=0.9), 0.917)):
        out = tmp_path / str(taken)
        assert build_textbook(task_of(["a cat"]), [tmp_path / "a.txt"], out, text=text, **made)["kept"] > 0
        assert json.loads((out / REPORT).read_text())["near duplicates from"] == taken


def test_a_size_that_max_k_keeps_from_being_reached_says_so(text: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"the most is \d+ sentences or pairs, .* k = 2 .*; raise max_k, or give more"):
        build_textbook(
            TASK, [text], tmp_path / "out", size="99", processes=1, settings=TextbookSettings(max_k=2), text=EXACT
        )


def test_anchors_of_everything_and_of_lists_without_judgments() -> None:
    query_texts = Texts.from_pairs([f"q{i}" for i in range(40)], [f"query {i}" for i in range(40)])
    documents = Texts.from_pairs(["d1", "d2"], ["one", "two"])
    plain = Collection("r", query_texts, documents)
    everything = [*query_texts.texts.to_pylist(), "one", "two"]
    assert texts_of(anchors_of(plain, "all")) == everything
    assert len(anchors_of(plain)) < len(everything)
    ids = query_texts.ids.to_pylist()
    lists = Collection("lists", query_texts, documents, candidates=Candidates.from_rows(ids, ["d2"] * len(ids)))
    assert texts_of(anchors_of(lists)) == [*everything[:40], "two"]
    pairs = task_of(["a", "b", "c"])
    split = dataclasses.replace(pairs, splits={"train": ["0"], "test": ["1", "2"]})
    assert (texts_of(anchors_of(split)), texts_of(anchors_of(split, "all"))) == (["a"], ["a", "b", "c"])


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("teacher's pet", ["teacher", "pet"]),
        ("the teachers\u2019 pets", ["teacher", "pet"]),
        ("she'll say the dog's name isn't Rex's", ["dog", "name", "rex"]),
        ("the हिन्दी's भाषा", ["हिन्दी", "भाषा"]),
        ("O'Brien's rock'n'roll", ["o", "brien", "rock", "n", "roll"]),
        ("it's what he'd've been", None),
    ],
)
def test_possessives_do_not_search_for_their_ending(text: str, terms: list[str] | None) -> None:
    got = queries.query_of(text, None, Counter()).terms
    assert not {"s", "t", "d", "ll", "ve"} & set(got)
    assert terms is None or sorted(got) == sorted(terms)

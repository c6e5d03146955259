"""Statistics of texts: a plain reference, samples of one size, vocabularies that are shared, and their picture."""

from __future__ import annotations

import random
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from rankdistill.errors import DataError, MissingExtraError, UsageError
from rankdistill.textbook.overlap_picture import write_overlap
from rankdistill.textbook.statistics import text_statistics

pytest.importorskip("rensa", reason="the extra 'corpus' is not installed")


def corpus(n: int, words: list[str], seed: int = 0) -> list[list[str]]:
    draw = random.Random(seed)
    texts = [" ".join(draw.choices(words, k=draw.randint(3, 9))) for _ in range(n)]
    return [texts[: n // 3], [], texts[n // 3 :]]


ANIMALS = [f"animal{i}" for i in range(30)]
PLANTS = [f"plant{i}" for i in range(30)]
NARROW, WIDE = corpus(40, ANIMALS[:5]), corpus(400, ANIMALS[:15] + PLANTS)


def test_the_smallest_corpus_is_measured_whole_as_by_a_plain_reference() -> None:
    found = text_statistics({"narrow": NARROW, "wide": WIDE})["corpora"]["narrow"]
    texts = [text.split() for batch in NARROW for text in batch]
    words = [word for text in texts for word in text]
    pairs = [pair for text in texts for pair in pairwise(text)]
    assert (found["texts"], found["words"], found["distinct_words"]) == (40, len(words), len(set(words)))
    assert found["sample"]["texts"] == 40
    assert found["sample"]["distinct_1"] == len(set(words)) / len(words)
    assert found["sample"]["distinct_2"] == len(set(pairs)) / len(pairs)


def test_larger_corpora_are_sampled_to_the_words_of_the_smallest_by_the_seed() -> None:
    one, again, other = (text_statistics({"n": NARROW, "w": WIDE}, seed=seed)["corpora"] for seed in (0, 0, 1))
    assert one == again != other
    assert one["w"]["sample"]["words"] == one["n"]["words"]
    assert one["w"]["sample"]["distinct_1"] > one["n"]["sample"]["distinct_1"]


def test_the_last_text_of_a_sample_is_cut() -> None:
    book = " ".join(f"word{i}" for i in range(4000))
    found = text_statistics({"short": [["a b c d e"] * 60], "long": [[book, book]]})["corpora"]["long"]["sample"]
    assert (found["texts"], found["words"], found["distinct_1"], found["distinct_2"]) == (1, 300, 1.0, 1.0)
    same = [[" ".join([f"word{i}"] * 7) for i in range(9)]]  # seven words of one text, three of another
    for seed in range(5):
        found = text_statistics({"short": [["a b c d e"] * 2], "same": same}, seed=seed)["corpora"]["same"]["sample"]
        assert (found["texts"], found["words"], found["distinct_1"], found["distinct_2"]) == (2, 10, 2 / 10, 2 / 8)


def test_near_duplicates_are_those_of_a_text_before() -> None:
    long = "a text of quite some length about the animals that live by the river and what they eat in winter"
    texts = [long, long + " too", "something else altogether, without a word in common", long]
    for batches in ([texts], [[text] for text in texts]):
        found = text_statistics({"x": batches})
        assert (found["corpora"]["x"]["near_duplicates"], found["near_duplicates_from"]) == (0.5, 0.7711)


def test_shared_words_are_of_the_most_frequent_ones_without_stop_words() -> None:
    one = [["the cat the cat the dog", "the bird"]]
    two = [["the cat of the wolf", "the cat and wolf", "the bee"]]
    found = text_statistics({"one": one, "two": two}, vocabulary=2)
    assert found["vocabulary"] == 2  # cat, and bird or dog; cat, wolf
    assert found["overlap"] == {"one": {"one": 1.0, "two": 0.5}, "two": {"one": 0.5, "two": 1.0}}
    assert text_statistics({"one": one, "two": two})["vocabulary"] == 3
    assert text_statistics({"one": one}, stop_words={"cat"})["vocabulary"] == 3  # the, dog, bird


def test_equally_frequent_words_where_the_list_is_cut_agree_no_more_than_by_chance() -> None:
    words = [f"word{i}" for i in range(1000)]
    one, two = [["one one", *words]], [["two two", *words]]
    found = text_statistics({"one": one, "again": [[*words, "one one"]], "two": two}, vocabulary=100)["overlap"]
    assert found["one"]["again"] == 1.0
    assert 0.02 < found["one"]["two"] < 0.2  # 99 of 1,000, drawn twice, share about 10; by the alphabet all 99
    assert found == text_statistics({"one": one, "again": one, "two": two}, vocabulary=100)["overlap"]


def test_pairs_of_words_are_of_one_text_and_texts_may_be_without_words() -> None:
    texts = [["?!", "a b", "", "a b", "..."], ["b a"]]
    sample = text_statistics({"x": texts})["corpora"]["x"]["sample"]
    assert (sample["words"], sample["distinct_1"], sample["distinct_2"]) == (6, 2 / 6, 2 / 3)
    assert text_statistics({"x": [["word"]]})["corpora"]["x"]["sample"]["distinct_2"] == 0


def test_one_corpus_is_read_at_a_time_and_each_once() -> None:
    read = []

    def batches(name: str) -> Iterator[list[str]]:
        for number in range(3):
            read.append((name, number))
            yield [f"text {number} of corpus {name}"]

    text_statistics({name: batches(name) for name in "ab"})
    assert read == [(name, number) for name in "ab" for number in range(3)]


def test_an_extra_that_is_not_installed_is_said_before_anything_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rensa", None)

    def batches() -> Iterator[list[str]]:
        raise AssertionError("read")
        yield []

    with pytest.raises(MissingExtraError, match=r"rankdistill\[corpus\]"):
        text_statistics({"x": batches()})


def test_corpora_without_words_and_a_vocabulary_of_none_are_refused() -> None:
    with pytest.raises(DataError, match="empty has no words: 1 texts"):
        text_statistics({"full": NARROW, "empty": [["?!"]]})
    with pytest.raises(UsageError, match="vocabulary must be at least 1"):
        text_statistics({"full": NARROW}, vocabulary=0)


def test_the_picture_has_a_square_for_each_two_and_escapes_names(tmp_path: Path) -> None:
    overlap = {"a<b": {"a<b": 1.0, "c": 0.403}, "c": {"a<b": 0.403, "c": 1.0}}
    write_overlap(overlap, 5000, tmp_path / "x.svg")
    root = ElementTree.parse(tmp_path / "x.svg").getroot()
    texts = [element.text for element in root.iter() if element.tag.endswith("text")]
    shares, names = ["100.0", "40.3", "40.3", "100.0"], ["a<b", "c"]
    assert texts == ["Shared words of the 5,000 most frequent, in percent", *shares, *names, *names]
    assert sum(element.tag.endswith("rect") for element in root.iter()) == 5
    assert int(root.attrib["width"]) >= 16 + 358  # pixels of the title in a wide font, after the margin

"""Statistics of texts: a plain reference, samples of one size, vocabularies that are shared, and their picture."""

from __future__ import annotations

import random
import xml.etree.ElementTree as ElementTree
from itertools import pairwise
from pathlib import Path

import pyarrow as pa
import pytest
from pair_tasks import write_glue

from rankdistill.data import Collection, Texts, load_collection
from rankdistill.data.candidates import Candidates
from rankdistill.errors import DataError, UsageError
from rankdistill.textbook.overlap_picture import write_overlap
from rankdistill.textbook.statistics import corpus_texts, text_statistics

pytest.importorskip("rensa", reason="the extra 'corpus' is not installed")


def corpus(n: int, words: list[str], seed: int = 0) -> pa.Array:
    draw = random.Random(seed)
    return pa.array([" ".join(draw.choices(words, k=draw.randint(3, 9))) for _ in range(n)], pa.large_string())


ANIMALS = [f"animal{i}" for i in range(30)]
PLANTS = [f"plant{i}" for i in range(30)]
NARROW, WIDE = corpus(40, ANIMALS[:5]), corpus(400, ANIMALS[:15] + PLANTS)


def test_the_smallest_corpus_is_measured_whole_as_by_a_plain_reference() -> None:
    found = text_statistics({"narrow": NARROW, "wide": WIDE})["corpora"]["narrow"]
    texts = [text.split() for text in NARROW.to_pylist()]
    words = [word for text in texts for word in text]
    pairs = [pair for text in texts for pair in pairwise(text)]
    assert (found["texts"], found["words"], found["distinct_words"]) == (40, len(words), len(set(words)))
    assert found["sample"]["texts"] == 40
    assert found["sample"]["distinct_1"] == len(set(words)) / len(words)
    assert found["sample"]["distinct_2"] == len(set(pairs)) / len(pairs)


def test_larger_corpora_are_sampled_to_the_words_of_the_smallest_by_the_seed() -> None:
    one, again, other = (text_statistics({"n": NARROW, "w": WIDE}, seed=seed)["corpora"] for seed in (0, 0, 1))
    assert one == again != other
    assert 0 <= one["w"]["sample"]["words"] - one["n"]["words"] < 9
    assert one["w"]["sample"]["distinct_1"] > one["n"]["sample"]["distinct_1"]


def test_near_duplicates_are_those_of_a_text_before() -> None:
    long = "a text of quite some length about the animals that live by the river and what they eat in winter"
    texts = pa.array(
        [long, long + " too", "something else altogether, without a word in common", long], pa.large_string()
    )
    assert text_statistics({"x": texts})["corpora"]["x"]["near_duplicates"] == 0.5


def test_shared_words_are_of_the_most_frequent_ones_without_stop_words() -> None:
    one = pa.array(["the cat the cat the dog", "the bird"], pa.large_string())
    two = pa.array(["the cat of the wolf", "the cat and wolf", "the bee"], pa.large_string())
    found = text_statistics({"one": one, "two": two}, vocabulary=2)
    assert found["vocabulary"] == 2  # cat, bird (of bird and dog the first by the alphabet); cat, wolf
    assert found["overlap"] == {"one": {"one": 1.0, "two": 0.5}, "two": {"one": 0.5, "two": 1.0}}
    assert text_statistics({"one": one, "two": two})["vocabulary"] == 3


def test_texts_of_each_kind_of_collection(tmp_path: Path) -> None:
    task = load_collection(f"glue:sst2@{write_glue(tmp_path / 'glue')}")
    assert corpus_texts(task).to_pylist() == task.queries.take(task.split("train"))
    assert corpus_texts(task, "dev").to_pylist() == task.queries.take(task.split("dev"))
    queries, documents = Texts.from_pairs(["1", "2"], ["a", "b"]), Texts.from_pairs(["1", "2"], ["c", ""])
    pairs = Collection("p", queries, documents, candidates=Candidates.from_rows(["1", "2"], ["1", "2"]))
    assert corpus_texts(pairs).to_pylist() == ["a", "c", "b"]
    assert corpus_texts(Collection("r", queries, documents)).to_pylist() == ["c", "a", "b"]


def test_corpora_without_words_and_a_vocabulary_of_none_are_refused() -> None:
    with pytest.raises(DataError, match="empty has no words: 1 texts"):
        text_statistics({"full": NARROW, "empty": pa.array(["?!"], pa.large_string())})
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

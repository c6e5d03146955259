"""Texts of corpora: of every kind of source, the sentences that a textbook searches among them."""

from __future__ import annotations

from pathlib import Path

import pytest
from pair_tasks import write_glue

from rankdistill.corpus.build import build_corpus
from rankdistill.corpus.settings import CorpusSettings
from rankdistill.corpus.sources import open_source
from rankdistill.data import Collection, Texts, load_collection
from rankdistill.data.candidates import Candidates
from rankdistill.errors import DataError, UnknownNameError
from rankdistill.textbook.anchors import anchors_of
from rankdistill.textbook.corpora import corpus_texts, gives_sentences, has_splits, texts_in
from rankdistill.textbook.units import texts_of, units_of

pytest.importorskip("sentencex", reason="the extra 'corpus' is not installed")
DOCUMENT = (
    "A sentence about the river and its fish. Another one about the hills and the sky.\nOne that stands alone here."
)


def listed(source: object, **options: object) -> list[str]:
    return [text for batch in texts_in(str(source), **options) for text in batch]


def test_texts_of_each_kind_of_collection(tmp_path: Path) -> None:
    task = load_collection(f"glue:sst2@{write_glue(tmp_path / 'glue')}")
    assert corpus_texts(task).to_pylist() == task.queries.take(task.split("train"))
    assert corpus_texts(task, "dev").to_pylist() == task.queries.take(task.split("dev"))
    queries, documents = Texts.from_pairs(["1", "2"], ["a", "b"]), Texts.from_pairs(["1", "2"], ["c", ""])
    pairs = Collection("p", queries, documents, candidates=Candidates.from_rows(["1", "2"], ["1", "2"]))
    assert corpus_texts(pairs).to_pylist() == ["a", "c", "b"]
    assert corpus_texts(Collection("r", queries, documents)).to_pylist() == ["c", "a", "b"]


def test_a_split_of_a_ranking_may_be_everything_and_errors_say_so() -> None:
    queries, documents = Texts.from_pairs(["1", "2"], ["a", "b"]), Texts.from_pairs(["3"], ["c"])
    ranking = Collection("r", queries, documents, splits={"test": ["2"]})
    assert corpus_texts(ranking, "test").to_pylist() == ["c", "b"]
    assert corpus_texts(ranking, "all").to_pylist() == ["c", "a", "b"]
    assert corpus_texts(Collection("r", queries, documents), "all").to_pylist() == ["c", "a", "b"]
    for take in (lambda: anchors_of(ranking), lambda: corpus_texts(ranking, "train")):
        with pytest.raises(UnknownNameError, match=r"unknown split of r 'train'. Valid: all, test"):
            take()


@pytest.mark.parametrize("prefix", ["", "sentences:"])
def test_text_gives_the_sentences_that_a_textbook_searches(tmp_path: Path, prefix: str) -> None:
    (folder := tmp_path / "text" / "inner").mkdir(parents=True)
    (folder / "one.txt").write_text(f"{DOCUMENT}\n\nA document of one sentence alone.")
    settings = CorpusSettings(min_characters=10)
    units, _ = units_of([open_source(tmp_path / "text")], False, settings, tmp_path / "work", 1)
    found = listed(f"{prefix}{tmp_path / 'text'}", settings=settings, processes=1)
    assert found == texts_of(units)
    assert len(found) == 4
    assert listed(f"{prefix}{folder / 'one.txt'}", settings=settings, processes=1) == found


def test_a_collection_gives_its_texts_or_the_sentences_of_its_documents(tmp_path: Path) -> None:
    (tmp_path / "corpus.jsonl").write_text(f'{{"_id": "d", "text": "{DOCUMENT.splitlines()[0]}"}}')
    (tmp_path / "queries.jsonl").write_text('{"_id": "q", "text": "river"}')
    assert listed(tmp_path) == [DOCUMENT.splitlines()[0], "river"]
    assert len(listed(f"sentences:{tmp_path}", processes=1)) == 2
    task = f"glue:sst2@{write_glue(tmp_path / 'glue')}"
    assert len(listed(task)) == 60
    assert len(listed(task, split="dev")) == 20


def test_parts_give_both_texts_of_every_pair_part_by_part(tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text("\n\n".join(f"{DOCUMENT} {word} is here." for word in ("Ann", "Bob", "Cid")))
    build_corpus([tmp_path / "text.txt"], tmp_path / "parts", CorpusSettings(similarity=1), pairs_per_part=1)
    loaded = load_collection(f"pairs:{tmp_path / 'parts'}")
    for source in (tmp_path / "parts", f"pairs:{tmp_path / 'parts'}", f"textbook:{tmp_path / 'parts'}"):
        assert listed(source) == corpus_texts(loaded).to_pylist()
        assert not has_splits(str(source))
    with pytest.raises(DataError, match=r"is it the folder of a collection\?; .* textbook:.*parts or pairs:.*parts"):
        load_collection(tmp_path / "parts")


def test_folders_without_text_are_refused(tmp_path: Path) -> None:
    assert gives_sentences(str(tmp_path))
    with pytest.raises(DataError, match="holds no text files"):
        listed(tmp_path)

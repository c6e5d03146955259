"""Unlabelled pairs and lists beside a task's own: nothing is lost, what does not fit is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pair_tasks import write_glue

from rankdistill.augment import AugmentSettings, augment
from rankdistill.data import Candidates, Collection, Texts
from rankdistill.data.pair_parts import SCHEMA, write_pair_part
from rankdistill.data.sources import load_collection
from rankdistill.errors import DataError, UsageError
from rankdistill.recipes.unlabelled import with_unlabelled
from rankdistill.tasks import Task


def task_of(source: str) -> Task:
    collection = load_collection(source)
    assert collection.candidates is not None
    return Task(collection, collection.candidates).training


def augmented(source: str, out: Path) -> Collection:
    augment(load_collection(source), out, AugmentSettings(tagger="forms"), processes=1)
    return load_collection(f"pairs:{out}")


@pytest.mark.parametrize("name", ["sst2", "rte"])
def test_pairs_come_after_the_tasks_own_without_labels(name: str, tmp_path: Path) -> None:
    source = f"glue:{name}@{write_glue(tmp_path / 'glue')}"
    task, more = task_of(source), augmented(source, tmp_path / "out")
    both = with_unlabelled(task, [more])
    assert more.candidates is not None
    assert len(both.candidates) == 60 + len(more.candidates)
    labelled, missing = both.labelled()
    assert missing == len(more.candidates) == np.isnan(labelled["label"][60:]).sum()
    first = more.queries.ids[0].as_py()
    assert both.collection.queries[first] == more.queries[first]
    with pytest.raises(DataError, match="is there already, under the same ids and with the same texts: give it once"):
        with_unlabelled(both, [more])


@pytest.mark.parametrize("name", ["sst2", "rte"])
def test_two_sources_of_the_same_ids_keep_their_texts_apart(name: str, tmp_path: Path) -> None:
    source = f"glue:{name}@{write_glue(tmp_path / 'glue')}"
    sources = [augmented(source, tmp_path / "a")]
    for place, seed in (("b", 1), ("x/b", 2)):
        augment(
            load_collection(source),
            tmp_path / place,
            AugmentSettings(tagger="forms", p_mask=0.4, seed=seed),
            processes=1,
        )
        sources.append(load_collection(f"pairs:{tmp_path / place}"))
    both = with_unlabelled(task_of(source), sources)
    texts = both.collection.queries.take(both.candidates.query_ids)[60:]
    seconds = both.collection.documents.take(both.candidates.doc_ids)[60:]
    assert texts == [text for each in sources for text in each.queries.texts.to_pylist()]
    assert seconds == [text for each in sources for text in each.documents.texts.to_pylist()]
    begins = {each.rpartition("/")[0] for each in both.candidates.query_ids.to_pylist()}
    assert begins == {"", "pairs:b", "pairs:b#2"}
    assert both.candidates.query_ids.equals(with_unlabelled(task_of(source), sources).candidates.query_ids)
    assert both.labelled()[1] == sum(len(each.queries) for each in sources)


def test_textbooks_and_variations_are_text_together(tmp_path: Path) -> None:
    """Ids of both count from 0, and one has single texts, the other pairs."""
    for name, second in (("a", ""), ("b", "the second")):
        (tmp_path / name).mkdir()
        rows = [["0", "1"], [f"{name} one", f"{name} two"], [second, second]]
        write_pair_part(pa.table(rows, schema=SCHEMA), tmp_path / name / "00000.parquet")
    textbook, pairs = (
        load_collection(f"{kind}:{tmp_path / name}") for kind, name in (("textbook", "a"), ("pairs", "b"))
    )
    assert textbook.candidates is not None
    both = with_unlabelled(Task(textbook, textbook.candidates), [pairs])
    assert both.collection.queries.take(both.candidates.query_ids) == ["a one", "a two", "b one", "b two"]
    assert both.collection.documents.take(both.candidates.doc_ids) == ["", "", "the second", "the second"]
    assert both.candidates.query_ids.to_pylist() == ["0", "1", "pairs:b/0", "pairs:b/1"]


def test_scores_that_are_not_read_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = f"glue:sst2@{write_glue(tmp_path / 'glue')}"
    more = augmented(source, tmp_path / "out")
    assert more.candidates is not None
    with_unlabelled(task_of(source), [more])
    assert "not read" not in capsys.readouterr().err
    columns = {f"t.{place}": np.zeros(len(more.candidates), np.float32) for place in range(2)}
    with_unlabelled(task_of(source), [replace(more, candidates=more.candidates.with_columns(columns))])
    assert "the scores in t.0, t.1 are not read, teachers score its texts again" in capsys.readouterr().err


def test_second_texts_that_are_not_read_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    glue = write_glue(tmp_path / "glue")
    with_unlabelled(task_of(f"glue:sst2@{glue}"), [augmented(f"glue:rte@{glue}", tmp_path / "out")])
    assert "pairs:out: its second texts are not read, as glue:sst2 reads one" in capsys.readouterr().err


def test_single_texts_are_refused_by_a_task_of_pairs(tmp_path: Path) -> None:
    glue = write_glue(tmp_path / "glue")
    more = augmented(f"glue:sst2@{glue}", tmp_path / "out")
    with pytest.raises(DataError, match="has no second text, and glue:rte reads two"):
        with_unlabelled(task_of(f"glue:rte@{glue}"), [more])


def ranking(documents: dict[str, str], query: str) -> Collection:
    lists = Candidates.from_rows([query] * len(documents), list(documents))
    return Collection(
        "r",
        Texts.from_pairs([query], ["a dog"]),
        Texts.from_pairs(list(documents), list(documents.values())),
        None,
        lists,
    )


def test_lists_share_documents_which_must_be_the_same(tmp_path: Path) -> None:
    own = ranking({"d1": "one", "d2": "two"}, "q1")
    assert own.candidates is not None
    task = Task(own, own.candidates.with_columns(bm25=np.array([2.0, 1.0], np.float32)))
    both = with_unlabelled(task, [ranking({"d2": "two", "d3": "three"}, "q2")])
    assert both.collection.documents.ids.to_pylist() == ["d1", "d2", "d3"]
    assert both.candidates.doc_ids.to_pylist() == ["d1", "d2", "d2", "d3"]
    assert np.isnan(both.candidates["bm25"]).tolist() == [False, False, True, True]
    with pytest.raises(DataError, match="document 'd2' has another text"):
        with_unlabelled(task, [ranking({"d2": "another", "d3": "three"}, "q2")])
    again = with_unlabelled(task, [ranking({"d2": "two", "d3": "three"}, "q1")])
    assert again.candidates.query_ids.to_pylist() == ["q1", "r/q1"]
    assert again.candidates.doc_ids.to_pylist() == ["d1", "d2", "d2", "d3"]
    more = augmented(f"glue:rte@{write_glue(tmp_path / 'glue')}", tmp_path / "out")
    with pytest.raises(UsageError, match="holds pairs, and r learns from lists"):
        with_unlabelled(task, [more])

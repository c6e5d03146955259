"""Collection: what a source string names, how it is split, and its numbers."""

import subprocess
import sys

import pytest

from rankdistill.data import Candidates, Collection, Texts, load_collection
from rankdistill.data.sources import absolute_source
from rankdistill.errors import DataError, UnknownNameError, UsageError


def collection(queries, splits=None, qrels=None, documents=("d1",)):
    return Collection(
        "c",
        Texts.from_pairs(list(queries), list(queries.values())),
        Texts.from_pairs(documents, ["two words"] * len(documents)),
        qrels=qrels,
        splits=splits or {},
    )


def test_splits_of_the_source_are_its_own_and_no_others():
    made = collection({"a": "x", "b": "y"}, splits={"train": ["a"], "eval": ["b"]})
    assert made.split("train") == ["a"]
    with pytest.raises(UnknownNameError, match=r"'test'.*eval, train"):
        made.split("test")


def test_without_splits_queries_fall_by_a_hash_into_70_10_and_20_in_a_hundred():
    made = collection({f"q{i}": "x" for i in range(2000)})
    parts = {name: made.split(name) for name in ("train", "dev", "test")}
    assert sorted(query for part in parts.values() for query in part) == sorted(made.queries.ids.to_pylist())
    assert [round(len(part) / 2000, 1) for part in parts.values()] == [0.7, 0.1, 0.2]
    with pytest.raises(UnknownNameError, match="dev, test, train"):
        made.split("valid")


def test_a_query_falls_on_the_same_side_whatever_else_is_there():
    few = collection({f"q{i}": "x" for i in range(0, 100, 7)})
    many = collection({f"q{i}": "x" for i in range(100)})
    for name in ("train", "dev", "test"):
        assert set(few.split(name)) <= set(many.split(name))
    assert many.split("dev")[:3] == ["q26", "q29", "q49"]  # fixed for ever: published splits hang on it


@pytest.mark.parametrize("text", ["", "  ", "\t\n", "\u00a0"])
def test_a_query_without_words_is_named(text):
    with pytest.raises(DataError, match="query 'b' of c has an empty text"):
        collection({"a": "x", "b": text})


def test_stats_count_what_is_there():
    qrels = Candidates.from_dict({"a": {"d1": 1, "gone": 0}, "unknown": {"d1": 1}}, "label")
    assert collection({"a": "one", "b": "two words more"}, splits={"all": ["a", "b"]}, qrels=qrels).stats() == {
        "name": "c",
        "queries": 2,
        "documents": 1,
        "mean_query_words": 2.0,
        "mean_document_words": 2.0,
        "splits": {"all": 2},
        "runs": [],
        "judged_pairs": 3,
        "judged_queries": 2,
        "grades": {"0": 1, "1": 2},
        "judged_without_text": 1,
        "judged_queries_without_text": 1,
    }


@pytest.mark.parametrize("source", ["no/such/folder", "irds", "beir:scifact", "no/such#tag", "folder:no/such", ""])
def test_an_unknown_source_lists_how_sources_are_written(source):
    with pytest.raises(UsageError, match=r"pydocs, irds:DATASET_ID, glue:NAME@FOLDER .*or a folder in the BEIR layout"):
        load_collection(source)


def test_a_source_is_written_so_that_it_means_the_same_in_every_working_directory(tmp_path, monkeypatch):
    (tmp_path / "data").mkdir()
    monkeypatch.chdir(tmp_path)
    assert absolute_source("pydocs") == "pydocs"
    assert absolute_source("irds:beir/scifact") == "irds:beir/scifact"
    assert absolute_source("data") == absolute_source("folder:data") == f"folder:{tmp_path / 'data'}"
    assert absolute_source("data#dl19") == f"folder:{tmp_path / 'data'}#dl19"


def test_importing_the_data_model_imports_nothing_heavy():
    program = (
        "import sys, rankdistill.data; print(*{'torch', 'transformers', 'ir_datasets', 'bm25s', 'faiss', "
        "'sklearn', 'pandas'} & set(sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout == "\n"

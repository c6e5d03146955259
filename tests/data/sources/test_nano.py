"""NanoBEIR's and mteb's folders: a collection whose candidates came with it; a part that is missing is named."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rankdistill.data import Collection, load_collection
from rankdistill.errors import DataError

IDS, QUERIES = ["d1", "d2", "d3"], ["q1", "q2"]
PARTS = {
    "corpus": {"_id": IDS, "text": ["sorts a list", "prints it", "reads it"]},
    "queries": {"_id": QUERIES, "text": ["sort a list", "print"]},
    "qrels": {"query-id": QUERIES, "corpus-id": ["d1", "d2"]},
    "bm25": {"query-id": QUERIES, "corpus-ids": [["d3", "d1"], ["d2", "d1", "d3"]]},
}
RELEVANCE = {
    "query-id": QUERIES,
    "positive-corpus-ids": [["d1"], ["d2"]],
    "bm25-ranked-ids": PARTS["bm25"]["corpus-ids"],
}


def written(folder: Path, parts: dict, name: str = "train-00000-of-00001.parquet") -> Path:
    for part, columns in parts.items():
        (folder / part).mkdir(parents=True)
        pq.write_table(pa.table(columns), folder / part / name)
    return folder


def lists(collection: Collection) -> dict[str, list[str]]:
    assert collection.candidates is not None
    return {each.query_id: each.doc_ids for each in collection.candidates.queries()}


def test_a_nanobeir_folder_has_judgments_of_grade_1_and_candidates(tmp_path: Path) -> None:
    collection = load_collection(written(tmp_path / "nano", PARTS))
    assert lists(collection) == {"q1": ["d3", "d1"], "q2": ["d2", "d1", "d3"]}
    assert collection.qrels is not None
    assert collection.qrels["label"].tolist() == [1.0, 1.0]
    assert list(collection.runs) == ["bm25"]
    assert collection.documents["d3"] == "reads it"


def test_the_older_form_and_mtebs_top_ranked_are_read_too(tmp_path: Path) -> None:
    texts = {name: PARTS[name] for name in ("corpus", "queries")}
    older = load_collection(written(tmp_path / "older", {**texts, "relevance": RELEVANCE}))
    assert older.qrels is not None
    assert older.qrels.doc_ids.to_pylist() == ["d1", "d2"]
    mteb = {**texts, "qrels": PARTS["qrels"], "top_ranked": PARTS["bm25"]}
    assert lists(older) == lists(load_collection(written(tmp_path / "mteb", mteb, "test-00000-of-00001.parquet")))


def test_several_sets_in_one_folder_are_chosen_by_name(tmp_path: Path) -> None:
    folder = written(tmp_path / "sets", PARTS, "NanoA-00000-of-00001.parquet")
    other = {"corpus": {"_id": ["x"], "text": ["x"]}, "queries": {"_id": ["q"], "text": ["x"]}}
    other |= {"qrels": {"query-id": ["q"], "corpus-id": ["x"]}, "bm25": {"query-id": ["q"], "corpus-ids": [["x"]]}}
    for part, columns in other.items():
        pq.write_table(pa.table(columns), folder / part / "NanoB-00000-of-00001.parquet")
    assert lists(load_collection(f"{folder}#NanoB")) == {"q": ["x"]}
    assert list(lists(load_collection(f"{folder}#NanoA"))) == QUERIES


@pytest.mark.parametrize("part", ["corpus", "queries"])
def test_a_folder_without_texts_says_which(tmp_path: Path, part: str) -> None:
    parts = {name: columns for name, columns in PARTS.items() if name != part}
    with pytest.raises(DataError, match=rf"holds no {part}\*"):
        load_collection(written(tmp_path / "nano", parts))


@pytest.mark.parametrize("part", PARTS)
def test_a_missing_file_of_several_is_named(tmp_path: Path, part: str) -> None:
    folder = written(tmp_path / "nano", PARTS)
    (folder / part / "train-00000-of-00001.parquet").rename(folder / part / "train-00000-of-00002.parquet")
    with pytest.raises(DataError, match=rf"{part} lacks 1 of its 2 files, the first is train-00001-of-00002\.parquet"):
        load_collection(folder)

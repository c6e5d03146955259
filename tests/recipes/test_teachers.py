"""Scores by file as teachers: what is no candidate is counted, and a file that scores none says in what it differs."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from rankdistill.data import Candidates, Collection, Texts
from rankdistill.errors import DataError
from rankdistill.recipes.teachers import add_teachers, is_run, name_teachers

CANDIDATES = Candidates.from_dict({"q1": {"d1": 2.0, "d2": 1.0}, "q2": {"d1": 1.0}}, "score")


@pytest.fixture
def collection() -> Collection:
    documents = Texts.from_pairs(["d1", "d2", "d3"], ["sorts a list", "prints it", "reads it"])
    return Collection("small", Texts.from_pairs(["q1", "q2"], ["sort a list", "print"]), documents)


def id_set(path: Path, lists: dict[str, dict[str, float]]) -> Path:
    rows = [{"query_id": q, "document_ids": [*docs], "scores": [*docs.values()]} for q, docs in lists.items()]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.mark.filterwarnings("ignore:.*is read as:UserWarning")
def test_files_of_several_forms_become_columns(collection: Collection, tmp_path: Path) -> None:
    trec = tmp_path / "a.trec"
    trec.write_text("q1 Q0 d1 1 5 t\nq1 Q0 d2 2 4 t\nq2 Q0 d1 1 3 t\n")
    triples = tmp_path / "c.tsv"
    triples.write_text("1.5\t0.5\tq1\td2\td1\n")
    flag = tmp_path / "d.jsonl"
    flag.write_text(json.dumps({"query": "print", "pos": ["sorts a list"], "pos_scores": [9]}) + "\n")
    scores = id_set(tmp_path / "b.jsonl", {"q2": {"d1": 7}, "q1": {"d2": 8}})
    scored = add_teachers(CANDIDATES, collection, name_teachers([trec, scores, triples, flag]))
    columns = np.stack([scored[f"t{nth}"] for nth in range(1, 5)])
    nan = np.nan
    np.testing.assert_array_equal(columns, [[5, 4, 3], [nan, 8, 7], [0.5, 1.5, nan], [nan, nan, 9]])


@pytest.mark.filterwarnings("ignore:.*is read as:UserWarning")
def test_scores_of_pairs_that_are_no_candidates_are_counted(collection: Collection, tmp_path: Path) -> None:
    path = id_set(tmp_path / "t.jsonl", {"q1": {"d1": 1, "d3": 2, "zz": 3}, "q9": {"d1": 1, "d2": 2}})
    with pytest.warns(UserWarning, match=r"t1\): 4 of its 5 scores are of pairs that are no candidates") as said:
        add_teachers(CANDIDATES, collection, {"t1": path})
    text = " ".join(str(each.message) for each in said)
    assert "2 of 1 queries without candidates, 1 of documents that small does not have" in text


@pytest.mark.filterwarnings("ignore:.*is read as:UserWarning")
@pytest.mark.parametrize(
    ("lists", "says"),
    [
        ({"x": {"d1": 1.0}}, "its queries, such as 'x', are none of theirs, such as 'q1'"),
        ({"q1": {"99": 1.0}}, "its documents, such as '99', are none of small, such as 'd1'"),
        ({"q1": {"d3": 1.0}}, "none of its documents is in their lists"),
    ],
)
def test_a_file_that_scores_no_candidate_says_why(
    collection: Collection, tmp_path: Path, lists: dict, says: str
) -> None:
    with pytest.raises(DataError, match="scores none of the candidates") as caught:
        add_teachers(CANDIDATES, collection, {"t1": id_set(tmp_path / "t.jsonl", lists)})
    assert says in str(caught.value)


def test_a_folder_of_scores_is_no_model_and_a_missing_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "set" / "scores").mkdir(parents=True)
    id_set(tmp_path / "set" / "scores" / "train.jsonl", {"q1": {"d1": 1}})
    assert is_run(tmp_path / "set")
    assert not is_run(tmp_path)
    with pytest.raises(DataError, match=r"there is no run file .*gone\.jsonl"):
        name_teachers([tmp_path / "gone.jsonl"])

"""Folders of score files: all of their scores are read, or it is said which file is not, and why."""

from __future__ import annotations

import gzip
import json
import warnings
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rankdistill.data import Candidates, read_run, write_candidates
from rankdistill.data.parts import write_parts
from rankdistill.data.score_files.found import is_score_folder
from rankdistill.errors import DataError, FileFormatError, RankDistillError
from rankdistill.recipes.teachers import is_run

pytestmark = pytest.mark.filterwarnings("ignore:.*is read as:UserWarning")
ENTRIES = [{"query_id": f"q{i}", "document_ids": ["d1", "d2"], "scores": [i + 0.5, -1.0]} for i in range(3)]
LINES = [json.dumps(entry) + "\n" for entry in ENTRIES]
EXPECTED = {f"q{i}": {"d1": i + 0.5, "d2": -1.0} for i in range(3)}
ANY_FOLDER = settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))


def read(path: Path) -> tuple[dict[str, dict[str, float]], str]:
    """Read a run: query -> document -> score, and what was said."""
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        run = read_run(path)
    lists = {
        each.query_id: dict(zip(each.doc_ids, each.columns["score"].tolist(), strict=True)) for each in run.queries()
    }
    return lists, " ".join(str(warning.message) for warning in said)


def write(path: Path, data: str, zipped: bool = False) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(data.encode()) if zipped else data.encode())
    return path


@given(blanks=st.lists(st.sampled_from(["", "\n", "\r\n", " \t\n\n", "\ufeff", "\ufeff\n"]), min_size=3, max_size=3))
@ANY_FOLDER
def test_blank_lines_and_byte_order_marks_hide_no_file(tmp_path: Path, blanks: list[str]) -> None:
    for nth, (blank, line) in enumerate(zip(blanks, LINES, strict=True)):
        write(tmp_path / "set" / f"{nth}.jsonl", blank + line, zipped=nth == 1)
    assert read(tmp_path / "set")[0] == EXPECTED


@given(st.data())
@ANY_FOLDER
def test_a_file_whose_first_line_is_cut_anywhere_is_refused_by_name(tmp_path: Path, data: st.DataObject) -> None:
    line = LINES[1].rstrip("\n")
    cut = data.draw(st.integers(1, len(line) - 1))
    damaged = data.draw(st.sampled_from([line[:cut], line[cut:]]))
    write(tmp_path / "set" / "a.jsonl", LINES[0])
    write(tmp_path / "set" / "b.jsonl", damaged + "\n" + LINES[2])
    with pytest.raises(FileFormatError, match=r"b\.jsonl:1: got "):
        read(tmp_path / "set")
    assert is_score_folder(tmp_path / "set"), "not taken for something else"


BESIDE: dict[str, tuple[str, str, str]] = {
    "a map": ("b.json", json.dumps({"q9": {"d1": 2.0}}), "in a form that is read alone"),
    "a map of several lines": ("b.json", json.dumps({"q9": {"d1": 2.0}}, indent=1), "in a form that is read alone"),
    "an array": ("b.json", json.dumps(ENTRIES[1:]), "in a form that is read alone"),
    "triples": ("b.jsonl", "1\t2\tq\ta\tb\n", "in a form that is read alone"),
    "a damaged map": ("b.json", '{"q9":\n{"d1": 2.0', "expected JSON"),
    "a run": ("b.jsonl", "q9 Q0 d1 1 2.0 t\n", "as in the files beside it: mend it, or move it out"),
    "a form feed": ("b.jsonl", "\f\n" + LINES[1], "as in the files beside it: mend it, or move it out"),
    "a field that is missing": ("b.jsonl", json.dumps({"query_id": "q9", "scores": [1]}), "expected also "),
    "another form": ("b.jsonl", json.dumps({"query_id": "q9", "doc_id": "d", "score": 1}), "another form: keep one"),
    "a cut archive": ("b.jsonl.gz", "", "intact gzip data"),
}


@pytest.mark.parametrize(("name", "text", "says"), BESIDE.values(), ids=BESIDE)
def test_scores_that_are_not_read_with_the_others_are_refused_by_name(
    tmp_path: Path, name: str, text: str, says: str
) -> None:
    write(tmp_path / "a.jsonl", LINES[0])
    write(tmp_path / name, text)
    with pytest.raises(RankDistillError, match=r"b\.json") as caught:
        read(tmp_path)
    assert says in str(caught.value)


def test_parquet_beside_scores_is_refused_where_it_is_damaged_or_lacks_a_field(tmp_path: Path) -> None:
    write(tmp_path / "a.jsonl", LINES[0])
    other = tmp_path / "b.parquet"
    pq.write_table(pa.table({"query_id": ["q"], "score": [1.0]}), other)
    with pytest.raises(DataError, match=r"b\.parquet has the columns query_id, score, expected also "):
        read(tmp_path)
    other.write_bytes(other.read_bytes()[:-40])
    with pytest.raises(DataError, match=r"b\.parquet is not a Parquet file, or is damaged"):
        read(tmp_path)
    write_candidates(Candidates.from_dict({"q9": {"d": 1.0}}, "score"), other)
    with pytest.raises(DataError, match=r"b\.parquet is a part of a run, beside files of scores"):
        read(tmp_path)


def test_files_that_hold_no_scores_are_named(tmp_path: Path) -> None:
    write(tmp_path / "a.jsonl", "".join(LINES))
    write(tmp_path / "corpus.jsonl", json.dumps({"_id": "d1", "title": "", "text": "x"}) + "\n")
    write(tmp_path / "dataset_infos.json", json.dumps({"default": {"description": "x", "splits": {"n": 3}}}, indent=1))
    write(tmp_path / "none.jsonl", "\n \n")
    pq.write_table(pa.table({"_id": ["d1"], "text": ["x"]}), tmp_path / "texts.parquet")
    found, said = read(tmp_path)
    assert found == EXPECTED
    assert "4 files in" in said
    assert "no scores and are not read: corpus.jsonl, dataset_infos.json, none.jsonl, texts.parquet" in said


def test_a_folder_of_no_scores_is_none(tmp_path: Path) -> None:
    write(tmp_path / "metrics.json", json.dumps({"dev": {"nDCG@10": 0.5}}))
    write(tmp_path / "corpus.jsonl", json.dumps({"_id": "d1", "text": "x"}) + "\n")
    assert not is_score_folder(tmp_path)


ROWS = {"q1": {"d1": 2.0, "d2": 1.0, "d3": 0.5}, "q2": {"d1": -1.0}}


@pytest.mark.parametrize(
    ("query", "document"), [("query_id", "document_id"), ("query-id", "corpus-id"), ("qid", "pid")]
)
@pytest.mark.parametrize("n_files", [1, 3])
def test_a_hub_folder_of_pairs_is_read_like_its_files(tmp_path: Path, query: str, document: str, n_files: int) -> None:
    folder = hub_folder(tmp_path / "set", query, document, n_files)
    assert read(folder)[0] == ROWS
    assert is_score_folder(folder)
    assert is_run(folder)
    assert is_run(hub_folder(tmp_path / "whole" / "scores", query, document, n_files).parent)


def test_numbered_files_are_read_as_a_whole_though_named_as_the_columns_of_parts(tmp_path: Path) -> None:
    folder = hub_folder(tmp_path / "set", "query_id", "doc_id", 2)
    assert read(folder)[0] == ROWS, "the list of q1 is in two files"
    next(folder.glob("*-00001-of-*")).unlink()
    with pytest.raises(DataError, match=r"lacks 1 of its 2 files"):
        read(folder)


def test_a_column_that_parts_cannot_have_makes_scores_of_pairs(tmp_path: Path) -> None:
    columns: dict[str, Any] = {"query_id": ["q1"], "doc_id": ["d1"], "score": [2.0]}
    pq.write_table(pa.table({**columns, "split": ["train"]}), tmp_path / "scores.parquet")
    assert read(tmp_path)[0] == {"q1": {"d1": 2.0}}


def test_parts_are_left_to_their_reader(tmp_path: Path) -> None:
    run = Candidates.from_dict(ROWS, "score")
    write_parts(run, tmp_path / "parts", 1)
    (tmp_path / "others").mkdir()
    write_candidates(run, tmp_path / "others" / "part-00000-ab12.snappy.parquet")
    for folder in (tmp_path / "parts", tmp_path / "others"):
        assert not is_score_folder(folder)
        assert read(folder) == (ROWS, "")


def hub_folder(folder: Path, query: str, document: str, n_files: int) -> Path:
    """Write the pairs of `ROWS` as numbered files of like size, in which a list may be in two."""
    pairs = [{query: q, document: d, "score": score} for q, lists in ROWS.items() for d, score in lists.items()]
    folder.mkdir(parents=True)
    size = -(-len(pairs) // n_files)
    for nth in range(n_files):
        rows = pa.Table.from_pylist(pairs[nth * size : (nth + 1) * size], pa.Table.from_pylist(pairs).schema)
        pq.write_table(rows, folder / f"train-{nth:05}-of-{n_files:05}.parquet")
    return folder

"""Users' own tasks, described by a task.yaml."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rankdistill.data import Collection, load_collection
from rankdistill.errors import DataError, FileFormatError, UnknownNameError
from rankdistill.evaluation import Conventions
from rankdistill.tasks.pairs import evaluate_labels

SICK = """\
kind: similarity
texts: [sentence_A, sentence_B]
label: relatedness_score
range: [1, 5]
measures: [spearman]
splits: {train: SICK_train.txt, test: SICK_test.jsonl}
measured: test
"""


def task(folder: Path, description: str, **files: str) -> Collection:
    (folder / "task.yaml").write_text(description)
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text)
    return load_collection(f"task:{folder}")


def test_a_similarity_is_read_from_several_formats(tmp_path: Path) -> None:
    collection = task(
        tmp_path,
        SICK,
        SICK_train__txt="pair_ID\tsentence_A\tsentence_B\trelatedness_score\n1\tA cat\tA dog\t4.5\n",
        SICK_test__jsonl='{"sentence_A": "a", "sentence_B": "b", "relatedness_score": -1}\n',
    )
    scored = collection.scored_pairs
    assert scored is not None
    assert (scored.kind, scored.lowest, scored.highest, scored.measures) == ("similarity", 1.0, 5.0, ("spearman",))
    assert scored.measured_split == "test"
    assert collection.qrels is not None
    assert collection.qrels["label"].tolist() == [4.5]
    assert collection.documents["test-0"] == "b"


ONE_TABLE = """\
kind: similarity
texts: [sentence_A, sentence_B]
label: relatedness_score
range: [1, 5]
table: SICK.txt
split: SemEval_set
splits: {train: TRAIN, test: TEST}
measured: test
"""
ROWS = "sentence_A\tsentence_B\trelatedness_score\tSemEval_set\n"
ROWS += "a\tb\t4.5\tTEST\nc\td\t1\tTRAIN\ne\tf\t2\tTRIAL\ng\th\t3.5\tTRAIN\n"


def test_one_table_is_split_by_a_column(tmp_path: Path) -> None:
    collection = task(tmp_path, ONE_TABLE, SICK__txt=ROWS)
    assert {split: [collection.queries[id_] for id_ in ids] for split, ids in collection.splits.items()} == {
        "train": ["c", "g"],
        "test": ["a"],
    }
    assert collection.qrels is not None
    assert collection.qrels["label"].tolist() == [1.0, 3.5, 4.5]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (("split: SemEval_set\n", ""), "one of 'table' and 'split'"),
        (("split: SemEval_set", "split: part"), "SICK.txt has no column 'part'; its columns are"),
        (
            ("test: TEST", "test: test"),
            "no row of 'test', where 'SemEval_set' is 'test'; its values are 'TEST', 'TRAIN', 'TR",
        ),
        (("splits: {train: TRAIN, test: TEST}\n", ""), "no row of 'train', where 'SemEval_set' is 'train'"),
    ],
)
def test_a_table_that_cannot_be_split_is_refused(tmp_path: Path, changed: tuple[str, str], said: str) -> None:
    with pytest.raises(DataError, match=said):
        task(tmp_path, ONE_TABLE.replace(*changed), SICK__txt=ROWS)


def test_single_texts_with_classes_and_default_files(tmp_path: Path) -> None:
    collection = task(
        tmp_path,
        "kind: classification\ntexts: [text]\nlabel: y\nclasses: [ham, spam]\n",
        train__csv='text,y\n"buy, now",spam\n',
        dev__tsv="text\ty\nhello\t0\n",
    )
    assert collection.qrels is not None
    assert collection.qrels["label"].tolist() == [1, 0]
    assert collection.scored_pairs is not None
    assert collection.scored_pairs.n_texts == 1


def test_a_ranking_has_lists_and_grades(tmp_path: Path) -> None:
    collection = task(
        tmp_path,
        "kind: ranking\ntexts: [q, a]\nids: [qid, aid]\nlabel: grade\n",
        train__tsv="qid\tq\taid\ta\tgrade\nq1\twho\ta1\tme\t2\nq1\twho\ta2\tyou\t0\nq2\twhat\ta1\tme\t\n",
    )
    assert collection.scored_pairs is None
    assert collection.candidates is not None
    assert collection.candidates.offsets.tolist() == [0, 2, 3]
    assert collection.qrels is not None
    assert collection.qrels["label"].tolist() == [2, 0]
    assert collection.split("train") == ["q1", "q2"]


@pytest.mark.parametrize("kind", ["classification\nclasses: [no, yes]", "ranking\nids: [a, b]"])
@pytest.mark.parametrize(
    "lines", [['"y": null', '"y": 1', '"y": 0'], ['"z": 5', '"y": 1', '"y": 0'], ['"y": 1', '"y": 0', '"y": ""']]
)
def test_a_null_or_absent_label_is_hidden_and_hides_no_other(tmp_path: Path, kind: str, lines: list[str]) -> None:
    rows = "".join(f'{{"a": "a{row}", "b": "b", {label}}}\n' for row, label in enumerate(lines))
    collection = task(tmp_path, f"kind: {kind}\ntexts: [a, b]\nlabel: y\n", train__jsonl=rows)
    assert collection.candidates is not None
    assert len(collection.candidates) == 3
    assert collection.qrels is not None
    assert collection.qrels["label"].tolist() == [1, 0]


def test_null_hides_labels_of_a_parquet_file(tmp_path: Path) -> None:
    for split, labels in (("train", [1, 0]), ("test", [None, None])):
        pq.write_table(pa.table({"a": ["x", "z"], "y": pa.array(labels, pa.int64())}), tmp_path / f"{split}.parquet")
    qrels = task(tmp_path, "kind: classification\ntexts: [a]\nlabel: y\nclasses: [no, yes]\n").qrels
    assert qrels is not None
    assert qrels.row_query_ids.to_pylist() == ["train-0", "train-1"]


def test_truth_values_are_classes_called_true_and_false(tmp_path: Path) -> None:
    asked = "kind: classification\ntexts: [a]\nlabel: y\nclasses: [false, true]\n"
    pq.write_table(pa.table({"a": ["x", "z"], "y": [True, False]}), tmp_path / "train.parquet")
    qrels = task(tmp_path, asked, dev__jsonl='{"a": "x", "y": true}\n{"a": "x", "y": false}\n').qrels
    assert qrels is not None
    assert qrels["label"].tolist() == [1, 0, 1, 0]
    with pytest.raises(FileFormatError, match=r"train.parquet:1: got 'true', expected one of the classes no, yes"):
        task(tmp_path, asked.replace("false, true", "no, yes"))


@pytest.mark.parametrize("kind", ["similarity\nrange: [0, 1]", "ranking\nids: [a, b]"])
@pytest.mark.parametrize("shared", ["", "table: dev.tsv\nsplit: part\nsplits: {dev: d}\n"])
def test_a_column_of_labels_that_no_table_has_is_told(tmp_path: Path, kind: str, shared: str) -> None:
    asked = f"kind: {kind}\ntexts: [a, b]\nlabel: lable\n{shared}"
    rows = {"train__jsonl": '{"a": "u", "b": "y"}\n{"a": "v", "b": "w", "label": 1}\n'} if not shared else {}
    there = "a, b, label, part"
    with pytest.warns(UserWarning, match=rf"task\.yaml: 'label' is 'lable', and no table .*; there are {there}$"):
        loaded = task(tmp_path, asked, dev__tsv="a\tb\tlabel\tpart\nx\tz\t1\td\n", **rows)
    assert loaded.qrels is None


@pytest.mark.parametrize(
    ("row", "said"),
    [("x\t0", r"train\.tsv:3: got '2 fields"), ("x\t\t0", r"train\.tsv:3: got '', expected a text under 'b'")],
)
def test_a_row_that_glue_would_leave_out_or_take_is_refused(tmp_path: Path, row: str, said: str) -> None:
    asked = "kind: classification\ntexts: [a, b]\nlabel: y\nclasses: [no, yes]\n"
    with pytest.raises(FileFormatError, match=said):
        task(tmp_path, asked, train__tsv=f"a\tb\ty\nu\tv\t1\n{row}\n")


TWO_CLASSES = "kind: classification\ntexts: [sentence1, sentence2]\nlabel: label\nclasses: [other, same]\n"


@pytest.mark.parametrize(
    ("name", "description", "rows", "labels"),
    [  # rows and the sum of the labels, by wc and awk
        (
            "sts-b-zh",
            "kind: similarity\ntexts: [sentence1, sentence2]\nlabel: label\nrange: [0, 5]\n",
            {"train": 5231, "dev": 1458, "test": 1361},
            12221 + 2923 + 3146,
        ),
        ("afqmc", TWO_CLASSES, {"train": 34334, "dev": 4316}, 10573 + 1338),
        ("paws-x-zh", TWO_CLASSES, {"dev": 2000, "test": 2000}, 853 + 894),
    ],
)
def test_chinese_pairs_work_by_such_a_file(
    shared_data: Path, tmp_path: Path, name: str, description: str, rows: dict[str, int], labels: int
) -> None:
    for split in rows:
        (tmp_path / f"{split}.tsv.gz").symlink_to(shared_data / "zh-pairs" / name / f"{split}.tsv.gz")
    collection = task(tmp_path, description)
    assert {split: len(ids) for split, ids in collection.splits.items()} == rows
    assert collection.qrels is not None
    assert collection.qrels["label"].sum() == labels


def test_wikiqa_works_by_such_a_file(shared_data: Path, tmp_path: Path) -> None:
    for split in ("train", "test"):
        (tmp_path / f"{split}.tsv.gz").symlink_to(shared_data / "wikiqa" / f"{split}.tsv.gz")
    collection = task(
        tmp_path, "kind: ranking\ntexts: [question, answer]\nids: [question_id, answer_id]\nlabel: label\n"
    )
    assert {split: len(ids) for split, ids in collection.splits.items()} == {"train": 2118, "test": 633}
    assert collection.qrels is not None
    assert len(collection.qrels) == 20360 + 6165
    assert collection.qrels["label"].sum() == 1040 + 293


@pytest.mark.parametrize(
    ("description", "error", "said"),
    [
        ("kind: matching\n", UnknownNameError, "unknown kind in .*task.yaml 'matching'"),
        ("kinds: similarity\n", UnknownNameError, "unknown entry of .*task.yaml 'kinds'; did you mean 'kind'"),
        ("- kind\n", DataError, "holds list, expected entries"),
        ("kind: [", DataError, "is no YAML"),
        (SICK.replace("[1, 5]", "[5, 1]"), DataError, r"'range' is \[5, 1\], expected a list of two numbers"),
        (SICK.replace("[1, 5]", "[yes, 5]"), DataError, "'range' is"),
        (SICK.replace("range: [1, 5]\n", ""), DataError, "lacks 'range': expected a list of two numbers"),
        (SICK.replace("[sentence_A, sentence_B]", "[a, b, c]"), DataError, "'texts' is"),
        (SICK.replace("[sentence_A, sentence_B]", "sentence_A"), DataError, "'texts' is 'sentence_A', expected a list"),
        (SICK.replace("measured: test", "measured: dev"), DataError, "'measured' is 'dev', expected one of the splits"),
        (SICK.replace("SICK_train.txt", "absent.tsv"), DataError, "there is no file .*absent.tsv"),
    ],
)
def test_a_description_that_cannot_be_meant_is_refused(
    tmp_path: Path, description: str, error: type[Exception], said: str
) -> None:
    rows = "pair_ID\tsentence_A\tsentence_B\trelatedness_score\n1\tA cat\tA dog\t4.5\n"
    line = '{"sentence_A": "a", "sentence_B": "b", "relatedness_score": 3}\n'
    with pytest.raises(error, match=said):
        task(tmp_path, description, SICK_train__txt=rows, SICK_test__jsonl=line)


@pytest.mark.parametrize("classes", [("no", "yes"), ("off", "on"), ("null", "~"), ("1.0", "2.0"), ("007", "0x1F")])
def test_names_of_classes_are_text_whatever_yaml_takes_them_for(tmp_path: Path, classes: tuple[str, str]) -> None:
    rows = "".join(f"x{place}\t{name}\n" for place, name in enumerate(classes))
    kind = f"kind: classification\ntexts: [a]\nlabel: y\nclasses: [{', '.join(classes)}]\n"
    collection = task(tmp_path, kind, train__tsv=f"a\ty\n{rows}")
    assert collection.scored_pairs is not None
    assert collection.scored_pairs.classes == classes
    assert collection.qrels is not None
    assert collection.qrels["label"].tolist() == [0, 1]


def test_a_label_outside_the_range_is_refused_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(FileFormatError, match=r"train.tsv:2: got '0.5', expected a number from 1 to 5, under 'y'"):
        task(tmp_path, "kind: similarity\ntexts: [a, b]\nlabel: y\nrange: [1, 5]\n", train__tsv="a\tb\ty\nx\tz\t0.5\n")


CLASSES_1_2_3 = "kind: classification\ntexts: [a]\nlabel: y\nclasses: [1, 2, 3]\n"


def test_a_number_that_is_no_class_of_numbers_is_refused_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(FileFormatError, match=r"train.tsv:3: got '0', expected one of the classes 1, 2, 3, under 'y'"):
        task(tmp_path, CLASSES_1_2_3, train__tsv="a\ty\nx\t3\nz\t0\n")


@pytest.mark.parametrize(
    ("asked", "written", "labels"),
    [
        ("kind: classification\nclasses: [-1, 1]", "-1 1 -1", [0, 1, 0]),
        ("kind: classification\nclasses: [no, yes]", "-1 1 -1.0 no", [1, 0]),
        ("kind: similarity\nrange: [-1, 1]", "-1 -1.0 0.5", [-1, -1, 0.5]),
        ("kind: similarity\nrange: [0, 1]", "-1 -1.0 0.5", [0.5]),
        ("kind: ranking\nids: [a, b]", "-1 -1.0 2", [2]),
    ],
)
def test_minus_one_hides_a_label_only_where_it_is_no_valid_one(
    tmp_path: Path, asked: str, written: str, labels: list[float]
) -> None:
    rows = "".join(f"a{row}\tb{row}\t{label}\n" for row, label in enumerate(written.split()))
    collection = task(tmp_path, f"{asked}\ntexts: [a, b]\nlabel: y\n", train__tsv=f"a\tb\ty\n{rows}")
    assert collection.qrels is not None
    assert collection.qrels["label"].tolist() == labels


def test_labels_of_minus_one_are_measured_where_they_are_valid(tmp_path: Path) -> None:
    asked = "kind: similarity\ntexts: [a, b]\nlabel: y\nrange: [-1, 1]\n"
    collection = task(tmp_path, asked, dev__tsv="a\tb\ty\nu\tv\t-1\nw\tx\t-1\ny\tz\t0.5\ns\tt\t1\n")
    assert collection.candidates is not None
    assert collection.qrels is not None
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scores = np.array([0.1, 0.2, 0.3, 0.4], np.float32)
        found = evaluate_labels(collection.qrels, collection.candidates, scores, ["spearman"], Conventions())
    assert found.pairs == 4
    assert found.values == {"spearman": pytest.approx(0.9486833)}


def test_one_document_with_two_texts_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileFormatError, match=r"train.tsv:3: got 'you', expected the text that 'a1' had before: 'me'"):
        task(
            tmp_path,
            "kind: ranking\ntexts: [q, a]\nids: [qid, aid]\nlabel: grade\n",
            train__tsv="qid\tq\taid\ta\tgrade\nq1\twho\ta1\tme\t2\nq1\twho\ta1\tyou\t0\n",
        )

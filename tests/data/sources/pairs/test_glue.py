"""GLUE's own files as collections of scored pairs."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rankdistill.data import load_collection
from rankdistill.data.collection import own_candidates
from rankdistill.data.sources.pairs.glue import GLUE
from rankdistill.data.sources.pairs.submission import places_in_split
from rankdistill.errors import DataError, FileFormatError, UnknownNameError, UsageError

ROWS = {  # rows and labels of the real files, counted by wc and awk
    "cola": {"train": (8551, 8551), "dev": (1043, 1043), "test": (1063, 0)},
    "sst2": {"train": (67349, 67349), "dev": (872, 872), "test": (1821, 0), "test_gold": (1821, 1821)},
    "mrpc": {"train": (3667, 3667), "dev": (408, 408), "test": (1725, 0), "test_gold": (1725, 1725)},
    "qqp": {"bimpm_dev": (10000, 10000), "bimpm_test": (10000, 10000)},
    "stsb": {"train": (5749, 5749), "dev": (1500, 1500), "test": (1379, 0)},
    "mnli": {"dev_matched": (9815, 9815)},
    "qnli": {"dev": (5463, 5463), "test": (5463, 0)},
    "rte": {"train": (2490, 2490), "dev": (277, 277), "test": (3000, 0)},
    "wnli": {"train": (635, 635), "dev": (71, 71), "test": (146, 0)},
}
CLASSES = {  # counts of the labels of all splits, in the order of the classes, by awk
    "cola": (2850, 6744),
    "sst2": (31125, 38917),
    "mrpc": (1901, 3899),
    "qqp": (10000, 10000),
    "mnli": (3479, 3123, 3213),
    "qnli": (2702, 2761),
    "rte": (1395, 1372),
    "wnli": (363, 343),
}
SIMILARITY = 15528.043 + 3545.861
"""Sum of STS-B's labels, by awk."""
MEASURED = {"stsb": "spearman", "cola": "matthews"}
"""UEGP's measures (section 4.3); of all other tasks accuracy."""
RTE = 'index\tsentence1\tsentence2\tlabel\n0\tA "quoted premise.\tA hypothesis.\tentailment\n1\tb\tc\tnot_entailment\n'


@pytest.mark.filterwarnings("ignore:not read")
@pytest.mark.parametrize("name", GLUE)
def test_real_files_have_all_their_rows_and_labels(shared_data: Path, name: str) -> None:
    collection = load_collection(f"glue:{name}@{shared_data / 'glue'}")
    qrels = collection.qrels
    assert qrels is not None
    counted = {
        split: (len(ids), len(collection.in_split(qrels, split)) if qrels else 0)
        for split, ids in collection.splits.items()
    }
    assert counted == ROWS[name]
    labels = qrels["label"]
    if name == "stsb":
        assert labels.sum(dtype=np.float64) == pytest.approx(SIMILARITY, abs=0.01)
    else:
        assert tuple(np.bincount(labels.astype(np.int64))) == CLASSES[name]
    assert collection.scored_pairs == GLUE[name].scored


@pytest.mark.parametrize("name", GLUE)
def test_the_measures_are_glues_first_and_the_papers_among_them(name: str) -> None:
    first = {"mrpc": "f1", "qqp": "f1", "stsb": "pearson", "cola": "matthews"}.get(name, "accuracy")
    assert GLUE[name].scored.measures[0] == first
    assert MEASURED.get(name, "accuracy") in GLUE[name].scored.measures


def test_pairs_are_lists_of_one_candidate(tmp_path: Path) -> None:
    (tmp_path / "RTE").mkdir()
    (tmp_path / "RTE" / "train.tsv").write_text(RTE)
    collection = load_collection(f"glue:rte@{tmp_path}")
    assert collection.name == "glue:rte"
    assert collection.queries["train-0"] == 'A "quoted premise.'
    assert collection.documents["train-1"] == "c"
    assert collection.candidates is not None
    assert (np.diff(collection.candidates.offsets) == 1).all()
    assert collection.qrels is not None
    assert collection.qrels["label"].tolist() == [0, 1]


def test_single_texts_have_an_empty_document(tmp_path: Path) -> None:
    (tmp_path / "cola").mkdir()
    (tmp_path / "cola" / "train.tsv").write_text("gj04\t1\t\tOur friends won't buy this.\nbc01\t0\t*\tHim left.\n")
    (tmp_path / "cola" / "test.tsv").write_text("index\tsentence\n0\tBill whistled.\n")
    collection = load_collection(f"glue:CoLA@{tmp_path}")
    assert [text for _, text in collection.queries] == ["Our friends won't buy this.", "Him left.", "Bill whistled."]
    assert [text for _, text in collection.documents] == [""]
    assert collection.qrels is not None
    assert collection.qrels.row_query_ids.to_pylist() == ["train-0", "train-1"]


def test_the_folder_of_the_task_itself_is_taken_too(tmp_path: Path) -> None:
    (tmp_path / "RTE").mkdir()
    (tmp_path / "RTE" / "dev.tsv").write_text(RTE)
    assert load_collection(f"glue:rte@{tmp_path / 'RTE'}").split("dev") == ["dev-0", "dev-1"]


QQP = "id\tqid1\tqid2\tquestion1\tquestion2\tis_duplicate\n"


@given(whole=st.lists(st.booleans(), min_size=1, max_size=12).filter(any))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_rows_of_too_few_fields_are_left_out_and_no_other_row_moves(tmp_path: Path, whole: list[bool]) -> None:
    (tmp_path / "QQP").mkdir(exist_ok=True)
    short = '"\tWas there such a thing? What is known of it?\t0\n'
    rows = [f"9{row}\t1\t2\tfirst {row}\tsecond {row}\t{row % 2}\n" for row in range(len(whole))]
    lines = [row if kept else short for row, kept in zip(rows, whole, strict=True)]
    (tmp_path / "QQP" / "train.tsv").write_text(QQP + "".join(lines))
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        collection = load_collection(f"glue:qqp@{tmp_path}")
    kept = [row for row in range(len(whole)) if whole[row]]
    ids = [f"train-{row}" for row in kept]
    assert collection.split("train") == ids
    assert collection.queries.take(ids) == [f"first {row}" for row in kept]
    assert collection.qrels is not None
    assert collection.qrels["label"].tolist() == [row % 2 for row in kept]
    assert places_in_split(own_candidates(collection), collection)[1].tolist() == kept
    assert len(told) == (not all(whole))
    for warning in told:
        counted = f"{len(whole) - len(kept)} of {len(whole)} rows have too few fields and are left out"
        line = f"{tmp_path / 'QQP' / 'train.tsv'}:{whole.index(False) + 2}"
        assert str(warning.message).startswith(f"{counted}, the first is {line}: got '3 fields: ")


def test_an_empty_second_text_is_a_text(tmp_path: Path) -> None:
    (tmp_path / "QQP").mkdir()
    (tmp_path / "QQP" / "train.tsv").write_text(QQP + "7\t1\t2\tHow is it made?\t\t0\n")
    collection = load_collection(f"glue:qqp@{tmp_path}")
    assert list(collection.queries) == [("train-0", "How is it made?")]
    assert list(collection.documents) == [("train-0", "")]


def test_other_tables_are_named_and_left_out(tmp_path: Path) -> None:
    (tmp_path / "rte").mkdir()
    (tmp_path / "rte" / "dev.tsv").write_text(RTE)
    (tmp_path / "rte" / "notes.tsv").write_text("a\tb\n")
    with pytest.warns(UserWarning, match=r"not read, as it is no table of rte: .*notes.tsv has no column 'sentence1'"):
        assert list(load_collection(f"glue:rte@{tmp_path}").splits) == ["dev"]


@pytest.mark.parametrize(
    ("source", "rows", "error", "said"),
    [
        ("rt@{}", RTE, UnknownNameError, "unknown task of GLUE 'rt'; did you mean 'rte'"),
        ("rte@", RTE, UsageError, "names no folder: expected glue:NAME@FOLDER"),
        ("rte@{}/absent", RTE, DataError, "there is no folder"),
        ("sst2@{}", RTE, DataError, "holds no folder sst2; there are rte"),
        ("rte@{}", RTE.replace("label", "labels"), DataError, "has no column 'label'; its columns are"),
        (
            "rte@{}",
            RTE.replace("not_entailment", "neutral"),
            FileFormatError,
            r"train\.tsv:3: got 'neutral', expected one of",
        ),
        (
            "rte@{}",
            RTE.replace("\tb\t", "\t \t"),
            FileFormatError,
            r"train\.tsv:3: got ' ', expected a text under 'sentence1'",
        ),
        ("rte@{}", RTE + "2\tx\ty\tentailment\tz\n", FileFormatError, r"train\.tsv:4: got '5 fields"),
        ("rte@{}", RTE.partition("\n")[0] + "\n0\tx\n1\n", FileFormatError, r"train\.tsv:2: got '2 fields"),
        ("rte@{}", "index\tsentence1\tsentence2\tlabel\n", DataError, "has no pairs"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, source: str, rows: str, error: type[Exception], said: str) -> None:
    (tmp_path / "rte").mkdir()
    (tmp_path / "rte" / "train.tsv").write_text(rows)
    with pytest.raises(error, match=said):
        load_collection("glue:" + source.format(tmp_path))

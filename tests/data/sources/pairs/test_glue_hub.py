"""GLUE from the hub is GLUE from its files: the same ids, texts, labels and order."""

from __future__ import annotations

import builtins
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rankdistill.cli.entry import main
from rankdistill.data import Collection, load_collection
from rankdistill.data.sources.pairs import hub
from rankdistill.errors import DataError, FileFormatError, MissingExtraError

A, B = 'he said "no', " a blank, and a null "
CLASSES = {
    "cola": ("unacceptable", "acceptable"),
    "sst2": ("negative", "positive"),
    "mrpc": ("not_equivalent", "equivalent"),
    "qqp": ("not_duplicate", "duplicate"),
    "mnli": ("entailment", "neutral", "contradiction"),
    "qnli": ("entailment", "not_entailment"),
    "rte": ("entailment", "not_entailment"),
    "wnli": ("not_entailment", "entailment"),
}
HUB_COLUMNS = {"cola": ["sentence"], "sst2": ["sentence"], "qqp": ["question1", "question2"]}
HUB_COLUMNS |= {"mnli": ["premise", "hypothesis"], "qnli": ["question", "sentence"]}
HEADERS = {
    "cola": "",
    "sst2": "sentence\tlabel",
    "mrpc": "Quality\t#1 ID\t#2 ID\t#1 String\t#2 String",
    "qqp": "id\tqid1\tqid2\tquestion1\tquestion2\tis_duplicate",
    "stsb": "index\tgenre\tsentence1\tsentence2\tscore",
    "mnli": "index\tsentence1\tsentence2\tgold_label",
    "qnli": "index\tquestion\tsentence\tlabel",
    "rte": "index\tsentence1\tsentence2\tlabel",
    "wnli": "index\tsentence1\tsentence2\tlabel",
}
WORDS = ("mnli", "qnli", "rte")
"""Tasks whose files hold the names of classes, not their numbers."""


@dataclass
class StandIn:
    """What is read of a `datasets.Dataset`."""

    columns: Mapping[str, Sequence[Any]]
    names: Sequence[str] | None

    @dataclass
    class Label:
        names: Sequence[str] = field(default_factory=list)

    @property
    def column_names(self) -> list[str]:
        return list(self.columns)

    @property
    def features(self) -> dict[str, Any]:
        return {hub.LABEL: self.Label(self.names) if self.names else object()}

    def __getitem__(self, column: str) -> Sequence[Any]:
        return self.columns[column]


def dataset(columns: Mapping[str, Sequence[Any]], names: Sequence[str] | None) -> Any:
    datasets = pytest.importorskip("datasets", reason="the extra 'hub' is not installed")
    label = datasets.ClassLabel(names=list(names)) if names else datasets.Value("float32")
    kinds = {name: datasets.Value("int32" if name == "idx" else "string") for name in columns}
    return datasets.Dataset.from_dict(dict(columns), features=datasets.Features({**kinds, hub.LABEL: label}))


def labels_of(name: str, rows: int) -> list[Any]:
    return [0.0, 3.8, 5.0, 1.25][:rows] if name == "stsb" else [row % len(CLASSES[name]) for row in range(rows)]


def hub_split(make: Any, name: str, rows: int, hidden: bool) -> Any:
    columns = HUB_COLUMNS.get(name, ["sentence1", "sentence2"])
    texts = {column: [f"{text}{row}" for row in range(rows)] for column, text in zip(columns, (A, B), strict=False)}
    labels = [-1] * rows if hidden else labels_of(name, rows)
    return make({**texts, hub.LABEL: labels, "idx": list(range(rows))}, CLASSES.get(name))


def file_split(name: str, rows: int, hidden: bool) -> str:
    header, lines = HEADERS[name], []
    for row, label in enumerate(labels_of(name, rows)):
        first, second = f"{A}{row}", f"{B}{row}"
        written = CLASSES[name][label] if name in WORDS else str(label)
        if name == "cola":
            lines.append(f"{row}\t{first}" if hidden else f"gj04\t{written}\t\t{first}")
        elif name == "sst2":
            lines.append(f"{row}\t{first}" if hidden else f"{first}\t{written}")
        elif name == "mrpc":
            lines.append(f"{row if hidden else written}\t1\t2\t{first}\t{second}")
        elif name == "qqp":
            lines.append(f"{row}\t3\t4\t{first}\t{second}" + ("" if hidden else f"\t{written}"))
        else:
            lines.append(
                f"{row}\t"
                + ("g\t" if name == "stsb" else "")
                + f"{first}\t{second}"
                + ("" if hidden else f"\t{written}")
            )
    if hidden:
        header = {"cola": "index\tsentence", "sst2": "index\tsentence", "mrpc": header.replace("Quality", "index")}.get(
            name, header.rpartition("\t")[0]
        )
    return "\n".join([*([header] if header else []), *lines]) + "\n"


def same(one: Collection, other: Collection) -> bool:
    texts = all(list(getattr(one, what)) == list(getattr(other, what)) for what in ("queries", "documents"))
    assert one.qrels is not None
    assert other.qrels is not None
    assert one.candidates is not None
    assert other.candidates is not None
    lists = all(
        getattr(a, ids).equals(getattr(b, ids))
        for a, b in ((one.qrels, other.qrels), (one.candidates, other.candidates))
        for ids in ("query_ids", "doc_ids")
    )
    labels = np.array_equal(one.qrels["label"], other.qrels["label"])
    return texts and lists and labels and one.splits == other.splits and one.scored_pairs == other.scored_pairs


@pytest.mark.parametrize("make", [StandIn, dataset])
@pytest.mark.parametrize("name", list(HEADERS))
def test_the_hub_gives_what_the_files_give(
    name: str, make: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    devs = {"validation": "dev"}
    if name == "mnli":
        devs = {"validation_matched": "dev_matched", "validation_mismatched": "dev_mismatched"}
    test = "test_matched" if name == "mnli" else "test"
    (tmp_path / name).mkdir()
    splits = {}
    for hub_name, file_name, rows, hidden in (
        (test, test, 3, True),
        *((hub_name, file_name, 2, False) for hub_name, file_name in devs.items()),
        ("train", "train", 4, False),
    ):
        splits[hub_name] = hub_split(make, name, rows, hidden)
        (tmp_path / name / f"{file_name}.tsv").write_text(file_split(name, rows, hidden))
    monkeypatch.setattr(hub, "fetched", lambda asked: {name: splits}[asked])
    by_hub, by_files = load_collection(f"glue:{name}"), load_collection(f"glue:{name}@{tmp_path}")
    assert list(by_files.splits) == ["train", *devs.values(), test]
    assert same(by_hub, by_files)
    assert by_hub.name == by_files.name == f"glue:{name}"


@pytest.mark.parametrize(
    ("columns", "names", "said"),
    [
        ({"premise": ["a"], "label": [0]}, CLASSES["rte"], "has the columns premise, label, and no 'sentence1'"),
        ({"sentence1": ["a"], "sentence2": [None], "label": [0]}, CLASSES["rte"], "row 0: got None as 'sentence2'"),
        ({"sentence1": ["a"], "sentence2": ["b"], "label": [0]}, ("yes", "no"), "has the classes .*expected .*entail"),
        ({"sentence1": ["a"], "sentence2": ["b"], "label": [0]}, None, "has the classes None, expected"),
        (
            {"sentence1": ["a"], "sentence2": ["b"], "label": [2]},
            CLASSES["rte"],
            "got '2', expected one of",
        ),
        ({"sentence1": [" "], "sentence2": ["b"], "label": [0]}, CLASSES["rte"], "a text under 'sentence1'"),
    ],
)
def test_rows_of_another_form_are_refused(
    columns: Mapping[str, Any], names: Any, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub, "fetched", lambda name: {"train": StandIn(columns, names)})
    with pytest.raises((DataError, FileFormatError), match=said):
        load_collection("glue:rte")


def test_classes_are_taken_by_name_not_by_number(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = StandIn({"sentence1": ["a"], "sentence2": ["b"], "label": [0]}, CLASSES["rte"][::-1])
    monkeypatch.setattr(hub, "fetched", lambda name: {"train": rows})
    qrels = load_collection("glue:rte").qrels
    assert qrels is not None
    assert qrels["label"].tolist() == [1.0]


def test_rows_that_the_hub_leaves_out_count_as_in_the_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    columns = {"question1": ["a", "b"], "question2": ["", "d"], "label": [0, 1], "idx": [0, 2]}
    monkeypatch.setattr(hub, "fetched", lambda name: {"train": StandIn(columns, CLASSES["qqp"])})
    (tmp_path / "qqp").mkdir()
    rows = "1\t2\t3\ta\t\t0\n4\t5\tbroken\n6\t7\t8\tb\td\t1\n"
    (tmp_path / "qqp" / "train.tsv").write_text(f"{HEADERS['qqp']}\n{rows}")
    with pytest.warns(UserWarning, match=r"1 of 3 rows have too few fields .*train\.tsv:3: got '3 fields"):
        by_files = load_collection(f"glue:qqp@{tmp_path}")
    assert by_files.split("train") == ["train-0", "train-2"]
    assert same(load_collection("glue:qqp"), by_files)


def test_rows_of_mrpc_are_those_of_its_own_files(monkeypatch: pytest.MonkeyPatch) -> None:
    columns = {"sentence1": ["a", "b"], "sentence2": ["c", "d"], "label": [0, 1], "idx": [3, 9]}
    monkeypatch.setattr(hub, "fetched", lambda name: {"train": StandIn(columns, CLASSES["mrpc"])})
    assert load_collection("glue:mrpc").split("train") == ["train-0", "train-1"]


def test_a_machine_without_a_network_is_told_to_give_a_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    datasets = pytest.importorskip("datasets", reason="the extra 'hub' is not installed")

    def load(*_: Any) -> None:
        raise ConnectionError("Couldn't reach 'nyu-mll/glue' on the Hub (OfflineModeIsEnabled)\nmore")

    monkeypatch.setattr(datasets, "load_dataset", load)
    assert main(["stats", "--collection", "glue:rte"]) == 1
    assert (
        "cannot fetch rte of nyu-mll/glue from the hub: Couldn't reach 'nyu-mll/glue' on the Hub "
        "(OfflineModeIsEnabled). Without a network give the folder that holds rte/train.tsv, as glue:rte@FOLDER"
    ) in " ".join(capsys.readouterr().err.split())


def test_without_the_package_its_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    find = builtins.__import__

    def lacking(name: str, *more: Any) -> Any:
        if name == "datasets":
            raise ImportError
        return find(name, *more)

    monkeypatch.setattr(builtins, "__import__", lacking)
    with pytest.raises(MissingExtraError, match=r"glue:rte without a folder.*pip install 'rankdistill\[hub\]'"):
        load_collection("glue:rte")

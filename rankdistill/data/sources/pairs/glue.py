"""GLUE's tasks: ``glue:NAME@FOLDER`` reads the benchmark's own files as they are, ``glue:NAME`` those of the hub.

FOLDER holds a folder per task (``rte``, ``RTE``, ``SST-2`` ...) with ``train.tsv``, ``dev.tsv`` and ``test.tsv``, each
also gzipped; every other ``.tsv`` with the columns of the task is a split under the name of its file. The files are
taken as they are: rows of too few fields, which QQP has, are left out and counted, and two second texts of QQP are
empty. Source: Wang et al. 2019, GLUE (docs/papers.md).
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from rankdistill.data.collection import Collection
from rankdistill.data.scored_pairs import ScoredPairs
from rankdistill.data.sources.pairs.build import Columns, pairs_collection
from rankdistill.data.sources.pairs.hub import hub_tables
from rankdistill.data.sources.pairs.tables import Table, TsvForm, read_table
from rankdistill.errors import DataError, UnknownNameError, UsageError
from rankdistill.files.reading import read_bytes

ENTAILMENT = ("entailment", "not_entailment")


@dataclass(frozen=True)
class GlueTask:
    """A task's columns and labels."""

    columns: Columns
    scored: ScoredPairs
    header: tuple[str, ...] = ()
    """Columns of labelled files without a header line; a file whose first line has the names has one."""

    @property
    def needed(self) -> tuple[str, ...]:
        return self.columns.texts[: self.scored.n_texts]


def _training(epochs: int, learning_rate: float, batch: int) -> dict[str, float]:
    """Settings of UEGP's Table 8, BERT-base; a batch of single pairs has as many lists."""
    return {"epochs": epochs, "learning_rate": learning_rate, "lists_per_batch": batch}


def _classes(classes: tuple[str, ...], measures: tuple[str, ...], n_texts: Literal[1, 2], **more: Any) -> ScoredPairs:
    return ScoredPairs("classification", classes, measures=measures, n_texts=n_texts, **more)


_PAIR = ("sentence1", "sentence2")
GLUE: dict[str, GlueTask] = {
    "cola": GlueTask(
        Columns(("sentence",), "label"),
        _classes(
            ("unacceptable", "acceptable"), ("matthews", "accuracy"), 1, numbered=True, training=_training(3, 3e-5, 64)
        ),
        header=("source", "label", "mark", "sentence"),
    ),
    "sst2": GlueTask(
        Columns(("sentence",), "label"),
        _classes(("negative", "positive"), ("accuracy",), 1, numbered=True, training=_training(4, 2e-5, 256)),
    ),
    "mrpc": GlueTask(
        Columns(("#1 String", "#2 String"), "Quality"),
        _classes(
            ("not_equivalent", "equivalent"), ("f1", "accuracy"), 2, numbered=True, training=_training(4, 3e-5, 32)
        ),
    ),
    "qqp": GlueTask(
        Columns(("question1", "question2"), "is_duplicate"),
        _classes(
            ("not_duplicate", "duplicate"), ("f1", "accuracy"), 2, numbered=True, training=_training(3, 5e-5, 256)
        ),
    ),
    "stsb": GlueTask(
        Columns(_PAIR, "score"),
        ScoredPairs(
            "similarity",
            lowest=0.0,
            highest=5.0,
            measures=("pearson", "spearman"),
            training=_training(4, 1e-4, 64),
        ),
    ),
    "mnli": GlueTask(
        Columns(_PAIR, "gold_label", no_label="-"),
        _classes(
            ("entailment", "neutral", "contradiction"),
            ("accuracy",),
            2,
            measured_split="dev_matched",
            training=_training(3, 3e-5, 256),
        ),
    ),
    "qnli": GlueTask(
        Columns(("question", "sentence"), "label"),
        _classes(ENTAILMENT, ("accuracy",), 2, training=_training(4, 1e-5, 256)),
    ),
    "rte": GlueTask(Columns(_PAIR, "label"), _classes(ENTAILMENT, ("accuracy",), 2, training=_training(4, 2e-5, 64))),
    "wnli": GlueTask(
        Columns(_PAIR, "label"),
        _classes(ENTAILMENT[::-1], ("accuracy",), 2, numbered=True, training=_training(4, 2e-5, 64)),
    ),
}
"""Name -> task. WNLI, which the papers leave out, is trained as RTE."""
ORDER = ("train", "dev", "dev_matched", "dev_mismatched", "test", "test_matched", "test_mismatched")
SYNTAX = "glue:NAME@FOLDER, or glue:NAME for the hub's"


def load(argument: str) -> Collection:
    """Load ``NAME@FOLDER``; splits are the names of the files, and test sets without labels are unjudged.

    ``NAME`` alone is loaded from the hub, with the same ids, texts and labels, see `hub_tables`. A row of too few
    fields is left out with a warning, and the ids of those after it count it. Raises `UnknownNameError` for another
    task, `DataError` for a folder without the task's files, `FileFormatError` for another malformed line, and of the
    hub what `hub_tables` raises.
    """
    name, folder = _name_and_folder(argument)
    task = GLUE[name]
    if folder is None:
        rows = hub_tables(name, task.needed, task.columns.label, task.scored)
        return pairs_collection(f"glue:{name}", rows, task.columns, task.scored, empty_seconds=True)
    place = task_folder(Path(folder), name)
    tables, left = {}, []
    files = sorted(path for path in place.iterdir() if path.name.removesuffix(".gz").endswith(".tsv"))
    for path in sorted(files, key=lambda path: (_place(path), path.name)):
        try:
            tables[_split(path)] = _read(path, task)
        except DataError as error:
            if _split(path) in ORDER:
                raise
            left.append(str(error))
    if not tables:
        raise DataError(f"{place} holds no train.tsv, dev.tsv or test.tsv of {name}, plain or .gz")
    if left:
        warnings.warn(f"not read, as it is no table of {name}: {'; '.join(left)}", stacklevel=2)
    return pairs_collection(f"glue:{name}", tables, task.columns, task.scored, empty_seconds=True)


def describe(argument: str) -> ScoredPairs:
    """What the task of ``NAME@FOLDER``, or ``NAME``, asks for; its files are not read."""
    return GLUE[_name_and_folder(argument)[0]].scored


def _name_and_folder(argument: str) -> tuple[str, str | None]:
    """Split an argument into the name of a task and a folder, None where none is named."""
    name, at, folder = argument.partition("@")
    if folded(name) not in GLUE:
        raise UnknownNameError("task of GLUE", name, GLUE)
    if at and not folder:
        raise UsageError(f"glue:{argument} names no folder: expected {SYNTAX}, the folder that holds {name}/train.tsv")
    return folded(name), folder if at else None


def folded(name: str) -> str:
    """Write a task's name as the table has it: ``SST-2`` is sst2."""
    return name.casefold().replace("-", "").replace("_", "")


def task_folder(folder: Path, name: str) -> Path:
    """Find a task's folder in that of all tasks, whatever the case of its name; or take the folder that is so named."""
    if not folder.is_dir():
        raise DataError(f"there is no folder {folder}: expected the one that holds {name}/train.tsv")
    candidates = [path for path in sorted(folder.iterdir()) if path.is_dir() and folded(path.name) == name]
    if candidates:
        return candidates[0]
    if folded(folder.resolve().name) == name:
        return folder
    there = ", ".join(sorted(path.name for path in folder.iterdir() if path.is_dir())) or "no folders"
    raise DataError(f"{folder} holds no folder {name}; there are {there}")


def _read(path: Path, task: GlueTask) -> Table:
    """Read a file with a header line, or one of a task whose labelled files have none."""
    header: tuple[str, ...] = ()
    if task.header:
        first = _first_line(path).split("\t")
        header = () if set(task.needed) <= set(first) else task.header
    label, form = (task.columns.label,), TsvForm(header, skips_short_rows=True)
    if _split(path).startswith("test"):
        return read_table(path, task.needed, label, form)
    return read_table(path, (*task.needed, *label), tsv=form)


def _first_line(path: Path) -> str:
    return read_bytes(path).partition(b"\n")[0].decode(errors="replace").rstrip("\r")


def _split(path: Path) -> str:
    return path.name.removesuffix(".gz").removesuffix(".tsv")


def _place(path: Path) -> int:
    split = _split(path)
    return ORDER.index(split) if split in ORDER else len(ORDER)

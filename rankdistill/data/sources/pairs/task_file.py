"""Tasks of one's own: ``task:FOLDER`` reads tables as the ``task.yaml`` in the folder describes them.

    kind: similarity               # or classification, or ranking
    texts: [sentence_A, sentence_B]  # columns; one for single texts, and of a ranking the query and the document
    label: relatedness_score       # column; -1, where that is no valid label, empty and null ones are none
    range: [1, 5]                  # of a similarity
    classes: [no, yes]             # of a classification: label 0 is the first
    ids: [qid, did]                # of a ranking: columns of the query's and the document's id
    measures: [pearson, spearman]  # the first one chooses checkpoints; the default is the kind's
    splits: {train: a.tsv, dev: b.tsv, test: c.jsonl}   # the default is train.*, dev.* and test.*
    measured: test                 # split that results are told on; the default is dev

One table with a column of the splits is named, and each split by its value there:

    table: SICK.txt
    split: SemEval_set
    splits: {train: TRAIN, dev: TRIAL, test: TEST}      # the default is train, dev and test

Tables are TSV without quoting, as GLUE's, CSV, JSON lines or Parquet.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from rankdistill.data.candidates import Candidates
from rankdistill.data.collection import Collection
from rankdistill.data.scored_pairs import HIDDEN, ScoredPairs, number_in
from rankdistill.data.sources.pairs.build import Columns, pairs_collection
from rankdistill.data.sources.pairs.tables import READERS, Table, column_names, read_table
from rankdistill.data.texts import Texts
from rankdistill.errors import DataError, FileFormatError, UnknownNameError

FILE = "task.yaml"
KINDS = ("classification", "similarity", "ranking")
SPLITS = ("train", "dev", "test")
ENTRIES: dict[str, tuple[type | tuple[type, ...], str]] = {
    "kind": (str, f"one of {', '.join(KINDS)}"),
    "texts": (list, "a list of one or two column names"),
    "label": (str, "a column name"),
    "range": (list, "a list of two numbers"),
    "classes": (list, "a list of class names"),
    "ids": (list, "a list of two column names"),
    "measures": (list, "a list of measures"),
    "splits": (dict, "split names, each with a file of the folder, or with a value of the column of 'split'"),
    "table": (str, "a file of the folder that holds all splits"),
    "split": (str, "a column name"),
    "measured": (str, "the name of a split"),
}
NEEDED = {"classification": ("texts", "label", "classes"), "similarity": ("texts", "label", "range")}
NEEDED["ranking"] = ("texts", "label", "ids")


def load(argument: str) -> Collection:
    """Load the folder of a task; the collection's name is the folder's.

    A label is hidden where its row, or its whole table, has none; where no table has one, a warning says so. Raises
    `DataError` for a ``task.yaml`` that is missing or says what cannot be, and what the tables' readers raise.
    """
    folder = Path(argument)
    task = read_task_file(folder / FILE)
    texts, ids, label = task["texts"], task.get("ids", []), task["label"]
    places = _places(folder, task)
    name, scored = folder.resolve().name, _scored_pairs(folder, task, list(places))
    if "table" in task:
        tables = _shared_table(folder, task, places, (*texts, *ids))
    else:
        tables = {split: read_table(folder / file, (*texts, *ids), (label,)) for split, file in places.items()}
    if not any(label in table.columns for table in tables.values()):
        there = dict.fromkeys(column for table in tables.values() for column in column_names(table.path))
        warnings.warn(
            f"{folder / FILE}: 'label' is {label!r}, and no table has such a column, so that all labels are hidden; "
            f"there are {', '.join(there)}",
            stacklevel=2,
        )
    if scored is None:
        return _ranking(name, tables, texts, ids, label)
    return pairs_collection(name, tables, Columns(tuple(texts), label, no_label=""), scored)


def describe(argument: str) -> ScoredPairs | None:
    """What the task of a folder asks for, None where that is a ranking; its tables are not read."""
    task = read_task_file(Path(argument) / FILE)
    return _scored_pairs(Path(argument), task, list(_places(Path(argument), task)))


def _scored_pairs(folder: Path, task: Mapping[str, Any], splits: Sequence[str]) -> ScoredPairs | None:
    if task["kind"] == "ranking":
        return None
    measured = task.get("measured", "dev" if "dev" in splits else splits[-1])
    if measured not in splits:
        raise DataError(f"{folder / FILE}: 'measured' is {measured!r}, expected one of the splits {', '.join(splits)}")
    lowest, highest = task.get("range", (0.0, 1.0))
    return ScoredPairs(
        task["kind"],
        classes=tuple(map(str, task.get("classes", ()))),
        lowest=float(lowest),
        highest=float(highest),
        measures=tuple(map(str, task.get("measures", ()))),
        n_texts=1 if len(task["texts"]) == 1 else 2,
        measured_split=measured,
    )


def read_task_file(file: Path) -> dict[str, Any]:
    """Read and check a ``task.yaml``; `DataError` says which entry is wrong and what it should be."""
    try:
        # Nothing is taken for more than text: "no" and "yes" are names of classes, not truth values.
        task = yaml.load(file.read_text(encoding="utf-8"), Loader=yaml.BaseLoader)
    except OSError as error:
        raise DataError(f"cannot read {file}: {error.strerror}; a task's folder holds a {FILE}") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise DataError(f"{file} is no YAML: {' '.join(str(error).split())}") from None
    if not isinstance(task, dict):
        raise DataError(f"{file} holds {type(task).__name__}, expected entries such as kind: similarity")
    for name, value in task.items():
        if name not in ENTRIES:
            raise UnknownNameError(f"entry of {file}", str(name), ENTRIES)
        kinds, expected = ENTRIES[name]
        if not isinstance(value, kinds) or not value:
            raise DataError(f"{file}: {name!r} is {value!r}, expected {expected}")
    if "range" in task:
        task["range"] = [_number(bound) for bound in task["range"]]
    if ("table" in task) != ("split" in task):
        raise DataError(f"{file} has one of 'table' and 'split': one table of all splits needs both, it and its column")
    kind = task.get("kind")
    if kind not in KINDS:
        raise UnknownNameError(f"kind in {file}", str(kind), KINDS)
    for name in NEEDED[kind]:
        if name not in task:
            raise DataError(f"{file} lacks {name!r}: expected {ENTRIES[name][1]}")
    for name in ("texts", "ids", "classes", "measures"):
        _check(file, name, task.get(name, []), lambda value: all(isinstance(item, str | int) for item in value))
    _check(file, "texts", task["texts"], lambda value: 1 <= len(value) <= 2 and (kind != "ranking" or len(value) == 2))
    _check(file, "range", task.get("range", [0, 1]), _rises)
    _check(file, "ids", task.get("ids", ["", ""]), lambda value: len(value) == 2)
    return dict(task)


def _check(file: Path, name: str, value: Any, holds: Callable[[Any], bool]) -> None:
    if not holds(value):
        raise DataError(f"{file}: {name!r} is {value!r}, expected {ENTRIES[name][1]}")


def _number(bound: Any) -> Any:
    """Read a number; anything else is returned as it is."""
    try:
        number = float(bound)
    except (TypeError, ValueError):
        return bound
    return int(number) if number.is_integer() else number


def _rises(bounds: list[Any]) -> bool:
    numbers = all(isinstance(bound, int | float) for bound in bounds)
    return numbers and len(bounds) == 2 and -np.inf < bounds[0] < bounds[1] < np.inf


def _places(folder: Path, task: Mapping[str, Any]) -> dict[str, str]:
    """Split -> its file in the folder, or of one shared table its value in the column of splits."""
    named = {str(split): str(place) for split, place in task.get("splits", {}).items()}
    return named or ({split: split for split in SPLITS} if "table" in task else _default_files(folder))


def _shared_table(
    folder: Path, task: Mapping[str, Any], values: Mapping[str, str], needed: Sequence[str]
) -> dict[str, Table]:
    """The rows of each split of one table; rows of no split that is asked for are left out.

    Raises `DataError` for a split without a row, and names the values that are there.
    """
    table = read_table(folder / task["table"], (*needed, task["split"]), (task["label"],))
    column = np.array(table.columns[task["split"]])
    tables = {split: table.rows(np.flatnonzero(column == value)) for split, value in values.items()}
    if empty := [split for split, rows in tables.items() if not len(rows)]:
        there = ", ".join(map(repr, dict.fromkeys(table.columns[task["split"]])))
        raise DataError(
            f"{table.path} has no row of {empty[0]!r}, where {task['split']!r} is {values[empty[0]]!r}; its values are "
            f"{there or 'none'}: name those of each split under 'splits' in {FILE}"
        )
    return tables


def _default_files(folder: Path) -> dict[str, str]:
    """Find the tables named train, dev and test; `DataError` where there is none, or two for a split."""
    found: dict[str, str] = {}
    for split in SPLITS:
        paths = [folder / f"{split}{suffix}{zipped}" for suffix in READERS for zipped in ("", ".gz")]
        there = [path for path in paths if path.is_file()]
        if len(there) > 1:
            raise DataError(f"{folder} holds {' and '.join(path.name for path in there)}: name one under 'splits'")
        if there:
            found[split] = there[0].name
    if not found:
        raise DataError(f"{folder} holds no train, dev or test in {', '.join(READERS)}: name its tables under 'splits'")
    return found


def _ranking(
    name: str, tables: Mapping[str, Table], texts: Sequence[str], ids: Sequence[str], label: str
) -> Collection:
    """Build a collection of candidate lists from rows of a query, a document and a grade."""
    queries: dict[str, str] = {}
    documents: dict[str, str] = {}
    splits: dict[str, dict[str, None]] = {}
    rows: list[tuple[str, str]] = []
    grades: list[float] = []
    for split, table in tables.items():
        written = table.columns.get(label, [""] * len(table))
        for row, (line, grade) in enumerate(zip(table.lines, written, strict=True)):
            (query, first), (document, second) = (
                (table.columns[column][row], table.columns[text][row]) for column, text in zip(ids, texts, strict=True)
            )
            for known, id_, text in ((queries, query, first), (documents, document, second)):
                if known.setdefault(id_, text) != text:
                    raise FileFormatError(table.path, line, text, f"the text that {id_!r} had before: {known[id_]!r}")
            splits.setdefault(split, {})[query] = None
            rows.append((query, document))
            grades.append(_grade(table.path, line, grade))
    labels = np.asarray(grades, np.float32)
    known_rows = np.flatnonzero(~np.isnan(labels))
    query_ids, document_ids = zip(*rows, strict=True) if rows else ((), ())
    pairs = Candidates.from_rows(query_ids, document_ids)
    judged = Candidates.from_rows(
        [query_ids[row] for row in known_rows],
        [document_ids[row] for row in known_rows],
        {"label": labels[known_rows]},
    )
    return Collection(
        name=name,
        queries=Texts.from_pairs(list(queries), list(queries.values())),
        documents=Texts.from_pairs(list(documents), list(documents.values())),
        qrels=judged if len(judged) else None,
        candidates=pairs,
        splits={split: list(kept) for split, kept in splits.items()},
        unjudged="missing",
    )


def _grade(path: Path, line: int, text: str) -> float:
    """Read a grade; NaN for a hidden one."""
    grade = number_in(text)
    if not text or grade == HIDDEN:
        return np.nan
    if grade is None:
        raise FileFormatError(path, line, text, "a grade, a finite number")
    return grade

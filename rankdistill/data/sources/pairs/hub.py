"""GLUE from the Hugging Face hub, by the package `datasets`: the same tables that the benchmark's own files give."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rankdistill.data.scored_pairs import HIDDEN, ScoredPairs
from rankdistill.data.sources.pairs.tables import Table
from rankdistill.errors import DataError, MissingExtraError

DATA_SET = "nyu-mll/glue"
LABEL = "label"
ROW = "idx"
"""Column of the number of a pair's row in the task's own file, in which rows count that the hub leaves out."""
OTHER_ROWS = ("mrpc",)
"""Tasks whose rows have the numbers of another file: MRPC's are those of train and dev in one."""
COLUMNS: dict[str, tuple[str, ...]] = {
    "mrpc": ("sentence1", "sentence2"),
    "mnli": ("premise", "hypothesis"),
}
"""Columns of the texts, of tasks whose own files call them otherwise."""
SPLITS = {
    "train": "train",
    "validation": "dev",
    "validation_matched": "dev_matched",
    "validation_mismatched": "dev_mismatched",
    "test": "test",
    "test_matched": "test_matched",
    "test_mismatched": "test_mismatched",
}
"""The hub's name of a split -> the name of its file in the benchmark, in our order."""


def hub_tables(name: str, texts: Sequence[str], label: str, scored: ScoredPairs) -> dict[str, Table]:
    """Load a task's splits: split -> table, with the columns ``texts`` and ``label`` as the task's own files have them.

    Labels are written as `ScoredPairs.label` reads them, classes by their names; rows have the numbers that they have
    in the task's own files. Raises `MissingExtraError` without
    `datasets`, `DataError` where the hub cannot be reached and nothing of it is cached, and for data of another form.
    """
    found = fetched(name)
    tables = {}
    for hub_name, split in SPLITS.items():
        if hub_name in found:
            tables[split] = _table(found[hub_name], name, hub_name, texts, label, scored)
    if not tables:
        raise DataError(f"{DATA_SET}, {name}: got the splits {', '.join(found) or 'none'}, expected train, validation")
    return tables


def fetched(name: str) -> Mapping[str, Any]:
    """Fetch a task's splits from the hub, or from the cache of `datasets`: the hub's name of a split -> `Dataset`."""
    try:
        import datasets
    except ImportError as error:
        raise MissingExtraError(f"glue:{name} without a folder, from the hub,", "hub") from error
    try:
        splits: Mapping[str, Any] = datasets.load_dataset(DATA_SET, name)
    except Exception as error:  # of datasets, huggingface_hub, httpx and the system, which have no base in common
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise DataError(
            f"cannot fetch {name} of {DATA_SET} from the hub: {reason}. Without a network give the folder that holds "
            f"{name}/train.tsv, as glue:{name}@FOLDER"
        ) from error
    return splits


def _table(rows: Any, name: str, hub_name: str, texts: Sequence[str], label: str, scored: ScoredPairs) -> Table:
    """One split as a table of text; rows: a `Dataset`, whose columns are lists of values by name."""
    where = Path(DATA_SET) / name / hub_name
    columns = COLUMNS.get(name, tuple(texts))
    if lacking := [column for column in (*columns, LABEL) if column not in rows.column_names]:
        raise DataError(f"{where} has the columns {', '.join(rows.column_names)}, and no {lacking[0]!r}")
    read = {text: list(rows[column]) for text, column in zip(texts, columns, strict=True)}
    for text, values in read.items():
        if (row := next((row for row, value in enumerate(values) if not isinstance(value, str)), None)) is not None:
            raise DataError(f"{where}, row {row}: got {values[row]!r} as {text!r}, expected a text")
    names = getattr(rows.features[LABEL], "names", None)
    if scored.kind == "classification" and (not names or set(names) != set(scored.classes)):
        raise DataError(f"{where} has the classes {names}, expected {list(scored.classes)}")
    read[label] = [_written(value, names) for value in rows[LABEL]]
    numbered = ROW in rows.column_names and name not in OTHER_ROWS
    numbers = list(rows[ROW]) if numbered else list(range(len(read[label])))
    return Table(where, read, list(range(1, len(numbers) + 1)), numbers)


def _written(value: Any, names: Sequence[str] | None) -> str:
    """Write a label: a class's name, a similarity's number, or that there is none."""
    if value is None or value == HIDDEN:
        return str(HIDDEN)
    if names is None:
        return repr(float(value))
    return names[value] if 0 <= value < len(names) else str(value)

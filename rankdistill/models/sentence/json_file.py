"""Read the JSON files of a model's folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, TypeVar

from rankdistill.errors import DataError

Value = TypeVar("Value", dict[str, Any], list[Any])


def read_object(file: Path) -> dict[str, Any]:
    """Read the object in a JSON file, empty where there is no file; `DataError` for a file that holds anything else."""
    return _read(file, {})


def read_list(file: Path) -> list[Any]:
    """Read the list in a JSON file, empty where there is no file; `DataError` for a file that holds anything else."""
    return _read(file, [])


def _read(file: Path, empty: Value) -> Value:
    what = "an object" if isinstance(empty, dict) else "a list"
    if not file.is_file():
        return empty
    try:
        value = json.loads(file.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise DataError(f"{file} is not JSON ({error}), expected {what}: copy the model again") from error
    if not isinstance(value, type(empty)):
        raise DataError(f"{file} holds {str(value)[:60]!r}, expected {what}")
    return value

"""The list of modules in a sentence-transformers folder, and where their files lie."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Any

from rankdistill.errors import DataError
from rankdistill.models.sentence.json_file import read_list

MODULES = "modules.json"


def listed_modules(folder: Path) -> list[tuple[str, Path]]:
    """Read ``modules.json``: the class of each module and its folder, in order; empty where there is no such file.

    Raises `DataError` for rows of another form and for folders outside.
    """
    return [(row["type"], folder / _inside(folder, row)) for row in _rows(folder)]


def transformer_folder(folder: Path) -> Path:
    """Find the folder of the transformer: the one that ``modules.json`` names first, else the folder itself."""
    modules = listed_modules(folder)
    return modules[0][1] if modules else folder


def module_paths(folder: Path) -> list[str]:
    """List the sub-folders of modules, relative to the folder."""
    return [path.relative_to(folder).as_posix() for _, path in listed_modules(folder) if path != folder]


def _rows(folder: Path) -> list[dict[str, Any]]:
    file = folder / MODULES
    rows = read_list(file)
    for row in rows:
        if not isinstance(row, dict) or not all(isinstance(row.get(key), str) for key in ("path", "type")):
            raise DataError(f"{file}: got {row!r:.100}, expected an object with path and type, two strings")
    return rows


def _inside(folder: Path, row: dict[str, Any]) -> PurePosixPath:
    path = PurePosixPath(row["path"].replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts:
        raise DataError(f"{folder / MODULES} names the folder {row['path']!r}, expected one inside {folder}")
    return path

"""Checksums beside stored files: a file that is empty, cut or flipped is noticed before it is used.

The checksums of a folder are a file in it, ``checksums.json``; those of a file lie beside it, in a hidden file that
readers of whole folders (pyarrow, pandas) pass over. Both hold the length and the SHA-256 of each file.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from rankdistill.errors import DataError

IN_FOLDER = "checksums.json"


def checksums_path(path: str | Path) -> Path:
    """Return where the checksums of a file or folder lie; a path where there is nothing counts as a file.

    Those of a link lie beside what it names.
    """
    path = Path(path)
    if path.is_symlink():
        path = path.resolve()
    return path / IN_FOLDER if path.is_dir() else path.with_name(f".{path.name}.checksum")


def checksum(file: str | Path) -> dict[str, Any]:
    """Return a file's length in bytes and its hash (SHA-256, which processors have instructions for)."""
    with Path(file).open("rb") as opened:
        hashed = hashlib.file_digest(opened, "sha256").hexdigest()
        return {"bytes": opened.tell(), "sha256": hashed}


def checksums_text(path: str | Path, name: str | None = None) -> str:
    """Compute the checksums of a file, or of all files of a folder, as the JSON text that `damage` reads.

    name: of the file (None: its own), for one that will be renamed. A folder's files are named relative to it.
    """
    path = Path(path)
    if path.is_dir():
        files = (file for file in sorted(path.rglob("*")) if file.is_file() and file != path / IN_FOLDER)
        sums = {file.relative_to(path).as_posix(): checksum(file) for file in files}
    else:
        sums = {name or path.name: checksum(path)}
    return _written(sums)


def is_sealed(path: str | Path) -> bool:
    """Tell whether checksums were written for a file or folder; models of other tools, for one, have none."""
    return checksums_path(path).is_file()


def _written(sums: Any) -> str:
    return json.dumps(sums, indent=1) + "\n"


def damage(path: str | Path) -> str | None:
    """Say what is wrong with a file or folder by its checksums: None where it is as it was written.

    Files that were added to a folder since are not looked at. Cost: one reading of the files.
    """
    path = Path(path)
    if not path.exists():
        return f"there is no {path}"
    try:
        sums = _read(path)
    except ValueError as error:
        return str(error)
    for name, (length, hashed) in sums.items():
        file = path / name if path.is_dir() else path
        try:
            found = checksum(file) if file.stat().st_size == length else None
        except OSError as error:
            return f"{file} cannot be read ({error.strerror})"
        if found is None:
            return f"{file} has {file.stat().st_size:,} bytes, {length:,} were written"
        if found["sha256"] != hashed:
            return f"{file} was changed after it was written: its checksum is another"
    return None


def sealed_sum(file: str | Path) -> str:
    """Return the hash that was written for a file, after a look at its length alone; raise `ValueError` saying why not.

    What is in the file may be another's: `damage` reads it.
    """
    file = Path(file)
    ((length, hashed),) = _read(file).values()
    if (found := file.stat().st_size) != length:
        raise ValueError(f"{file} has {found:,} bytes, {length:,} were written")
    return hashed


def _read(path: Path) -> dict[str, tuple[int, str]]:
    """Read the checksums of a file or folder: name -> length and hash; raise `ValueError` where they are damaged."""
    try:
        text = checksums_path(path).read_text(encoding="utf-8")
        expected = json.loads(text)
        sums = {str(name): (int(each["bytes"]), str(each["sha256"])) for name, each in expected.items()}
        # a flipped bit may leave JSON of the same meaning
        sound = text == _written(expected) and sums and (path.is_dir() or list(sums) == [path.resolve().name])
    except (OSError, ValueError, AttributeError, KeyError, TypeError):
        sound = False
    if not sound:
        raise ValueError(f"{checksums_path(path)} is missing or damaged")
    return sums


def check_undamaged(path: str | Path, what: str, remedy: str) -> None:
    """Raise `DataError` where a file or folder is not as it was written; the message says what it is and what to do."""
    if found := damage(path):
        raise DataError(f"{what} {path} is damaged: {found}; {remedy}")

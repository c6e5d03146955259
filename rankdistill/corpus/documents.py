"""Read documents of text, one after the other, from files."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path

from rankdistill.errors import DataError, FileFormatError, UsageError
from rankdistill.files.reading import check_unicode

BLOCK = 1 << 20
"""Characters of a block, which a process works on at once, and of a document of lines, where it is cut."""
SUFFIXES = (".txt", ".jsonl", ".txt.gz", ".jsonl.gz")
FORMS = "text (.txt, documents apart by empty lines) or JSON lines (.jsonl, with 'text'), plain or .gz"


def read_documents(file: Path) -> Iterator[str]:
    """Yield the documents of a text file; raise `FileFormatError` for a line that cannot be read.

    One of more than `BLOCK` characters without an empty line is cut at the ends of lines into several.
    """
    return _jsonl(file) if ".jsonl" in file.suffixes else _plain(file)


def text_files(source: Path) -> list[Path]:
    """List the file, or the text files in a folder and all folders below it, in the order of their paths.

    Hidden files, and those in hidden folders, are left out. Raises `UsageError` where there is no file of text and no
    folder, `DataError` for a folder without text files.
    """
    if source.is_file():
        if not source.name.endswith(SUFFIXES):
            raise UsageError(f"{source} is no text file that can be read: expected {FORMS}")
        return [source]
    if not source.is_dir():
        raise UsageError(f"there is no file or folder {source}, and it is no collection: expected {FORMS}")
    files = sorted(
        path
        for path in source.rglob("*")
        if path.name.endswith(SUFFIXES)
        and path.is_file()
        and not any(name.startswith(".") for name in path.relative_to(source).parts)
    )
    if not files:
        raise DataError(f"{source} holds no text files: expected {FORMS}")
    return files


def blocks(texts: Iterable[str], characters: int = BLOCK) -> Iterator[list[str]]:
    """Group documents in order, at least ``characters`` a group but for the last."""
    group: list[str] = []
    size = 0
    for text in texts:
        group.append(text)
        size += len(text)
        if size >= characters:
            yield group
            group, size = [], 0
    if group:
        yield group


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """Yield number and text of each line, without its end; a file of any size needs the memory of one line."""
    try:
        with closing(gzip.open(path) if path.suffix == ".gz" else path.open("rb")) as file:
            for number, raw in enumerate(file, start=1):
                try:
                    yield number, raw.decode("utf-8-sig" if number == 1 else "utf-8").rstrip("\r\n")
                except UnicodeDecodeError:
                    raise FileFormatError(path, number, repr(raw[:60]), "text in UTF-8") from None
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(f"{path} is damaged: {error}") from error


def _plain(path: Path) -> Iterator[str]:
    lines: list[str] = []
    size = 0
    for _, line in _lines(path):
        is_empty = not line.strip()
        if not is_empty:
            lines.append(line)
            size += len(line)
        if lines and (is_empty or size >= BLOCK):  # a file of lines may have no empty one
            yield "\n".join(lines)
            lines, size = [], 0
    if lines:
        yield "\n".join(lines)


def _jsonl(path: Path) -> Iterator[str]:
    expected = "a JSON object with a string 'text'"
    for number, line in _lines(path):
        if not line.strip():
            continue
        try:
            entry = json.loads(line)
        except (ValueError, RecursionError):
            entry = None
        text = entry.get("text") if isinstance(entry, dict) else None
        if not isinstance(text, str):
            raise FileFormatError(path, number, line, expected)
        check_unicode(text, path, number, line, expected)
        yield text

"""Tell by its content whether a file or folder holds scores in another tool's form, and which."""

from __future__ import annotations

import gzip
import json
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from rankdistill.data.parquet import column_names, read_batches
from rankdistill.data.score_files.flag_embedding import FLAG_EMBEDDING
from rankdistill.data.score_files.forms import Form
from rankdistill.data.score_files.id_sets import ID_SET
from rankdistill.data.score_files.listwise import LISTWISE
from rankdistill.data.score_files.margins import Columns, columns_of
from rankdistill.data.score_files.pairs import PAIRS
from rankdistill.data.score_files.tevatron import TEVATRON, TEVATRON_LISTS, TEVATRON_TEXTS
from rankdistill.data.score_files.top_ranked import TOP_RANKED
from rankdistill.data.shards import check_shards
from rankdistill.data.trec.forms import JSON
from rankdistill.errors import DataError, FileFormatError
from rankdistill.files.reading import BYTE_ORDER_MARK, FileBytes, map_bytes

FORMS = (TEVATRON, TEVATRON_LISTS, TEVATRON_TEXTS, FLAG_EMBEDDING, ID_SET, LISTWISE, TOP_RANKED, PAIRS)
"""The forms of JSON lines and Parquet rows; the first that fits counts."""
LINES = (".jsonl", ".json", ".jsonl.gz", ".json.gz")
PARQUET = ".parquet"
SUFFIXES = (*LINES, PARQUET)
SCORES_INSIDE = ("scores", "bm25", "top_ranked")
"""Folders inside that of a set whose files have the scores or the order."""
BLANK = b" \t\r\n"
EXPECTED = "; or ".join(f"{form.fields} ({form.title})" for form in FORMS)


@dataclass(frozen=True)
class Recognised:
    """What a file is read as."""

    kind: Literal["lines", "array", "map", "margins", "parquet"]
    form: Form | None = None
    columns: Columns | None = None
    start: int = 0


def recognise_bytes(path: Path, data: FileBytes) -> Recognised | None:
    """Recognise a file of text by its beginning; None for TREC's forms and unknown ones.

    Raises `FileFormatError` for JSON of no known form, naming those that are known.
    """
    start = len(BYTE_ORDER_MARK) if data[:3] == BYTE_ORDER_MARK else 0
    while start < len(data) and data[start] in BLANK:
        start += 1
    end = data.find(b"\n", start) + 1 or len(data)
    line = bytes(data[start:end])
    if not JSON.match(line):  # an id in a run can begin with a bracket, too
        columns = columns_of(path, data, start)
        return None if columns is None else Recognised("margins", columns=columns)
    if line.startswith(b"["):
        return Recognised("array", start=start)
    try:
        first = json.loads(line)
    except (ValueError, RecursionError):
        first = None
    if isinstance(first, dict):
        form = form_of(first)
        if form is not None:
            return Recognised("lines", form, start=start)
        if _is_map(first):
            return Recognised("map", start=start)
        got = f"an object with {', '.join(first)}"
        raise FileFormatError(path, 1 + bytes(data[:start]).count(b"\n"), got, _expected(first))
    return Recognised("map", start=start)  # of several lines, or damaged: then its parser says where


def form_of(entry: Any) -> Form | None:
    """Find the form of an entry."""
    return next((form for form in FORMS if form.fits(entry)), None)


def _expected(entry: dict[str, Any]) -> str:
    """Say what an entry of no known form lacks for the form that it is the nearest to, or all forms."""
    shared = {form: len(form.needs.keys() & form.fields_of(entry).keys()) for form in FORMS}
    nearest = max(shared, key=lambda form: (shared[form] / len(form.needs), shared[form]))
    if shared[nearest] < 2:
        return f"the fields {EXPECTED}"
    lacking = [names[0] for field, names in nearest.needs.items() if field not in nearest.fields_of(entry)]
    lacks = f"also {', '.join(lacking)}, which " if lacking else "other values, as "
    return f"{lacks}{nearest.title} has beside {nearest.fields}; forms of score files: docs/teachers.md"


def recognise_parquet(path: Path) -> tuple[Form, list[str]]:
    """Recognise a Parquet file by its columns and first row: its form, and the names of its columns.

    Raises `DataError` where it has no known form or no row.
    """
    names = column_names(path)
    for table in read_batches(path, names, rows=1):
        form = form_of(table.slice(0, 1).to_pylist()[0])
        if form is None:
            break
        return form, names
    else:
        raise DataError(f"{path} has no rows, expected scores")
    raise DataError(f"{path} has the columns {', '.join(names)}, expected {EXPECTED}")


def is_parquet(path: Path) -> bool:
    """Tell whether a file is Parquet, by its first bytes; pipes are none."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(4) == b"PAR1"


def is_score_file(path: str | Path) -> bool:
    """Tell whether a file or folder is read as scores in another tool's form, or refused as such; else as a run."""
    path = Path(path)
    if path.is_dir() or is_parquet(path):
        return path.is_file() or is_score_folder(path)
    try:
        return recognise_bytes(path, map_bytes(path)) is not None
    except FileFormatError:
        return True


def files_in(folder: Path) -> list[Path]:
    """List the files of scores in a folder, or in the folder ``scores``, ``bm25`` or ``top_ranked`` inside it.

    Empty where it holds none, and where it is a folder of parts of a run. Raises `DataError` where a file of several,
    such as ``train-00001-of-00003.parquet``, is missing.
    """
    inside = [folder / name for name in SCORES_INSIDE if (folder / name).is_dir()]
    for place in (folder, *inside):
        files = [path for path in sorted(place.iterdir()) if path.is_file() and path.name.endswith(SUFFIXES)]
        files = [path for path in files if not path.name.startswith(".") and _holds_scores(path)]
        if files:
            check_shards(files)
            return files
    return []


def is_score_folder(path: str | Path) -> bool:
    """Tell whether this is a folder of score files, and neither a model nor parts of a run."""
    path = Path(path)
    return path.is_dir() and not (path / "config.json").exists() and bool(files_in(path))


def scores_by_id(path: Path) -> bool:
    """Tell whether a file of JSON lines or Parquet has scores of documents that are named by their ids."""
    form = _form_in(path)
    return form is not None and "text" not in (form.query_is, form.document_is)


def _holds_scores(path: Path) -> bool:
    """Tell whether a file in a folder has a known form; columns of `write_parts` are left to the reader of parts."""
    form = _form_in(path)
    return form is not None and not (form is PAIRS and path.name.endswith(PARQUET))


def _form_in(path: Path) -> Form | None:
    """Recognise a file by its first row or line; None for all else."""
    try:
        if is_parquet(path):
            return recognise_parquet(path)[0]
        with gzip.open(path) if path.name.endswith(".gz") else path.open("rb") as file:
            return form_of(json.loads(file.readline()))
    except (DataError, FileFormatError, ValueError, RecursionError, AttributeError, OSError, EOFError, zlib.error):
        return None


def _is_map(entry: dict[str, Any]) -> bool:
    """Tell whether an object maps queries to documents: all values, but mteb's own, are objects or lists."""
    return bool(entry) and all(isinstance(value, dict | list) for value in entry.values())

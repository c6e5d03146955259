"""Tell whether a path holds scores in other tools' forms: a file, or a folder, and which files of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rankdistill.data.parquet import is_candidates
from rankdistill.data.score_files.forms import Form
from rankdistill.data.score_files.maps import map_part, parse
from rankdistill.data.score_files.pairs import PAIRS
from rankdistill.data.score_files.recognise import (
    expected,
    first_byte,
    form_of_all,
    is_parquet,
    json_entries,
    line_at,
    nearest,
    parquet_rows,
    recognise_any,
    recognise_bytes,
    recognise_parquet,
    unknown_form,
)
from rankdistill.data.shards import SHARD, check_shards
from rankdistill.errors import DataError, FileFormatError
from rankdistill.files.reading import map_bytes, open_bytes

LINES = (".jsonl", ".jsonl.gz")
SUFFIXES = (*LINES, ".json", ".json.gz", ".parquet")
"""Ends of names of the files of a folder that are looked into."""
SCORES_INSIDE = ("scores", "bm25", "top_ranked")
"""Folders inside that of a set whose files have the scores or the order."""
ALONE = "move it out of the folder, and give it alone where its scores are meant"


def is_score_file(path: str | Path) -> bool:
    """Tell whether a file or folder is read as scores in another tool's form, or refused as such; else as a run."""
    path = Path(path)
    if path.is_dir() or is_parquet(path):
        return path.is_file() or is_score_folder(path)
    try:
        return recognise_bytes(path, map_bytes(path)) is not None
    except FileFormatError:
        return True


def is_score_folder(path: str | Path) -> bool:
    """Tell whether this is a folder of score files, and neither a model nor parts of a run."""
    path = Path(path)
    return path.is_dir() and not (path / "config.json").exists() and bool(files_in(path))


def scores_by_id(path: Path) -> bool:
    """Tell whether a file of JSON lines or Parquet has scores of documents that are named by their ids."""
    form = _form_in(path)
    return form is not None and "text" not in (form.query_is, form.document_is)


def files_in(folder: Path) -> list[Path]:
    """List the files of scores in a folder, or in the folder ``scores``, ``bm25`` or ``top_ranked`` inside it.

    Empty where it holds none, and where it is a folder of parts of a run. Raises `DataError` where a file of several,
    such as ``train-00001-of-00003.parquet``, is missing.
    """
    inside = [folder / name for name in SCORES_INSIDE if (folder / name).is_dir()]
    for place in (folder, *inside):
        there = _looked_into(place)
        if files := [path for path in there if _holds_scores(path)]:
            check_shards(there)
            return files
    return []


def left_out(files: Sequence[Path]) -> list[Path]:
    """List the files beside these that hold no scores: texts, metadata, or nothing at all.

    Raises `FileFormatError` or `DataError` for one that may hold scores, and is damaged, lacks a field, or is of a kind
    that is read alone: nothing of a folder's scores is left out.
    """
    others = [path for path in _looked_into(files[0].parent) if path not in files]
    for path in others:
        if is_parquet(path):
            _check_rows(path)
        else:
            _check_text(path)
    return others


def _looked_into(place: Path) -> list[Path]:
    return [
        path
        for path in sorted(place.iterdir())
        if path.is_file() and path.name.endswith(SUFFIXES) and not path.name.startswith(".")
    ]


def _holds_scores(path: Path) -> bool:
    """Tell whether a file in a folder has a known form; what may be a part of a run is left to the reader of parts."""
    form = _form_in(path)
    return form is not None and not (form is PAIRS and _is_part(path))


def _is_part(path: Path) -> bool:
    """Tell whether a file has what `write_parts` and Spark write, and no name such as ``train-00000-of-00003``.

    A file so named holds any rows, where a part holds whole lists.
    """
    return is_parquet(path) and is_candidates(path) and not SHARD.fullmatch(path.name)


def _form_in(path: Path) -> Form | None:
    """Recognise a file by its first rows or lines; None for all else, and for one that cannot be read."""
    try:
        if is_parquet(path):
            return recognise_parquet(path)[0]
        with open_bytes(path) as file:
            return form_of_all(json_entries(file))
    except (DataError, FileFormatError):
        return None


def _check_rows(path: Path) -> None:
    """Raise `DataError` for a Parquet file that is damaged, or has some fields of a form, or is a part of a run."""
    row = next(parquet_rows(path), None)
    if row is None or nearest(row) is None:
        return
    if _form_in(path) is None:
        raise DataError(f"{path} has the columns {', '.join(row)}, expected {expected(row)}; {ALONE}")
    raise DataError(f"{path} is a part of a run, beside files of scores in another form: {ALONE}")


def _check_text(path: Path) -> None:
    """Raise the errors of `left_out` for a file of text."""
    data = map_bytes(path)
    start = first_byte(data)
    if start == len(data):
        return
    found = recognise_any(path, data)
    broken = found is None or (found.kind == "map" and found.first is None and path.name.endswith(LINES))
    if broken:
        end = data.find(b"\n", start)
        line = bytes(data[start : end if end >= 0 else len(data)]).decode(errors="backslashreplace")
        raise FileFormatError(
            path, line_at(data, start), line, f"a line of JSON, as in the files beside it: mend it, or {ALONE}"
        )
    assert found is not None
    if found.kind == "other" and found.first is not None and nearest(found.first):
        raise unknown_form(path, data, found)
    if found.kind == "margins" or (found.kind in ("array", "map") and _whole_has_scores(path, bytes(data[start:]))):
        raise DataError(f"{path} holds scores in a form that is read alone, beside files of other forms: {ALONE}")


def _whole_has_scores(path: Path, data: bytes) -> bool:
    """Tell whether one JSON array or object holds scores; raise `FileFormatError` where it is damaged."""
    parsed = parse(path, data)
    if isinstance(parsed, list):
        return form_of_all(parsed) is not None
    try:
        map_part(path, parsed)
    except DataError:
        return False
    return True

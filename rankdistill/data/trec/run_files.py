"""Run files in a folder: recognised by their names, and by their first line where the name leaves it open."""

from __future__ import annotations

import gzip
import json
import re
import zlib
from pathlib import Path

from rankdistill.data.parquet import column_names
from rankdistill.data.parts import is_parts
from rankdistill.data.score_files.found import scores_by_id
from rankdistill.data.score_files.recognise import is_parquet
from rankdistill.data.trec.forms import RANKED_SCORES, RUNS, TREC_RUN, UNUSED, recognise
from rankdistill.errors import DataError, FileFormatError

RUN_SUFFIXES = (".trec", ".run", ".res", ".msmarco.tsv")
"""Ends of names, before a ``.gz``, that runs alone have."""
OPEN_SUFFIXES = (".txt", ".tsv")
"""Ends of names that runs and other files have."""
PREFIX = "run."
"""Begin of names such as ``run.msmarco.bm25.txt``."""
SCORE_SUFFIXES = (".jsonl", ".parquet")
"""Ends of names of scores in other tools' forms, which their content tells."""
PATTERNS = (
    "NAME.trec, NAME.run, NAME.res, NAME.msmarco.tsv, run.NAME.txt, NAME/run.trec, each plain or .gz; or scores by id, "
    "NAME.jsonl, NAME.parquet"
)
OTHER_FILES = ("qrels", "queries", "topics", "corpus", "collection")
HEAD = 1 << 16
JSON_RUN = re.compile(rb'\s*\{\s*"[^"]*"\s*:\s*\{\s*"[^"]*"\s*:\s*-?[0-9]')


def runs_in(folder: Path) -> tuple[list[tuple[str, Path]], list[Path]]:
    """List the runs in a folder, each with its name, by path, and the files that may be runs and are not taken.

    Those look like runs, or have names of scores by id and are damaged. Runs are files with names as in `PATTERNS`,
    other ``.txt`` and ``.tsv`` files whose first line is TREC's, and folders of parts. Raises `DataError` where there
    is no such folder.
    """
    if not folder.is_dir():
        raise DataError(f"there is no folder {folder}")
    runs, left = [], []
    for path in sorted(path for path in folder.iterdir() if not path.name.startswith(".")):
        if path.is_dir():
            inside = sorted(file for file in path.iterdir() if file.is_file() and not file.name.startswith("."))
            named = [file for file in inside if _stem(file.name) == "run"]
            runs += [(path.name, file) for file in ([path] if is_parts(path) else named)]
            if not named:
                left += [file for file in inside if _has_suffix(file.name, RUN_SUFFIXES)]
        elif name := run_name(path) or _score_name(path):
            runs.append((name, path))
        elif looks_like_run(path) or _is_damaged(path):
            left.append(path)
    return runs, left


def run_name(path: Path) -> str | None:
    """Get the name of the run in a file, by its name, or by its first line where the name leaves it open; else None."""
    stem = _stem(path.name)
    if stem is None or stem.startswith(OTHER_FILES):
        return None
    certain = _has_suffix(path.name, RUN_SUFFIXES) or path.name.startswith(PREFIX)
    if not certain and not _first_line_is_trec(path):
        return None
    return stem.removeprefix(PREFIX) or stem


def _score_name(path: Path) -> str | None:
    """Get the name of the scores in a file of JSON lines or Parquet that names documents by their ids; else None."""
    stem = next((path.name.removesuffix(end) for end in SCORE_SUFFIXES if path.name.endswith(end)), None)
    return stem if stem and not stem.startswith(OTHER_FILES) and scores_by_id(path) else None


def _is_damaged(path: Path) -> bool:
    """Tell whether a file with a name of scores by id is no Parquet file, or begins with a line that is no JSON."""
    if not path.name.endswith(SCORE_SUFFIXES) or path.name.startswith(OTHER_FILES):
        return False
    if is_parquet(path):
        try:
            column_names(path)
        except DataError:
            return True
        return False
    line, end, _ = _head(path).strip().partition(b"\n")
    try:
        json.loads(line or b"{}")
    except ValueError:
        return bool(end) or len(line) < HEAD  # a longer line may be whole
    return False


def looks_like_run(path: Path) -> bool:
    """Tell whether a file that `run_name` does not take looks like a run all the same."""
    if path.name.startswith(OTHER_FILES):
        return False
    head = _head(path)
    if JSON_RUN.match(head):
        return True
    try:
        form = recognise(path, head, RUNS).form
    except FileFormatError:
        return False
    fields = next(line.split() for line in head.splitlines() if line.strip() and not line.lstrip().startswith(b"#"))
    if form is RANKED_SCORES:
        return fields[1] not in UNUSED and fields[2].isdigit() and _is_number(fields[3])
    if form is TREC_RUN:
        return _is_number(fields[4])
    return b"\t" in head and _is_number(fields[-1])


def _stem(name: str) -> str | None:
    """Cut the suffix of a run, and ``.gz``, from a file's name; None where it has no such suffix."""
    plain = name.removesuffix(".gz")
    suffix = max((s for s in (*RUN_SUFFIXES, *OPEN_SUFFIXES) if plain.endswith(s)), key=len, default=None)
    return plain.removesuffix(suffix) if suffix else None


def _has_suffix(name: str, suffixes: tuple[str, ...]) -> bool:
    return name.removesuffix(".gz").endswith(suffixes)


def _first_line_is_trec(path: Path) -> bool:
    head = _head(path)
    try:
        is_trec = recognise(path, head, RUNS).form is TREC_RUN
    except FileFormatError:
        return False
    return is_trec and looks_like_run(path)


def _head(path: Path) -> bytes:
    """Read the first lines of a file; nothing where it cannot be read."""
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            return file.read(HEAD)
    except (OSError, EOFError, zlib.error):
        return b""


def _is_number(text: bytes) -> bool:
    return re.fullmatch(rb"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?", text) is not None

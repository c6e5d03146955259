"""Read files of scores and orders in other tools' forms, as the readers of runs do those of TREC."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from rankdistill.data.candidates import Candidates, concatenate
from rankdistill.data.collection import Collection
from rankdistill.data.score_files import margins
from rankdistill.data.score_files.entries import json_parts, line_fault, object_parts, parquet_parts, row_fault
from rankdistill.data.score_files.forms import Form
from rankdistill.data.score_files.found import files_in, left_out
from rankdistill.data.score_files.lists import Fault, Part, grouped, joined, n_empty
from rankdistill.data.score_files.listwise import NO_ORDER
from rankdistill.data.score_files.maps import ORDER_TITLE, map_part, parse
from rankdistill.data.score_files.recognise import (
    EXPECTED,
    Recognised,
    form_of_all,
    is_parquet,
    recognise_bytes,
    recognise_parquet,
)
from rankdistill.data.score_files.texts import Resolver
from rankdistill.data.trec.lines import GroupedLines
from rankdistill.errors import DataError, RankDistillError, UsageError
from rankdistill.files.reading import FileBytes, map_bytes

EMPTY = "lists without documents, which are left out"
MANY = 5  # a message lists at most this many files


class Contents(NamedTuple):
    """The lists of one file, and how they are to be taken."""

    title: str
    parts: Iterable[Part]
    fault: Fault
    form: Form | None = None
    keep_first: bool = False
    is_order: bool = False


class ScoreFile(NamedTuple):
    """What a file or folder holds: one list a query, scores float64, and whether they are only places in an order."""

    lines: GroupedLines
    title: str
    is_order: bool


def first_stage(files: Sequence[Path]) -> Candidates:
    """Read candidates in order, as a collection has them beside its queries, into the column "score"; say nothing."""
    parts = []
    for path in files:
        counts: Counter[str] = Counter()
        contents = _parquet(path, counts) if is_parquet(path) else _of_bytes(path, map_bytes(path), counts)
        if contents is None:
            raise DataError(f"{path} holds no candidates, expected {EXPECTED}")
        lines, _ = grouped(joined(list(contents.parts)), contents.fault, contents.keep_first)
        parts.append(lines.candidates({"score": lines.values}))
    return concatenate(parts)


def read_folder(folder: Path, collection: Collection | None = None) -> ScoreFile | None:
    """Read a folder of score files, all of one form; None where it holds none. Raises and warns as `read_file` does.

    Other files in it are named in the warning, or raise the errors of `left_out`.
    """
    files = files_in(folder)
    if not files:
        return None
    others = left_out(files)
    counts: Counter[str] = Counter()
    contents = []
    for path in files:
        found = _parquet(path, counts) if is_parquet(path) else _of_bytes(path, map_bytes(path), counts)
        assert found is not None  # `files_in` recognised it
        contents.append(found)
    if len({each.title for each in contents}) > 1:
        other = next(path for path, each in zip(files, contents, strict=True) if each.title != contents[0].title)
        raise DataError(f"{folder} holds {contents[0].title} and, in {other.name}, another form: keep one")
    return _read(folder, contents, counts, collection, others)


def read_file(path: Path, data: FileBytes | None, collection: Collection | None = None) -> ScoreFile | None:
    """Read a file of scores; None where it is none of `recognise.FORMS` and the like, but perhaps TREC's.

    data: its bytes; None for a Parquet file. collection: has the ids of queries and documents that a file names by
    their texts. Says in a warning what the file is read as, and what is odd in it.
    Raises `FileFormatError` with file and line, or `DataError` with file and row, for an entry that is not of the form;
    `UsageError` where texts need a collection; `DataError` where it has none of them.
    """
    counts: Counter[str] = Counter()
    contents = _parquet(path, counts) if data is None else _of_bytes(path, data, counts)
    return None if contents is None else _read(path, [contents], counts, collection)


def _parquet(path: Path, counts: Counter[str]) -> Contents:
    form, names = recognise_parquet(path)
    return _of_form(form, parquet_parts(path, names, form, counts), partial(row_fault, path))


def _of_bytes(path: Path, data: FileBytes, counts: Counter[str]) -> Contents | None:
    found = recognise_bytes(path, data)
    return None if found is None else CONTENTS[found.kind](path, data, found, counts)


def _lines(path: Path, data: FileBytes, found: Recognised, counts: Counter[str]) -> Contents:
    assert found.form is not None
    parts = json_parts(path, data, found.start, found.form, counts)
    return _of_form(found.form, parts, partial(line_fault, path, data, found.start))


def _array(path: Path, data: FileBytes, found: Recognised, counts: Counter[str]) -> Contents:
    objects = parse(path, bytes(data[found.start :]))
    form = form_of_all(objects) if isinstance(objects, list) else None
    if form is None:
        raise DataError(f"{path} holds an array, expected one of objects with {EXPECTED}")
    return _of_form(form, object_parts(path, objects, form, counts), partial(row_fault, path, what="entry"))


def _map(path: Path, data: FileBytes, found: Recognised, counts: Counter[str]) -> Contents:
    part, title = map_part(path, parse(path, bytes(data[found.start :])))
    return Contents(title, [part], partial(row_fault, path, what="query"), is_order=title == ORDER_TITLE)


def _margins(path: Path, data: FileBytes, found: Recognised, counts: Counter[str]) -> Contents:
    assert found.columns is not None
    fault = partial(line_fault, path, data, found.columns.start)
    return Contents(margins.TITLE, margins.margin_parts(path, data, found.columns), fault, keep_first=True)


CONTENTS: dict[str, Callable[[Path, FileBytes, Recognised, Counter[str]], Contents]] = {
    "lines": _lines,
    "array": _array,
    "map": _map,
    "margins": _margins,
}


def _of_form(form: Form, parts: Iterable[Part], fault: Fault) -> Contents:
    return Contents(form.title, parts, fault, form, form.keep_first, form.is_order)


def _read(
    path: Path,
    contents: list[Contents],
    counts: Counter[str],
    collection: Collection | None,
    others: Sequence[Path] = (),
) -> ScoreFile:
    """Join the lists of the files, with ids in the place of texts, into one list a query; say what was read.

    others: files in the folder that are not read.
    """
    first = contents[0]
    resolver = _resolver(path, first, collection)
    parts: list[Part] = []
    begins = []
    for each in contents:
        begins.append(parts[-1].entries.max(initial=-1) + 1 if parts else 0)
        own = []
        for part in each.parts:
            counts[EMPTY] += n_empty(part)
            own.append(part if resolver is None else resolver.resolved(part))
        parts += [Part(p.queries, p.sizes, p.documents, p.scores, p.entries + begins[-1]) for p in own]

    def fault(entry: int, got: str, expected: str) -> RankDistillError:
        nth = int(np.searchsorted(begins, entry, side="right")) - 1
        return contents[nth].fault(entry - int(begins[nth]), got, expected)

    counts[EMPTY] -= counts[NO_ORDER]  # a list that is left out for its answer is counted by that name alone
    notes = [] if resolver is None else resolver.notes
    if others:
        names = ", ".join(file.name for file in others[:MANY]) + (", ..." if len(others) > MANY else "")
        notes.append(f"{len(others):,} files in {others[0].parent} hold no scores and are not read: {names}")
    if not parts or not sum(len(part.documents) for part in parts):
        reasons = "; ".join([*notes, *_counted(counts)])
        raise DataError(f"{path} ({first.title}) holds no scores" + (f": {reasons}" if reasons else ""))
    lines, repeated = grouped(joined(parts), fault, first.keep_first)
    what = "places in order, whose scores are -1, -2, …" if first.is_order else "scores"
    said = "; ".join(
        [f"{len(lines.query_ids):,} queries, {len(lines.doc_ids):,} {what}", *notes, *repeated, *_counted(counts)]
    )
    warnings.warn(f"{path} is read as {first.title}: {said}", stacklevel=6)
    return ScoreFile(lines, first.title, first.is_order)


def _counted(counts: Counter[str]) -> list[str]:
    return [f"{count:,} {what}" for what, count in counts.items() if count]


def _resolver(path: Path, contents: Contents, collection: Collection | None) -> Resolver | None:
    form = contents.form
    if form is None or "text" not in (form.query_is, form.document_is):
        return None
    if collection is None:
        raise UsageError(
            f"{path} ({contents.title}) names {'queries and ' if form.query_is == 'text' else ''}passages by their "
            "texts, whose ids only their collection has: give it (--collection where a command takes it, "
            "collection=... in Python), or write a run with ids by `rankdistill ensemble --method single "
            f"--collection SOURCE --runs {path} --out RUN`"
        )
    return Resolver(collection, form.query_is == "text", form.document_is == "text")

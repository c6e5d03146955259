"""Load folders in the BEIR layout: corpus and queries, with qrels and runs beside them, gzipped (``.gz``) or not.

    corpus*.jsonl          a JSON object a line: ``_id`` (or ``doc_id``, ``id``, …), ``text``, optional ``title``;
                           or corpus*.tsv (id, tab, text; or a header), or corpus*.parquet (the same as columns)
    queries*.jsonl         the same with ``_id`` (or ``query_id``, ``id``, …), or queries*.tsv or queries*.parquet
    qrels/*.tsv            BEIR's three columns or TREC's four, also as .txt; or .jsonl or .parquet with ``query-id``,
                           ``corpus-id`` and ``score``; or qrels*.tsv, … or NAME.qrels beside the corpus
    bm25/*.parquet         candidates in order, of NanoBEIR; or top_ranked/, of mteb, also .jsonl; in NanoBEIR's older
                           form relevance/*.parquet, which has the relevant documents too
    runs/*.trec            runs, under the names of their files (also .res, .run, .txt, run.NAME.txt, NAME/run.txt), in
                           the folder runs or beside the corpus

Documents and queries can be the files of folders ``corpus`` and ``queries`` instead, whatever their names. Files that
look like those of a collection and are not read are named in a warning, once.

A document's text is its title and its text, joined by a space and trimmed. The parts between the dots of a file's name
are tags: ``queries.train.tsv`` or ``qrels/train.tsv`` define the split "train", and ``FOLDER#TAG`` chooses, of each
kind of file, those tagged TAG, or those without a tag where no file has it.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pyarrow as pa

from rankdistill.data.candidates import Candidates
from rankdistill.data.collection import Collection
from rankdistill.data.parts import is_parts
from rankdistill.data.score_files.read import first_stage
from rankdistill.data.sources.judgments import read_jsonl_qrels, read_parquet_qrels
from rankdistill.data.sources.layout import JSONL, PARQUET, TaggedFile, find_files
from rankdistill.data.sources.lines import IdsAndTexts, read_jsonl, read_tsv
from rankdistill.data.sources.rows import DOCUMENT_NAMES, HOW, QUERY_NAMES, Names, line_of_row
from rankdistill.data.sources.tables import read_texts
from rankdistill.data.text_index import kept_texts
from rankdistill.data.texts import Texts, repeated_id
from rankdistill.data.trec.read import read_qrels
from rankdistill.errors import DataError, UnknownNameError

MANY = 5  # a message lists at most this many files


def load(argument: str) -> Collection:
    """Load a folder; ``FOLDER#TAG`` chooses the files tagged TAG of each kind that has such files.

    Raises `DataError` for missing files or a duplicate id, `FileFormatError` for a malformed line.
    """
    folder, tag = _folder_and_tag(argument)
    found = find_files(folder)
    unread = _listed(folder, tuple(found.passed_over))
    for pattern, files in (("corpus*.jsonl", found.documents), ("queries*.jsonl or queries*.tsv", found.queries)):
        if not files:
            there = f"; not read are {unread}" if unread else ""
            if is_parts(folder):
                there += f"; its parts, of texts or of pairs, are textbook:{folder} or pairs:{folder}"
            raise DataError(f"{folder} holds no {pattern} (or .parquet, .gz): is it the folder of a collection?{there}")
    if unread:
        _say_passed_over(folder, unread)
    tags = {tag for file in found.documents + found.queries + found.judgments for tag in file.tags}
    if tag and tag not in tags:
        raise UnknownNameError(f"tag of the files in {folder}", tag, tags)
    corpus, queries, qrels, runs, first = (
        _keep(files, tag, tags)
        for files in (found.documents, found.queries, found.judgments, found.runs, found.first_stage)
    )
    if not corpus or not queries:
        raise DataError(f"{folder} holds no {'queries' if corpus else 'corpus'} for the tag {tag!r}")
    query_texts, splits = _read_queries(queries, argument)
    judged, judged_splits = _read_qrels(qrels, query_texts)
    return Collection(
        name=f"{folder.resolve().name}#{tag}" if tag else folder.resolve().name,
        queries=query_texts,
        documents=_read_corpus(corpus, argument),
        qrels=judged,
        candidates=_first_stage(first, query_texts),
        splits=judged_splits | splits,
        runs=_by_name(runs + first, folder),
    )


# -- files and their tags ----------------------------------------------------------------------------------------------


def _folder_and_tag(argument: str) -> tuple[Path, str]:
    if Path(argument).is_dir():
        return Path(argument), ""
    path, _, tag = argument.rpartition("#")
    if not path or not Path(path).is_dir():
        raise DataError(f"there is no folder {path or argument}")
    return Path(path), tag


def _keep(files: list[TaggedFile], tag: str, tags: set[str]) -> list[TaggedFile]:
    """Choose the files tagged ``tag``, else those with none of the tags; remove ``tag`` from their tags."""
    if not tag:
        return files
    kept = [file for file in files if tag in file.tags] or [file for file in files if not tags & set(file.tags)]
    return [TaggedFile(file.path, file.name, tuple(t for t in file.tags if t != tag)) for file in kept]


def _by_name(runs: list[TaggedFile], folder: Path) -> dict[str, Path]:
    """Name each run as its file, or by its place in the folder where two have that name."""
    names = [run.name for run in runs]
    return {
        run.name if names.count(run.name) == 1 else run.path.relative_to(folder).as_posix(): run.path for run in runs
    }


def _listed(folder: Path, paths: tuple[Path, ...]) -> str:
    names = [path.relative_to(folder).as_posix() + ("/" if path.is_dir() else "") for path in paths]
    return ", ".join(names[:MANY]) + (f" and {len(names) - MANY} more" if len(names) > MANY else "")


@cache
def _say_passed_over(folder: Path, unread: str) -> None:
    warnings.warn(
        f"not read in {folder}: {unread}; read are files that begin with corpus, queries or qrels and end in .jsonl, "
        ".tsv or .parquet, and runs that end in .trec or .res",
        stacklevel=3,
    )


# -- contents ----------------------------------------------------------------------------------------------------------


def _read_file(path: Path, names: Names) -> IdsAndTexts:
    by_suffix = next((suffix for suffix in (*JSONL, *PARQUET) if path.name.endswith(suffix)), "")
    reader = read_jsonl if by_suffix in JSONL else read_texts if by_suffix in PARQUET else read_tsv
    return reader(path, names)


def _read_corpus(files: list[TaggedFile], source: str) -> Texts:
    """Read the documents of all files, or take them from the cache where these files were read before."""
    return kept_texts([file.path for file in files], HOW, lambda: _parse_corpus(files, source))


def _parse_corpus(files: list[TaggedFile], source: str) -> Texts:
    parts = [_read_file(file.path, DOCUMENT_NAMES) for file in files]
    ids, texts = (pa.concat_arrays(column) for column in zip(*parts, strict=True))
    if not len(ids):
        raise DataError(f"no documents in {_names(files)}: expected at least one")
    _check_unique(ids, files, [len(part[0]) for part in parts], DOCUMENT_NAMES, source)
    return Texts.from_pairs(ids, texts)


def _read_queries(files: list[TaggedFile], source: str) -> tuple[Texts, dict[str, list[str]]]:
    """Read all queries, those in several files with the same text once, and the splits that tagged files define."""
    texts: dict[str, str] = {}
    splits: dict[str, list[str]] = {}
    for file in files:
        ids, own = _read_file(file.path, QUERY_NAMES)
        _check_unique(ids, [file], [len(ids)], QUERY_NAMES, source)
        for row, (query, text) in enumerate(zip(ids.to_pylist(), own.to_pylist(), strict=True)):
            if not text.strip():
                raise DataError(
                    f"{_place(file.path, row, QUERY_NAMES)}: query {query!r} has an empty text: give it a text, or "
                    "remove its line"
                )
            if texts.setdefault(query, text) != text:
                place = _place(file.path, row, QUERY_NAMES)
                raise DataError(
                    f"{place}: query {query!r} has another text in this file than in another of {_names(files)}: "
                    f"give it one text{_advice(files, source)}"
                )
        if file.tags:
            splits.setdefault(".".join(file.tags), []).extend(ids.to_pylist())
    if not texts:
        raise DataError(f"no queries in {_names(files)}: expected at least one")
    return Texts.from_pairs(list(texts), list(texts.values())), splits


def _check_unique(ids: pa.Array, files: list[TaggedFile], sizes: list[int], names: Names, source: str) -> None:
    """Raise `DataError` for an id twice in files that have these numbers of rows, with the places of both."""
    found = repeated_id(ids)
    if found is None:
        return
    ends = np.cumsum(sizes)
    places = []
    for row in found:
        nth = int(np.searchsorted(ends, row, side="right"))
        places.append(_place(files[nth].path, row - int(ends[nth] - sizes[nth]), names))
    raise DataError(
        f"{places[0]}: duplicate id {ids[found[0]].as_py()!r}, which {places[1]} has already: keep one text per id"
        f"{_advice(files, source)}"
    )


def _place(path: Path, row: int, names: Names) -> str:
    """Say where a row of a file is: its line, or its row in a Parquet file."""
    if path.name.endswith(PARQUET):
        return f"{path}, row {row + 1:,}"
    return f"{path}:{line_of_row(path, row, names)}"


def _read_qrels(files: list[TaggedFile], queries: Texts) -> tuple[Candidates | None, dict[str, list[str]]]:
    """Read the judgments of all files, and the splits that tagged files define: their queries that have a text."""
    if not files:
        return None, {}
    parts = [_qrels_reader(file.path)(file.path) for file in files]
    splits: dict[str, list[str]] = {}
    for file, part in zip(files, parts, strict=True):
        if file.tags:
            positions = np.sort(queries.positions(part.query_ids))
            splits.setdefault(".".join(file.tags), []).extend(
                queries.ids.take(pa.array(positions[positions >= 0])).to_pylist()
            )
    try:
        rows = (pa.concat_arrays([part.row_query_ids for part in parts]), pa.concat_arrays([p.doc_ids for p in parts]))
        return Candidates.from_rows(*rows, {"label": np.concatenate([part["label"] for part in parts])}), splits
    except DataError as error:
        raise DataError(f"judgments of {_names(files)}: {error}") from error


def _first_stage(files: list[TaggedFile], queries: Texts) -> Candidates | None:
    """Read the candidates that came with the queries, those of queries that have a text."""
    candidates = first_stage([file.path for file in files]) if files else None
    return None if candidates is None else candidates.only_queries(queries.ids)


def _qrels_reader(path: Path) -> Callable[[Path], Candidates]:
    if path.name.endswith(JSONL):
        return read_jsonl_qrels
    return read_parquet_qrels if path.name.endswith(PARQUET) else read_qrels


def _names(files: list[TaggedFile]) -> str:
    return ", ".join(str(file.path) for file in files)


def _advice(files: list[TaggedFile], source: str) -> str:
    tags = sorted({tag for file in files for tag in file.tags})
    return f"; if the files hold variants, choose one: {source}#{tags[0]}" if len(tags) > 1 else ""

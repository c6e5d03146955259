"""Load ordinary folders in the BEIR layout in plain Python, in less time than Arrow and Numba take to load.

`plain_collection` reads small files, and of large documents those that an earlier command kept in the cache. Everything
else is left to `rankdistill.data.sources.beir`, whose errors and warnings are the only ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rankdistill.data.mapped_texts import MappedTexts, kept_folder, missing_text
from rankdistill.data.offsets import offsets_of
from rankdistill.data.scored_pairs import ScoredPairs
from rankdistill.data.sources import FOLDER, split_source
from rankdistill.data.sources.layout import JSONL, TSV, TaggedFile, find_files
from rankdistill.data.sources.rows import DOCUMENT_NAMES, HOW, QUERY_NAMES, Names, json_rows, tsv_rows
from rankdistill.data.trec.forms import QRELS
from rankdistill.data.trec.plain import SMALL, PlainIds, PlainLists, read_plain
from rankdistill.errors import RankDistillError
from rankdistill.files.reading import read_bytes

LABEL = "label"


@dataclass(frozen=True)
class PlainTexts:
    """Texts by id, looked up as in `rankdistill.data.texts.Texts`."""

    by_id: dict[str, str]

    def take(self, ids: Sequence[str]) -> list[str]:
        """Look up the texts of these ids, in this order; raise `DataError` naming the first id that has none."""
        if lacking := [name for name in ids if name not in self.by_id]:
            raise missing_text(lacking, len(ids))
        return [self.by_id[name] for name in ids]


@dataclass(frozen=True)
class PlainCollection:
    """What scoring reads of `rankdistill.data.collection.Collection`."""

    name: str
    queries: PlainTexts
    documents: PlainTexts | MappedTexts
    qrels: PlainLists | None
    unjudged: None = None
    scored_pairs: ScoredPairs | None = None


def plain_collection(source: str) -> PlainCollection | None:
    """Load the folder that a source string names; None for another source and for what is not ordinary.

    Not ordinary is a tag, a file that is passed over, Parquet, candidates that come with the queries, an error, and
    large files, but for documents whose texts are kept.
    """
    try:
        prefix, argument = split_source(source)
        folder = Path(argument)
        if prefix != FOLDER or not folder.is_dir():
            return None
        found = find_files(folder)
        if found.passed_over or found.first_stage or not found.documents or not found.queries:
            return None
        queries, documents = _queries(found.queries), _documents(found.documents)
        if queries is None or documents is None:
            return None
        qrels = None
        if found.judgments and (qrels := _qrels(found.judgments)) is None:
            return None
    except (RankDistillError, OSError):
        return None
    return PlainCollection(folder.resolve().name, queries, documents, qrels)


def _queries(files: list[TaggedFile]) -> PlainTexts | None:
    texts: dict[str, str] = {}
    for file in files:
        own = _texts_in(file.path, QUERY_NAMES)
        if own is None or not all(text.strip() and texts.setdefault(name, text) == text for name, text in own.items()):
            return None
    return PlainTexts(texts) if texts else None


def _documents(files: list[TaggedFile]) -> PlainTexts | MappedTexts | None:
    folder = kept_folder([file.path for file in files], HOW)
    if folder is not None:
        try:
            return MappedTexts(folder) if folder.is_dir() else None
        except Exception:  # NumPy raises any type for a damaged file, which the other reader makes again
            return None
    texts: dict[str, str] = {}
    for file in files:
        own = _texts_in(file.path, DOCUMENT_NAMES)
        if own is None or own.keys() & texts.keys():
            return None
        texts |= own
    return PlainTexts(texts) if texts else None


def _texts_in(path: Path, names: Names) -> dict[str, str] | None:
    """The texts of a small file by their ids; None where an id is there twice, or Arrow may trim a text otherwise."""
    is_json = path.name.endswith(JSONL)
    if path.stat().st_size > SMALL or not (is_json or path.name.endswith(TSV)):
        return None
    if is_json:
        ids, titles, contents = json_rows(path, read_bytes(path), names)
        texts = [f"{title} {content}".strip(" \t\n\r\v\f") for title, content in zip(titles, contents, strict=True)]
        if any(text and not (text[0].isprintable() and text[-1].isprintable()) for text in texts):
            return None
    else:
        ids, texts = tsv_rows(path, read_bytes(path), names)
    by_id = dict(zip(ids, texts, strict=True))
    return by_id if len(by_id) == len(ids) else None


def _qrels(files: list[TaggedFile]) -> PlainLists | None:
    """The judgments of all files; None where a pair is judged in two, or a file is no TREC or BEIR qrels."""
    lists: dict[str, dict[bytes, float]] = {}
    for file in files:
        part = None if file.path.name.endswith(JSONL) else read_plain(file.path, QRELS, LABEL)
        if part is None:
            return None
        grades = part[LABEL].tolist()
        for query, start, end in zip(part.query_ids, part.offsets[:-1], part.offsets[1:], strict=True):
            own = dict(zip(part.doc_ids[start:end], grades[start:end], strict=True))
            known = lists.setdefault(query, {})
            if own.keys() & known.keys():
                return None
            known |= own
    values = np.array([grade for list_ in lists.values() for grade in list_.values()], np.float32)
    doc_ids = [doc for list_ in lists.values() for doc in list_]
    return PlainLists(PlainIds(lists), offsets_of([len(each) for each in lists.values()]), doc_ids, {LABEL: values})

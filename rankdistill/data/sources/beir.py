"""Load folders in the BEIR layout: corpus and queries, with qrels and runs beside them, each gzipped or not.

    corpus*.jsonl[.gz]     a JSON object a line: ``_id`` (or ``doc_id``, ``id``), ``text``, optional ``title``
    queries*.jsonl[.gz]    the same with ``_id`` (or ``query_id``, ``id``); or queries*.tsv[.gz]: id, tab, text
    qrels/*.tsv[.gz]       BEIR's three columns or TREC's four; or qrels*.txt|tsv[.gz] beside the corpus
    runs/*.trec[.gz]       runs, under the names of their files; or *.trec[.gz] beside the corpus

A document's text is its title and its text, joined by a space and trimmed. The parts between the dots of a file's name
are tags: ``queries.train.tsv`` or ``qrels/train.tsv`` define the split "train", and ``FOLDER#TAG`` chooses, of each
kind of file, those tagged TAG, or those without a tag where no file has it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from rankdistill.data.candidates import Candidates
from rankdistill.data.collection import Collection
from rankdistill.data.sources.lines import read_jsonl, read_tsv
from rankdistill.data.texts import Texts
from rankdistill.data.trec.read import read_qrels
from rankdistill.errors import DataError, UnknownNameError

JSONL, TSV = (".jsonl", ".jsonl.gz"), (".tsv", ".tsv.gz")
QRELS = (*TSV, ".txt", ".txt.gz")
RUNS = (".trec", ".trec.gz", ".msmarco.tsv", ".msmarco.tsv.gz")


@dataclass(frozen=True)
class TaggedFile:
    """A file, its name without suffixes, and the tags in it: ``queries.dev.tsv.gz`` -> "queries.dev", ("dev",)."""

    path: Path
    name: str
    tags: tuple[str, ...]


def load(argument: str) -> Collection:
    """Load a folder; ``FOLDER#TAG`` chooses the files tagged TAG of each kind that has such files.

    Raises `DataError` for missing files or a duplicate id, `FileFormatError` for a malformed line.
    """
    folder, tag = _folder_and_tag(argument)
    corpus = _list(folder, "corpus", JSONL)
    queries = _list(folder, "queries", (*JSONL, *TSV))
    qrels = _list(folder, "qrels", QRELS) + _list(folder / "qrels", "", QRELS)
    runs = _list(folder, "", RUNS) + _list(folder / "runs", "", RUNS)
    for pattern, files in (("corpus*.jsonl[.gz]", corpus), ("queries*.jsonl[.gz] or queries*.tsv[.gz]", queries)):
        if not files:
            raise DataError(f"{folder} holds no {pattern}: is it the folder of a collection?")
    tags = {tag for file in corpus + queries + qrels for tag in file.tags}
    if tag and tag not in tags:
        raise UnknownNameError(f"tag of the files in {folder}", tag, tags)
    corpus, queries, qrels, runs = (_keep(files, tag, tags) for files in (corpus, queries, qrels, runs))
    if not corpus or not queries:
        raise DataError(f"{folder} holds no {'queries' if corpus else 'corpus'} for the tag {tag!r}")
    query_texts, splits = _read_queries(queries, argument)
    judged, judged_splits = _read_qrels(qrels, query_texts)
    return Collection(
        name=f"{folder.resolve().name}#{tag}" if tag else folder.resolve().name,
        queries=query_texts,
        documents=_read_corpus(corpus, argument),
        qrels=judged,
        splits=judged_splits | splits,
        runs={file.name: file.path for file in runs},
    )


# -- files and their tags ----------------------------------------------------------------------------------------------


def _folder_and_tag(argument: str) -> tuple[Path, str]:
    if Path(argument).is_dir():
        return Path(argument), ""
    path, _, tag = argument.rpartition("#")
    if not path or not Path(path).is_dir():
        raise DataError(f"there is no folder {path or argument}")
    return Path(path), tag


def _list(folder: Path, kind: str, suffixes: Sequence[str]) -> list[TaggedFile]:
    """List files named ``kind``, or ``kind`` and a tail after a dot, hyphen or underscore, in order of names."""
    files = []
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        suffix = max((s for s in suffixes if path.name.endswith(s)), key=len, default="")
        name = path.name.removesuffix(suffix)
        tail = name.removeprefix(kind)
        if suffix and not name.startswith(".") and name.startswith(kind) and (not kind or tail[:1] in ("", *"._-")):
            files.append(TaggedFile(path, name, tuple(part for part in tail.strip("._-").split(".") if part)))
    return files


def _keep(files: list[TaggedFile], tag: str, tags: set[str]) -> list[TaggedFile]:
    """Choose the files tagged ``tag``, else those with none of the tags; remove ``tag`` from their tags."""
    if not tag:
        return files
    kept = [file for file in files if tag in file.tags] or [file for file in files if not tags & set(file.tags)]
    return [TaggedFile(file.path, file.name, tuple(t for t in file.tags if t != tag)) for file in kept]


# -- contents ----------------------------------------------------------------------------------------------------------


def _read_corpus(files: list[TaggedFile], source: str) -> Texts:
    parts = [read_jsonl(file.path, ("_id", "doc_id", "id")) for file in files]
    try:
        return Texts.from_pairs(*(pa.concat_arrays(column) for column in zip(*parts, strict=True)))
    except DataError as error:
        raise DataError(f"documents of {_names(files)}: {error}{_advice(files, source)}") from error


def _read_queries(files: list[TaggedFile], source: str) -> tuple[Texts, dict[str, list[str]]]:
    """Read all queries, those in several files with the same text once, and the splits that tagged files define."""
    texts: dict[str, str] = {}
    splits: dict[str, list[str]] = {}
    for file in files:
        is_jsonl = any(file.path.name.endswith(suffix) for suffix in JSONL)
        pairs = read_jsonl(file.path, ("_id", "query_id", "id")) if is_jsonl else read_tsv(file.path)
        own = Texts.from_pairs(*pairs)
        for query, text in own:
            if texts.setdefault(query, text) != text:
                raise DataError(f"query {query!r} has two texts in {_names(files)}{_advice(files, source)}")
        if file.tags:
            splits.setdefault(".".join(file.tags), []).extend(own.ids.to_pylist())
    return Texts.from_pairs(list(texts), list(texts.values())), splits


def _read_qrels(files: list[TaggedFile], queries: Texts) -> tuple[Candidates | None, dict[str, list[str]]]:
    """Read the judgments of all files, and the splits that tagged files define: their queries that have a text."""
    if not files:
        return None, {}
    parts = [read_qrels(file.path) for file in files]
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


def _names(files: list[TaggedFile]) -> str:
    return ", ".join(str(file.path) for file in files)


def _advice(files: list[TaggedFile], source: str) -> str:
    tags = sorted({tag for file in files for tag in file.tags})
    return f"; if the files hold variants, choose one: {source}#{tags[0]}" if len(tags) > 1 else ""

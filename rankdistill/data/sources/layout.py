"""Find the files of a collection in a folder by their names, and those that look like some but are not read."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rankdistill.data.shards import check_shards

JSONL, TSV, PARQUET = (".jsonl", ".jsonl.gz"), (".tsv", ".tsv.gz"), (".parquet",)
TEXTS = (*JSONL, *TSV, *PARQUET)
"""Suffixes of documents and queries. Of files that differ in their suffix alone, the first one counts."""
DOCUMENTS, QUERIES = ("corpus", "collection", "documents", "docs"), ("queries", "topics")
"""How names of documents and queries begin; the first that has files counts."""
QRELS = "qrels"
BARE_QRELS = (".qrels", ".qrels.gz", ".qrels.txt", ".qrels.txt.gz", ".qrels.tsv", ".qrels.tsv.gz")
"""Suffixes of judgments that are named so at the end: ``test.qrels``."""
JUDGMENTS = (*TSV, ".txt", ".txt.gz", *JSONL, *PARQUET)
RUNS = tuple(suffix + zipped for suffix in (".trec", ".res", ".run", ".msmarco.tsv") for zipped in ("", ".gz"))
MARKED_RUNS = (".txt", ".txt.gz", *TSV)
"""Suffixes of runs in the folder ``runs``, or whose names begin with ``run.``."""
FIRST_STAGES = ("top_ranked", "bm25")
"""Folders, or beginnings of names, of candidates in order, as mteb and NanoBEIR have them; the first counts."""
RELEVANCE = "relevance"
"""Folder of older NanoBEIR sets, whose files hold relevant documents and candidates beside each other."""

_SHARD = re.compile(r"[-_.]?\d+-of-\d+$")
_RUN_MARK = re.compile(r"run[._-](?=.)")
_IGNORED = re.compile(r"\.|readme|licen[cs]e|checksums\.json|sha256sums", re.I)
_DATA = re.compile(r".*\.(jsonl?|tsv|csv|txt|parquet|arrow|xml|trec|res|run|qrels?)(\.(gz|bz2|xz|zst|zip))?$", re.I)
_LOOKS_LIKE = re.compile(
    r"(?<![a-z])(qrels?|judge?ments?|quer(y|ies)|topics?|corpus|collection|documents|docs|runs?)(?![a-z])"
    r"|\.(trec|res)(\.|$)",
    re.I,
)


@dataclass(frozen=True)
class TaggedFile:
    """A file, its name without suffixes, and the tags in it: ``queries.dev.tsv.gz`` -> "queries.dev", ("dev",)."""

    path: Path
    name: str
    tags: tuple[str, ...]


@dataclass(frozen=True)
class Layout:
    """The files of a folder by kind, in order of names; ``passed_over``: those that only look like some."""

    documents: list[TaggedFile]
    queries: list[TaggedFile]
    judgments: list[TaggedFile]
    runs: list[TaggedFile]
    first_stage: list[TaggedFile]
    passed_over: list[Path]


def find_files(folder: Path) -> Layout:
    """Find the files of a collection in a folder."""
    documents, queries = _texts(folder, DOCUMENTS), _texts(folder, QUERIES)
    judgments = _judgments(folder)
    others = {file.path for file in (*documents, *queries, *judgments)}
    runs = [file for file in _runs(folder) if file.path not in others]
    first_stage = _first_stage(folder)
    for files in (documents, queries, judgments, first_stage):
        check_shards([file.path for file in files])
    read = others | {file.path for file in (*runs, *first_stage)}
    passed_over = [path for path in _suspects(folder) if _unread(path, read)]
    return Layout(documents, queries, judgments, runs, first_stage, passed_over)


def _first_stage(folder: Path) -> list[TaggedFile]:
    """List the files of candidates in order."""
    suffixes = (*PARQUET, *JSONL)
    for stem in (*FIRST_STAGES, RELEVANCE):
        files = _inside(folder / stem, stem, suffixes)
        if not files and stem in FIRST_STAGES:
            files = _beside(folder, stem, suffixes)
        if files:
            return [TaggedFile(file.path, stem, file.tags) for file in files]
    return []


def _texts(folder: Path, stems: Sequence[str]) -> list[TaggedFile]:
    """List documents or queries: files beside each other, else those in a folder of that name."""
    for stem in stems:
        if files := _beside(folder, stem, TEXTS) or _inside(folder / stem, stem, TEXTS):
            return files
    return []


def _judgments(folder: Path) -> list[TaggedFile]:
    """List judgments: all that are beside the documents, and all in their folder."""
    bare = [_tagged(path, suffix) for path, suffix in _ending(folder, BARE_QRELS) if not path.name.startswith(QRELS)]
    return (
        _beside(folder, QRELS, JUDGMENTS)
        + _without_copies(bare, BARE_QRELS)
        + _inside(folder / QRELS, QRELS, (*JUDGMENTS, *BARE_QRELS))
        + _inside(folder / RELEVANCE, RELEVANCE, PARQUET)
    )


def _runs(folder: Path) -> list[TaggedFile]:
    """List runs beside the documents and in ``runs``, and those in a folder each, ``NAME/run.txt``, under its name."""
    found = []
    for place in (folder, folder / "runs"):
        marked = [pair for pair in _ending(place, MARKED_RUNS) if place.name == "runs" or _RUN_MARK.match(pair[0].name)]
        files = {path: _tagged(path, suffix, "run") for path, suffix in (*marked, *_ending(place, RUNS))}
        found += [files[path] for path in sorted(files)]
        for inner in sorted(path for path in place.iterdir() if path.is_dir()) if place.is_dir() else ():
            if not _IGNORED.match(inner.name):
                alone = (pair for pair in _ending(inner, (*RUNS, *MARKED_RUNS)) if pair[0].name == f"run{pair[1]}")
                found += [TaggedFile(path, inner.name, tuple(inner.name.split("."))) for path, _ in alone]
    return found


def _beside(folder: Path, stem: str, suffixes: Sequence[str]) -> list[TaggedFile]:
    """List files named ``stem``, or ``stem`` and a tail after a dot, hyphen or underscore."""
    named = re.compile(rf"{stem}[._-]")
    files = [_tagged(path, suffix, stem) for path, suffix in _ending(folder, suffixes) if named.match(path.name)]
    return _without_copies(files, suffixes)


def _inside(folder: Path, stem: str, suffixes: Sequence[str]) -> list[TaggedFile]:
    """List all files of a folder of one kind; a name may begin with the kind or not."""
    return _without_copies([_tagged(path, suffix, stem) for path, suffix in _ending(folder, suffixes)], suffixes)


def _ending(folder: Path, suffixes: Iterable[str]) -> list[tuple[Path, str]]:
    """List the files of a folder that end in one of these suffixes, each with the longest, in order of names."""
    files = sorted(path for path in folder.iterdir() if path.is_file()) if folder.is_dir() else []
    pairs = [
        (path, max((suffix for suffix in suffixes if path.name.endswith(suffix)), key=len, default=""))
        for path in files
        if not _IGNORED.match(path.name)
    ]
    return [(path, suffix) for path, suffix in pairs if suffix and path.name != suffix]


def _tagged(path: Path, suffix: str, stem: str = "") -> TaggedFile:
    """Split a file's name; ``stem`` and a number of a shard (``-00000-of-00002``) are no tags."""
    name = path.name.removesuffix(suffix)
    tail = _SHARD.sub("", name)
    tail = re.sub(rf"^{stem}([._-]|$)", "", tail) if stem else tail
    kept = _RUN_MARK.sub("", name, count=1) if stem == "run" else name
    return TaggedFile(path, kept, tuple(part for part in tail.strip("._-").split(".") if part))


def _without_copies(files: list[TaggedFile], suffixes: Sequence[str]) -> list[TaggedFile]:
    """Keep, of files that differ in their suffix alone, the one whose suffix comes first."""
    chosen: dict[str, TaggedFile] = {}
    for file in sorted(files, key=lambda file: _preference(file, suffixes)):
        chosen.setdefault(file.name, file)
    return [file for file in files if chosen[file.name] is file]


def _preference(file: TaggedFile, suffixes: Sequence[str]) -> int:
    return next(i for i, suffix in enumerate(suffixes) if file.path.name == file.name + suffix)


# -- what is passed over -----------------------------------------------------------------------------------------------


def _suspects(folder: Path) -> list[Path]:
    """List data files whose names look like those of a collection, and folders that look so and hold data files."""
    found = []
    for path in sorted(folder.iterdir()):
        if path.is_dir() and path.name in (*DOCUMENTS, *QUERIES, QRELS, "runs"):
            found += [inner for inner in sorted(path.iterdir()) if _is_data(inner)]
        elif _LOOKS_LIKE.search(path.name) and any(map(_is_data, path.iterdir() if path.is_dir() else (path,))):
            found.append(path)
    return found


def _is_data(path: Path) -> bool:
    return path.is_file() and not _IGNORED.match(path.name) and bool(_DATA.match(path.name))


def _unread(path: Path, read: set[Path]) -> bool:
    return path not in read and not any(path in file.parents for file in read)

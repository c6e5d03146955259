"""Sources of collections, each in a file of its own; `load_collection` takes a source string."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from rankdistill.data.collection import Collection
from rankdistill.errors import UsageError


def load_collection(source: str | Path) -> Collection:
    """Load the collection that a source string names.

    ``irds:DATASET_ID`` is a data set of ir_datasets, ``pydocs`` the built-in collection, and anything else a folder in
    the BEIR layout (also written ``folder:PATH``), where ``PATH#TAG`` chooses the files tagged TAG. Raises `UsageError`
    for a folder that does not exist.

    >>> import tempfile, rankdistill as rd
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = (Path(folder) / "corpus.jsonl").write_text('{"_id": "d1", "text": "sorts a list in place"}')
    ...     _ = (Path(folder) / "queries.jsonl").write_text('{"_id": "q1", "text": "sort a list"}')
    ...     collection = rd.load_collection(folder)
    >>> collection.documents["d1"]
    'sorts a list in place'
    """
    prefix, _, argument = str(source).partition(":")
    if prefix not in SOURCES or not (argument or prefix == "pydocs"):
        prefix, argument = "folder", str(source)
    if prefix == "folder" and not any(name and Path(name).is_dir() for name in (argument, argument.rpartition("#")[0])):
        raise UsageError(f"no collection {str(source)!r}: expected {SYNTAX}, and there is no such folder")
    return SOURCES[prefix](argument)


def _folder(argument: str) -> Collection:
    from rankdistill.data.sources.beir import load

    return load(argument)


def _irds(argument: str) -> Collection:
    from rankdistill.data.sources.irds import load

    return load(argument)


def _pydocs(argument: str) -> Collection:
    from rankdistill.data.sources.pydocs.load import load

    return load(argument)


SYNTAX = "irds:DATASET_ID, pydocs, or a folder with corpus.jsonl[.gz] and queries.jsonl|tsv[.gz]"
SOURCES: dict[str, Callable[[str], Collection]] = {"folder": _folder, "irds": _irds, "pydocs": _pydocs}

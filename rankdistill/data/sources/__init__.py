"""Sources of collections, each in a file of its own; `load_collection` takes a source string."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from rankdistill.data.scored_pairs import ScoredPairs
from rankdistill.errors import UsageError

if TYPE_CHECKING:  # Arrow is imported by what loads a collection
    from rankdistill.data.collection import Collection


@dataclass(frozen=True)
class Source:
    """Where collections come from: ``load(argument)`` of a module, imported when it is first called."""

    module: str
    """Of this folder."""
    syntax: str
    """How a source string of it is written, for messages and ``--help``."""
    needs_argument: bool = True
    """Whether a source string names something after the prefix and its colon."""
    is_folder: bool = False
    """Whether that is a folder, which workers elsewhere know by its absolute path."""

    describes: bool = False
    """Whether ``describe(argument)`` of the module says, without reading the data, what labels are of scored pairs."""

    @property
    def load(self) -> Callable[[str], Collection]:
        """The function that loads a collection, by the argument after the colon."""
        function: Callable[[str], Collection] = import_module(f"rankdistill.data.sources.{self.module}").load
        return function


FOLDER = "folder"
SOURCES: dict[str, Source] = {
    "pydocs": Source("pydocs.load", "pydocs", needs_argument=False),
    "irds": Source("irds", "irds:DATASET_ID"),
    "glue": Source("pairs.glue", "glue:NAME@FOLDER (or glue:NAME, from the hub)", describes=True),
    "task": Source("pairs.task_file", "task:FOLDER (with a task.yaml)", describes=True),
    "pairs": Source("pairs.parts", "pairs:FOLDER (parts of sentence pairs)"),
    "textbook": Source("pairs.textbook", "textbook:FOLDER (sentences or pairs, as textbook writes them)"),
    "lists": Source("query_lists", "lists:FOLDER (retrieved lists with their texts)"),
    FOLDER: Source("beir", "or a folder in the BEIR layout (FOLDER#TAG chooses among its files)", is_folder=True),
}
"""Prefix -> source. What begins with no prefix is a folder."""
SYNTAX = ", ".join(source.syntax for source in SOURCES.values())


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
    prefix, argument = split_source(str(source))
    return SOURCES[prefix].load(argument)


def describe_pairs(source: str) -> ScoredPairs | None:
    """What the labels are of the scored pairs that a source string names; None for a ranking. No data are read."""
    prefix, _, argument = source.partition(":")
    if prefix not in SOURCES or not SOURCES[prefix].describes:
        return None
    described: ScoredPairs | None = import_module(f"rankdistill.data.sources.{SOURCES[prefix].module}").describe(
        argument
    )
    return described


def split_source(source: str) -> tuple[str, str]:
    """Split a source string into prefix and argument; `UsageError` where it names nothing and no folder."""
    prefix, _, argument = source.partition(":")
    if prefix not in SOURCES or (SOURCES[prefix].needs_argument and not argument):
        prefix, argument = FOLDER, source
    folders = argument, argument.rpartition("#")[0]
    if SOURCES[prefix].is_folder and not any(name and Path(name).is_dir() for name in folders):
        raise UsageError(f"no collection {source!r}: expected {SYNTAX}; there is no such folder")
    return prefix, argument


def absolute_source(source: str) -> str:
    """Write a source string so that it means the same in every working directory."""
    prefix, argument = split_source(source)
    if not SOURCES[prefix].is_folder:
        return source
    has_tag = "#" in argument and not Path(argument).exists()
    folder, mark, tag = argument.rpartition("#") if has_tag else (argument, "", "")
    return f"{prefix}:{Path(folder).absolute()}{mark}{tag}"

"""What `rekindle` reads: a task with labels, and pairs or lists without."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from rankdistill.cli.expert_names import OF_LISTS, OF_PAIRS
from rankdistill.cli.output import say
from rankdistill.data import Collection, load_collection
from rankdistill.data.parts import is_parts
from rankdistill.data.query_lists import LISTS, is_lists, parts_folder
from rankdistill.data.sources import SOURCES
from rankdistill.data.sources.layout import find_files
from rankdistill.data.trec.read import read_run
from rankdistill.errors import UsageError
from rankdistill.evaluation.conventions import Conventions
from rankdistill.retrieval.bm25 import bm25
from rankdistill.retrieval.cached import cached_index
from rankdistill.tasks import Splits, Task

FIRST_STAGE = 100
"""Candidates of a query where a ranking is given without a run."""


def labelled_task(
    source: str, run: Path | None, splits: Splits, measures: tuple[str, ...], conventions: Conventions
) -> Task:
    """Load the task; candidates of a ranking that has none are BM25's best of the judged queries, which is said."""
    collection = load_collection(source)
    if run is not None:
        candidates = conventions.candidates(run, collection)
    elif collection.candidates is not None:
        candidates = collection.candidates
    elif collection.qrels is not None:
        known = collection.queries.positions(collection.qrels.query_ids) >= 0
        judged = [query for query, there in zip(collection.qrels.query_ids.to_pylist(), known, strict=True) if there]
        say(f"no --run: the candidates are BM25's {FIRST_STAGE} best for {len(judged):,} judged queries")
        candidates = bm25(collection, judged, FIRST_STAGE, index=cached_index(collection))
    else:
        raise UsageError(f"{source} has no qrels, so that no expert can be trained or measured on it")
    return Task(collection, candidates, measures=measures, conventions=conventions, splits=splits)


def parts_that_are_read(data: str, run: Path | None) -> Path | None:
    """The folder of parts that `unlabelled` reads, which may hold experts' scores; None where it reads none.

    Candidates of another run, ``run``, have no scores of experts.
    """
    prefix, _, folder = data.partition(":")
    parts = parts_folder(folder if prefix in (OF_PAIRS, OF_LISTS) else data)
    return parts if run is None and parts.is_dir() else None


def unlabelled(data: str, run: Path | None) -> Collection:
    """Load what experts score: pairs, or lists; raise `UsageError` for a collection without candidates."""
    prefix = data.partition(":")[0]
    if run is not None:
        collection = load_collection(data)
        return replace(collection, candidates=read_run(run, collection=collection))
    if prefix in SOURCES:
        collection = load_collection(data)
    elif is_lists(data):
        collection = load_collection(f"{OF_LISTS}:{data}")
    elif Path(data).is_dir() and find_files(Path(data)).documents:
        collection = load_collection(data)
    else:
        collection = load_collection(f"{OF_LISTS if is_parts(Path(data) / LISTS) else OF_PAIRS}:{data}")
    if collection.candidates is None:
        raise UsageError(
            f"{data} is a collection without candidates: give its unlabelled lists by --data-run, or make lists of "
            "queries by `rankdistill retrieve --lists`"
        )
    return collection

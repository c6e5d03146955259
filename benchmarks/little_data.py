"""Measure how a cross-encoder's start decides what it learns from few labelled queries.

Run in the project's root: python -m benchmarks.little_data
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
from cyclopts import Parameter

import rankdistill as rd
from benchmarks.results import FOLDER, QUICK, Folder, Row, run, study
from rankdistill.data import Candidates, Collection
from rankdistill.ensembling.fuse import fuse, tune_weight
from rankdistill.evaluation.conventions import Conventions
from rankdistill.recipes.start import Start
from rankdistill.tasks import Task

SEED = 0
DEPTH, LENGTH = 10, 64
DEV_QUERIES, TEST_QUERIES = 100, 500
TRAINED_ON = (0, 300, 1200)
LAYERS = (0, 4, 5)
OBJECTIVE = "list_cross_entropy(label)"
CONVENTIONS = Conventions(unjudged="irrelevant")


@dataclass(frozen=True)
class Way:
    """A way to start, and the learning rate that suits it.

    A new head needs a high learning rate; what is already in the weights of another start is lost by one.
    """

    start: Start
    rate: float
    layers: tuple[int, ...] = ()
    imitates: bool = False


WAYS = {
    "plain": Way("plain", 1e-4),
    "cosine": Way("cosine", 2e-5),
    "cosine, 3 of 6 layers": Way("cosine", 1e-4, LAYERS),
    "cosine, 3 of 6 layers that imitated all": Way("cosine", 1e-4, LAYERS, imitates=True),
}


@dataclass(frozen=True)
class Lists:
    """BM25's candidates for queries to train on, to tune on and to measure on."""

    train: Candidates
    dev: Candidates
    test: Candidates


def first_stage(collection: Collection, train: int, dev: int, test: int) -> Lists:
    """Draw so many queries of each split and find their candidates."""

    def first(split: str, size: int) -> Candidates:
        ids = collection.split(split)
        chosen = [ids[i] for i in np.random.default_rng(SEED).permutation(len(ids))[:size]]
        return rd.bm25(collection, chosen, k=DEPTH)

    return Lists(
        first("train", train),
        first("dev", dev),
        first("test", test),
    )


def values(collection: Collection, run: Candidates, by: str) -> dict[str, float]:
    """What a run reaches."""
    task = Task(collection, run, measures=("RR@10", "nDCG@10"), conventions=CONVENTIONS)
    return {name: round(value, 4) for name, value in task.evaluation(run[by]).values.items()}


def trained(collection: Collection, lists: Lists, name: str, n_queries: int, folder: Path) -> Row:
    """Train in a way on the first queries, and measure the model alone and fused with BM25."""
    way = WAYS[name]
    settings = rd.TrainingSettings(
        learning_rate=way.rate, list_size=4, lists_per_batch=16, seed=SEED, save_steps=50, logging_steps=50
    )
    model = rd.start_model(
        collection,
        start=way.start,
        layers=way.layers,
        imitate=way.imitates,
        max_length=LENGTH,
        seed=SEED,
        candidates=lists.train,
        training=settings,
        out=folder / "imitated",
    )
    if n_queries:
        out = folder / f"{list(WAYS).index(name)}-{n_queries}"
        if not (out / "model").is_dir():
            train = lists.train.take_queries(slice(0, n_queries))
            rd.finetune(collection, train, model, settings, objective=OBJECTIVE, conventions=CONVENTIONS, out=out)
        model = rd.CrossEncoder.from_pretrained(out / "model")
    dev, test = (
        part.with_columns(model=rd.score(model, part, collection, dtype="auto")) for part in (lists.dev, lists.test)
    )
    weight = tune_weight(dev, "model", "bm25", Task(collection, dev).judgments).weight
    fused = test.with_columns(fused=fuse(test["model"], test["bm25"], test.offsets, weight))
    alone, together = values(collection, test, "model"), values(collection, fused, "fused")
    return {
        "start": name,
        "labelled queries": n_queries,
        **alone,
        **{f"{name} fused": value for name, value in together.items()},
        "weight of BM25": weight,
    }


def rows(folder: Path, quick: bool) -> Iterator[Row]:
    """The rows of the table: what needs no training, then every start trained on every number of queries."""
    collection = rd.load_collection("pydocs")
    trained_on = (0, 16) if quick else TRAINED_ON
    lists = first_stage(collection, max(trained_on), *((4, 8) if quick else (DEV_QUERIES, TEST_QUERIES)))
    cosines = lists.test.with_columns(cosine=rd.cosine(lists.test, collection))
    yield {"start": "BM25 alone", "labelled queries": 0, **values(collection, lists.test, "bm25")}
    yield {"start": "the encoder's cosine", "labelled queries": 0, **values(collection, cosines, "cosine")}
    for name in list(WAYS)[: 1 if quick else None]:
        for n_queries in trained_on:
            yield trained(collection, lists, name, n_queries, folder)


def main(
    *,
    folder: Folder = Path("runs/little_data"),
    quick: Annotated[bool, Parameter(help="One way, trained on 16 queries; no model is kept.")] = False,
) -> None:
    """Train what is not yet trained, print the table as it grows and write the result."""
    with tempfile.TemporaryDirectory() as scratch:
        given = rows(Path(scratch) if quick else folder, quick)
        study("little_data", given, [SEED], folder=QUICK if quick else FOLDER)


if __name__ == "__main__":
    run(main)

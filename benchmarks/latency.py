"""How long a user waits: `rank()` of one query's 100 candidates, by number of layers, tokens read and engine.

Run in the project's root: python -m benchmarks.latency   (--model FOLDER for one of your own)
Texts are BM25's 100 best for the queries of DL 2019, in turn; tokenising counts. Models of fewer layers are cut from
the one given: they rank worse, but as fast as if they had been trained. OpenVINO's int8 has fixed ranges.
"""

from __future__ import annotations

import itertools
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from cyclopts import Parameter

import rankdistill as rd
from benchmarks.default_student import Model, student
from benchmarks.precision import ENGINES
from benchmarks.results import FOLDER, QUICK, Row, run, study
from benchmarks.scoring_speed import PACKAGES, exported
from benchmarks.studies.marco import V1
from rankdistill.models import keep_layers

CANDIDATES = 100
PEER = ("sentence-transformers torch", "float32")


def seconds_of(model: Any, lists: list[tuple[str, list[str]]], rounds: int) -> np.ndarray:
    """How long each call took; the first lists warm up."""
    for query, documents in lists[:3]:
        model.rank(query, documents)
    taken = []
    for _ in range(rounds):
        for query, documents in lists:
            started = time.perf_counter()
            model.rank(query, documents)
            taken.append(time.perf_counter() - started)
    return np.array(taken)


def rows(
    model: Path | None,
    layers: tuple[int, ...],
    max_lengths: tuple[int, ...],
    rounds: int,
    n_queries: int | None,
) -> Iterator[Row]:
    """Time every engine at every depth and length."""
    from sentence_transformers import CrossEncoder

    collection = rd.load_collection(V1)
    candidates = rd.read_run(V1 / "runs" / "dl19.bm25.trec.gz", column="bm25").top_k(CANDIDATES, by="bm25")
    lists = [
        (*collection.queries.take([q.query_id]), collection.documents.take(q.doc_ids)) for q in candidates.queries()
    ][:n_queries]
    whole = student(model, collection)
    n = whole.model.config.num_hidden_layers
    for n_layers, length in itertools.product(layers, max_lengths):
        cut = rd.CrossEncoder(whole.model, whole.tokenizer, whole.contract, max_length=length)
        small = keep_layers(cut, [*range(n_layers - 1), n - 1])
        with tempfile.TemporaryDirectory() as scratch:
            saved = exported(small, scratch, collection)
            systems = {(engine, dtype): saved.with_engine(engine, dtype) for engine, dtype in ENGINES}
            systems = {PEER: CrossEncoder(scratch, device="cpu"), **systems}
            first = 0.0
            for (engine, dtype), system in systems.items():
                taken = 1000 * seconds_of(system, lists, rounds)
                row: Row = {"layers": n_layers, "tokens": length, "engine": engine, "dtype": dtype}
                row |= {f"p{p} ms": round(float(np.percentile(taken, p)), 1) for p in (50, 95, 99)}
                first = first or row["p50 ms"]
                yield row | {"times as fast as the first": round(first / row["p50 ms"], 2)}


def main(
    *,
    model: Model = None,
    layers: Annotated[tuple[int, ...], Parameter(help="Numbers of layers.")] = (2, 4),
    max_lengths: Annotated[tuple[int, ...], Parameter(help="Tokens of a pair.")] = (64, 256),
    rounds: Annotated[int, Parameter(help="Over all queries.")] = 1,
    quick: Annotated[bool, Parameter(help="Two layers, 64 tokens, the first two queries once.")] = False,
) -> None:
    """Time every engine at every depth, print the table as it grows and write the result."""
    shapes = ((2,), (64,), 1, 2) if quick else (layers, max_lengths, rounds, None)
    study("latency", rows(model, *shapes), packages=PACKAGES, folder=QUICK if quick else FOLDER)


if __name__ == "__main__":
    run(main)

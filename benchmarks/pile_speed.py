"""Time PILE at the size of its paper's training set, against the same algorithm in plain Python.

Run in the project's root: python -m benchmarks.pile_speed
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Annotated, Any

import numba
import numpy as np
import pyarrow as pa
from cyclopts import Parameter

from benchmarks.results import FOLDER, QUICK, markdown_table, run, typed, write_result
from rankdistill.ensembling import pile_with_report
from tests.ensembling import pile_reference

QUERIES, PAIRS, TEACHERS = 432_000, 8_800_000, 3
SAMPLE = 2_000
SEED = 0


def synthetic(seed: int, n_queries: int = QUERIES, n_pairs: int = PAIRS) -> SimpleNamespace:
    """Lists of very different lengths, labels 0 to 4, and teachers that see the label through shared and own noise."""
    rng = np.random.default_rng(seed)
    lengths = rng.gamma(4.0, size=n_queries)
    offsets = np.concatenate([[0], np.cumsum(rng.multinomial(n_pairs, lengths / lengths.sum()))])
    labels = rng.choice(5, n_pairs, p=[0.4, 0.25, 0.2, 0.1, 0.05]).astype(np.float32)
    shared = labels + rng.normal(size=n_pairs, scale=1.5)
    scores = (shared + rng.normal(size=(TEACHERS, n_pairs), scale=1.0)).astype(np.float32)
    return SimpleNamespace(scores=scores, labels=labels, offsets=offsets, ids=[f"q{i}" for i in range(n_queries)])


def timed(work: Callable[[], Any], repeats: int) -> tuple[Any, dict[str, float]]:
    """Repeat the work; its last value, and the row's times.

    "cores busy" is CPU over wall time: below the number of threads, somebody else had a core.
    """
    walls, cpus = [], []
    for _ in range(repeats):
        wall, cpu = time.perf_counter(), time.process_time()
        value = work()
        walls.append(time.perf_counter() - wall)
        cpus.append(time.process_time() - cpu)
    return value, {
        "repeats": repeats,
        "seconds (median)": round(statistics.median(walls), 4),
        "seconds (best)": round(min(walls), 4),
        "cores busy": round(sum(cpus) / sum(walls), 2),
    }


def compiled(data: SimpleNamespace, threads: int) -> dict[str, Any]:
    """Time all queries on this number of threads, compilation excluded; the ensemble is kept in ``data``."""
    numba.set_num_threads(threads)
    ids = pa.array(data.ids, pa.large_string())
    pile_with_report(data.scores[:, :0], data.labels[:0], [0], query_ids=[])  # compiles, or loads what is compiled
    (data.ensemble, data.report), times = timed(
        lambda: pile_with_report(data.scores, data.labels, data.offsets, seed=SEED, query_ids=ids), repeats=7
    )
    name = f"compiled, {threads} thread{'s' * (threads > 1)}"
    return {"system": name, "queries": len(data.ids), "pairs": len(data.labels), **times}


def plain(data: SimpleNamespace) -> dict[str, Any]:
    """Time plain Python on a sample of the queries; its results must equal the compiled ones.

    It is the same algorithm, reversed pairs recounted only for the two documents moved, not a slower one.
    """
    sample = np.sort(np.random.default_rng(SEED).choice(len(data.ids), min(SAMPLE, len(data.ids)), replace=False))
    slices = [slice(int(data.offsets[q]), int(data.offsets[q + 1])) for q in sample]
    lists = [
        (data.scores[:, rows].tolist(), data.labels[rows].tolist(), pile_reference.hash_id(data.ids[q]))
        for rows, q in zip(slices, sample, strict=True)
    ]
    ensembles, times = timed(
        lambda: [pile_reference.pile_query(f, y, code, seed=SEED)[0] for f, y, code in lists], repeats=5
    )
    if any(ensemble != data.ensemble[rows].tolist() for ensemble, rows in zip(ensembles, slices, strict=True)):
        raise SystemExit("the compiled PILE and the plain one differ: a time of the wrong thing is no result")
    return {"system": "plain Python", "queries": len(sample), "pairs": sum(map(len, ensembles)), **times}


def main(*, quick: Annotated[bool, Parameter(help="A hundredth of the pairs.")] = False) -> None:
    """Time one thread, all threads and plain Python; print the table and write the result."""
    size = (QUERIES // 100, PAIRS // 100) if quick else (QUERIES, PAIRS)
    print(f"making {size[0]:,} queries, {size[1]:,} pairs, {TEACHERS} teachers", flush=True)
    data = synthetic(SEED, *size)
    rows = [compiled(data, threads) for threads in sorted({1, numba.config.NUMBA_NUM_THREADS})]
    rows.append(plain(data))
    print(data.report)
    speeds = [row["pairs"] / row["seconds (median)"] for row in rows]
    rows = [
        row | {"pairs per second": round(speed), "times plain Python": round(speed / speeds[-1], 1)}
        for row, speed in zip(rows, speeds, strict=True)
    ]
    print(markdown_table(rows))
    write_result("pile_speed", typed(), rows, [SEED], ("rankdistill", "numpy", "numba"), QUICK if quick else FOLDER)


if __name__ == "__main__":
    run(main)

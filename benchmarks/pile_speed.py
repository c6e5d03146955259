"""Time PILE at the size of its paper's training set, against the same algorithm in plain Python.

Run in the project's root: python -m benchmarks.pile_speed
"""

from __future__ import annotations

import os
import statistics
import time
from types import SimpleNamespace

import numba
import numpy as np
import pyarrow as pa

from benchmarks.results import markdown_table, write_result
from rankdistill.ensemble import pile_with_report
from tests.ensemble import pile_reference

QUERIES, PAIRS, TEACHERS = 432_000, 8_800_000, 3
SAMPLE = 2_000
REPEATS = 5
SEED = 0


def synthetic(seed: int) -> SimpleNamespace:
    """Lists of very different lengths, labels 0 to 4, and teachers that see the label through shared and own noise."""
    rng = np.random.default_rng(seed)
    lengths = rng.gamma(4.0, size=QUERIES)
    offsets = np.concatenate([[0], np.cumsum(rng.multinomial(PAIRS, lengths / lengths.sum()))])
    labels = rng.choice(5, PAIRS, p=[0.4, 0.25, 0.2, 0.1, 0.05]).astype(np.float32)
    shared = labels + rng.normal(size=PAIRS, scale=1.5)
    scores = (shared + rng.normal(size=(TEACHERS, PAIRS), scale=1.0)).astype(np.float32)
    return SimpleNamespace(scores=scores, labels=labels, offsets=offsets, ids=[f"q{i}" for i in range(QUERIES)])


def compiled(data: SimpleNamespace, threads: int) -> tuple[list[float], dict[str, int]]:
    """Seconds of each repetition on all queries, and the row's fields."""
    numba.set_num_threads(threads)
    ids = pa.array(data.ids, pa.large_string())
    pile_with_report(data.scores[:, :0], data.labels[:0], [0], query_ids=[])  # compiles, or loads what is compiled
    seconds = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        ensemble, report = pile_with_report(data.scores, data.labels, data.offsets, seed=SEED, query_ids=ids)
        seconds.append(time.perf_counter() - started)
    data.ensemble, data.report = ensemble, report
    return seconds, {"queries": QUERIES, "pairs": PAIRS}


def plain(data: SimpleNamespace) -> tuple[list[float], dict[str, int]]:
    """Seconds of plain Python on a sample of the queries, whose results must equal the compiled ones."""
    sample = np.sort(np.random.default_rng(SEED).choice(QUERIES, SAMPLE, replace=False))
    slices = [slice(int(data.offsets[q]), int(data.offsets[q + 1])) for q in sample]
    lists = [(data.scores[:, rows].tolist(), data.labels[rows].tolist()) for rows in slices]
    hashes = [pile_reference.hash_id(data.ids[q]) for q in sample]
    started = time.perf_counter()
    results = [pile_reference.pile_query(f, y, code, seed=SEED)[0] for (f, y), code in zip(lists, hashes, strict=True)]
    seconds = time.perf_counter() - started
    if any(result != data.ensemble[rows].tolist() for result, rows in zip(results, slices, strict=True)):
        raise SystemExit("the compiled PILE and the plain one differ: a time of the wrong thing is no result")
    return [seconds], {"queries": SAMPLE, "pairs": sum(len(result) for result in results)}


def main() -> None:
    """Time one thread, all threads and plain Python; print the table and write the result."""
    print(f"making {QUERIES:,} queries, {PAIRS:,} pairs, {TEACHERS} teachers", flush=True)
    data = synthetic(SEED)
    load = os.getloadavg()[0]
    cores = numba.config.NUMBA_NUM_THREADS
    timed = [
        (f"compiled, {threads} thread{'s' * (threads > 1)}", *compiled(data, threads)) for threads in sorted({1, cores})
    ]
    timed.append(("plain Python", *plain(data)))
    print(data.report)
    slowest = timed[-1][2]["pairs"] / timed[-1][1][0]
    rows = []
    for system, seconds, size in timed:
        speed = size["pairs"] / statistics.median(seconds)
        rows.append(
            {
                "system": system,
                **size,
                "teachers": TEACHERS,
                "seconds (median)": round(statistics.median(seconds), 4),
                "seconds (best)": round(min(seconds), 4),
                "repeats": len(seconds),
                "pairs per second": round(speed),
                "times plain Python": round(speed / slowest, 1),
                "load before": round(load, 2),
            }
        )
    print(markdown_table(rows))
    path = write_result(
        "pile_speed", "python -m benchmarks.pile_speed", rows, [SEED], ("rankdistill", "numpy", "numba")
    )
    print(f"wrote {path.relative_to(path.parents[2])} and its table")


if __name__ == "__main__":
    main()

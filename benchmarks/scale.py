"""Ensemble five teachers in Parquet parts and evaluate the ensembles, beside a plain reading of the same files.

Run in the project's root: python -m benchmarks.scale
A row is a process of its own. Files are taken out of the system's cache before each; the machine under a virtual one
may still have them. Peers: Python's ``read`` of all bytes, which is the disk's reading speed, and pyarrow's reading of
all columns, a part at a time, on all threads, without looking at checksums. The command's seconds are of the whole
process: its start, a look at the ids of all queries, reading with checksums, the ensemble, and a sealed run in parts
that is written. Labels and lists are those of `benchmarks.pile_speed`, about 20 candidates a query. What the ensembles
wrote is then evaluated, one of them, and compared on a leaderboard, both, by the judgments of one query in a hundred.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from benchmarks.results import FOLDER, QUICK, Row, peak_memory, run, study

TEACHERS = ("t1", "t2", "t3", "t4", "t5")
PER_QUERY = 20.37
PART = 1_000_000
METHODS = ("pile", "mean")
JUDGED = 100
"""One query in so many has judgments; its labels are the grades."""
BLOCK = 1 << 22
PEERS = {"read": "read()", "scan": "pyarrow"}
EVALUATIONS = {"evaluate": 1, "leaderboard": len(METHODS)}
"""Command that measures what the ensembles wrote -> how many of them."""


def make_part(number: int, pairs: int, file: Path) -> None:
    """Write one part: lists of different lengths, labels 0 to 4, teachers of shared and own noise."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    from rankdistill.data import Candidates
    from rankdistill.data.offsets import offsets_of
    from rankdistill.data.parts import write_part

    rng = np.random.default_rng([0, number])
    n_queries = max(1, int(pairs / PER_QUERY))
    lengths = rng.gamma(4.0, size=n_queries)
    sizes = rng.multinomial(pairs, lengths / lengths.sum())
    sizes = sizes[sizes > 0]
    labels = rng.choice(5, pairs, p=[0.4, 0.25, 0.2, 0.1, 0.05]).astype(np.float32)
    shared = labels + rng.normal(size=pairs, scale=1.5)
    scores = {name: shared + rng.normal(size=pairs) for name in TEACHERS}
    offsets = offsets_of(sizes)
    place = np.arange(pairs) - np.repeat(offsets[:-1], sizes)
    starts, steps = rng.integers(0, 50_000_000, len(sizes)), rng.integers(1, 1000, len(sizes))
    numbers = pa.array(np.repeat(starts, sizes) + place * np.repeat(steps, sizes)).cast(pa.large_string())
    text = pa.scalar("", pa.large_string())
    doc_ids = pc.binary_join_element_wise(pa.scalar("d", pa.large_string()), numbers, text)
    query_ids = pa.array([f"q{number}-{i}" for i in range(len(sizes))], pa.large_string())
    write_part(Candidates(query_ids, offsets, doc_ids, {**scores, "label": labels}), file)


def make(folder: Path, pairs: int) -> None:
    """Write the parts that are missing; stop where the disk has no room for them and for two outputs."""
    folder.mkdir(parents=True, exist_ok=True)
    needed, free = 40 * pairs + 2 * 16 * pairs, shutil.disk_usage(folder).free
    if free < needed:
        raise SystemExit(f"{pairs:,} pairs need {needed / 1e9:.0f} GB, {free / 1e9:.0f} GB are free")
    part = min(PART, pairs // 4)
    for number in range(pairs // part):
        if not (file := folder / f"{number:05}.parquet").exists():
            make_part(number, part, file)
    os.sync()


def qrels_of(folder: Path) -> Path:
    """The file of judgments, beside the parts."""
    return folder.with_name(f"{folder.name}.qrels")


def write_judgments(folder: Path) -> None:
    """Write the labels of one query in a hundred as qrels."""
    from rankdistill.data import Candidates, concatenate, write_qrels
    from rankdistill.data.parts import part_of, part_table

    def judged(path: Path) -> Candidates:
        return part_of(part_table(path, ["label"]), path, ["label"]).take_queries(slice(None, None, JUDGED))

    write_qrels(concatenate([judged(path) for path in sorted(folder.glob("*.parquet"))]), qrels_of(folder))


# -- the systems, each in a process of its own -------------------------------------------------------------------------


def read_bytes(folder: Path) -> None:
    """Read every byte, a block at a time."""
    buffer = bytearray(BLOCK)
    for path in sorted(folder.glob("*.parquet")):
        with path.open("rb", buffering=0) as file:
            while file.readinto(buffer):
                pass


def scan(folder: Path) -> None:
    """Read every column of every part."""
    import pyarrow.parquet as pq

    for path in sorted(folder.glob("*.parquet")):
        pq.ParquetFile(path).read()


def written(folder: Path) -> Path:
    """The folder of the ensembles' runs, each in a folder of parts named after its method."""
    return folder.with_name(f"{folder.name}-ensembled")


def words_of(system: str, folder: Path) -> list[str]:
    """A command of rankdistill that is measured."""
    runs = written(folder)
    if system in METHODS:
        words = ["ensemble", "--runs", str(folder), "--teachers", *TEACHERS]
        return [*words, "--method", system, "--out", str(runs / system)]
    command = {"evaluate": ["evaluate", "--runs", str(runs / METHODS[0])], "leaderboard": ["leaderboard", str(runs)]}
    return [*command[system], "--qrels", str(qrels_of(folder))]


def measure(system: str, folder: Path) -> None:
    """Run a system and print its highest memory."""
    if system in PEERS:
        (read_bytes if system == "read" else scan)(folder)
    else:
        from rankdistill.cli.entry import main as command

        if command(words := words_of(system, folder)):
            raise SystemExit(f"{' '.join(words)} failed")
    print(json.dumps(peak_memory()))


def forget(files: Iterable[Path]) -> int:
    """Take files out of the system's cache; return their bytes."""
    size = 0
    for path in files:
        with path.open("rb") as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
            size += os.fstat(file.fileno()).st_size
    return size


def row_of(system: str, folder: Path, pairs: int) -> Row:
    """Measure a system once, from the start of its process to the end."""
    n_runs = EVALUATIONS.get(system)
    read = (
        folder.glob("*.parquet")
        if not n_runs
        else (file for method in METHODS[:n_runs] for file in (written(folder) / method).glob("*.parquet"))
    )
    size = forget(read)
    command = [sys.executable, "-m", "benchmarks.scale", "--measure", system, "--folder", str(folder)]
    start = time.perf_counter()
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    seconds = time.perf_counter() - start
    pairs *= n_runs or 1
    return {
        "system": PEERS.get(system, f"rankdistill, {system}"),
        "pairs": pairs,
        "GB": round(size / 1e9, 2),
        "seconds": round(seconds, 2),
        "pairs/s": round(pairs / seconds),
        "MB/s": round(size / 1e6 / seconds, 1),
        "peak MB": round(int(done.stdout.splitlines()[-1]) / 2**20),
    }


def rows(folder: Path, pairs: int) -> Iterator[Row]:
    """Measure the peers, the ensemble by each method, and the evaluations of what it wrote."""
    write_judgments(folder)
    shutil.rmtree(written(folder), ignore_errors=True)  # of a call that was killed
    speeds = {}
    try:
        for system in (*PEERS, *METHODS, *EVALUATIONS):
            row = row_of(system, folder, pairs)
            speeds[system] = row["MB/s"]
            for peer, name in PEERS.items():
                if peer in speeds and system not in EVALUATIONS:  # which read other files, of fewer columns
                    row[f"share of {name}"] = round(row["MB/s"] / speeds[peer], 3)
            yield row
    finally:
        shutil.rmtree(written(folder), ignore_errors=True)
        qrels_of(folder).unlink()


def main(
    *,
    pairs: Annotated[int, Parameter(help="Pairs of a query and a document.")] = 100_000_000,
    quick: Annotated[bool, Parameter(help="A million pairs.")] = False,
    folder: Annotated[Path | None, Parameter(help="Where parts are made, and kept for another time.")] = None,
    only_make: Annotated[bool, Parameter(help="Make the parts, measure nothing.")] = False,
    measure_system: Annotated[str, Parameter(name="--measure", help="A system to run in this process.")] = "",
) -> None:
    """Make the parts, measure the peers and the command, print the table and write the result."""
    if measure_system and folder:
        return measure(measure_system, folder)
    pairs = 1_000_000 if quick else pairs
    with tempfile.TemporaryDirectory() as temporary:
        place = folder or Path(temporary) / "parts"
        make(place, pairs)
        if not only_make:
            name = "scale" if pairs >= 100_000_000 else f"scale_{pairs // 1_000_000}m"
            packages = ("rankdistill", "numpy", "numba", "pyarrow")
            study("scale" if quick else name, rows(place, pairs), [0], packages, folder=QUICK if quick else FOLDER)


if __name__ == "__main__":
    run(main)

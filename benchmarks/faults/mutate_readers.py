"""Give mutated files to every reader of the package, and compare what it makes of them with a plain reference.

A reader must refuse a file, with an error that names it, or read the rows that the reference reads. What counts as
wrong: a traceback (an error that is none of the package's), a reader that hangs or ends its process, other rows than
the reference's (lost lines among them), a sound file refused, an error that does not name the file.

Run in the project's root: python -m benchmarks.faults.mutate_readers [--count 10000] [--seed 0] [--quick]
"""

from __future__ import annotations

import gzip
import math
import multiprocessing
import random
import shutil
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Annotated, Any

import numba
from cyclopts import Parameter

from benchmarks.faults.readers import READERS, Reader
from benchmarks.results import Row, markdown_table, run, typed, write_result
from rankdistill.errors import FileFormatError, RankDistillError

LIMIT = 20.0
"""Seconds after which a reader counts as hanging."""
STARTING = 300.0
"""Seconds in which a worker must have imported and compiled everything."""
QUICK = 500
READ, REFUSED, HANGS, DIED = "read", "refused", "hangs", "process died"
WRONG = ("traceback", HANGS, DIED, "other rows", "sound file refused", "file not named")
SHOWN = 3  # inputs of each kind that a row names, by number

Input = tuple[str, int]
"""Name of a reader and number of the input; with the seed, they make the file."""
Worker = tuple[Any, Connection]
"""A process that judges the inputs that it is sent, and the connection to it."""


def file_of(reader: Reader, seed: int, number: int) -> bytes:
    """Make the bytes of an input; number 0 is the sound file."""
    if number:
        return reader.mutate(reader.sound, random.Random(f"{seed} {reader.name} {number}"))
    return gzip.compress(reader.sound, mtime=0) if reader.file.endswith(".gz") else reader.sound


def judge(reader: Reader, data: bytes, folder: Path) -> tuple[str, str]:
    """Let a reader read a file in a new folder; return the verdict, and for a wrong one what happened."""
    shutil.rmtree(folder, ignore_errors=True)
    path = folder / reader.file
    folder.mkdir()
    if reader.prepare is not None:
        reader.prepare(folder)
    path.parent.mkdir(exist_ok=True)
    new = path.with_name("new")  # the old one may be mapped into memory
    new.write_bytes(data)
    new.replace(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            rows = reader.read(path)
    except RankDistillError as error:
        if reader.must_read(data) is not None:
            return "sound file refused", str(error)
        named = path.name in str(error) and (not isinstance(error, FileFormatError) or error.line > 0)
        return (REFUSED, "") if named else ("file not named", str(error))
    except Exception:
        return "traceback", traceback.format_exc(limit=-3)
    if any(rows == right for right in reader.may_read(data)):
        return READ, ""
    return "other rows", f"{rows!r:.300}"


def inputs(names: Sequence[str], count: int) -> Iterator[Input]:
    """List about ``count`` inputs, equally many of each reader."""
    for name in names:
        for number in range(math.ceil(count / len(names))):
            yield name, number


def verdicts(
    asked: Iterable[Input], start: Callable[[], Worker], limit: float = LIMIT
) -> Iterator[tuple[Input, str, str]]:
    """Judge inputs in a worker process, started by ``start``, which is replaced where it dies or gives no answer.

    An input without an answer gets a second chance, with four times the limit: a busy machine is no fault of a reader.
    """
    worker, connection = start()
    try:
        for each in asked:
            for seconds in (limit, 4 * limit):
                verdict, what = _asked(connection, each, seconds)
                if verdict not in (HANGS, DIED):
                    break
                worker.kill()
                worker.join()
                what = what or f"exit code {worker.exitcode}"
                worker, connection = start()
                if verdict == DIED:
                    break
            yield each, verdict, what
    finally:
        worker.kill()


def _asked(connection: Connection, asked: Input, seconds: float) -> tuple[str, str]:
    """Ask a worker for the verdict on an input."""
    connection.send(asked)
    if not connection.poll(seconds):
        return HANGS, f"no answer in {seconds:g} s"
    try:
        answer: tuple[str, str] = connection.recv()
    except EOFError:
        return DIED, ""
    return answer


def start_worker(seed: int, folder: Path) -> Worker:
    """Start a worker, and wait until it has imported and compiled what the readers need."""
    here, there = multiprocessing.get_context("spawn").Pipe()
    worker = multiprocessing.get_context("spawn").Process(target=_serve, args=(there, seed, folder), daemon=True)
    worker.start()
    there.close()
    if not here.poll(STARTING) or here.recv() != "ready":
        raise RuntimeError(f"the worker did not start in {STARTING:g} s")
    return worker, here


def _serve(connection: Connection, seed: int, folder: Path) -> None:
    numba.set_num_threads(1)  # files are small, and threads would wait for each other
    for reader in READERS.values():
        judge(reader, file_of(reader, seed, 0), folder / "warm")
    connection.send("ready")
    while True:
        name, number = connection.recv()
        reader = READERS[name]
        connection.send(judge(reader, file_of(reader, seed, number), folder / "input"))


def rows_of(judged: Iterable[tuple[Input, str, str]]) -> list[Row]:
    """Count the verdicts of each reader, and of all; print what is wrong."""
    counts: dict[str, Counter[str]] = {}
    wrong: dict[str, list[str]] = {}
    for (name, number), verdict, what in judged:
        counts.setdefault(name, Counter())[verdict] += 1
        if verdict in WRONG:
            wrong.setdefault(name, []).append(f"{verdict} {number}")
            print(f"{name}, input {number}: {verdict}\n{what}", flush=True)
    total = sum(counts.values(), Counter())
    return [
        {
            "reader": name,
            "inputs": sum(count.values()),
            **{verdict: count[verdict] for verdict in (READ, REFUSED, *WRONG)},
            "wrong inputs": ", ".join(wrong.get(name, [])[:SHOWN]),
        }
        for name, count in {**counts, "all": total}.items()
    ]


def main(
    *,
    count: Annotated[int, Parameter(help="Files in all.")] = 10_000,
    seed: int = 0,
    quick: Annotated[bool, Parameter(help=f"{QUICK} files, and no result is written.")] = False,
    readers: Annotated[tuple[str, ...], Parameter(help="Some readers only, by name; no result is written.")] = (),
) -> None:
    """Mutate, read, compare; exit with 1 where anything is wrong."""
    started = time.monotonic()
    names = readers or tuple(READERS)
    with tempfile.TemporaryDirectory() as folder:
        judged = verdicts(inputs(names, QUICK if quick else count), partial(start_worker, seed, Path(folder)))
        rows = rows_of(judged)
    print(markdown_table(rows))
    print(f"{time.monotonic() - started:.0f} s")
    if not quick and not readers:
        write_result("mutate_readers", typed(), rows, [seed], ("rankdistill", "numpy", "pyarrow", "numba", "pyyaml"))
    raise SystemExit(int(any(rows[-1][kind] for kind in WRONG)))


if __name__ == "__main__":
    run(main)

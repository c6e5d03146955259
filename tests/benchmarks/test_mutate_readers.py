"""Mutated files: readers refuse them or read what the reference reads, and the harness notices those that do not."""

from __future__ import annotations

import multiprocessing
import os
import time
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from benchmarks.faults.mutate_readers import READ, REFUSED, Worker, file_of, judge, rows_of, verdicts
from benchmarks.faults.readers import READERS
from rankdistill.errors import DataError

SEED, INPUTS = 2026, 14


@pytest.mark.slow
@pytest.mark.parametrize("name", READERS)
def test_a_sound_file_is_read_and_mutated_ones_are_read_as_the_reference_reads_them(name: str, tmp_path: Path) -> None:
    reader = READERS[name]
    assert judge(reader, file_of(reader, SEED, 0), tmp_path / "sound") == (READ, "")
    for number in range(1, INPUTS):
        verdict, what = judge(reader, file_of(reader, SEED, number), tmp_path / "mutated")
        assert verdict in (READ, REFUSED), f"input {number}: {verdict}: {what}"


def test_a_mutated_file_is_the_same_each_time_and_most_differ() -> None:
    for reader in READERS.values():
        files = [file_of(reader, SEED, number) for number in range(INPUTS)]
        assert files == [file_of(reader, SEED, number) for number in range(INPUTS)]
        assert len(set(files)) > INPUTS / 2


def raising(error: Exception):
    def read(path: Path) -> None:
        raise error

    return read


GSB = READERS["preferences"]
FAULTY = {
    "traceback": raising(KeyError("x")),
    "sound file refused": raising(DataError("a.txt is odd")),
    "other rows": lambda path: dict(list(GSB.read(path).items())[1:]),
}


@pytest.mark.parametrize("kind", FAULTY)
def test_a_faulty_reader_is_noticed(kind: str, tmp_path: Path) -> None:
    verdict, what = judge(replace(GSB, read=FAULTY[kind]), GSB.sound, tmp_path / "a")
    assert verdict == kind
    assert what


def test_an_error_without_the_name_of_the_file_is_noticed(tmp_path: Path) -> None:
    reader = replace(GSB, read=raising(DataError("odd")))
    assert judge(reader, b"q good bad\n", tmp_path / "a") == ("file not named", "odd")
    reader = replace(GSB, read=raising(DataError("a.txt is odd")))
    assert judge(reader, b"q good bad\n", tmp_path / "a") == (REFUSED, "")


def serve(connection: Connection) -> None:
    """Hang over input 1, die over input 2, read the others."""
    while True:
        _, number = connection.recv()
        if number == 1:
            time.sleep(60)
        if number == 2:
            os._exit(7)
        connection.send((READ, ""))


def start() -> Worker:
    here, there = multiprocessing.Pipe()
    worker = multiprocessing.get_context("fork").Process(target=serve, args=(there,), daemon=True)
    worker.start()
    there.close()
    return worker, here


def test_a_worker_that_hangs_or_dies_is_noticed_and_replaced() -> None:
    judged = list(verdicts([("r", number) for number in range(4)], start, limit=0.5))
    assert [(number, verdict) for (_, number), verdict, _ in judged] == [
        (0, READ),
        (1, "hangs"),
        (2, "process died"),
        (3, READ),
    ]
    assert judged[2][2] == "exit code 7"
    total = rows_of(judged)[-1]
    assert (total["reader"], total["inputs"], total["read"], total["hangs"], total["process died"]) == (
        "all",
        4,
        2,
        1,
        1,
    )

"""Kill a command at random moments until it is done, and compare all that it leaves with an uninterrupted run's.

A command runs in a folder of its own, with a cache of its own in it, and writes under relative names. What is compared
are the bytes of every file in that folder, temporary ones that were left behind among them, and what the run that
finished printed.
"""

from __future__ import annotations

import random
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path

from benchmarks.faults.started import ended, finished, kill, printed, start
from benchmarks.results import Row

KILLS_IN_A_ROW = 4
"""After so many kills the command may finish, so that every run ends."""
LIMIT = 1800.0
"""Seconds after which a command counts as hanging."""
PRINTED = "standard output"
"""Name of what the finished run printed, among the files."""
Contents = dict[str, bytes]


@dataclass(frozen=True)
class Killed:
    """A command that is killed."""

    name: str
    words: Sequence[str]
    """Arguments of rankdistill; what it reads is named by absolute paths, what it writes by relative ones."""
    may_differ: tuple[str, ...] = ()
    """Patterns of files, relative to the folder, that are not compared."""
    reduced: Mapping[str, Callable[[bytes], bytes]] = field(default_factory=dict)
    """Pattern of files -> what takes out of their bytes that which differs between any two runs, such as times."""
    prepare: Callable[[Path], None] | None = None
    """Puts into the empty folder what the command changes there."""


def kill_until_done(command: Killed, folder: Path, kills: int, seed: int) -> Row:
    """Run a command to its end as often as it takes to kill it ``kills`` times; return a row of the table.

    folder: for the runs; what is in it is deleted. A run is killed at moments drawn evenly from the time that an
    uninterrupted one takes, up to `KILLS_IN_A_ROW` times, and then finishes. A difference, and a run that fails, is
    named in the row's ``wrong``, which is empty where nothing is.
    """
    draw = random.Random(f"{seed} {command.name}")
    _finished(command, _fresh(command, folder / "reference"))  # the first run of all compiles kernels
    started = time.monotonic()
    expected, wrong = _finished(command, _fresh(command, folder / "reference"))
    seconds = time.monotonic() - started
    n_kills = n_runs = 0
    while n_kills < kills and not wrong:
        place = _fresh(command, folder / "killed")
        for _ in range(min(KILLS_IN_A_ROW, kills - n_kills)):
            if not _killed_after(command, place, draw.uniform(0, seconds)):
                break
            n_kills += 1
        found, wrong = _finished(command, place)
        wrong += [f"{name} differs" for name in sorted(expected | found) if expected.get(name) != found.get(name)]
        n_runs += 1
    if not wrong:
        shutil.rmtree(folder)
    return {
        "command": command.name,
        "seconds": round(seconds, 1),
        "kills": n_kills,
        "runs to the end": n_runs,
        "files compared": len(expected) - 1,
        "wrong": "; ".join(wrong),
    }


def _fresh(command: Killed, place: Path) -> Path:
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    if command.prepare:
        command.prepare(place)
    return place


def _killed_after(command: Killed, place: Path, seconds: float) -> bool:
    """Kill the command after a time; tell whether it was still running."""
    process = start(command.words, place)
    if ended(process, seconds) is not None:
        return False
    kill(process)
    return True


def _finished(command: Killed, place: Path) -> tuple[Contents, list[str]]:
    """Run the command to its end; return what it left, and what is wrong with how it ended."""
    code = finished(command.words, place, LIMIT)
    told = printed(place, "err").read_text(errors="replace").strip().splitlines()
    wrong = [f"exit code {code}: {told[-1] if told else ''}"] if code else []
    return dict(_contents(command, place)), wrong


def _contents(command: Killed, place: Path) -> Iterator[tuple[str, bytes]]:
    """Name and bytes of everything that is compared."""
    files = {each.relative_to(place).as_posix(): each for each in sorted(place.rglob("*")) if each.is_file()}
    for name, file in {PRINTED: printed(place, "out"), **files}.items():
        if not any(fnmatch(name, pattern) for pattern in command.may_differ):
            content = file.read_bytes()
            for pattern, reduce in command.reduced.items():
                content = reduce(content) if fnmatch(name, pattern) else content
            yield name, content

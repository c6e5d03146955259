"""Start rankdistill in a process group of its own: forked from a process that has imported what commands import.

So a command starts in milliseconds, and kills fall into its work instead of into the loading of libraries.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
from collections.abc import Sequence
from multiprocessing.context import ForkServerProcess
from pathlib import Path

HANGS = -9999
"""In place of an exit code, of a command that did not end in time."""
os.environ |= {"HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(
    [
        "rankdistill.cli.entry",
        "rankdistill.models",
        "rankdistill.scoring.score",
        "rankdistill.recipes",
        "rankdistill.retrieval.bm25",
    ]
)


def printed(place: Path, stream: str) -> Path:
    """Return the file, beside a command's folder, that holds what it printed: stream "out" or "err"."""
    return place.with_name(f"{place.name}.{stream}")


def start(words: Sequence[str], place: Path) -> ForkServerProcess:
    """Start a command in a folder, with the cache ``cache`` in it; what it prints goes to files beside the folder."""
    process = _context.Process(target=_run, args=(list(words), place))
    process.start()
    return process


def ended(process: ForkServerProcess, seconds: float) -> int | None:
    """Wait for the end and return the exit code; None where the command still runs after that many seconds."""
    process.join(seconds)
    return process.exitcode


def kill(process: ForkServerProcess) -> None:
    """Kill a command, and all that it has started, at once."""
    assert process.pid is not None
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:  # it has not yet got so far as to have a group
        process.kill()
    process.join()


def finished(words: Sequence[str], place: Path, limit: float) -> int:
    """Run a command to its end and return its exit code, or `HANGS`."""
    process = start(words, place)
    code = ended(process, limit)
    if code is None:
        kill(process)
        return HANGS
    return code


def _run(words: list[str], place: Path) -> None:
    os.setsid()
    for number, stream in ((1, "out"), (2, "err")):
        os.dup2(os.open(printed(place, stream), os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
    os.chdir(place)
    os.environ["RANKDISTILL_CACHE"] = str(place / "cache")
    from rankdistill.cli.entry import main

    sys.exit(main(words))

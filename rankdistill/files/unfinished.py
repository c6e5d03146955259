"""Unfinished work: a hidden folder beside an output, from which the same call goes on after a kill."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rankdistill.files.facts import read_facts, same, write_facts
from rankdistill.files.lock import NAME as LOCK
from rankdistill.files.lock import locked
from rankdistill.progress import say

_FACTS = "facts.json"


def work_folder(out: Path) -> Path:
    """The folder of unfinished work of an output."""
    return out.absolute().with_name(f".{out.name}.work")


@contextmanager
def unfinished(out: Path, facts: Mapping[str, Any]) -> Iterator[Path]:
    """Yield the folder of unfinished work of an output, which is locked meanwhile, and deleted when the block succeeds.

    facts: all that shapes the work, values that JSON can hold; what other ones left in the folder is deleted first.
    Raises `UsageError` where another process works there.
    """
    work = work_folder(out)
    with locked(work):
        if same(read_facts(work / _FACTS), facts):
            say(f"resuming: unfinished work of {work}")
        else:
            _empty(work)
            write_facts(work / _FACTS, facts)
        yield work
        remove_work(work)


def remove_work(work: Path) -> None:
    """Delete a folder of unfinished work, where there is one."""
    if work.is_dir():
        _empty(work)
        shutil.rmtree(work)


def _empty(work: Path) -> None:
    """Delete what is in the folder, first the facts, so that nothing is used of which a kill here leaves a part."""
    (work / _FACTS).unlink(missing_ok=True)
    for path in work.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        elif path.name != LOCK:
            path.unlink()

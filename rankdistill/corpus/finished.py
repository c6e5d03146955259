"""Folders of parts that are finished: whether one was made of the same things, and is whole."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rankdistill.data.parts import are_whole, check_made_of, is_parts
from rankdistill.files.facts import read_facts
from rankdistill.progress import say


def finished(out: Path, report: str, facts: Mapping[str, Any]) -> dict[str, int] | None:
    """What was counted when a folder was made, which is said to be finished; None where there are no whole parts.

    report: the name of a file in the folder, of facts and ``counts``. Raises the errors of `check_made_of`.
    """
    check_made_of(out, report, facts)
    if not is_parts(out):
        return None
    if not are_whole(out):
        say(f"{out} has parts that are missing or damaged: all are made anew")
        return None
    say(f"{out} is finished already, of the same text and settings")
    counts: dict[str, int] = read_facts(out / report)["counts"]
    return counts

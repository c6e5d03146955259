"""Folders of parts that are finished: whether one was made of the same things, and is whole."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rankdistill.data.parts import are_whole, check_parts_folder, is_parts
from rankdistill.errors import UsageError
from rankdistill.files.facts import differing, read_facts
from rankdistill.progress import say


def check_made_with(out: Path, report: str, facts: Mapping[str, Any]) -> None:
    """Raise `UsageError` where a folder has anything but parts whose report has these facts.

    report: the name of a file in the folder, of facts and ``counts``.
    """
    check_parts_folder(out)
    if is_parts(out):
        known, given = read_facts(out / report), json.loads(json.dumps(facts))
        if other := differing(given, {name: known.get(name) for name in given}):
            raise UsageError(f"{out} holds parts that were made with other {', '.join(other)}: give a new folder")


def finished(out: Path, report: str, facts: Mapping[str, Any]) -> dict[str, int] | None:
    """What was counted when a folder was made, which is said to be finished; None where there are no whole parts.

    Raises the errors of `check_made_with`.
    """
    check_made_with(out, report, facts)
    if not is_parts(out):
        return None
    if not are_whole(out):
        say(f"{out} has parts that are missing or damaged: all are made anew")
        return None
    say(f"{out} is finished already, of the same text and settings")
    counts: dict[str, int] = read_facts(out / report)["counts"]
    return counts

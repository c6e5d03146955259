"""The record of a finished training, by which the same command, called again, knows that there is nothing to train."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rankdistill.files.checksums import checksum, checksums_text
from rankdistill.files.facts import read_facts, same, write_facts
from rankdistill.models import CrossEncoder
from rankdistill.progress import say

MODEL, RECORD = "model", "training.json"


def record(out: Path, facts: Mapping[str, Any]) -> None:
    """Write that the model in a folder is what a training of these facts ends in."""
    write_facts(out / RECORD, {"facts": facts, "model": json.loads(checksums_text(out / MODEL))})


def is_finished(out: Path, facts: Mapping[str, Any]) -> bool:
    """Tell whether a folder holds the model that a training of these facts ends in, every file as it was written."""
    known = read_facts(out / RECORD)
    if not same(known.get("facts"), facts):
        return False
    files = known.get("model", {})
    damaged = [name for name, sums in files.items() if not _is_as_written(out / MODEL / name, sums)]
    if damaged:
        say(f"{out / MODEL} is finished but damaged ({', '.join(damaged)}): it is trained again")
    return bool(files) and not damaged


def read_weights(model: CrossEncoder, out: Path) -> None:
    """Give a model the weights that the training in a folder ended in."""
    model.model.load_state_dict(CrossEncoder.from_pretrained(out / MODEL).model.state_dict())


def _is_as_written(file: Path, sums: Any) -> bool:
    try:
        return bool(checksum(file) == sums)
    except OSError:
        return False

"""The record of a finished training, by which the same command, called again, knows that there is nothing to train."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from rankdistill.files.checksums import checksum, checksums_text
from rankdistill.files.facts import read_facts, same, write_facts
from rankdistill.models import CrossEncoder
from rankdistill.models.untrained import to_train_on
from rankdistill.progress import say

MODEL, RECORD = "model", "training.json"


def record(out: Path, facts: Mapping[str, Any], folders: Collection[str] = (MODEL,)) -> None:
    """Write that the models in a folder are what a training of these facts ends in. folders: of the models, inside."""
    sums = {folder: json.loads(checksums_text(out / folder)) for folder in folders}
    models = {"model": sums[MODEL]} if list(sums) == [MODEL] else {"models": sums}
    write_facts(out / RECORD, {"facts": facts, **models})


def is_finished(out: Path, facts: Mapping[str, Any]) -> bool:
    """Tell whether a folder holds the models that a training of these facts ends in, every file as it was written."""
    known = read_facts(out / RECORD)
    if not same(known.get("facts"), facts):
        return False
    models: dict[str, dict[str, Any]] = known.get("models", {MODEL: known.get("model", {})})
    for folder, files in models.items():
        damaged = [name for name, sums in files.items() if not _is_as_written(out / folder / name, sums)]
        if damaged:
            say(f"{out / folder} is finished but damaged ({', '.join(damaged)}): it is trained again")
        if damaged or not files:
            return False
    return bool(models)


def read_weights(model: CrossEncoder, folder: Path) -> None:
    """Give a model the weights that a training ended in. folder: of its model."""
    with to_train_on():
        model.model.load_state_dict(CrossEncoder.from_pretrained(folder).model.state_dict())


def _is_as_written(file: Path, sums: Any) -> bool:
    try:
        return bool(checksum(file) == sums)
    except OSError:
        return False

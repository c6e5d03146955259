"""Checkpoints: sealed when they are complete, so that one that is unfinished or damaged is never resumed from."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from safetensors import SafetensorError

from rankdistill.errors import DataError
from rankdistill.files.atomic import atomic_path
from rankdistill.files.checksums import IN_FOLDER, checksums_text, damage, is_sealed
from rankdistill.progress import say

KEPT = 2
"""The last checkpoints that are kept, so that one that is damaged costs the work of one interval. The one with the best
weights so far is kept as well."""
NAME, STATE = "checkpoint-", "trainer_state.json"
"""Names of transformers: of a checkpoint's folder, without its number of updates, and of the trainer's state in it."""


def folder_of(checkpoints: Path, step: int) -> Path:
    """Name the checkpoint after so many updates."""
    return checkpoints / f"{NAME}{step}"


def seal(checkpoint: Path) -> None:
    """Write the checksums of a checkpoint, which has all its files."""
    with atomic_path(checkpoint / IN_FOLDER) as path:
        path.write_text(checksums_text(checkpoint), encoding="utf-8")


def drop_old(checkpoints: Path) -> None:
    """Remove all checkpoints but the last `KEPT` and those with the best weights so far, by the state of each."""
    last = _by_step(checkpoints)[:KEPT]
    kept = {*last, *(best for each in last if (best := best_of(each)))}
    for checkpoint in _by_step(checkpoints):
        if checkpoint not in kept:
            shutil.rmtree(checkpoint)


def remove_all(checkpoints: Path) -> None:
    """Remove every checkpoint in a folder."""
    for checkpoint in _by_step(checkpoints):
        shutil.rmtree(checkpoint)


def last_whole(checkpoints: Path) -> Path | None:
    """Return the last checkpoint that is as it was written, its best weights too; remove those after it, and say so.

    One without checksums was not finished when its process died.
    """
    for checkpoint in _by_step(checkpoints):
        if not is_sealed(checkpoint):
            fault = "was not finished"
        elif found := damage(checkpoint):
            fault = f"is damaged ({found})"
        elif (best := best_of(checkpoint)) and (found := damage(best)):
            fault = f"needs the best weights so far, which are damaged ({found})"
        else:
            return checkpoint
        say(f"{checkpoint.name} {fault}: it is removed, and the training goes on from what is before it")
        shutil.rmtree(checkpoint)
    return None


def best_of(checkpoint: Path) -> Path | None:
    """Return the checkpoint of the best weights so far, by the state in an undamaged one; None where nothing chose."""
    step = json.loads((checkpoint / STATE).read_text(encoding="utf-8"))["best_global_step"]
    return folder_of(checkpoint.parent, step) if step else None


@contextmanager
def saving(what: str, partial: Path | None = None) -> Iterator[None]:
    """Raise a `DataError` that says what to do for whatever writers raise where a disk is full or a folder read-only.

    what: is written by the block. partial: a folder that is removed where that fails.
    """
    try:
        yield
    except (OSError, RuntimeError, SafetensorError) as error:  # of Python, torch and safetensors
        if partial is not None:
            shutil.rmtree(partial, ignore_errors=True)
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error).splitlines()[0]
        raise DataError(
            f"cannot write {what}: {reason}. Nothing else is lost: make room, or make the folder writable, and run the "
            "same command again; it resumes from the last checkpoint"
        ) from error


def _by_step(checkpoints: Path) -> list[Path]:
    """The checkpoints in a folder, the last one first."""
    found = [path for path in checkpoints.glob(f"{NAME}*") if path.name.removeprefix(NAME).isdecimal()]
    return sorted(found, key=lambda path: int(path.name.removeprefix(NAME)), reverse=True)

"""A model whose head no loss has trained: said in its config, and to whoever loads it to score."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

ENTRY = "untrained_head"
"""Name of the entry of ``config.json``."""


def mark_head(config: Any, *, trained: bool) -> None:
    """Note in a model's config that its head is not trained, or take the note away."""
    if not trained:
        setattr(config, ENTRY, True)
    elif hasattr(config, ENTRY):
        delattr(config, ENTRY)


def warn_of_untrained_head(folder: str | Path, config: Any) -> None:
    """Warn where a folder's model is no more than a start for a training: its scores mean nothing."""
    if getattr(config, ENTRY, False):
        warnings.warn(
            f"{folder}: its last layer and head are not trained, so that its scores mean nothing: it is a student that "
            "learned relations alone, for `finetune --base` or `distill --student` to go on from",
            stacklevel=4,
        )

"""Splits: which splits of a collection a recipe trains on, chooses checkpoints on and measures on."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Splits:
    """Names of a collection's splits by purpose."""

    train_split: str = "train"
    """Split of the collection to train on."""
    dev_split: str | None = None
    """Split to choose the best checkpoint on, with eval_steps. [default: dev; of MNLI, which has none, dev_matched]"""
    test_split: str | None = None
    """Split to measure on at the end. [default: test; of GLUE's tasks dev, as the labels of test are hidden]"""

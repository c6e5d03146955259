"""Mixed: several tasks' batches in one training, each batch of one task, in a shuffled order."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Literal

import numpy as np

from rankdistill.errors import UnknownNameError, UsageError
from rankdistill.training.batches import Batch, BatchSource

Sampling = Literal["proportional", "sqrt"]
SAMPLINGS: dict[str, Callable[[float], float]] = {"proportional": float, "sqrt": np.sqrt}
"""Name -> the weight with which a task of so many pairs takes part. Source of both: Stickland and
Murray 2019 (docs/papers.md)."""


class Mixed:
    """The batches of several sources, the tasks shuffled and each task's batches in its own order; a `BatchSource`.

    sources: task -> its batches. sizes: task -> how many of them are read, the first ones (None: all). epochs: each of
    them has its equal share of every task's batches, shuffled within it, so that no task comes early or late. The same
    seed gives the same order. Source: MT-DNN's task-homogeneous batches, as LSTM-KD §4 trains (docs/papers.md).
    """

    def __init__(
        self,
        sources: Mapping[str, BatchSource],
        seed: int = 0,
        *,
        epochs: int = 1,
        sizes: Mapping[str, int] | None = None,
    ) -> None:
        if not sources:
            raise UsageError("no tasks to mix, expected at least one source of batches")
        self.sources, self.seed, self.epochs = dict(sources), seed, epochs
        self.sizes = {name: len(source) for name, source in sources.items()} if sizes is None else dict(sizes)
        counts, random = np.array([self.sizes[name] for name in sources]), np.random.default_rng(seed)
        bounds = [counts * epoch // epochs for epoch in range(epochs + 1)]
        shares = [after - before for before, after in pairwise(bounds)]
        self._task_of = np.concatenate([random.permutation(np.repeat(np.arange(len(counts)), each)) for each in shares])
        self._place = np.zeros(len(self._task_of), np.int64)
        for task, size in enumerate(counts):
            self._place[self._task_of == task] = np.arange(size)

    def __len__(self) -> int:
        return len(self._task_of)

    def __getitem__(self, index: int) -> Batch:
        name, source = list(self.sources.items())[self._task_of[index]]
        batch = source[int(self._place[index])].copy()
        batch["task"] = name
        return batch

    def digest(self) -> str:
        """Hash of all sources' digests and the order."""
        facts = [[name, source.digest()] for name, source in self.sources.items()]
        order = [self.seed, self.epochs, self.sizes]
        return hashlib.blake2b(json.dumps([facts, order]).encode(), digest_size=20).hexdigest()


def sampled_batches(pairs: Mapping[str, int], batches: Mapping[str, int], sampling: str) -> dict[str, int]:
    """How many batches of each task are read in an epoch, at least one, as many of all tasks as they have together.

    pairs: task -> pairs that it reads in a pass over its own data. batches: task -> batches that these fill.
    proportional: each task's own number, so that an epoch is one pass over all. sqrt: in proportion to the square roots
    of the pairs, so that small tasks are passed over several times and large ones not to the end. Raises
    `UnknownNameError` for another ``sampling``.
    """
    if sampling not in SAMPLINGS:
        raise UnknownNameError("way to sample tasks", sampling, SAMPLINGS)
    if sampling == "proportional":
        return dict(batches)
    weights = {name: SAMPLINGS[sampling](n) for name, n in pairs.items()}
    share = sum(batches.values()) / sum(weights.values())
    return {name: max(1, round(weight * share)) for name, weight in weights.items()}

"""Mixed: several tasks' batches in one training, each batch of one task, in a shuffled order."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

import numpy as np

from rankdistill.errors import UsageError
from rankdistill.training.batches import Batch, BatchSource


class Mixed:
    """Every batch of every source once, the tasks shuffled and each task's batches in its own order; a `BatchSource`.

    sources: task -> its batches. A task takes part in proportion to its number of batches. The same seed gives the same
    order. Source: MT-DNN's task-homogeneous batches, as LSTM-KD §4 trains (docs/papers.md).
    """

    def __init__(self, sources: Mapping[str, BatchSource], seed: int = 0) -> None:
        if not sources:
            raise UsageError("no tasks to mix, expected at least one source of batches")
        self.sources, self.seed = dict(sources), seed
        sizes = [len(source) for source in sources.values()]
        drawn = np.repeat(np.arange(len(sizes)), sizes)
        self._task_of = np.random.default_rng(seed).permutation(drawn)
        self._place = np.zeros(len(drawn), np.int64)
        for task, size in enumerate(sizes):
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
        return hashlib.blake2b(json.dumps([facts, self.seed]).encode(), digest_size=20).hexdigest()

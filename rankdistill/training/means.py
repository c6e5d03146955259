"""Means of the losses that are logged: parts of checkpoints, so that a resumed log is the uninterrupted one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from rankdistill.errors import TrainingError
from rankdistill.training.distributed import mean_over_processes, processes

LOSS, WHOLE = "loss", "train_loss"
"""Names of transformers: of the objective since the last log, and of its mean over the whole training."""


class LossMeans:
    """Sums and counts of the objective and of each of its terms: since the last log, and of the objective, of all."""

    def __init__(self) -> None:
        self._sums: dict[str, float] = {}
        self._counts: dict[str, int] = {}

    def add(self, total: Tensor, terms: Mapping[str, Tensor], update: int) -> None:
        """Add a batch's objective and its terms, scalars. Raises `TrainingError` where one is not finite."""
        values = {name: float(value.detach()) for name, value in terms.items()}
        objective = float(total.detach())
        for name, value in {**values, "the objective": objective}.items():
            if not torch.isfinite(torch.tensor(value)):
                raise TrainingError(
                    f"the loss is {value} at update {update} ({name}), so that nothing can be learned from here on: no "
                    "model is written. Try a lower learning rate, more warm-up, dtype float32, or smaller labels, "
                    "scores and weights in the objective"
                )
        for name, value in {**values, LOSS: objective, WHOLE: objective}.items():
            self._sums[name] = self._sums.get(name, 0.0) + value
            self._counts[name] = self._counts.get(name, 0) + 1

    def since_last_log(self) -> dict[str, float]:
        """The means of all processes, the objective as `LOSS`; begin anew with the next batch."""
        names = [name for name in self._sums if name != WHOLE]
        means = self._means(names)
        for name in names:
            del self._sums[name], self._counts[name]
        return means

    def whole(self) -> dict[str, float]:
        """The mean of the objective over all batches, as `WHOLE`; empty where there was none."""
        return self._means([WHOLE]) if WHOLE in self._sums else {}

    def save(self, checkpoint: Path) -> None:
        """Write this process's sums into a checkpoint."""
        text = json.dumps({"sums": self._sums, "counts": self._counts}) + "\n"
        self._file(checkpoint).write_text(text, encoding="utf-8")

    def load(self, checkpoint: Path) -> None:
        """Go on with the sums of a checkpoint."""
        kept = json.loads(self._file(checkpoint).read_text(encoding="utf-8"))
        self._sums, self._counts = kept["sums"], kept["counts"]

    def _means(self, names: list[str]) -> dict[str, float]:
        return dict(zip(names, mean_over_processes([self._sums[n] / self._counts[n] for n in names]), strict=True))

    @staticmethod
    def _file(checkpoint: Path) -> Path:
        return checkpoint / f"losses_{processes()[0]}.json"

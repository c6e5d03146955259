"""What a check of a model found, and what the checks are given."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np

from rankdistill.arrays import F32, I64
from rankdistill.inputs.prompted import PromptAssembler
from rankdistill.models.cross_encoder import CrossEncoder

Level = Literal["ok", "note", "warning", "error"]


@dataclass(frozen=True)
class ModelFinding:
    """The result of one check of a model."""

    check: str
    """Name of the check."""
    level: Level
    """error: scores are wrong, or will be where the model is used; warning: they may surprise; note: information."""
    what: str


@dataclass(frozen=True, eq=False)
class Checked:
    """A model, its folder, and the pairs that it is checked on."""

    model: CrossEncoder
    folder: Path
    pairs: list[tuple[str, str]]
    labels: F32 | None = None
    """Judgments of the pairs, float32 (N,), NaN where there is none; None without a collection that has any."""
    offsets: I64 | None = None
    """Where each query's pairs begin, int64 (Q + 1,), where there are judgments."""

    engines: tuple[str, ...] = ()
    """Engines that are to compute the scores, too."""

    @cached_property
    def logits(self) -> F32:
        """Logits by torch in float32, (N, n_logits)."""
        return self.model.logits(self.pairs)

    @cached_property
    def scores(self) -> F32:
        """The scores of the pairs, as the model's contract computes them."""
        return self.model.contract.scores(self.logits)

    @cached_property
    def size(self) -> float:
        """How large logits are: what a difference is compared with."""
        return max(0.1, float(np.nanmax(np.abs(self.logits), initial=0.0)))

    @cached_property
    def batch(self) -> dict[str, I64]:
        """The model's inputs for all pairs, int64 (N, L) by name."""
        return self.batch_of(slice(None))

    def batch_of(self, rows: slice) -> dict[str, I64]:
        """The model's inputs for some of the pairs, padded to the longest of them."""
        assembler = self.model.assembler
        return assembler.assemble(*assembler.tokenize_pairs(self.model.tokenizer, self.pairs[rows]))

    @cached_property
    def comparable(self) -> I64:
        """Rows of the pairs that other tools should read alike: inside a prompt, whose end they cut, those not cut."""
        assembler = self.model.assembler
        if not isinstance(assembler, PromptAssembler):
            return np.arange(len(self.pairs))
        lengths = assembler.lengths(*assembler.tokenize_pairs(self.model.tokenizer, self.pairs))
        return np.flatnonzero(~lengths.truncated)

    @cached_property
    def distinct(self) -> I64:
        """Rows of pairs whose tokens are all different, the first of each; others score alike as they should."""
        rows = np.concatenate([self.batch[name] for name in sorted(self.batch)], axis=1)
        _, first = np.unique(rows, axis=0, return_index=True)
        return np.sort(first).astype(np.int64)


def line(error: Exception) -> str:
    """The first line of what an error says, with its type."""
    said = next((part.strip() for part in str(error).splitlines() if part.strip()), "")
    return f"{type(error).__name__}: {said[:300]}"

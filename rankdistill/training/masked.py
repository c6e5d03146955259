"""Masked: the batches of a source, with tokens masked for a masked language model."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from rankdistill.files.facts import digest
from rankdistill.inputs.masking import TokenMasker
from rankdistill.training.batches import Batch, BatchSource, MaskedPart


class Masked:
    """A source's batches, each beside the same with tokens masked; a `BatchSource`.

    What is masked in a batch depends on its place and the seed alone, so that a resumed training masks what an
    uninterrupted one masks, and each epoch masks other tokens.
    """

    def __init__(self, source: BatchSource, masker: TokenMasker, seed: int = 0) -> None:
        self.source, self.masker, self.seed = source, masker, seed

    def __len__(self) -> int:
        return len(self.source)

    def __getitem__(self, index: int) -> Batch:
        batch = self.source[index].copy()
        rng = np.random.default_rng([self.seed, range(len(self))[index]])
        batch["masked"] = [self._masked(part["input_ids"], part["attention_mask"], rng) for part in batch["inputs"]]
        return batch

    def _masked(self, ids: torch.Tensor, mask: torch.Tensor, rng: np.random.Generator) -> MaskedPart:
        masked, chosen = self.masker(ids.numpy(), mask.numpy(), rng)
        return {"input_ids": torch.from_numpy(masked), "chosen": torch.from_numpy(chosen)}

    def facts(self) -> dict[str, Any]:
        """What a model is trained on, by name."""
        return {"batches": self.source.digest(), "masked share": self.masker.share, "seed": self.seed}

    def digest(self) -> str:
        """Hash of the facts."""
        return digest(self.facts())

"""Masked: the batches of a source, with tokens masked for a masked language model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from rankdistill.arrays import F64
from rankdistill.files.facts import digest
from rankdistill.inputs.masking import TokenMasker
from rankdistill.training.batches import Batch, BatchSource, MaskedPart
from rankdistill.training.distributed import processes


class Masked:
    """A source's batches, each beside the same with tokens masked; a `BatchSource`.

    What is masked in a pair depends on its place in the batch, the batch's place and the seed alone, so that a resumed
    training masks what an uninterrupted one masks, as many processes mask what one does, and each epoch masks other
    tokens.
    """

    def __init__(self, source: BatchSource, masker: TokenMasker, seed: int = 0) -> None:
        self.source, self.masker, self.seed = source, masker, seed

    def __len__(self) -> int:
        return len(self.source)

    def __getitem__(self, index: int) -> Batch:
        batch = self.source[index].copy()
        rng = np.random.default_rng([self.seed, range(len(self))[index]])
        longest = max(part["input_ids"].shape[1] for part in batch["inputs"])
        # Token by token, so that a pair's draws do not depend on the length of others, which one process may not know.
        draws = rng.random((longest, max(1, sum(batch["counts"])))).T
        sizes = [len(part["input_ids"]) for part in batch["inputs"]]
        rank = processes()[0]
        pairs = sum(batch["counts"][:rank]) + np.argsort(batch["places"].numpy())
        parts = np.split(pairs % len(draws), np.cumsum(sizes)[:-1])  # a process without pairs runs one of others'
        batch["masked"] = [self._masked(part, draws[own]) for part, own in zip(batch["inputs"], parts, strict=True)]
        if not batch["counts"][rank]:
            for masked in batch["masked"]:
                masked["chosen"].zero_()
        return batch

    def _masked(self, part: Mapping[str, torch.Tensor], draws: F64) -> MaskedPart:
        ids, mask = part["input_ids"].numpy(), part["attention_mask"].numpy()
        masked, chosen = self.masker(ids, mask, draws[:, : ids.shape[1]])
        return {"input_ids": torch.from_numpy(masked), "chosen": torch.from_numpy(chosen)}

    def facts(self) -> dict[str, Any]:
        """What a model is trained on, by name."""
        return {"batches": self.source.digest(), "masked share": self.masker.share, "seed": self.seed}

    def digest(self) -> str:
        """Hash of the facts."""
        return digest(self.facts())

"""What a trainer reads: a source of batches, each of one task, and the tensors of a batch."""

from __future__ import annotations

from typing import Any, NotRequired, Protocol, TypedDict

import numpy as np
from torch import Tensor

from rankdistill.arrays import I64
from rankdistill.models.parts import can_take_packs
from rankdistill.models.precision import default_device
from rankdistill.models.recurrent.network import is_recurrent
from rankdistill.models.recurrent.packed import can_pack_texts

PARTS = {"cpu": 12, "cuda": 4}
"""The most parts of a batch on a kind of device: a GPU waits for small ones."""
PART_TOKENS = 96
"""What one more pass through the model costs, in tokens: each adds to the gradients of all weights."""
PACKED_PARTS, PACKED_PART_TOKENS = 32, 8
"""The most parts, and what one more costs, where all are one row, see `rankdistill.models.parts`: only attention is
computed for each alone."""


class MaskedPart(TypedDict):
    """A part's tokens with some of them masked."""

    input_ids: Tensor
    """int64 (pairs, length), in place of the part's own."""
    chosen: Tensor
    """bool (pairs, length): tokens that are to be predicted."""


class Batch(TypedDict):
    """Q lists of at most C candidates; this process computes P of their pairs."""

    task: str
    """Name of the task, which says by what objective the batch is learned."""
    inputs: list[dict[str, Tensor]]
    """The model's inputs of each part, int64 (pairs, length), longest pairs first."""
    places: Tensor
    """int64 (P,): the place of each pair among those of all parts."""
    counts: list[int]
    """Pairs of each process."""
    mask: Tensor
    """bool (Q, C), True where there is a candidate; the pairs follow each other row by row, process by process."""
    columns: dict[str, Tensor]
    """Name -> float32 (Q, C), NaN where missing."""
    masked: NotRequired[list[MaskedPart]]
    """Of each part, where a masked language model is trained."""


class BatchSource(Protocol):
    """Batches in the order in which a model is trained on them."""

    def __len__(self) -> int:
        """Number of batches."""

    def __getitem__(self, index: int) -> Batch:
        """Make a batch; the same index gives the same batch."""

    def digest(self) -> str:
        """Hash of everything that a model is trained on."""


def part_limits(model: Any, *, alone: bool) -> tuple[int, int]:
    """The most parts of a batch for a model on the device that it is trained on, and what one more costs, in tokens.

    alone: whether no other model reads the same batches.
    """
    device = default_device()
    if alone and is_recurrent(model) and can_pack_texts(device, model.dtype):
        return 1, 0  # it leaves padding out by itself
    if alone and device.type == "cpu" and can_take_packs(model):
        return PACKED_PARTS, PACKED_PART_TOKENS
    return PARTS.get(device.type, 1), PART_TOKENS


def length_parts(lengths: I64, most: int, part_tokens: int) -> list[I64]:
    """Split pairs into parts of about equal numbers, longest first: as many, up to ``most``, as padding pays for.

    lengths: int64 (P,), tokens. part_tokens: what one more part costs. Returns the positions of each part's pairs. What
    is learned from a batch does not depend on its parts: gradients add up.
    """
    order = np.argsort(-lengths, kind="stable")
    splits = [np.array_split(order, n) for n in range(1, min(most, len(order)) + 1)]
    return min(splits, key=lambda parts: sum(len(part) * int(lengths[part[0]]) + part_tokens for part in parts))


def in_lists(flat: Tensor, mask: Tensor) -> Tensor:
    """Put values of pairs (P, ...) where ``mask`` (Q, C) is True; zeros elsewhere. Gradients flow through."""
    return flat.new_zeros((*mask.shape, *flat.shape[1:])).index_put((mask,), flat)

"""Decoders' heads read the last token that is no padding, found by the attention mask.

transformers finds it by comparing ids with ``config.pad_token_id``: it refuses a batch where that is missing, and reads
one token early where a text ends in that very token.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn


def last_token(hidden: Tensor, tokens: Tensor) -> Tensor:
    """Pick each row's last token that is no padding: (B, H) of hidden (B, L, H) and tokens bool (B, L)."""
    places = torch.arange(tokens.shape[1], device=tokens.device)
    last = (tokens * places).argmax(dim=-1)
    return hidden[torch.arange(hidden.shape[0], device=hidden.device), last]  # `len` is a constant in an export


def positions(tokens: Tensor) -> Tensor:
    """Positions of tokens that do not count padding, int64 (B, L), whichever side the padding is on."""
    return (tokens.long().cumsum(dim=-1) - 1).clamp(min=0)


@contextmanager
def head_reads_last_token(model: Any, head: nn.Module, tokens: Tensor) -> Iterator[None]:
    """Make a decoder's head see its last real token wherever it looks, inside the block, in one thread."""

    def pick(_module: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        hidden = inputs[0]
        return (last_token(hidden, tokens)[:, None].expand(-1, hidden.shape[1], -1),)

    stated = model.config.pad_token_id
    hook = head.register_forward_pre_hook(pick)
    model.config.pad_token_id = 0 if stated is None else stated  # any will do, as all tokens look alike to the head
    try:
        yield
    finally:
        model.config.pad_token_id = stated
        hook.remove()

"""The cross-encoder behind an adapter, and the number that it gives a pair."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rankdistill.arrays import F32
from rankdistill.models import CrossEncoder


def loaded(model: CrossEncoder | str | Path) -> CrossEncoder:
    """Load a model from its folder or hub id, unless it is one already."""
    return model if isinstance(model, CrossEncoder) else CrossEncoder.from_pretrained(model)


def margins(model: CrossEncoder, pairs: Sequence[tuple[str, str]], batch_tokens: int | None = None) -> F32:
    """Score pairs by the number that orders them, float32 (N,): the logit before any sigmoid, which could make ties."""
    return model.contract.margins(model.logits(pairs, batch_tokens=batch_tokens))

"""start_model: the cross-encoder that training starts from, by default one that keeps what its base encoder knows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, get_args

import numpy as np

from rankdistill.data import Collection
from rankdistill.errors import UnknownNameError
from rankdistill.models import DEFAULT_BASE, CrossEncoder, cosine_start, is_sentence_encoder
from rankdistill.progress import console

CALIBRATION_TEXTS = 4096
Start = Literal["auto", "cosine", "plain"]


def start_model(
    collection: Collection,
    base: str | Path = DEFAULT_BASE,
    *,
    start: Start = "auto",
    layers: Sequence[int] | None = None,
    max_length: int | None = None,
    seed: int = 0,
) -> CrossEncoder:
    """Make a one-logit cross-encoder from a base encoder, or from a trained cross-encoder.

    start: "cosine" makes it rank by the base's cosine and shared words from the first update on, with one layer more
    (see `cosine_start`, which is calibrated on the collection's documents); "plain" takes the base's head, or a new one
    where it has none, which needs tens of thousands of pairs; "auto" is cosine for a BERT-like sentence encoder, plain
    for all else. layers: those of the base to keep, from 0 (None: all). The same seed gives the same weights.
    """
    if start not in get_args(Start):
        raise UnknownNameError("start", start, get_args(Start))
    if start == "cosine" or (start == "auto" and is_sentence_encoder(base)):
        console.print(f"starting from the cosine of {base}, with one layer more", highlight=False)
        documents = collection.documents.texts
        rows = np.random.default_rng(seed).permutation(len(documents))[:CALIBRATION_TEXTS]
        texts = documents.take(np.sort(rows)).to_pylist()
        return cosine_start(base, texts, layers=layers, max_length=max_length, seed=seed)
    return CrossEncoder.from_base(base, layers=layers, max_length=max_length, seed=seed)

"""start_model: the cross-encoder that training starts from, by default one that keeps what its base encoder knows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Literal, get_args

import numpy as np

from rankdistill.data import Candidates, Collection
from rankdistill.errors import UnknownNameError, UsageError
from rankdistill.files.facts import claim
from rankdistill.models import DEFAULT_BASE, CrossEncoder, cosine_start, is_sentence_encoder
from rankdistill.progress import say
from rankdistill.training import TrainingSettings, imitate

CALIBRATION_TEXTS = 4096
IMITATION = TrainingSettings(learning_rate=3e-4, list_size=8, lists_per_batch=8)
"""How a few layers learn the states of all: at a rate far above that of training on labels, whatever comes after."""
Start = Literal["auto", "cosine", "plain"]


def start_model(
    collection: Collection,
    base: str | Path = DEFAULT_BASE,
    *,
    start: Start = "auto",
    layers: Sequence[int] | None = None,
    max_length: int | None = None,
    seed: int = 0,
    candidates: Candidates | None = None,
    settings: TrainingSettings | None = None,
    out: str | Path | None = None,
) -> CrossEncoder:
    """Make a one-logit cross-encoder from a base encoder, or from a trained cross-encoder.

    start: "cosine" makes it rank by the base's cosine and shared words from the first update on, with one layer more
    (see `cosine_start`, which is calibrated on the collection's documents); "plain" takes the base's head, or a new one
    where it has none, which needs tens of thousands of pairs; "auto" is cosine for a BERT-like sentence encoder, plain
    for all else. layers: those of the base to keep, from 0 (None: all).

    candidates: lists on whose pairs, without labels, a model of fewer layers first learns to end in the states of all
    (see `imitate`); None: it does not. A start from the cosine then needs the base's last layer to end ``layers``.
    settings: of the training to come, whose seed, dtype and steps between checkpoints and logs hold for this, too.
    out: folder where that model is kept, and found by the next call. The same seed gives the same weights. Raises
    `UsageError` for layers that do not suit, and where ``out`` holds a start made otherwise.
    """
    if start not in get_args(Start):
        raise UnknownNameError("start", start, get_args(Start))
    from_cosine = start == "cosine" or (start == "auto" and is_sentence_encoder(base))
    kept = layers if candidates is None else None
    if from_cosine:
        say(f"starting from the cosine of {base}, with one layer more")
        model = cosine_start(base, _some_texts(collection, seed), layers=kept, max_length=max_length, seed=seed)
    else:
        model = CrossEncoder.from_base(base, layers=kept, max_length=max_length, seed=seed)
    if layers is None or candidates is None:
        return model
    n_layers = model.model.config.num_hidden_layers
    chosen = list(layers)
    if from_cosine:
        if not chosen or chosen[-1] != n_layers - 2:
            raise UsageError(
                f"got layers {chosen}, expected the last to be {n_layers - 2}: a start from the cosine is built on the "
                "base's last layer. End with it, or start plain"
            )
        chosen.append(n_layers - 1)
    said = settings or TrainingSettings(seed=seed)
    followed = {name: getattr(said, name) for name in ("seed", "dtype", "save_steps", "logging_steps")}
    settings = replace(IMITATION, **followed)
    if out:
        lists = [candidates.n_queries, len(candidates)]
        facts = {"model": model.fingerprint(), "layers": chosen, "queries and candidates": lists}
        claim(out, "a start", {**facts, "settings": asdict(settings)})
        if (Path(out) / "model").is_dir():
            return CrossEncoder.from_pretrained(Path(out) / "model")
    return imitate(model, chosen, candidates, collection, settings, out=out)


def _some_texts(collection: Collection, seed: int) -> list[str]:
    documents = collection.documents.texts
    rows = np.random.default_rng(seed).permutation(len(documents))[:CALIBRATION_TEXTS]
    return documents.take(np.sort(rows)).to_pylist()

"""Models as others publish them, and small tasks of scored pairs to read them for."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tiny import lively, make_tokenizer

from rankdistill.data import Candidates, Collection, Texts
from rankdistill.data.scored_pairs import ScoredPairs
from rankdistill.models import CrossEncoder, ScoreContract
from rankdistill.models.labels import name_logits
from rankdistill.tasks import Task

RTE = ("entailment", "not_entailment")
PAIRS = [("a cat", "the dog"), ("first book", "a long list"), ("what is", "to sort"), ("the cat", "the cat")]


def public(folder: Path, labels: Sequence[str], **config: Any) -> Path:
    """A folder as transformers saves it: nothing in it is rankdistill's. labels: of its logits, one to three."""
    model = lively("bert", num_labels=len(labels))
    name_logits(model.config, labels)
    for name, value in config.items():
        setattr(model.config, name, value)
    contract = ScoreContract("classes", n_classes=len(labels)) if len(labels) > 1 else ScoreContract("logit")
    with torch.no_grad():
        model.classifier.weight.normal_(generator=torch.Generator().manual_seed(0))
        logits = CrossEncoder(model, make_tokenizer(), contract).logits(PAIRS)
        model.classifier.bias.copy_(torch.from_numpy(-logits.mean(axis=0)))  # so that not all pairs are one class
    model.save_pretrained(folder)
    make_tokenizer().save_pretrained(folder)
    return folder


def task_of(scored: ScoredPairs) -> Task:
    ids = [f"dev-{place}" for place in range(len(PAIRS))]
    texts = [Texts.from_pairs(ids, [pair[side] for pair in PAIRS]) for side in (0, 1)]
    pairs = Candidates.from_rows(ids, ids)
    labels = pairs.with_columns(label=np.zeros(len(PAIRS), np.float32))
    return Task(Collection("own", *texts, labels, candidates=pairs, scored_pairs=scored), pairs)


def classification(*classes: str) -> Task:
    return task_of(ScoredPairs("classification", classes))


def similarity(lowest: float, highest: float) -> Task:
    return task_of(ScoredPairs("similarity", lowest=lowest, highest=highest))

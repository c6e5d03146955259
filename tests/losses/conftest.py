"""A batch of lists of different lengths, with ties, unknown targets and labels, and rubbish in the padding."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from torch import Tensor

from rankdistill.losses import LOSSES

SETTINGS = [(name, {}) for name, loss in LOSSES.items() if loss.sees in ("scores", "logits")] + [
    ("hinge", {"margin": 0.3}),
    ("ranknet", {"sigma": 2.0}),
    ("bce", {"relevant_from": 2.0}),
    ("listnet", {"temperature": 0.5}),
    ("infonce", {"relevant_from": 2.0, "temperature": 0.5}),
    ("ranknet_order", {"sigma": 0.5}),
    ("adr_mse", {"alpha": 3.0}),
    ("gbce", {"relevant_from": 3.0, "calibration": 0.9, "pool": 8}),
    ("gbce", {"calibration": 0.0, "pool": 2}),
    ("kl_list", {"temperature": 3.0}),
    ("kl_list", {"teacher_temperature": 2.0}),
    ("kl_list", {"temperature": 0.5, "teacher_temperature": 4.0}),
    ("cross_entropy", {"relevant_from": 2.0}),
    ("soft_bce", {"temperature": 2.0}),
    ("soft_cross_entropy", {"temperature": 2.0}),
    ("kl", {"temperature": 2.0}),
    ("similarity_mse", {"lowest": -1.0, "highest": 5.0}),
    ("lambda", {"weighting": "ndcg2"}),
    ("lambda", {"weighting": "ndcg2++", "mu": 3.0}),
    ("lambda", {"weighting": "ndcg2", "k": 2}),
    ("lambda", {"k": 2, "gain": "linear", "sigma": 0.5}),
]


@dataclass
class Batch:
    scores: Tensor
    targets: Tensor
    labels: Tensor
    mask: Tensor

    def loss(self, name: str, settings: dict | None = None, scores: Tensor | None = None) -> Tensor:
        """Call a loss as a trainer does: everything it may need is passed."""
        scores = self.scores if scores is None else scores
        return LOSSES[name].function(scores, self.targets, self.mask, labels=self.labels, **(settings or {}))


def _make_batch(seed: int, n_logits: int = 1, sizes: tuple[int, ...] = (5, 0, 1, 7, 2, 3)) -> Batch:
    """Lists of these sizes in float64: labels 0 to 3 with ties, a fifth of the labels and of the targets unknown.

    All targets of the last list are unknown; the padding holds NaN and infinity.
    """
    rng = np.random.default_rng(seed)
    shape, logits = (len(sizes), max(sizes)), () if n_logits == 1 else (n_logits,)
    mask = np.arange(shape[1]) < np.array(sizes)[:, None]
    scores, targets = rng.normal(size=(2, *shape, *logits)) * 2
    labels = rng.integers(0, 4, shape).astype(float)
    targets[rng.random(shape) < 0.2] = np.nan
    labels[rng.random(shape) < 0.2] = np.nan
    targets[-1] = labels[-1] = np.nan
    for values in (scores, targets, labels):
        values[~mask] = np.resize([np.inf, np.nan, -np.inf], values[~mask].shape)
    return Batch(*(torch.from_numpy(values) for values in (scores, targets, labels, mask)))


@pytest.fixture(params=SETTINGS, ids=lambda case: "-".join([case[0], *map(str, case[1].values())]))
def case(request: pytest.FixtureRequest) -> tuple[str, dict]:
    return request.param


@pytest.fixture
def make_batch() -> Callable[..., Batch]:
    return _make_batch


@pytest.fixture
def batch(case: tuple[str, dict]) -> Batch:
    return _make_batch(seed=0, n_logits=LOSSES[case[0]].n_logits)

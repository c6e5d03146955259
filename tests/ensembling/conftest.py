"""The plain PILE as a fixture, and random lists for it."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest


@pytest.fixture(scope="session")
def reference() -> ModuleType:
    """The module pile_reference.py beside this file, which benchmarks time too."""
    spec = importlib.util.spec_from_file_location("pile_reference", Path(__file__).with_name("pile_reference.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _make_lists(seed: int, n_queries: int = 40, n_teachers: int = 3, largest: int = 15) -> SimpleNamespace:
    """Noisy teachers of labels 0 to 4, a tenth of the labels missing, ties among labels and scores."""
    rng = np.random.default_rng(seed)
    offsets = np.concatenate([[0], np.cumsum(rng.integers(0, largest + 1, n_queries))])
    labels = rng.integers(0, 5, offsets[-1]).astype(float)
    scores = labels + rng.normal(size=(n_teachers, offsets[-1])) * 2
    scores[:, rng.random(offsets[-1]) < 0.2] = 1.0
    labels[rng.random(offsets[-1]) < 0.1] = np.nan
    query_ids = [f"q{i}é" for i in range(n_queries)]
    return SimpleNamespace(scores=scores, labels=labels, offsets=offsets, query_ids=query_ids)


@pytest.fixture(scope="session")
def make_lists() -> Callable[..., SimpleNamespace]:
    return _make_lists

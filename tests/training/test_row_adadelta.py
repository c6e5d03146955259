"""RowAdadelta: torch's AdaDelta, whose sparse gradients give what dense ones do."""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional

from rankdistill.data import Candidates, Collection, Texts
from rankdistill.models import CrossEncoder
from rankdistill.recipes.students import make_student
from rankdistill.training import TrainingSettings, fit, list_trainer
from rankdistill.training.optimizers import clip_gradients
from rankdistill.training.row_adadelta import RowAdadelta

N_WORDS = 9
RATES = {"lr": 0.7, "rho": 0.9}


def update(table: nn.Parameter, optimizer: torch.optim.Optimizer, words: list[int], *, sparse: bool) -> None:
    """One update of a table towards numbers that depend on the words alone."""
    read = torch.tensor(words)
    optimizer.zero_grad()
    rows = functional.embedding(read, table, sparse=sparse)
    (rows - torch.arange(len(words))[:, None]).pow(2).sum().backward()
    optimizer.step()


batches = st.lists(
    st.tuples(st.lists(st.integers(0, N_WORDS - 1), min_size=1, max_size=5), st.booleans()), min_size=1, max_size=40
)


@given(batches, st.integers(0, 39))
def test_sparse_gradients_give_what_dense_ones_do(read: list[tuple[list[int], bool]], saved_at: int) -> None:
    start = torch.linspace(-1, 1, 3 * N_WORDS).reshape(N_WORDS, 3)
    dense, rows = nn.Parameter(start.clone()), nn.Parameter(start.clone())
    theirs, ours = torch.optim.Adadelta([dense], **RATES), RowAdadelta([rows], **RATES)
    for place, (words, sparse) in enumerate(read):
        update(dense, theirs, words, sparse=False)
        update(rows, ours, words, sparse=sparse)
        if place == saved_at:  # as a checkpoint does
            kept = copy.deepcopy(ours.state_dict())
            ours = RowAdadelta([rows], **RATES)
            ours.load_state_dict(kept)
    torch.testing.assert_close(rows, dense, atol=1e-5, rtol=1e-5)


def test_a_row_that_is_not_read_stays() -> None:
    table = nn.Parameter(torch.ones(N_WORDS, 2))
    optimizer = RowAdadelta([table], **RATES)
    for _ in range(3):
        update(table, optimizer, [1, 4], sparse=True)
    others = [row for row in range(N_WORDS) if row not in (1, 4)]
    assert torch.equal(table[others], torch.ones(len(others), 2))
    assert (table[[1, 4]] != 1).any()


@pytest.mark.parametrize("most", [0.1, 1e9, float("inf")])
def test_sparse_gradients_are_clipped_as_dense_ones(most: float) -> None:
    table, weight = nn.Parameter(torch.randn(N_WORDS, 4)), nn.Parameter(torch.randn(4))
    words = torch.tensor([3, 3, 5])
    seen = {}
    for sparse in (False, True):
        table.grad = weight.grad = None
        (functional.embedding(words, table, sparse=sparse) * weight).pow(2).sum().backward()
        clip = clip_gradients if sparse else nn.utils.clip_grad_norm_
        norm = clip([table, weight], most)
        assert table.grad is not None
        assert weight.grad is not None
        seen[sparse] = (norm, table.grad.to_dense() if sparse else table.grad.clone(), weight.grad.clone())
    for one, other in zip(seen[True], seen[False], strict=True):
        torch.testing.assert_close(one, other)


@pytest.fixture
def task() -> tuple[Collection, Candidates]:
    generator = np.random.default_rng(0)
    words = ["a", "good", "film", "that", "is", "bad", "and", "never", "dull", "too", "long", "to", "watch"]
    texts = [" ".join(generator.choice(words, place % 9 + 1)) for place in range(60)]
    queries = [f"t{place}" for place in range(len(texts))]
    collection = Collection("films", Texts.from_pairs(queries, texts), Texts.from_pairs(["d"], ["great"]))
    targets = generator.standard_normal(len(texts)).astype(np.float32)
    return collection, Candidates.from_rows(queries, ["d"] * len(texts), {"target": targets})


def trained(task: tuple[Collection, Candidates], out: Path | None = None, **settings: object) -> CrossEncoder:
    """A BiLSTM trained on the targets."""
    collection, lists = task
    student = make_student("bilstm", collection, lists, max_length=32, lstm_size=8, tokens="words", embedding_size=12)
    given = {"optimizer": "adadelta", "learning_rate": 1.0, "lists_per_batch": 8, "epochs": 3, "dtype": "float32"}
    return fit(student, lists, collection, "pointwise_mse(target)", TrainingSettings(**{**given, **settings}), out=out)


@pytest.mark.parametrize("max_grad_norm", [0.0, 0.5])
def test_a_student_ends_as_with_dense_gradients(
    task: tuple[Collection, Candidates], max_grad_norm: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    clipped = []
    monkeypatch.setattr(list_trainer, "clip_gradients", lambda *given: clipped.append(1) or clip_gradients(*given))
    ours = trained(task, max_grad_norm=max_grad_norm)
    assert clipped
    monkeypatch.setattr("rankdistill.training.optimizers.processes", lambda: (0, 2))
    clipped.clear()
    dense = trained(task, max_grad_norm=max_grad_norm)
    assert not clipped
    for (name, one), other in zip(ours.model.named_parameters(), dense.model.parameters(), strict=True):
        torch.testing.assert_close(one, other, atol=1e-4, rtol=1e-4, msg=lambda text, name=name: f"{name}: {text}")


def test_a_resumed_training_ends_in_the_same_weights(
    task: tuple[Collection, Candidates], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = trained(task, tmp_path / "whole", save_steps=5)
    steps = RowAdadelta.step
    done = []

    def step(optimizer: RowAdadelta, closure: None = None) -> float | None:
        done.append(1)
        if len(done) == 13:
            raise KeyboardInterrupt
        return steps(optimizer, closure)

    monkeypatch.setattr(RowAdadelta, "step", step)
    with pytest.raises(KeyboardInterrupt):
        trained(task, tmp_path / "cut", save_steps=5)
    assert (tmp_path / "cut" / "checkpoints" / "checkpoint-10").is_dir()
    monkeypatch.undo()
    resumed = trained(task, tmp_path / "cut", save_steps=5)
    assert resumed.fingerprint() == whole.fingerprint()

"""What holds for every loss of the table: padding, precision, order, size and gradients."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from rankdistill.losses import LOSSES


def gradient(batch, name, settings) -> torch.Tensor:
    scores = batch.scores.clone().requires_grad_()
    batch.loss(name, settings, scores).backward()
    assert scores.grad is not None
    return scores.grad


def rearranged(batch, change):
    return dataclasses.replace(batch, **{f.name: change(getattr(batch, f.name)) for f in dataclasses.fields(batch)})


def test_gradient_is_that_of_the_loss(case, make_batch):
    name, settings = case
    small = make_batch(3, LOSSES[name].n_logits, sizes=(4, 1, 3, 2))
    small.scores = torch.where(torch.isfinite(small.scores), small.scores, 0.0).requires_grad_()
    assert torch.autograd.gradcheck(lambda s: small.loss(name, settings, s), small.scores)


@pytest.mark.parametrize("rubbish", [0.0, 1e30, float("nan"), float("inf"), float("-inf")])
def test_padding_changes_neither_loss_nor_gradient(case, batch, rubbish):
    name, settings = case
    width = batch.mask.shape[1]
    expected, expected_gradient = batch.loss(name, settings).item(), gradient(batch, name, settings)
    wider = rearranged(batch, lambda values: torch.cat([values, torch.zeros_like(values[:, :3])], dim=1))
    for values in (wider.scores, wider.targets, wider.labels):
        values[~wider.mask] = rubbish
    assert wider.loss(name, settings).item() == pytest.approx(expected, rel=1e-12)
    torch.testing.assert_close(gradient(wider, name, settings)[:, :width], expected_gradient)
    assert not gradient(wider, name, settings)[~wider.mask].any()


def test_bfloat16_scores_are_computed_in_float32(case, batch):
    name, settings = case
    half = batch.scores.bfloat16()
    loss = batch.loss(name, settings, half)
    assert loss.dtype == torch.float32
    torch.testing.assert_close(loss, batch.loss(name, settings, half.float()), rtol=0, atol=0)
    assert loss.item() == pytest.approx(batch.loss(name, settings).item(), rel=0.02)


def test_order_within_a_list_does_not_matter(case, batch):
    name, settings = case
    order = torch.randperm(batch.mask.shape[1], generator=torch.Generator().manual_seed(0))
    shuffled = rearranged(batch, lambda values: values[:, order])
    assert shuffled.loss(name, settings).item() == pytest.approx(batch.loss(name, settings).item(), rel=1e-12)


def test_loss_does_not_grow_with_the_batch(case, batch):
    name, settings = case
    twice = rearranged(batch, lambda values: torch.cat([values, values]))
    assert twice.loss(name, settings).item() == pytest.approx(batch.loss(name, settings).item(), rel=1e-12)


def test_gradient_is_finite_whatever_is_missing_or_tied(case, batch):
    name, settings = case
    for scores in (batch.scores, torch.zeros_like(batch.scores), batch.scores * 1e4):
        batch.scores = scores
        assert gradient(batch, name, settings).isfinite().all()


def test_candidates_that_do_not_count_get_no_gradient(case, batch):
    name, settings = case
    loss = LOSSES[name]
    counts = batch.mask
    if loss.needs_targets:
        missing = batch.targets.isnan()
        counts = counts & ~(missing.any(-1) if missing.ndim == 3 else missing)
    if loss.needs_labels:
        counts = counts & ~batch.labels.isnan()
    assert not gradient(batch, name, settings)[~counts].any()


def test_loss_is_zero_with_a_graph_where_nothing_counts(case, batch):
    name, settings = case
    batch.targets, batch.labels = torch.full_like(batch.targets, torch.nan), torch.full_like(batch.labels, torch.nan)
    assert batch.loss(name, settings).item() == 0
    assert not gradient(batch, name, settings).any()


def test_a_batch_without_candidates_gives_zero(case, make_batch):
    name, settings = case
    empty = rearranged(make_batch(0, LOSSES[name].n_logits), lambda values: values[:, :0])
    assert empty.loss(name, settings).item() == 0
    assert gradient(empty, name, settings).shape == empty.scores.shape


def test_a_diverged_student_is_not_hidden(case, make_batch):
    name, settings = case
    batch = make_batch(0, LOSSES[name].n_logits, sizes=(4,))
    batch.targets = torch.nan_to_num(batch.targets)
    batch.labels = torch.arange(4.0)[None]
    batch.scores[0, 2] = torch.nan
    assert batch.loss(name, settings).isnan()


@pytest.mark.parametrize("highest", [1.0, 4.0, 40.0, 127.0, 128.5, 1024.0, 1e6])
@pytest.mark.parametrize("spread", [0.0, 10.0])
def test_labels_that_are_counts_or_fractions_give_a_finite_loss_and_gradient(case, make_batch, highest, spread):
    """In float32, as models are trained; the labels stand in the place of targets as well."""
    name, settings = case
    if name == "bce" and settings.get("relevant_from", 1) is None:
        pytest.skip("takes probabilities")
    batch = make_batch(1, LOSSES[name].n_logits)
    batch.labels = (batch.labels / 3 * highest).float()
    batch.targets = torch.where(batch.targets.isnan(), torch.nan, batch.targets.abs() / 8 * highest).float()
    batch.scores = (batch.scores * spread).float()
    loss = batch.loss(name, settings)
    assert loss.isfinite()
    assert gradient(batch, name, settings).isfinite().all()

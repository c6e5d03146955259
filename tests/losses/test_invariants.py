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
    batch.labels = torch.arange(4.0)[None]
    batch.targets = torch.nan_to_num(batch.targets) + batch.labels.reshape(1, 4, *[1] * (batch.targets.ndim - 2))
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


COMPARING = [name for name, loss in LOSSES.items() if loss.compares]
IN_PAIRS = ["hinge", "ranknet", "lambda", "infonce", "listmle", "margin_mse", "ranknet_order"]
BY_ORDER = ["ranknet_order", "adr_mse"]


@pytest.mark.parametrize("name", COMPARING)
def test_a_loss_that_compares_does_not_see_the_level_of_a_lists_scores(name, make_batch):
    batch = make_batch(0)
    expected = batch.loss(name).item()
    batch.scores = batch.scores + torch.linspace(-9, 9, len(batch.scores))[:, None]
    assert batch.loss(name).item() == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("name", COMPARING)
def test_lists_of_one_teach_a_loss_that_compares_nothing(name, make_batch):
    batch = make_batch(0, sizes=(1, 1, 1))
    batch.targets = batch.labels = torch.full_like(batch.scores, 2.0)
    assert batch.loss(name).item() == 0
    assert not gradient(batch, name, {}).any()


@pytest.mark.parametrize("name", IN_PAIRS)
def test_equal_labels_and_targets_make_no_pair(name, make_batch):
    batch = make_batch(0)
    batch.labels, batch.targets = (
        torch.where(values.isnan(), torch.nan, 2.0) for values in (batch.labels, batch.targets)
    )
    assert batch.loss(name).item() == 0
    assert not gradient(batch, name, {}).any()


@pytest.mark.parametrize("name", BY_ORDER)
def test_a_loss_of_the_teachers_order_sees_nothing_of_its_scale(name, make_batch):
    batch = make_batch(0)
    expected = batch.loss(name).item()
    batch.targets = torch.exp(batch.targets / 3) * 40 - 7
    assert batch.loss(name).item() == pytest.approx(expected, rel=1e-12)
    batch.targets = -batch.targets
    assert batch.loss(name).item() != pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize("name", BY_ORDER)
def test_the_teachers_order_far_apart_is_what_a_loss_of_it_asks_for(name):
    order = torch.tensor([[3.0, 1.0, 2.0, 0.0]])
    mask = torch.ones_like(order, dtype=torch.bool)
    assert LOSSES[name].function(order * 50, order, mask).item() == pytest.approx(0, abs=1e-9)
    assert LOSSES[name].function(order * -50, order, mask).item() > 1


def test_a_teacher_that_calls_all_equal_asks_adr_mse_for_equal_scores():
    targets, mask = torch.zeros(1, 5), torch.ones(1, 5, dtype=torch.bool)
    assert LOSSES["adr_mse"].function(torch.full((1, 5), 3.0), targets, mask).item() == 0
    assert LOSSES["adr_mse"].function(torch.arange(5.0)[None], targets, mask).item() > 0


def test_infonce_of_one_relevant_document_is_the_list_cross_entropy():
    scores = torch.randn(3, 6, generator=torch.Generator().manual_seed(0))
    labels, mask = torch.zeros(3, 6), torch.ones(3, 6, dtype=torch.bool)
    labels[:, 2] = 1
    one, other = (
        LOSSES[name].function(scores, None, mask, labels=labels) for name in ("infonce", "list_cross_entropy")
    )
    torch.testing.assert_close(one, other)
    labels[:, 4] = 1
    one, other = (
        LOSSES[name].function(scores, None, mask, labels=labels) for name in ("infonce", "list_cross_entropy")
    )
    assert (one - other).abs() > 0.1


def test_gbce_without_calibration_and_of_a_whole_pool_is_bce(make_batch):
    batch = make_batch(0)
    expected = batch.loss("bce").item()
    assert batch.loss("gbce", {"calibration": 0.0}).item() == pytest.approx(expected, rel=1e-12)
    assert batch.loss("gbce", {"calibration": 1.0}).item() != pytest.approx(expected, rel=1e-3)
    whole = make_batch(1, sizes=(6,))
    whole.labels = torch.tensor([[1.0, 0, 0, 0, 0, 0]])
    assert whole.loss("gbce", {"calibration": 1.0, "pool": 5}).item() == pytest.approx(
        whole.loss("bce").item(), rel=1e-12
    )


def test_a_hotter_teacher_is_flatter_and_the_students_temperature_sizes_the_gradient():
    scores, targets = torch.tensor([[0.2, 0.1, 0.0]]), torch.tensor([[6.0, 2.0, 0.0]])
    mask = torch.ones(1, 3, dtype=torch.bool)
    kl_list = LOSSES["kl_list"].function
    values = [kl_list(scores, targets, mask, teacher_temperature=each).item() for each in (1.0, 2.0, 8.0)]
    assert values == sorted(values, reverse=True)
    assert kl_list(scores, targets, mask, temperature=2.0).item() == pytest.approx(
        kl_list(scores, targets, mask, temperature=2.0, teacher_temperature=2.0).item()
    )

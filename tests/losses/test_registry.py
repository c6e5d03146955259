"""The table of losses: names, what each needs, and errors that say what was got and what expected."""

from __future__ import annotations

import pytest
import torch

from rankdistill.errors import UnknownNameError, UsageError
from rankdistill.losses import LOSSES, get_loss, hinge, list_cross_entropy, margin_mse, pairwise_mse, ranknet
from rankdistill.losses import soft_cross_entropy as soft

MASK = torch.ones(2, 3, dtype=torch.bool)
ZEROS = torch.zeros(2, 3)


def test_an_unknown_loss_names_the_nearest_and_the_valid_ones():
    with pytest.raises(UnknownNameError, match=r"'pairwise_mes'; did you mean 'pairwise_mse'\?.*margin_mse"):
        get_loss("pairwise_mes")


def test_what_a_loss_needs_is_what_it_refuses_to_do_without(case, batch):
    name, _ = case
    loss = get_loss(name)
    targets = batch.targets if loss.needs_targets else None
    labels = batch.labels if loss.needs_labels else None
    assert loss.function(batch.scores, targets, batch.mask, labels=labels).isfinite()
    if loss.needs_targets:
        with pytest.raises(UsageError, match="needs targets, got none"):
            loss.function(batch.scores, None, batch.mask, labels=batch.labels)
    if loss.needs_labels:
        with pytest.raises(UsageError, match="needs labels"):
            loss.function(batch.scores, targets, batch.mask)


def test_labels_stand_before_targets_in_losses_that_learn_from_labels():
    scores, teacher, labels = torch.tensor([[0.0, 3.0]]), torch.tensor([[0.0, 1.0]]), torch.tensor([[1.0, 0.0]])
    mask = torch.ones(1, 2, dtype=torch.bool)
    assert hinge(scores, teacher, mask).item() == 0
    assert hinge(scores, teacher, mask, labels=labels).item() == 4
    assert ranknet(scores, labels, mask).item() == ranknet(scores, None, mask, labels=labels).item()


def test_a_two_logit_head_is_refused_by_losses_on_scores(case):
    name, _ = case
    if LOSSES[name].n_logits == 1:
        logits = torch.zeros(2, 3, 2)
        with pytest.raises(UsageError, match=r"scores of shape \(2, 3, 2\), expected \(queries, candidates\)"):
            LOSSES[name].function(logits, logits, MASK, labels=ZEROS)


def test_soft_cross_entropy_refuses_one_logit_and_targets_of_another_shape():
    with pytest.raises(UsageError, match=r"\(2, 3\), expected \(queries, candidates, logits\)"):
        soft(ZEROS, ZEROS, MASK)
    with pytest.raises(UsageError, match=r"\(2, 3, 1\), expected \(queries, candidates, logits\)"):
        soft(ZEROS[..., None], ZEROS[..., None], MASK)
    with pytest.raises(UsageError, match=r"labels of shape \(2, 3\), expected \(2, 3, 2\)"):
        soft(torch.zeros(2, 3, 2), ZEROS, MASK)


def test_shapes_and_masks_that_do_not_fit_are_refused():
    with pytest.raises(UsageError, match=r"labels of shape \(2, 4\), expected \(2, 3\)"):
        pairwise_mse(ZEROS, torch.zeros(2, 4), MASK)
    with pytest.raises(UsageError, match=r"labels of shape \(3,\), expected \(2, 3\)"):
        margin_mse(ZEROS, ZEROS, MASK, labels=torch.zeros(3))
    with pytest.raises(UsageError, match=r"mask of shape \(2, 3\) and dtype torch.float32, expected \(2, 3\) and"):
        hinge(ZEROS, ZEROS, MASK.float())
    with pytest.raises(UsageError, match=r"mask of shape \(3,\)"):
        hinge(ZEROS, ZEROS, MASK[0])


def test_settings_that_cannot_be_meant_are_refused():
    with pytest.raises(UnknownNameError, match="'ndcg2\\+\\+'"):
        LOSSES["lambda"].function(ZEROS, ZEROS, MASK, weighting="ndcg3++")
    with pytest.raises(UnknownNameError, match="linear"):
        LOSSES["lambda"].function(ZEROS, ZEROS, MASK, gain="linaer")
    with pytest.raises(UsageError, match="probabilities from 0 to 1"):
        LOSSES["bce"].function(ZEROS, ZEROS + 2, MASK, relevant_from=None)


def test_integer_labels_are_taken():
    scores = torch.tensor([[0.5, 1.0, 2.0], [0.0, 1.0, 0.0]])
    labels = torch.tensor([[2, 0, 1], [0, 0, 1]])
    for loss in (hinge, list_cross_entropy):
        assert loss(scores, labels, MASK).item() == loss(scores, labels.float(), MASK).item()

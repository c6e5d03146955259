"""Flat rows and padded lists are two forms of the same."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from rankdistill.errors import UsageError
from rankdistill.losses import flat_lists, pad_lists


def test_rows_land_in_their_query_and_the_mask_says_where():
    padded, mask = pad_lists(np.array([1.0, 2.0, 3.0], np.float32), [0, 2, 2, 3], fill=-1)
    assert padded.tolist() == [[1, 2], [-1, -1], [3, -1]]
    assert mask.tolist() == [[True, True], [False, False], [True, False]]
    assert padded.dtype == torch.float32


@pytest.mark.parametrize("trailing", [(), (2,)])
def test_flat_lists_undoes_pad_lists(trailing):
    rng = np.random.default_rng(0)
    offsets = np.concatenate([[0], np.cumsum(rng.integers(0, 6, 20))])
    rows = torch.from_numpy(rng.normal(size=(offsets[-1], *trailing)))
    assert torch.equal(flat_lists(*pad_lists(rows, offsets)), rows)


def test_gradients_flow_through_padding():
    rows = torch.arange(4.0, requires_grad=True)
    padded, mask = pad_lists(rows, torch.tensor([0, 1, 4]))
    (padded * torch.tensor([[1.0], [2.0]]))[mask].sum().backward()
    assert rows.grad is not None
    assert rows.grad.tolist() == [1, 2, 2, 2]


def test_no_rows_make_no_columns():
    padded, mask = pad_lists(np.zeros(0, np.float32), [0, 0, 0])
    assert padded.shape == mask.shape == (2, 0)


@pytest.mark.parametrize("offsets", [[0, 2], [1, 3], [0, 2, 1, 3], []])
def test_offsets_that_do_not_fit_are_refused(offsets):
    with pytest.raises(UsageError, match="offsets must rise from 0 to 3"):
        pad_lists(np.zeros(3), offsets)

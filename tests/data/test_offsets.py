"""Offsets of concatenated lists."""

from __future__ import annotations

import numpy as np
import pytest

from rankdistill.data.offsets import checked_offsets, offsets_of
from rankdistill.errors import UsageError


@pytest.mark.parametrize(
    ("sizes", "offsets"), [([], [0]), ([0], [0, 0]), ([2, 0, 3], [0, 2, 2, 5]), (np.array([1, 1], np.int32), [0, 1, 2])]
)
def test_offsets_are_the_sums_of_the_sizes_before(sizes: list[int], offsets: list[int]) -> None:
    assert offsets_of(sizes).tolist() == offsets
    assert offsets_of(sizes).dtype == np.int64


@pytest.mark.parametrize("offsets", [[], [0], [0, 2], [1, 3], [0, 2, 1, 3], [[0, 3]]])
def test_offsets_that_do_not_rise_to_the_number_of_rows_are_refused(offsets: list[int]) -> None:
    with pytest.raises(UsageError, match="must rise from 0 to 3"):
        checked_offsets(offsets, 3)

"""Sizes: as people write them, the least k that reaches one, and the part of the last rank that fits."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rankdistill.errors import UsageError
from rankdistill.textbook.size import Size, chosen, least_k, parse_size

UNITS = st.lists(st.tuples(st.integers(0, 6), st.integers(1, 9), st.integers(0, 99)), min_size=1, max_size=30)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("200MB", Size(200_000_000, True)),
        ("1.7 gb", Size(1_700_000_000, True)),
        ("500KiB", Size(512_000, True)),
        ("10B", Size(10, True)),
        ("100,000", Size(100_000, False)),
        ("1,234_567", Size(1_234_567, False)),
        ("1,500.5kB", Size(1_500_500, True)),
        (" 7 ", Size(7, False)),
        ("5 sentences", Size(5, False)),
    ],
)
def test_a_size_is_read_as_people_write_it(text: str, expected: Size) -> None:
    assert parse_size(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "MB",
        "0",
        "0MB",
        "-5MB",
        "1.5",
        "1.5 pairs",
        "5 parsecs",
        "1e6",
        "0.1B",
        "nan",
        "1,5GB",
        "1,50",
        "1,0000",
        ",100",
        "1,,000",
        "1_0",
        "1.000,5kB",
    ],
)
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="a size is"):
        parse_size(text)


@given(UNITS, st.integers(1, 120))
def test_k_is_the_least_that_reaches_the_size_and_what_is_chosen_fits(
    units: list[tuple[int, int, int]], target: int
) -> None:
    ranks, sizes, keys = (np.array(column, np.int64) for column in zip(*units, strict=True))
    reaching = [k for k in range(1, 8) if sizes[ranks < k].sum() >= target]
    k = least_k(ranks, sizes, target)
    assert k == (reaching[0] if reaching else None)
    if k is None:
        return
    taken = chosen(ranks, sizes, keys.astype(np.uint64), k, target)
    assert taken[ranks < k - 1].all()
    assert not taken[ranks >= k].any()
    assert sizes[taken].sum() <= target
    left = (ranks == k - 1) & ~taken
    if left.any():  # the next one in the order of the keys does not fit
        order = np.flatnonzero(ranks == k - 1)
        order = order[np.argsort(keys[order], kind="stable")]
        following = order[int(taken[order].sum())]
        assert sizes[taken].sum() + sizes[following] > target

"""Limits of settings: what cannot be meant is refused by name, and what can is returned as Python's own type."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rankdistill.errors import UnknownNameError, UsageError
from rankdistill.losses import LOSSES
from rankdistill.losses.limits import number, one_of, shown, switch, whole
from rankdistill.losses.settings import SETTINGS, checked, settings_of

ANYTHING = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.lists(st.integers()), st.complex_numbers()
)


@given(ANYTHING)
def test_a_whole_number_is_one_within_its_limits_and_nothing_else_is(value) -> None:
    check = whole(2, 1000, also=(-1,))
    if isinstance(value, int) and not isinstance(value, bool) and (2 <= value <= 1000 or value == -1):
        assert check("size", value) == value
    else:
        with pytest.raises(UsageError, match=r"^size must be "):
            check("size", value)


@given(ANYTHING)
def test_a_number_is_finite_within_its_limits_and_nothing_else_is(value) -> None:
    check = number(0, 1e6, above=True)
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= 1e6:
        assert check("rate", value) == value
        assert type(check("rate", value)) is float
    else:
        with pytest.raises(UsageError, match=r"^rate must be "):
            check("rate", value)


@pytest.mark.parametrize(
    "value", [math.nan, math.inf, -math.inf, 10**400, -(10**5000), "1", True, None, 1j, [1]], ids=type
)
def test_what_is_no_number_is_refused_in_one_short_line(value) -> None:
    with pytest.raises(UsageError) as refused:
        number(0, 1)("rate", value)
    assert len(str(refused.value)) < 120


def test_numbers_of_numpy_are_taken_as_pythons_own() -> None:
    assert type(whole(1, 9)("size", np.int64(3))) is int
    assert type(number(0, 1)("rate", np.float32(0.5))) is float


def test_a_name_is_one_of_those_known_and_a_switch_is_no_number() -> None:
    with pytest.raises(UnknownNameError, match="unknown gain 'linaer'; did you mean 'linear'"):
        one_of("gain", ["linear", "log"])("gain", "linaer")
    with pytest.raises(UnknownNameError, match="unknown gain '3'"):
        one_of("gain", ["linear", "log"])("gain", 3)
    with pytest.raises(UsageError, match="shared must be True or False, got 1"):
        switch("shared", 1)


def test_a_long_value_is_cut_in_messages() -> None:
    assert shown("a" * 100_000) == "'" + "a" * 39 + "... (100,002 characters)"
    assert "digits" in shown(10**5000)


@pytest.mark.parametrize("loss", LOSSES)
def test_every_setting_of_every_loss_is_checked_and_takes_its_default(loss: str) -> None:
    function = LOSSES[loss].function
    defaults = {name: function.__kwdefaults__[name] for name in settings_of(function)}
    assert checked(loss, function, defaults) == defaults
    for name in defaults:
        for value in ("rubbish", math.nan, 1j, {}, b""):
            with pytest.raises(UsageError):
                checked(loss, function, {name: value})
        assert name in SETTINGS


def test_settings_of_losses_that_users_add_are_checked_for_numbers_alone() -> None:
    def own(
        scores: Any, targets: Any, mask: Any, *, labels: Any = None, delta: float = 1.0, kind: str = "a"
    ) -> None: ...

    assert checked("own", own, {"delta": 2, "kind": "b"}) == {"delta": 2, "kind": "b"}
    with pytest.raises(UsageError, match="delta of own must be finite, got inf"):
        checked("own", own, {"delta": math.inf})

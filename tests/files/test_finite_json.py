"""JSON of numbers that it cannot hold."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest

from rankdistill.files.finite_json import json_text


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (math.inf, None),
        (-math.inf, None),
        (math.nan, None),
        (np.float32("nan"), None),
        (np.int64(3), 3),
        ({"a": [1.5, math.nan], "b": {"c": (math.inf, "é")}}, {"a": [1.5, None], "b": {"c": [None, "é"]}}),
        (True, True),
    ],
)
def test_infinite_and_undefined_numbers_are_null_at_every_depth(value: Any, expected: Any) -> None:
    assert json.loads(json_text(value)) == expected

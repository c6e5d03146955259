"""JSON of numbers that may be infinite or undefined, which JSON itself cannot hold."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np


def finite(value: Any) -> Any:
    """Replace each infinite or undefined number in a value, mappings and lists included, by None."""
    if isinstance(value, Mapping):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value


def json_text(value: Any) -> str:
    """Write a value as indented JSON; infinite and undefined numbers are null."""
    return json.dumps(finite(value), indent=2, ensure_ascii=False, allow_nan=False)

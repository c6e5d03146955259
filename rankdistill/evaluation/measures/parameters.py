"""What measures read of their parameters."""

from __future__ import annotations

from typing import Any

import ir_measures
from ir_measures.providers.base import NOT_PROVIDED


def cutoff_of(measure: ir_measures.Measure) -> int | None:
    """Get the last rank that counts for a measure; None for the whole list."""
    cutoff: Any = measure["cutoff"]
    return None if cutoff is NOT_PROVIDED else int(cutoff)


def parameter(measure: ir_measures.Measure, name: str, default: int) -> int:
    """Get a measure's parameter, or the default where it is not given or the measure does not take it."""
    value: Any = measure[name] if name in measure.SUPPORTED_PARAMS else NOT_PROVIDED
    return default if value is NOT_PROVIDED else int(value)

"""Write measures' values for people."""

from __future__ import annotations

import math


def number(value: float) -> str:
    """Format a measure's value with four decimals; ∞ and - for infinite and undefined."""
    return "-" if math.isnan(value) else "∞" if math.isinf(value) else f"{value:.4f}"

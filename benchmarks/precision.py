"""Which precisions are measured: bfloat16 only where the processor multiplies it, as elsewhere nobody would take it."""

from __future__ import annotations

import torch

from rankdistill.models.engines.export import FORMATS
from rankdistill.models.precision import has_bfloat16

HAS_BFLOAT16 = has_bfloat16(torch.device("cpu"))
DTYPES = ("float32", "bfloat16") if HAS_BFLOAT16 else ("float32",)
ENGINES = tuple(
    (engine, dtype)
    for engine, dtype in (("torch", "float32"), ("torch", "bfloat16"), *FORMATS)
    if HAS_BFLOAT16 or dtype != "bfloat16"
)
"""All engines in all their precisions."""

"""The table of engines that can run a cross-encoder, best first."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from rankdistill.errors import UnknownNameError
from rankdistill.models.torch_engine import TorchEngine


class Engine(Protocol):
    """What turns padded batches into logits."""

    @property
    def identity(self) -> str:
        """All of the engine that can change a score's bits."""

    def logits(self, batch: Mapping[str, NDArray[np.int64]]) -> NDArray[np.float32]:
        """Compute logits float32 (B, n_logits) of int64 (B, length) arrays."""


ENGINES: dict[str, Callable[[Any, str | None], Engine]] = {"torch": TorchEngine}


def make_engine(name: str, model: Any, dtype: str | None = None) -> Engine:
    """Make the engine of this name over a transformers model; "auto" takes the first of the table."""
    if name == "auto":
        name = next(iter(ENGINES))
    if name not in ENGINES:
        raise UnknownNameError("engine", name, [*ENGINES, "auto"])
    return ENGINES[name](model, dtype)

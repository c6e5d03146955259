"""The table of engines that can run a cross-encoder."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from rankdistill.errors import UnknownNameError
from rankdistill.models.engines.by_torch import TorchEngine
from rankdistill.models.engines.exported import OnnxEngine, OpenVinoEngine
from rankdistill.models.engines.fastest import fastest


class Engine(Protocol):
    """What turns padded batches into logits."""

    @property
    def identity(self) -> str:
        """All of the engine that can change a score's bits."""

    def logits(self, batch: Mapping[str, NDArray[np.int64]]) -> NDArray[np.float32]:
        """Compute logits float32 (B, n_logits) of int64 (B, length) arrays."""


def _torch(model: Any, dtype: str | None, folder: Path | None, fingerprint: str) -> Engine:
    """The torch engine, which needs nothing exported."""
    return TorchEngine(model, dtype)


ENGINES: dict[str, Callable[..., Engine]] = {"torch": _torch, "onnx": OnnxEngine, "openvino": OpenVinoEngine}


def make_engine(
    name: str, model: Any, dtype: str | None = None, folder: Path | None = None, fingerprint: str = ""
) -> Engine:
    """Make the engine of this name over a transformers model; "auto" is the fastest here, see `fastest`.

    folder, fingerprint: where exported models of these weights may be, see `OnnxEngine`.
    """
    if name == "auto":
        return fastest(lambda known, its: ENGINES[known](model, its, folder, fingerprint), model, fingerprint, dtype)
    if name not in ENGINES:
        raise UnknownNameError("engine", name, [*ENGINES, "auto"])
    engine: Engine = ENGINES[name](model, dtype, folder, fingerprint)
    return engine

"""The table of engines that can run a cross-encoder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from rankdistill.errors import UnknownNameError
from rankdistill.models.engines.by_torch import TorchEngine
from rankdistill.models.engines.exported import OnnxEngine, OpenVinoEngine
from rankdistill.models.engines.fastest import fastest
from rankdistill.models.engines.threads import Engine
from rankdistill.models.engines.trial import try_apart


def _torch(model: Any, dtype: str | None, *_: Any) -> Engine:
    """The torch engine, which needs nothing exported."""
    return TorchEngine(model, dtype)


ENGINES: dict[str, Callable[..., Engine]] = {"torch": _torch, "onnx": OnnxEngine, "openvino": OpenVinoEngine}


def make_engine(
    name: str,
    model: Any,
    dtype: str | None = None,
    folder: Path | None = None,
    fingerprint: str = "",
    max_length: int | None = None,
) -> Engine:
    """Make the engine of this name over a transformers model; "auto" is the fastest here, see `fastest`.

    folder, fingerprint, max_length: where exported models of these weights may be, and up to what length they are
    checked, see `ExportedEngine`.
    """
    if name not in (*ENGINES, "auto"):
        raise UnknownNameError("engine", name, [*ENGINES, "auto"])

    def make(known: str, its: str | None) -> Engine:
        return ENGINES[known](model, its, folder, fingerprint, max_length)

    def try_first(known: str, its: str) -> None:
        try_apart(known, its, model, folder, fingerprint)

    return fastest(make, try_first, model, fingerprint, dtype) if name == "auto" else make(name, dtype)

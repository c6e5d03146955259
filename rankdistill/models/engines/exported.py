"""Engines that run exported models: ONNX Runtime and OpenVINO, on the CPU."""

from __future__ import annotations

import importlib.util
import sys
import tempfile
import warnings
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from rankdistill.errors import DataError, MissingExtraError
from rankdistill.files.facts import digest
from rankdistill.models.changes import state_of
from rankdistill.models.engines.check import check_once
from rankdistill.models.engines.export import command, export_model, format_of
from rankdistill.models.engines.outside import LOADERS, Runner
from rankdistill.models.engines.stored import fault_of, sums_of
from rankdistill.models.engines.threads import LEAST_TOKENS
from rankdistill.models.engines.trace import SEGMENTS, inputs_of
from rankdistill.models.families import family_of
from rankdistill.models.precision import has_bfloat16

PACKAGES = {"onnx": "onnxruntime", "openvino": "openvino"}
"""Engine -> the package that runs it, and its name on PyPI."""


class ExportedEngine:
    """Logits by an engine that reads an exported file.

    name: "onnx" or "openvino". model: a transformers classification model. dtype: see `OnnxEngine` and
    `OpenVinoEngine`. folder, fingerprint: where an exported model of the same weights may be; without it the model is
    exported first, which takes some seconds. max_length: tokens of the longest pair (None: as the model's config says).
    Whatever file it is, it is compared with torch before it is used, see `check_once`.
    Raises `DataError` for a family that cannot be exported, or that the engine computes otherwise than torch.
    """

    def __init__(
        self,
        name: str,
        dtype: str,
        precision: str,
        model: Any,
        folder: Path | None,
        fingerprint: str,
        max_length: int | None,
    ) -> None:
        self.name, self.dtype, self._model = name, dtype, model
        self.takes = inputs_of(model)
        self.n_threads, self.least_tokens = torch.get_num_threads(), LEAST_TOKENS
        self._exported: list[tuple[int, int]] | None = None
        if importlib.util.find_spec(PACKAGES[name]) is None:
            raise MissingExtraError(f"the engine {name!r}", name)
        format_of(name, dtype)
        stored = _stored(name, dtype, folder, fingerprint)
        with tempfile.TemporaryDirectory() as scratch:
            file = stored or export_model(model, fingerprint, scratch, name, dtype)
            self.weights = digest(sums_of(file))[:16] if format_of(name, dtype).calibrated else ""
            self.runner = _loaded(name, file, self.n_threads, precision, model)
            self.version = str(getattr(sys.modules[PACKAGES[name]], "__version__", "")).partition("-")[0]
            check_once(self, model, stored, max_length)
        self._exported = state_of(model)

    @property
    def precision(self) -> str:
        """Of what is not in int8: "f32" or "bf16"."""
        return self.runner.precision

    @property
    def identity(self) -> str:
        """All of the engine that can change a score's bits: library and version, dtype, what int8 was calibrated to."""
        quantized = f" {self.precision} {self.weights}" if self.weights else " by rows" if self.dtype == "int8" else ""
        return f"{PACKAGES[self.name]} {self.version} {self.dtype}{quantized}"

    def shared(self) -> AbstractContextManager[None]:
        """Nothing has to be prepared for several threads."""
        return nullcontext()

    def logits(self, batch: Mapping[str, NDArray[np.int64]]) -> NDArray[np.float32]:
        """Compute logits float32 (B, n_logits) of a batch of int64 (B, length) arrays.

        Raises `DataError` where the model's weights changed after they were exported, and for segments that the
        exported model does not take.
        """
        if SEGMENTS in batch and SEGMENTS not in self.takes:
            raise DataError(
                f"the tokenizer makes segments ({SEGMENTS}), which {family_of(self._model).name} as exported for "
                f"{self.name} does not take: score it with engine 'torch'"
            )
        if self._exported is not None and state_of(self._model) != self._exported:
            raise DataError(
                f"the weights of {family_of(self._model).name} changed after they were exported for {self.name}: take "
                f"a new engine by `model.with_engine({self.name!r}, {self.dtype!r})`"
            )
        return self.runner(batch)


class OnnxEngine(ExportedEngine):
    """Logits by ONNX Runtime. dtype: None or "float32", "int8" (activations row by row), "auto" = float32.

    The other arguments are those of `ExportedEngine`.
    """

    def __init__(
        self,
        model: Any,
        dtype: str | None = None,
        folder: Path | None = None,
        fingerprint: str = "",
        max_length: int | None = None,
    ) -> None:
        dtype = "float32" if dtype in (None, "auto") else str(dtype)
        super().__init__("onnx", dtype, "f32", model, folder, fingerprint, max_length)


class OpenVinoEngine(ExportedEngine):
    """Logits by OpenVINO. dtype: None or "float32", "bfloat16", "auto": bfloat16 where the processor has it; or "int8".

    "auto" is float32 where bfloat16 does not pass the check. int8 must have been exported, as it is calibrated on
    pairs. The other arguments are those of `ExportedEngine`.
    """

    def __init__(
        self,
        model: Any,
        dtype: str | None = None,
        folder: Path | None = None,
        fingerprint: str = "",
        max_length: int | None = None,
    ) -> None:
        fast = has_bfloat16(torch.device("cpu"))
        wanted = ("bfloat16" if fast else "float32") if dtype == "auto" else dtype or "float32"
        rest = "bf16" if fast else "f32"  # of what is not in int8
        precision = {"float32": "f32", "bfloat16": "bf16"}.get(wanted, rest)
        given = (model, folder, fingerprint, max_length)
        try:
            super().__init__("openvino", wanted, precision, *given)
        except DataError as error:
            if dtype != "auto" or wanted == "float32":
                raise
            warnings.warn(f"{error}; dtype 'auto' takes float32", stacklevel=2)
            super().__init__("openvino", "float32", "f32", *given)


def _stored(engine: str, dtype: str, folder: Path | None, fingerprint: str) -> Path | None:
    """The exported model in a folder, where it is as it was written and of these weights.

    One that is not is reported, and left out; where it cannot be exported again without pairs, `DataError` is raised.
    """
    if folder is None:
        return None
    export_format = format_of(engine, dtype)
    file = folder / export_format.file
    if not file.exists():
        return None
    fault = fault_of(file, fingerprint)
    if fault is None:
        return file
    if export_format.calibrated:
        raise DataError(f"{file} cannot be used: {fault}; write it again by {command(engine, dtype)}")
    warnings.warn(
        f"{file} is not used: {fault}. The model is exported for this process alone; {command(engine, dtype)} writes "
        "the file anew",
        stacklevel=4,
    )
    return None


def _loaded(engine: str, file: Path, n_threads: int, precision: str, model: Any) -> Runner:
    """Load an exported file; `DataError` names it where the engine does not take it."""
    try:
        return LOADERS[engine](file, n_threads, precision)
    except Exception as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise DataError(
            f"engine {engine!r} does not take {family_of(model).name} as exported to {file} ({reason}): score it with "
            "engine 'torch'"
        ) from error

"""Engines that run exported models: ONNX Runtime and OpenVINO, on the CPU."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from rankdistill.errors import DataError, MissingExtraError
from rankdistill.models.engines.by_torch import TorchEngine
from rankdistill.models.engines.export import complete, export_model, exported_file, format_of
from rankdistill.models.families import family_of
from rankdistill.models.precision import has_bfloat16

Batch = Mapping[str, NDArray[np.int64]]
TOLERANCES = {"float32": 1e-3, "bfloat16": 0.1}
"""Greatest difference of a logit from torch's in float32, as a share of the logits' size."""


class OnnxEngine:
    """Logits by ONNX Runtime. dtype: None or "float32", "int8" (weights; activations as they come), "auto" = float32.

    model: a transformers classification model. folder, fingerprint: where an exported one of the same weights may be;
    without it the model is exported first, which takes some seconds.
    """

    name = "onnx"

    def __init__(self, model: Any, dtype: str | None = None, folder: Path | None = None, fingerprint: str = "") -> None:
        try:
            import onnxruntime
        except ImportError as error:
            raise MissingExtraError("the engine 'onnx'", "onnx") from error
        self.dtype = "float32" if dtype in (None, "auto") else str(dtype)
        format_of(self.name, self.dtype)
        self.version = onnxruntime.__version__
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        options.log_severity_level = 3
        with tempfile.TemporaryDirectory() as scratch:
            file = _file(self.name, self.dtype, model, folder, fingerprint, scratch)
            self.session = onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
        self.inputs = [given.name for given in self.session.get_inputs()]
        if self.dtype != "int8" and Path(scratch) in file.parents:
            check_export(self, model)

    @property
    def identity(self) -> str:
        """All of the engine that can change a score's bits: library and version, dtype."""
        return f"onnxruntime {self.version} {self.dtype}"

    def logits(self, batch: Batch) -> NDArray[np.float32]:
        """Compute logits float32 (B, n_logits) of a batch of int64 (B, length) arrays."""
        [logits] = self.session.run(["logits"], complete(batch, self.inputs))
        return np.asarray(logits, np.float32)


class OpenVinoEngine:
    """Logits by OpenVINO. dtype: None or "float32", "bfloat16", "auto": bfloat16 where the processor has it; or "int8".

    int8 must have been exported, as it is calibrated on pairs. The other arguments are those of `OnnxEngine`.
    """

    name = "openvino"

    def __init__(self, model: Any, dtype: str | None = None, folder: Path | None = None, fingerprint: str = "") -> None:
        try:
            import openvino
        except ImportError as error:
            raise MissingExtraError("the engine 'openvino'", "openvino") from error
        if dtype == "auto":
            dtype = "bfloat16" if has_bfloat16(torch.device("cpu")) else "float32"
        self.dtype = dtype or "float32"
        format_of(self.name, self.dtype)
        self.version = openvino.__version__.partition("-")[0]
        self.rest = "bf16" if has_bfloat16(torch.device("cpu")) else "f32"  # of what is not in int8
        precision = {"float32": "f32", "bfloat16": "bf16", "int8": self.rest}[self.dtype]
        settings = {"INFERENCE_PRECISION_HINT": precision, "INFERENCE_NUM_THREADS": str(torch.get_num_threads())}
        with tempfile.TemporaryDirectory() as scratch:
            file = _file(self.name, self.dtype, model, folder, fingerprint, scratch)
            self.compiled = openvino.Core().compile_model(str(file), "CPU", settings)
            self.weights = hashlib.blake2b(file.with_suffix(".bin").read_bytes(), digest_size=8).hexdigest()
        self.inputs = [given.get_any_name() for given in self.compiled.inputs]
        if self.dtype != "int8" and Path(scratch) in file.parents:
            check_export(self, model)

    @property
    def identity(self) -> str:
        """All of the engine that can change a score's bits: library and version, dtype, what int8 was calibrated to."""
        calibrated = f" {self.rest} {self.weights}" if self.dtype == "int8" else ""
        return f"openvino {self.version} {self.dtype}{calibrated}"

    def logits(self, batch: Batch) -> NDArray[np.float32]:
        """Compute logits float32 (B, n_logits) of a batch of int64 (B, length) arrays."""
        logits = self.compiled(complete(batch, self.inputs))[0]
        return np.array(logits, np.float32)


def check_export(engine: OnnxEngine | OpenVinoEngine, model: Any) -> None:
    """Raise `DataError` where an exported model gives other logits than torch for shapes other than the exported one.

    Some models export without an error to a graph that is right for one shape of batch alone.
    """
    random = np.random.default_rng(0)
    limit = min(48, getattr(model.config, "max_position_embeddings", 48) - 2)
    reference = TorchEngine(model)
    for rows, length in ((1, 5), (3, limit // 2), (5, limit)):
        ids = random.integers(0, model.config.vocab_size, (rows, length))
        n_tokens = random.integers(2, length + 1, rows)
        n_tokens[0] = length
        mask = (np.arange(length) < n_tokens[:, None]).astype(np.int64)
        batch = {"input_ids": ids, "attention_mask": mask}
        expected, logits = reference.logits(batch), engine.logits(batch)
        apart, scale = float(np.abs(logits - expected).max()), float(np.abs(expected).max())
        if not apart <= TOLERANCES[engine.dtype] * max(scale, 0.1):
            raise DataError(
                f"{family_of(model).name} exported for {engine.name} gives other logits than torch, {apart:.3g} apart "
                f"where they are of size {scale:.3g}, on {rows} texts of {length} tokens: score it with engine 'torch'"
            )


def _file(engine: str, dtype: str, model: Any, folder: Path | None, fingerprint: str, scratch: str) -> Path:
    """The exported model of these weights: the folder's, or one exported into ``scratch``."""
    file = exported_file(folder, fingerprint, engine, dtype)
    return file or export_model(model, fingerprint, scratch, engine, dtype)

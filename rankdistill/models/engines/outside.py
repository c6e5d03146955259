"""What outside software does with an exported model: convert it, load it, run it.

This file imports nothing of the package and runs by itself, in a process of its own, where a library is tried before
this process depends on it; see `rankdistill.models.engines.trial`.
"""

from __future__ import annotations

import queue
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import openvino

WHILE_RUNNING = ("runtime_options", "DYNAMIC_QUANTIZATION_GROUP_SIZE")
"""Where a model in OpenVINO's format says that activations are quantized while it runs, and by how many numbers."""
Batch = Mapping[str, NDArray[np.int64]]


class Runner:
    """A loaded model: the names of its inputs, and logits float32 (B, n_logits) of int64 (B, length) arrays.

    precision: "f32" or "bf16", of what is not in int8.

    Each call computes with one thread, and threads may call it at once.
    """

    def __init__(
        self,
        inputs: Sequence[str],
        run: Callable[[dict[str, NDArray[np.int64]]], NDArray[np.float32]],
        precision: str = "f32",
    ) -> None:
        self.inputs, self.precision = list(inputs), precision
        self._run = run

    def __call__(self, batch: Batch) -> NDArray[np.float32]:
        """Compute logits float32 (B, n_logits) of a batch, see `complete`."""
        return np.array(self._run(complete(batch, self.inputs)), np.float32)


def complete(batch: Batch, names: Sequence[str]) -> dict[str, NDArray[np.int64]]:
    """The inputs that an exported model takes; where a tokenizer makes none, segments are 0, no token is padding."""
    ids = batch["input_ids"]
    missing = {"attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
    return {name: np.ascontiguousarray(batch[name] if name in batch else missing[name]) for name in names}


def load_onnx(file: Path, n_threads: int, precision: str = "f32") -> Runner:
    """Load an ONNX file in ONNX Runtime, on the CPU; the file alone says its precision.

    n_threads: that call it at once, which need no preparation, as each computes by itself.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
    return Runner([given.name for given in session.get_inputs()], lambda inputs: session.run(["logits"], inputs)[0])


def load_openvino(file: Path, n_threads: int, precision: str = "f32") -> Runner:
    """Compile a model in OpenVINO's format for the CPU; precision: "f32" or "bf16", of what is not in int8.

    n_threads: calls that are computed at once, each by a stream of one thread; further calls wait. A model whose
    activations are quantized while it runs is always loaded in "f32": in "bf16" OpenVINO does not quantize them.
    """
    import openvino

    core = openvino.Core()
    model = core.read_model(str(file))
    if model.has_rt_info([*WHILE_RUNNING]):
        precision = "f32"
    settings = {"INFERENCE_PRECISION_HINT": precision, "INFERENCE_NUM_THREADS": str(n_threads)}
    compiled = core.compile_model(model, "CPU", settings | {"NUM_STREAMS": str(n_threads)})
    free: queue.SimpleQueue[openvino.InferRequest] = queue.SimpleQueue()
    for _ in range(n_threads):
        free.put(compiled.create_infer_request())

    def run(inputs: dict[str, NDArray[np.int64]]) -> NDArray[np.float32]:
        request = free.get()
        try:
            return np.array(request.infer(inputs, share_inputs=True)[0], np.float32)
        finally:
            free.put(request)

    return Runner([given.get_any_name() for given in compiled.inputs], run, precision)


def convert_to_openvino(source: Path, target: Path) -> None:
    """Convert an ONNX file to OpenVINO's format: ``target`` (.xml), and the weights in a .bin beside it."""
    import openvino

    openvino.save_model(read_onnx(source), str(target), compress_to_fp16=False)


def read_onnx(source: Path) -> openvino.Model:
    """Read an ONNX file as OpenVINO's model.

    `openvino.convert_model` gives a model of the same logits, but forks off dozens of processes that send its makers
    what is converted.
    """
    import openvino

    return openvino.Core().read_model(str(source))


LOADERS: dict[str, Callable[[Path, int, str], Runner]] = {"onnx": load_onnx, "openvino": load_openvino}


def main(engine: str, file: str, precision: str, n_threads: str, batches: str) -> None:
    """Run an engine on batches in an .npz file, "number/input" -> int64 (B, length); for OpenVINO ONNX is converted."""
    path = Path(file)
    if engine == "openvino" and path.suffix == ".onnx":
        source, path = path, path.with_suffix(".xml")
        convert_to_openvino(source, path)
    runner = LOADERS[engine](path, int(n_threads), precision)
    with np.load(batches) as stored:
        for number in sorted({name.partition("/")[0] for name in stored}):
            runner({name.partition("/")[2]: stored[name] for name in stored if name.partition("/")[0] == number})


if __name__ == "__main__":
    main(*sys.argv[1:])

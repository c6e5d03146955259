"""Exported models: ONNX and OpenVINO files where users of cross-encoders look for them, and whose weights they are."""

from __future__ import annotations

import inspect
import logging
import shutil
import sys
import tempfile
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from rankdistill.errors import MissingExtraError, UsageError
from rankdistill.files.atomic import atomic_path
from rankdistill.files.facts import read_facts, write_facts
from rankdistill.models.base import quiet_loading
from rankdistill.models.families import family_of, n_layers_of
from rankdistill.models.outputs import OWN, forward
from rankdistill.models.precision import evaluating

Batches = Sequence[Mapping[str, NDArray[np.int64]]]
INPUTS = ("input_ids", "attention_mask", "token_type_ids")
OPSET = 17
FACTS = "rankdistill.json"


@dataclass(frozen=True)
class ExportFormat:
    """The file of an exported model of an engine and dtype, from the model's folder, and what writes it."""

    file: str
    write: Callable[..., None]
    """Called with the transformers model and the path of the file, and with batches where it is calibrated."""
    calibrated: bool = False
    """Whether batches of pairs are needed to find the ranges of activations."""


def write_onnx(model: Any, path: Path) -> None:
    """Export to ONNX: int64 inputs (batch, length) of any size, float32 output ``logits`` (batch, n_logits)."""
    try:
        import onnx  # noqa: F401
    except ImportError as error:
        raise MissingExtraError("exporting to ONNX", "onnx") from error
    family_of(model)  # a guess is reported before warnings are silenced
    takes = inspect.signature(model.forward).parameters
    names = [name for name in INPUTS if name in takes]
    example = {name: torch.full((2, 8), int(name != "token_type_ids")) for name in names}
    axes = {name: {0: "batch", 1: "length"} for name in names} | {"logits": {0: "batch"}}
    device = model.device
    try:
        with evaluating(model), quiet_loading(), warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")
            torch.onnx.export(
                _Logits(model.to("cpu"), names).eval(),
                tuple(example.values()),
                str(path),
                input_names=names,
                output_names=["logits"],
                dynamic_axes=axes,
                opset_version=OPSET,
                dynamo=False,  # ONNX Runtime's dynamic quantization fails on what the other exporter writes
            )
    finally:
        model.to(device)  # it is shared with the engine that scores


def write_int8_onnx(model: Any, path: Path) -> None:
    """Export to ONNX with weights in int8, activations quantized as they come."""
    try:
        from onnxruntime.quantization import QuantType, quantize_dynamic
    except ImportError as error:
        raise MissingExtraError("quantizing for ONNX Runtime", "onnx") from error
    whole = path.with_name(f"whole-{path.name}")
    try:
        write_onnx(model, whole)
        before = logging.root.manager.disable
        logging.disable(logging.WARNING)  # it recommends a pre-processing that changes nothing here
        try:
            options = {"DefaultTensorType": 1}
            quantize_dynamic(whole, path, weight_type=QuantType.QInt8, per_channel=True, extra_options=options)
        finally:
            logging.disable(before)
    finally:
        whole.unlink(missing_ok=True)


def write_openvino(model: Any, path: Path) -> None:
    """Convert to OpenVINO's intermediate representation, ``path`` and the weights in a .bin beside it."""
    try:
        import openvino
    except ImportError as error:
        raise MissingExtraError("exporting to OpenVINO", "openvino") from error
    between = path.with_suffix(".onnx")
    try:
        write_onnx(model, between)
        openvino.save_model(openvino.convert_model(str(between)), str(path), compress_to_fp16=False)
    finally:
        between.unlink(missing_ok=True)


def write_int8_openvino(model: Any, path: Path, batches: Batches) -> None:
    """Convert to OpenVINO with weights and activations in int8, the ranges of activations taken from batches of pairs.

    Attention and the last layer stay as they are: in int8 attention is not faster and costs half the agreement with
    float32, and the last layer is computed for one token.
    """
    try:
        import nncf
        import openvino
    except ImportError as error:
        raise MissingExtraError("quantizing for OpenVINO", "openvino-int8") from error
    between = path.with_suffix(".onnx")
    nncf.set_log_level(logging.ERROR)
    try:
        write_onnx(model, between)
        whole = openvino.convert_model(str(between))
        names = [given.get_any_name() for given in whole.inputs]
        with redirect_stdout(sys.stderr):  # its progress bars
            quantized = nncf.quantize(
                whole,
                nncf.Dataset([complete(batch, names) for batch in batches]),
                model_type=nncf.ModelType.TRANSFORMER,
                preset=nncf.QuantizationPreset.MIXED,
                subset_size=len(batches),
                ignored_scope=nncf.IgnoredScope(patterns=kept_in_float(model), validate=False),
            )
        openvino.save_model(quantized, str(path))
    finally:
        between.unlink(missing_ok=True)


def kept_in_float(model: Any) -> list[str]:
    """Patterns of the operations that int8 leaves alone: the last layer's, and attention's own products."""
    family = family_of(model)
    layers = family.layers.rpartition(".")[2]
    attention = family.attention.replace(".", "/")
    return [rf".*/{layers}\.{n_layers_of(model) - 1}/.*", rf".*/{layers}\.\d+/{attention}/MatMul.*"]


FORMATS: dict[tuple[str, str], ExportFormat] = {
    ("onnx", "float32"): ExportFormat("onnx/model.onnx", write_onnx),
    ("onnx", "int8"): ExportFormat("onnx/model_qint8.onnx", write_int8_onnx),
    ("openvino", "float32"): ExportFormat("openvino/openvino_model.xml", write_openvino),
    ("openvino", "bfloat16"): ExportFormat("openvino/openvino_model.xml", write_openvino),
    ("openvino", "int8"): ExportFormat(
        "openvino/openvino_model_qint8_quantized.xml", write_int8_openvino, calibrated=True
    ),
}
"""(Engine, dtype) -> format. OpenVINO computes in bfloat16 from the same file."""


def format_of(engine: str, dtype: str) -> ExportFormat:
    """Look a format up; `UsageError` lists what the engine computes in."""
    if (engine, dtype) not in FORMATS:
        known = [name for of, name in FORMATS if of == engine]
        raise UsageError(f"engine {engine!r} computes in {' or '.join(known)}, got dtype {dtype!r}")
    return FORMATS[engine, dtype]


def export_model(
    model: Any, fingerprint: str, folder: str | Path, engine: str, dtype: str, batches: Batches = ()
) -> Path:
    """Write an exported model into a model's folder, whole or not at all; return its file.

    fingerprint: of the `CrossEncoder`, noted beside the file so that it is not taken for another's weights. batches: of
    pairs like those to be scored, int64 (B, length) by input's name; `UsageError` where the format needs them and there
    are none.
    """
    export_format = format_of(engine, dtype)
    if export_format.calibrated and not batches:
        raise UsageError(
            f"{dtype} of {engine} is calibrated on pairs: export the model first, by `rankdistill export --engine "
            f"{engine} --dtype {dtype}`"
        )
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch) / export_format.file
        export_format.write(model, _made(file.parent) / file.name, *([batches] if export_format.calibrated else []))
        write_facts(file.parent / FACTS, {file.name: fingerprint})
        return publish(scratch, folder, engine, dtype)


def publish(scratch: str | Path, folder: str | Path, engine: str, dtype: str) -> Path:
    """Move an exported model from a scratch folder into another, each file whole; return the model's file."""
    name = format_of(engine, dtype).file
    source, target = (Path(place, name).parent for place in (scratch, folder))
    facts = read_facts(target / FACTS) | read_facts(source / FACTS)
    for part in sorted(source.iterdir()):  # the .bin before the .xml that needs it
        if part.name != FACTS:
            with atomic_path(target / part.name) as path:
                shutil.move(part, path)
    write_facts(target / FACTS, facts)
    return Path(folder, name)


def complete(batch: Mapping[str, NDArray[np.int64]], names: Sequence[str]) -> dict[str, NDArray[np.int64]]:
    """The inputs that an exported model takes; segments are 0 where a tokenizer has none."""
    nothing = np.zeros_like(batch["input_ids"])
    return {name: np.ascontiguousarray(batch.get(name, nothing)) for name in names}


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def exported_file(folder: Path | None, fingerprint: str, engine: str, dtype: str) -> Path | None:
    """The exported model in a folder, where there is one of these very weights."""
    if folder is None:
        return None
    file = folder / format_of(engine, dtype).file
    return file if file.is_file() and read_facts(file.parent / FACTS).get(file.name) == fingerprint else None


class _Logits(nn.Module):
    """A model as a function of its inputs in order, which is what the exporter traces."""

    def __init__(self, model: nn.Module, names: list[str]) -> None:
        super().__init__()
        self.model, self.names = model, names

    def forward(self, *inputs: Tensor) -> Tensor:
        return forward(self.model, dict(zip(self.names, inputs, strict=True))).logits[OWN]

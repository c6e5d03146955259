"""Exported models: ONNX and OpenVINO files where users of cross-encoders look for them, and whose weights they are."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rankdistill.errors import DataError, MissingExtraError, UsageError
from rankdistill.files.atomic import atomic_path
from rankdistill.files.facts import read_sealed_facts, write_facts
from rankdistill.models.engines import int8_onnx, int8_openvino
from rankdistill.models.engines.int8_openvino import Int8
from rankdistill.models.engines.outside import convert_to_openvino
from rankdistill.models.engines.stored import FACTS, fault_of, files_of, note
from rankdistill.models.engines.trace import write_onnx
from rankdistill.models.families import family_of, n_layers_of

Batches = Sequence[Mapping[str, NDArray[np.int64]]]


@dataclass(frozen=True)
class ExportFormat:
    """The file of an exported model of an engine and dtype, from the model's folder, and what writes it."""

    file: str
    write: Callable[..., None]
    """Called with the transformers model, the path of the file, and where it is calibrated with batches and `Int8`."""
    calibrated: bool = False
    """Whether batches of pairs are needed to find the ranges of activations."""


def write_int8_onnx(model: Any, path: Path) -> None:
    """Export to ONNX with the weights of all layers but the last in int8, activations quantized row by row.

    Attention's own products, the last layer and the head stay as they are; of a recurrent student also the steps of the
    LSTM, see `kept_in_float`. `DataError` where nothing else is left.
    """
    with tempfile.TemporaryDirectory() as apart:
        whole = Path(apart, "model.onnx")
        write_onnx(model, whole)
        if not int8_onnx.quantize(whole, path, kept_in_float(model)):
            raise _without_int8(model)


def write_openvino(model: Any, path: Path) -> None:
    """Convert to OpenVINO's intermediate representation, ``path`` and the weights in a .bin beside it."""
    try:
        import openvino  # noqa: F401
    except ImportError as error:
        raise MissingExtraError("exporting to OpenVINO", "openvino") from error
    with tempfile.TemporaryDirectory() as apart:
        whole = Path(apart, "model.onnx")
        write_onnx(model, whole)
        try:
            convert_to_openvino(whole, path)
        except RuntimeError as error:
            raise _refused(model, "converted to OpenVINO", error) from error


def write_int8_openvino(model: Any, path: Path, batches: Batches, how: Int8 = Int8()) -> None:  # noqa: B008  # frozen
    """Convert to OpenVINO with weights and activations in int8, the ranges of activations taken from batches of pairs.

    Attention, the last layer and the head stay as they are: in int8 attention is not faster and costs half the
    agreement with float32, and the last layer is computed for one token.
    """
    if NOTHING in kept_in_float(model):
        raise _without_int8(model)
    with tempfile.TemporaryDirectory() as apart:
        between = Path(apart, "model.onnx")
        write_onnx(model, between)
        try:
            int8_openvino.quantize(between, path, kept_in_float(model, how.left), batches, how)
        except RuntimeError as error:
            raise _refused(model, "quantized for OpenVINO", error) from error


def kept_in_float(model: Any, left: Sequence[int] = ()) -> list[str]:
    """Patterns of what int8 leaves alone: the last layer, attention's own products, and all outside of layers.

    left: numbers of further layers. Operations bear the names of the modules that compute them, such as
    "/model/bert/encoder/layer.0/…". Of a network without a list of layers all but the modules that its family names
    stays: an LSTM's steps read their own results, so that errors would add up.
    """
    family = family_of(model)
    if family.in_int8:
        return [rf"(?!.*/({'|'.join(family.in_int8)})(_\d+)?/).*"]  # _1: of the second text
    layers = family.layers.rpartition(".")[2]
    if not layers:  # shared by all depths, so that none is the last
        return [NOTHING]
    attention = family.attention.replace(".", "/")
    return [
        *(rf".*/{layers}\.{number}/.*" for number in (*left, n_layers_of(model) - 1)),
        rf".*/{layers}\.\d+/{attention}/MatMul.*",
        rf"(?!.*/{layers}\.\d+/).*",
    ]


NOTHING = ".*"
"""Pattern that leaves no operation for int8."""


def _without_int8(model: Any) -> DataError:
    return DataError(f"{family_of(model).name} has no layer that can be computed in int8: take dtype float32")


def _refused(model: Any, what: str, error: Exception) -> DataError:
    reason = (str(error).strip() or type(error).__name__).splitlines()[0]
    return DataError(f"{family_of(model).name} cannot be {what} ({reason}): score it with engine 'torch' or 'onnx'")


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
    model: Any,
    fingerprint: str,
    folder: str | Path,
    engine: str,
    dtype: str,
    batches: Batches = (),
    how: Int8 | None = None,
) -> Path:
    """Write an exported model into a model's folder, whole or not at all; return its file.

    fingerprint: of the `CrossEncoder`, noted beside the file with checksums so that it is not taken for another's
    weights, nor used when it is damaged. batches: of pairs like those to be scored, int64 (B, length) by input's name;
    `UsageError` where the format needs them and there are none. how: where it is calibrated (None: the fastest way).
    """
    export_format = format_of(engine, dtype)
    if export_format.calibrated and not batches:
        raise UsageError(
            f"{dtype} of {engine} is calibrated on pairs: export the model first, by {command(engine, dtype)}"
        )
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch) / export_format.file
        file.parent.mkdir(parents=True)
        export_format.write(model, file, *([batches, how or Int8()] if export_format.calibrated else []))
        note(file, fingerprint)
        return publish(scratch, folder, engine, dtype)


def publish(scratch: str | Path, folder: str | Path, engine: str, dtype: str) -> Path:
    """Move an exported model from a scratch folder into another, each file whole; return the model's file.

    A kill in between leaves files whose checksums are others', which are not used.
    """
    name = format_of(engine, dtype).file
    source, target = Path(scratch, name), Path(folder, name)
    facts = read_sealed_facts(target.parent / FACTS) | read_sealed_facts(source.parent / FACTS)
    for part in files_of(source):  # the .bin before the .xml that needs it
        with atomic_path(target.with_name(part)) as path:
            shutil.move(source.with_name(part), path)
    write_facts(target.parent / FACTS, facts, sealed=True)
    return target


def exported_file(folder: Path | None, fingerprint: str, engine: str, dtype: str) -> Path | None:
    """The exported model in a folder, where there is one of these very weights, and as it was written."""
    file = None if folder is None else folder / format_of(engine, dtype).file
    return file if file is not None and file.exists() and fault_of(file, fingerprint) is None else None


def command(engine: str, dtype: str) -> str:
    """The command that exports a model, for messages."""
    return f"`rankdistill export --engine {engine} --dtype {dtype}`"

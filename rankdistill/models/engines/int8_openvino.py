"""int8 for OpenVINO, in several ways: ranges of activations from pairs, or found of a token's numbers while running."""

from __future__ import annotations

import io
import logging
import os
import re
from collections.abc import Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path

from rankdistill.errors import MissingExtraError
from rankdistill.models.engines.outside import WHILE_RUNNING, Batch, complete, read_onnx

GROUPS = (128, 64, 32)
"""Numbers of a token that may share a scale: more are faster, fewer are nearer to float32."""


@dataclass(frozen=True)
class Int8:
    """A way to compute a model's products in int8."""

    group: int = 0
    """So many numbers of a token share a scale, which is found while running; 0: all tokens share one, from pairs."""
    left: tuple[int, ...] = ()
    """Layers that stay in float32 as well."""

    def __str__(self) -> str:
        how = f"a scale for {self.group} numbers of a token" if self.group else "ranges from pairs"
        return how + (f", layer {', '.join(map(str, self.left))} in float32" if self.left else "")


def quantize(source: Path, target: Path, kept: Sequence[str], batches: Sequence[Batch], how: Int8) -> None:
    """Write an ONNX file in OpenVINO's format with its products in int8.

    kept: patterns of the names of operations that stay as they are. batches: of pairs, which give the ranges of
    activations where they are fixed. Raises `MissingExtraError` without NNCF, and what OpenVINO raises.
    """
    os.environ.setdefault("NNCF_CI", "1")  # else it sends its makers what it does, by processes forked off this one
    try:
        import nncf
        import openvino
    except ImportError as error:
        raise MissingExtraError("quantizing for OpenVINO", "openvino-int8") from error
    nncf.set_log_level(logging.ERROR)
    whole = read_onnx(source)
    with redirect_stdout(io.StringIO()):  # progress bars of its own
        if how.group:
            names = [op.get_friendly_name() for op in whole.get_ops() if op.get_type_name() in ("MatMul", "Gather")]
            ignored = [name for name in names if any(re.fullmatch(pattern, name) for pattern in kept)]
            quantized = nncf.compress_weights(
                whole,
                mode=nncf.CompressWeightsMode.INT8_SYM,
                ignored_scope=nncf.IgnoredScope(names=ignored, validate=False),
            )
            quantized.set_rt_info(str(how.group), [*WHILE_RUNNING])
        else:
            inputs = [given.get_any_name() for given in whole.inputs]
            quantized = nncf.quantize(
                whole,
                nncf.Dataset([complete(batch, inputs) for batch in batches]),
                model_type=nncf.ModelType.TRANSFORMER,
                preset=nncf.QuantizationPreset.MIXED,
                subset_size=len(batches),
                ignored_scope=nncf.IgnoredScope(patterns=list(kept), validate=False),
            )
    openvino.save_model(quantized, str(target))

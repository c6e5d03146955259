"""ScoringSettings: how a model scores candidates, declared once for Python, commands, parts and YAML."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from rankdistill.errors import UnknownNameError, UsageError
from rankdistill.inputs.windows import Passages

EngineName = Literal["auto", "torch", "onnx", "openvino"]
DtypeName = Literal["auto", "float32", "bfloat16", "int8"]


@dataclass(frozen=True)
class ScoringSettings:
    """What computes the scores, in what precision, and where they are kept."""

    engine: EngineName | None = None
    """What runs the model: torch; onnx or openvino, which need the extra of their name; or auto, the fastest of those
    installed, found by a short measurement that is remembered. None: the model's own, torch where nothing is said."""
    dtype: DtypeName | None = None
    """Precision, as far as the engine has it; auto is bfloat16 where the processor has it. None: the model's own,
    float32 where nothing is said."""
    batch_tokens: int | None = None
    """Tokens in a batch, padding included. None: by device."""
    passages: Passages = "first"
    """What a document longer than the model reads is scored by: its first tokens, its best window (max), or the mean
    of its windows."""
    store: Path | None = None
    """Folder where scores are kept as they are made, so that a killed run resumes. None: they are not kept."""

    def __post_init__(self) -> None:
        for kind, name, valid in (
            ("engine", self.engine, get_args(EngineName)),
            ("dtype", self.dtype, get_args(DtypeName)),
            ("way to score long documents", self.passages, get_args(Passages)),
        ):
            if name is not None and name not in valid:
                raise UnknownNameError(kind, name, valid)
        if self.batch_tokens is not None and self.batch_tokens < 1:
            raise UsageError(f"batch_tokens must be at least 1, got {self.batch_tokens}")

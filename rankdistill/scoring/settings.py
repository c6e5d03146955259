"""ScoringSettings: how a model scores candidates, declared once for Python, commands, parts and YAML."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal, get_args

from rankdistill.errors import UnknownNameError, UsageError
from rankdistill.inputs.asking import ASKING, Asking
from rankdistill.inputs.windows import Passages

EngineName = Literal["auto", "torch", "onnx", "openvino"]
DtypeName = Literal["auto", "float32", "bfloat16", "int8"]
LEAST_TAU = 0.97
"""Agreement with the order of float32 (Kendall's τ) at which an export in int8 aims."""


@dataclass(frozen=True)
class ModelSettings(Asking):
    """What computes a model's scores, and in what precision."""

    engine: EngineName | None = None
    """What runs the model: torch; onnx or openvino, which need the extra of the same name; or auto, the fastest of
    those installed, found by a short measurement that is remembered. [default: the model's own, usually torch]"""
    dtype: DtypeName | None = None
    """Precision, where the engine supports it; auto is bfloat16 where the processor has it. [default: the model's own,
    usually float32]"""
    batch_tokens: int | None = None
    """Tokens in a batch, padding included, at most; larger ones use more memory. [default: chosen for the device]"""
    threads: int | None = None
    """Threads that compute batches at once, one each; they change no score. [default: PyTorch's number, usually the
    number of cores]"""
    relevant_label: str | None = None
    """Which label of a model with two logits means relevant, by its name in the model's config or its number, 0 or 1.
    [default: what the names of the labels tell, such as entailment and not_entailment]"""

    def __post_init__(self) -> None:
        for kind, name, valid in (
            ("engine", self.engine, get_args(EngineName)),
            ("dtype", self.dtype, get_args(DtypeName)),
        ):
            if name is not None and name not in valid:
                raise UnknownNameError(kind, name, valid)
        for counted, number in (("batch_tokens", self.batch_tokens), ("threads", self.threads)):
            if number is not None and number < 1:
                raise UsageError(f"{counted} must be at least 1, got {number}")

    @property
    def model_facts(self) -> dict[str, Any]:
        """What is asked of a model beside its folder, as JSON can hold it; not how it is computed."""
        names = [field.name for field in fields(ModelSettings) if field.name not in ("batch_tokens", "threads")]
        return {name: getattr(self, name) for name in names}


@dataclass(frozen=True)
class ScoringSettings(ModelSettings):
    """What computes the scores, in what precision, and where they are kept."""

    passages: Passages = "first"
    """What scores a document longer than the model reads: its first tokens, its best window (max), or the mean of
    its windows."""
    store: Path | None = None
    """Folder where scores are saved while they are computed, so that a killed run resumes. [default: OUT.scores for
    commands, none in Python]"""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.passages not in get_args(Passages):
            raise UnknownNameError("way to score long documents", self.passages, get_args(Passages))

    @classmethod
    def of(cls, settings: ScoringSettings | None, overrides: Mapping[str, Any]) -> ScoringSettings:
        """Take settings, or the defaults for None, and replace the fields named in ``overrides``.

        Raises `UnknownNameError` for a name that is no field.
        """
        names = [field.name for field in fields(cls)]
        for name in overrides:
            if name not in names:
                raise UnknownNameError("scoring setting", name, names)
        return replace(settings or cls(), **overrides)

    def facts(self) -> dict[str, Any]:
        """Return the settings that may change a score, as JSON can hold them: all but the store and the threads."""
        facts = asdict(self)
        del facts["store"], facts["threads"]
        for name in ("relevant_label", *ASKING):
            if facts[name] is None:  # so that parts which were made without it stay valid
                del facts[name]
        return facts

"""Trace a classification model to an ONNX graph of any batch and length, the model itself left as it is."""

from __future__ import annotations

import inspect
import io
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from rankdistill.errors import DataError, MissingExtraError
from rankdistill.models.base import quiet_loading
from rankdistill.models.families import family_of
from rankdistill.models.outputs import OWN, forward

SEGMENTS = "token_type_ids"
INPUTS = ("input_ids", "attention_mask", SEGMENTS)
OPSET = 17


def write_onnx(model: Any, path: Path) -> None:
    """Export to ONNX: int64 inputs (batch, length) of any size, float32 output ``logits`` (batch, n_logits).

    The model's device and the mode of each of its modules are afterwards what they were. The head is written as a
    product and a sum, which engines that compute in bfloat16 or int8 leave in float32: logits rounded to 8 bits tie
    candidates that are not equal. Raises `DataError`, which names the family, where the exporter fails.
    """
    try:
        import onnx  # noqa: F401
    except ImportError as error:
        raise MissingExtraError("exporting to ONNX", "onnx") from error
    family = family_of(model)  # a guess is reported before warnings are silenced
    names = inputs_of(model)
    example = {name: torch.from_numpy(values) for name, values in random_batch(model, 2, 8).items()}
    axes = {name: {0: "batch", 1: "length"} for name in names} | {"logits": {0: "batch"}}
    device, said = model.device, io.StringIO()
    try:
        with (
            _modes_kept(model),
            _eager_attention(model),
            _head_by_elements(model, family.head),
            quiet_loading(),
            warnings.catch_warnings(),
        ):
            warnings.simplefilter("ignore")
            with torch.no_grad(), redirect_stdout(said), redirect_stderr(said), _quiet_output():
                torch.onnx.export(
                    _Logits(model.to("cpu"), names).eval(),
                    tuple(example[name] for name in names),
                    str(path),
                    input_names=names,
                    output_names=["logits"],
                    dynamic_axes=axes,
                    opset_version=OPSET,
                    dynamo=False,  # it reads a model's code more strictly, and needs a further package
                )
    except OSError:  # a full disk, say, which is no fault of the model's
        raise
    except Exception as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise DataError(
            f"{family.name} cannot be exported to ONNX, which engines 'onnx' and 'openvino' need ({reason}): score it "
            "with engine 'torch'"
        ) from error
    finally:
        model.to(device)  # it is shared with the engine that scores


def inputs_of(model: Any) -> list[str]:
    """Names of the inputs of a model as exported: segments where its config counts two or more.

    Other models that take segments give other logits for none of them than for zeros (GPT-2), and no graph takes both.
    """
    takes = inspect.signature(model.forward).parameters
    n_segments = getattr(model.config, "type_vocab_size", None)
    has_segments = isinstance(n_segments, int) and n_segments >= 2
    return [name for name in INPUTS if name in takes and (has_segments or name != SEGMENTS)]


def random_batch(
    model: Any, n_rows: int, length: int, random: np.random.Generator | None = None
) -> dict[str, NDArray[np.int64]]:
    """Draw texts of random tokens, of 2 to ``length`` tokens, the first of the full length: int64 (n_rows, length).

    They end in the end marker, where there is one, and are padded on the right, as the texts that are scored.
    """
    random = np.random.default_rng(0) if random is None else random
    config = model.config
    vocabulary = int(config.get_text_config().vocab_size)
    pad, end = (_token(config, name, vocabulary) for name in ("pad_token_id", "eos_token_id"))
    ordinary = np.setdiff1d(np.arange(vocabulary), [token for token in (pad, end) if token is not None])
    ids = random.choice(ordinary if len(ordinary) else np.arange(vocabulary), (n_rows, length))
    n_tokens = random.integers(min(2, length), length + 1, n_rows)
    n_tokens[0] = length
    if end is not None:
        ids[np.arange(n_rows), n_tokens - 1] = end
    mask = (np.arange(length) < n_tokens[:, None]).astype(np.int64)
    second = (np.arange(length) >= n_tokens[:, None] // 2) & (mask == 1)
    given = {
        "input_ids": np.where(mask == 1, ids, 0 if pad is None else pad).astype(np.int64),
        "attention_mask": mask,
        SEGMENTS: second.astype(np.int64),
    }
    return {name: given[name] for name in inputs_of(model)}


def _token(config: Any, name: str, vocabulary: int) -> int | None:
    """A token that the config names, where it names one of the vocabulary."""
    token = getattr(config, name, None)
    return token if isinstance(token, int) and 0 <= token < vocabulary else None


@contextmanager
def _modes_kept(model: nn.Module) -> Iterator[None]:
    """Put a model into eval mode inside the block, and each of its modules back into its own mode afterwards."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, mode in modes:
            module.training = mode


@contextmanager
def _eager_attention(model: Any) -> Iterator[None]:
    """Compute attention by two products and a softmax inside the block, which OpenVINO fuses into one operation.

    The graph of torch's own function also tests for NaN, and is not fused.
    """
    usual = getattr(model.config, "_attn_implementation", None)
    if usual in (None, "eager") or not hasattr(model, "set_attn_implementation"):
        yield
        return
    model.set_attn_implementation("eager")
    try:
        yield
    finally:
        model.set_attn_implementation(usual)


@contextmanager
def _quiet_output() -> Iterator[None]:
    """Drop what is written to this process's standard output inside the block: the exporter prints graphs in C++."""
    sys.stdout.flush()
    try:
        kept = os.dup(1)
    except OSError:  # it is closed
        yield
        return
    nothing = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nothing, 1)
        yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)
        os.close(nothing)


@contextmanager
def _head_by_elements(model: nn.Module, head: str) -> Iterator[None]:
    """Compute the head, where it is a linear map, as a product and a sum over its inputs inside the block."""
    if not head:
        yield
        return
    hook = model.get_submodule(head).register_forward_hook(_by_elements)
    try:
        yield
    finally:
        hook.remove()


def _by_elements(head: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
    """Forward hook that computes a linear layer's output, (…, n_logits), without a product of matrices."""
    if not isinstance(head, nn.Linear):
        return output
    logits = (inputs[0].unsqueeze(-2) * head.weight).sum(-1)
    return logits if head.bias is None else logits + head.bias


class _Logits(nn.Module):
    """A model as a function of its inputs in order, which is what the exporter traces."""

    def __init__(self, model: nn.Module, names: list[str]) -> None:
        super().__init__()
        self.model, self.names = model, names

    def forward(self, *inputs: Tensor) -> Tensor:
        return forward(self.model, dict(zip(self.names, inputs, strict=True))).logits[OWN]

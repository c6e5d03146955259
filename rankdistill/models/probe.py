"""Whether a model computes in a precision: found by one small batch, before work is given to it."""

from __future__ import annotations

import inspect
import warnings
from typing import Any

import torch
from torch import Tensor

from rankdistill.errors import DataError
from rankdistill.models.families import family_of
from rankdistill.models.outputs import OWN, forward
from rankdistill.models.precision import evaluating, resolve_dtype

LENGTH, PADDING = 12, 3
TOLERANCE = 0.25
"""Greatest difference of a logit from float32's, as a share of it or of 1; that of rounding is far less."""
_FAILURES = (RuntimeError, NotImplementedError, TypeError, ValueError, IndexError)


def usable_dtype(model: Any, dtype: str | None, device: torch.device, *, trains: bool = False) -> str:
    """Name of the dtype to compute a classification model in: that of `resolve_dtype` where the model computes in it.

    Some families lack an operation in bfloat16 or overflow in it. "auto" is float32 for these, and a warning says so;
    a dtype that was asked for is a `DataError`. trains: gradients must be finite, too.
    """
    chosen = resolve_dtype(dtype, device)
    if chosen == "float32":
        return chosen
    model.to(device)
    problem = _problem(model, chosen, trains)
    if problem is None:
        return chosen
    what = f"{family_of(model).name} does not compute in {chosen} ({problem})"
    if dtype != "auto":
        raise DataError(f"{what}: use float32 (--dtype float32)")
    warnings.warn(f"{what}: computed in float32", stacklevel=2)
    return "float32"


def _problem(model: Any, dtype: str, trains: bool) -> str | None:
    """What is wrong with a small batch in a dtype; None where nothing is, or where float32 fails as well."""
    inputs = _batch(model)
    with evaluating(model), torch.random.fork_rng(devices=[]), torch.no_grad():
        try:
            expected = forward(model, inputs).logits[OWN]
        except _FAILURES:
            return None
        try:
            logits = forward(model, inputs, dtype=dtype).logits[OWN]
            gradient = _gradient(model, inputs, dtype) if trains else None
        except _FAILURES as error:
            return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    if not torch.isfinite(logits).all() or (gradient is not None and not torch.isfinite(gradient).all()):
        return "its numbers overflow"
    apart = (logits - expected).abs() / expected.abs().clamp(min=1)
    return f"logits differ by {float(apart.max()):.2g} from float32's" if float(apart.max()) > TOLERANCE else None


def _gradient(model: Any, inputs: dict[str, Tensor], dtype: str) -> Tensor | None:
    """The gradient of the logits' sum that goes through all layers; None where no embedding is trained."""
    weight = model.get_input_embeddings().weight
    if not weight.requires_grad:
        return None
    with torch.enable_grad():
        total = forward(model, inputs, dtype=dtype).logits[OWN].sum()
        [gradient] = torch.autograd.grad(total, [weight], allow_unused=True)
    return gradient


def _batch(model: Any) -> dict[str, Tensor]:
    """Two texts of some tokens, one of them padded, int64 (2, LENGTH) by input's name."""
    config = model.config
    ids = torch.arange(2 * LENGTH).reshape(2, LENGTH) * 7 % int(config.vocab_size)
    mask = torch.ones_like(ids)
    mask[1, -PADDING:] = 0
    if isinstance(end := getattr(config, "eos_token_id", None), int):  # which some heads look for, once in each text
        ids = torch.where(ids == end, (end + 1) % int(config.vocab_size), ids)
        ids[0, -1] = ids[1, -PADDING - 1] = end
    taken = inspect.signature(model.forward).parameters
    inputs = {"input_ids": ids, "attention_mask": mask}
    return {name: values.to(model.device) for name, values in inputs.items() if name in taken}

"""What a model does with a small batch, found before work is given to it: in what precision, and with padding."""

from __future__ import annotations

import inspect
import warnings
from typing import Any

import torch
from torch import Tensor

from rankdistill.errors import DataError
from rankdistill.models.families import FAMILIES, FROM_SCRATCH, family_of
from rankdistill.models.outputs import OWN, forward
from rankdistill.models.precision import evaluating, own_dtype, resolve_dtype

LENGTH, PADDING = 12, 3
TOLERANCE = 0.25
"""Greatest difference of a logit from float32's, as a share of it or of 1; that of rounding is far less."""
ROUNDING = {"bfloat16": 0.05, "float16": 0.01}
"""The same for the same text alone and padded, by the dtype of the weights; `FLOAT32_ROUNDING` of others."""
FLOAT32_ROUNDING = 1e-5
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


def reads_padding(model: Any) -> bool:
    """Whether a model's logits depend on how far a text is padded, as those of FNet, Funnel, ConvBERT and others do.

    Found by one batch; a warning says so. Families of the table `FAMILIES` do not. Raises `DataError` for a model that
    cannot be run.
    """
    if model.config.model_type in FAMILIES or model.config.model_type in FROM_SCRATCH:
        return False
    inputs = _batch(model)
    alone = {name: values[1:, :-PADDING] for name, values in inputs.items()}
    with evaluating(model), torch.no_grad():
        try:
            padded, single = (forward(model, each).logits[OWN] for each in (inputs, alone))
        except (*_FAILURES, AttributeError, KeyError) as error:
            raise DataError(
                f"{type(model).__name__} of transformers does not run as its config.json says "
                f"({type(error).__name__}: {_line(error)})"
            ) from error
    apart = (padded[1] - single[0]).abs() / single[0].abs().clamp(min=1)
    if differ := bool(apart.max() > ROUNDING.get(own_dtype(model), FLOAT32_ROUNDING)):
        warnings.warn(
            f"{family_of(model).name} reads padding, its scores depend on it: its batches hold pairs of one length, "
            "which is slower",
            stacklevel=2,
        )
    return differ


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
            return _line(error)
    if not torch.isfinite(logits).all() or (gradient is not None and not torch.isfinite(gradient).all()):
        return "its numbers overflow"
    apart = (logits - expected).abs() / expected.abs().clamp(min=1)
    return f"logits differ by {float(apart.max()):.2g} from float32's" if float(apart.max()) > TOLERANCE else None


def _line(error: Exception) -> str:
    """The first line of what an error says."""
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)


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
    end = getattr(config, "eos_token_id", None)
    if isinstance(end, int) and 0 <= end < int(config.vocab_size):  # some heads look for it, once in each text
        ids = torch.where(ids == end, (end + 1) % int(config.vocab_size), ids)
        ids[0, -1] = ids[1, -PADDING - 1] = end
    taken = inspect.signature(model.forward).parameters
    inputs = {"input_ids": ids, "attention_mask": mask}
    return {name: values.to(model.device) for name, values in inputs.items() if name in taken}

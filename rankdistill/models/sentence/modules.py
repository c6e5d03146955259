"""Compute what follows the transformer of a sentence encoder: pooling of token vectors, and the modules after it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from rankdistill.errors import DataError
from rankdistill.models.sentence.stated import Module, Pooling

Step = Callable[[Tensor], Tensor]
ACTIVATIONS: dict[str, type[nn.Module]] = {
    each.__name__: each
    for each in (
        *(nn.Identity, nn.Tanh, nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.ELU, nn.SELU, nn.CELU, nn.GELU, nn.SiLU, nn.Mish),
        *(nn.Sigmoid, nn.LogSigmoid, nn.Softplus, nn.Softsign, nn.Tanhshrink, nn.Softshrink, nn.Hardtanh, nn.Hardswish),
        nn.Hardsigmoid,
    )
}
"""Activations of a Dense module, by the last part of their names in torch."""


def pool(pooling: Pooling, tokens: Tensor, mask: Tensor, prompt_length: int = 0) -> Tensor:
    """Pool token vectors float32 (B, L, d), padded on the right, to (B, d times the number of modes).

    mask: int64 (B, L), 1 for tokens. prompt_length: first tokens that are left out where the pooling says so.
    """
    positions = torch.arange(1, tokens.shape[1] + 1, device=tokens.device)
    if not pooling.include_prompt:
        mask = mask * (positions > prompt_length)
    return torch.cat([_POOLED[mode](tokens, mask, positions) for mode in pooling.modes], 1)


def _weighted(tokens: Tensor, weights: Tensor) -> Tensor:
    return (tokens * weights[..., None]).sum(1)


def _mean(tokens: Tensor, mask: Tensor, positions: Tensor) -> Tensor:
    return _weighted(tokens, mask.float()) / mask.sum(1, keepdim=True).clamp(min=1e-9)


def _mean_by_root(tokens: Tensor, mask: Tensor, positions: Tensor) -> Tensor:
    return _weighted(tokens, mask.float()) / mask.sum(1, keepdim=True).clamp(min=1e-9).sqrt()


def _weighted_mean(tokens: Tensor, mask: Tensor, positions: Tensor) -> Tensor:
    weights = mask.float() * positions
    return _weighted(tokens, weights) / weights.sum(1, keepdim=True).clamp(min=1e-9)


def _max(tokens: Tensor, mask: Tensor, positions: Tensor) -> Tensor:
    return tokens.masked_fill(mask[..., None] == 0, float("-inf")).amax(1)


def _first(tokens: Tensor, mask: Tensor, positions: Tensor) -> Tensor:
    return _token(tokens, mask.int().argmax(1))


def _last(tokens: Tensor, mask: Tensor, positions: Tensor) -> Tensor:
    last = (mask * positions).argmax(1)
    return _token(tokens, last) * (mask.sum(1, keepdim=True) > 0)


def _token(tokens: Tensor, at: Tensor) -> Tensor:
    return tokens[torch.arange(tokens.shape[0], device=tokens.device), at]  # `len` is a constant in an export


_POOLED: dict[str, Callable[[Tensor, Tensor, Tensor], Tensor]] = {
    "cls": _first,
    "max": _max,
    "mean": _mean,
    "mean_sqrt_len_tokens": _mean_by_root,
    "weightedmean": _weighted_mean,
    "lasttoken": _last,
}


def step(module: Module, width: int, device: torch.device) -> tuple[Step, int]:
    """Make the function of a module after the pooling, and the width of what it gives; ``width``: of what it reads.

    Its weights are loaded, in float32, and not trained. Raises `DataError` for weights that are missing, damaged or of
    another shape, and for unknown activations.
    """
    made, out = make_module(module, width)
    load_weights(made, module)
    return made.to(device).eval().requires_grad_(False), out


def make_module(module: Module, width: int) -> tuple[nn.Module, int]:
    """Make a module after the pooling with new weights, and tell the width of what it gives; see `step`."""
    return _MADE[module.kind](module, width)


class Dense(nn.Module):
    """A linear map and an activation, with what it reads added where it is stated (``use_residual``)."""

    def __init__(self, width: int, out: int, bias: bool, activation: nn.Module, residual: bool) -> None:
        super().__init__()
        self.linear = nn.Linear(width, out, bias=bias)
        self.apply_activation = activation
        self.adds = residual
        if residual and width != out:
            self.residual = nn.Linear(width, out, bias=False)

    def forward(self, vectors: Tensor) -> Tensor:
        """Map float (B, width) to (B, out)."""
        given: Tensor = self.apply_activation(self.linear(vectors))
        if not self.adds:
            return given
        return given + (self.residual(vectors) if hasattr(self, "residual") else vectors)


class LayerNorm(nn.Module):
    """A layer norm, under the name that its file gives it."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)

    def forward(self, vectors: Tensor) -> Tensor:
        """Normalise float (B, width)."""
        normed: Tensor = self.norm(vectors)
        return normed


class Normalize(nn.Module):
    """Vectors scaled to length 1."""

    def forward(self, vectors: Tensor) -> Tensor:
        """Scale float (B, width)."""
        return nn.functional.normalize(vectors, dim=-1)


def _dense(module: Module, width: int) -> tuple[nn.Module, int]:
    settings, file = module.settings, module.folder / "config.json"
    name = settings.get("activation_function", "torch.nn.modules.activation.Tanh")
    activation = ACTIVATIONS.get(str(name).rpartition(".")[2])
    if activation is None or not str(name).startswith("torch.nn."):
        raise DataError(f"{file} states the activation {name!r}; computed are those of torch: {', '.join(ACTIVATIONS)}")
    out, reads = settings.get("out_features", 0), settings.get("in_features", width)
    if not isinstance(out, int) or out < 1:
        raise DataError(f"{file}: got out_features {out!r}, expected a number above 0")
    if reads != width:
        raise DataError(f"{file} states in_features {reads!r}, but what comes before it gives vectors of width {width}")
    bias, residual = bool(settings.get("bias", True)), bool(settings.get("use_residual", False))
    return Dense(width, out, bias, activation(), residual), out


_MADE: dict[str, Callable[[Module, int], tuple[nn.Module, int]]] = {
    "Dense": _dense,
    "LayerNorm": lambda _, width: (LayerNorm(width), width),
    "Normalize": lambda _, width: (Normalize(), width),
    "Dropout": lambda module, width: (nn.Dropout(float(module.settings.get("dropout", 0.2))), width),
}


def load_weights(made: nn.Module, module: Module) -> None:
    """Load a module's weights into what `make_module` made, in float32; raises as `step` does."""
    if not made.state_dict():
        return
    file = module.folder / "model.safetensors"
    if not file.is_file():
        pickled = (module.folder / "pytorch_model.bin").is_file()
        hint = (
            "; pytorch_model.bin is a pickle, which is never loaded: convert it once with sentence-transformers' "
            "`save_pretrained` where you trust it"
            if pickled
            else ": copy it, too"
        )
        raise DataError(f"the module {module.kind} lacks its weights, {file}{hint}")
    try:
        weights: dict[str, Any] = load_file(file)
        made.load_state_dict({name: weight.float() for name, weight in weights.items()})
    except (SafetensorError, OSError, RuntimeError) as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        raise DataError(
            f"{file} does not hold the weights that {module.folder / 'config.json'} states: {lines[-1]}"
        ) from error

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
    return tokens[torch.arange(len(tokens), device=tokens.device), at]


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

    Raises `DataError` for weights that are missing, damaged or of another shape, and for unknown activations.
    """
    if module.kind == "Dropout":
        return lambda vectors: vectors, width
    if module.kind == "Normalize":
        return lambda vectors: nn.functional.normalize(vectors, dim=-1), width
    return _MADE[module.kind](module, width, device)


def _dense(module: Module, width: int, device: torch.device) -> tuple[Step, int]:
    settings = module.settings
    name = settings.get("activation_function", "torch.nn.modules.activation.Tanh")
    activation = ACTIVATIONS.get(str(name).rpartition(".")[2])
    if activation is None or not str(name).startswith("torch.nn."):
        raise DataError(
            f"{module.folder / 'config.json'} states the activation {name!r}; computed are those of torch: "
            f"{', '.join(ACTIVATIONS)}"
        )
    out = int(settings.get("out_features", 0))
    linear = nn.Linear(width, out, bias=bool(settings.get("bias", True)))
    residual = bool(settings.get("use_residual", False))
    if residual and width != out:
        parts = nn.ModuleDict({"linear": linear, "residual": nn.Linear(width, out, bias=False)})
    else:
        parts = nn.ModuleDict({"linear": linear})
    _load(parts, module, device)
    apply = activation()

    def dense(vectors: Tensor) -> Tensor:
        given: Tensor = apply(linear(vectors))
        if not residual:
            return given
        return given + (parts["residual"](vectors) if "residual" in parts else vectors)

    return dense, out


def _layer_norm(module: Module, width: int, device: torch.device) -> tuple[Step, int]:
    norm = nn.LayerNorm(width)
    _load(nn.ModuleDict({"norm": norm}), module, device)
    return norm, width


_MADE: dict[str, Callable[[Module, int, torch.device], tuple[Step, int]]] = {"Dense": _dense, "LayerNorm": _layer_norm}


def _load(parts: nn.Module, module: Module, device: torch.device) -> None:
    """Load a module's weights into ``parts``, in float32."""
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
        parts.load_state_dict({name: weight.float() for name, weight in weights.items()})
    except (SafetensorError, OSError, RuntimeError) as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        raise DataError(
            f"{file} does not hold the weights that {module.folder / 'config.json'} states: {lines[-1]}"
        ) from error
    parts.to(device).eval().requires_grad_(False)

"""A model's forward pass with what it went through: hidden states, and attention scores before their softmax."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor, nn

from rankdistill.errors import DataError
from rankdistill.models.layers import layer_list

QUERIES = ("query", "q_lin", "q_proj", "query_proj")
KEYS = ("key", "k_lin", "k_proj", "key_proj")


@dataclass(frozen=True)
class States:
    """What a model went through on P pairs of at most L tokens."""

    hidden: Sequence[Tensor]
    """float (P, L, H), the embeddings and then each layer's output."""
    queries: Sequence[Tensor | None]
    """float (P, L, H), what each layer's query projection gives; None where it has none."""
    keys: Sequence[Tensor | None]
    heads: int
    tokens: Tensor
    """bool (P, L), True where a token is no padding."""
    projections: Mapping[str, nn.Module] = field(default_factory=dict)
    """Of a student narrower or wider than its teacher: maps to the teacher's width, by `projection_name`."""

    def attention(self, layer: int) -> Tensor:
        """A layer's scores QKᵀ/√d before their softmax, 0 where a token is padding: float32 (P, heads, L, L).

        Raises `DataError` where the layer has no such projections.
        """
        queries, keys = self.queries[layer], self.keys[layer]
        if queries is None or keys is None:
            raise DataError(
                f"layer {layer} has no module called {' or '.join(QUERIES)}, or none called {' or '.join(KEYS)}: its "
                "attention cannot be distilled; leave attention_mse out"
            )
        scale = self.tokens[..., None] / (queries.shape[-1] / self.heads) ** 0.25
        q, k = ((x.float() * scale).unflatten(-1, (self.heads, -1)).transpose(1, 2) for x in (queries, keys))
        return q @ k.transpose(-1, -2)


def forward_with_states(model: Any, inputs: Mapping[str, Tensor]) -> tuple[Tensor, States]:
    """Run a classification model on pairs: its logits (P, n_logits) and its `States`.

    Attention scores are made of what the layers' query and key projections give, so that any attention kernel may run
    inside.
    """
    inner = getattr(model, "module", model)  # of DistributedDataParallel
    layers = list(inner.get_submodule(layer_list(inner)))
    queries: list[Tensor | None] = [None] * len(layers)
    keys = list(queries)
    with _recorded(layers, QUERIES, queries), _recorded(layers, KEYS, keys):
        output = model(**inputs, output_hidden_states=True)
    heads, tokens = inner.config.num_attention_heads, inputs["attention_mask"].bool()
    return output.logits, States(output.hidden_states, queries, keys, heads, tokens)


@contextmanager
def _recorded(layers: Sequence[nn.Module], names: tuple[str, ...], found: list[Tensor | None]) -> Iterator[None]:
    """Keep what each layer's module of one of these names gives while the block runs, where it has one."""
    handles = [
        module.register_forward_hook(lambda _module, _inputs, given, at=at: found.__setitem__(at, given))
        for at, layer in enumerate(layers)
        if (module := _projection(layer, names)) is not None
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _projection(layer: nn.Module, names: tuple[str, ...]) -> nn.Module | None:
    return next((module for name, module in layer.named_modules() if name.rpartition(".")[2] in names), None)

"""The head of a masked language model: states of masked tokens to a distribution over the vocabulary.

It is computed at the masked places alone, a seventh of all, as the map to the vocabulary costs more than a small
encoder. The map's weights are the encoder's word embeddings, of which there is no second copy.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, linear
from transformers.activations import ACT2FN

from rankdistill.errors import DataError
from rankdistill.files.atomic import atomic_path
from rankdistill.models.families import MaskedLMParts, family_of

MASKED_LM = "masked language model"
"""Name of the head among a student's companions."""
FILE = "masked_lm_head.safetensors"
_FIRST_NAMES = {"weight": "gamma", "bias": "beta"}
"""Weights of a norm -> their names in TensorFlow, which early checkpoints kept."""


class MaskedLMHead(nn.Module):
    """A dense layer, an activation, a normalisation, and the map by the word embeddings to the vocabulary.

    The parts begin as those of a new model: a random dense layer, a bias of zeros.
    """

    def __init__(self, model: Any) -> None:
        super().__init__()
        parts, config = parts_of(model), model.config
        vocabulary, width = embeddings_of(model).shape
        self.activation = ACT2FN[parts.activation or config.hidden_act]
        self.dense = nn.Linear(config.hidden_size, width)
        eps = getattr(config, "layer_norm_eps", getattr(config, "norm_eps", 1e-12))
        self.norm = nn.LayerNorm(width, eps=float(eps))
        self.bias = nn.Parameter(torch.zeros(vocabulary))
        with torch.no_grad():
            self.dense.weight.normal_(std=getattr(config, "initializer_range", 0.02))

    def forward(self, states: Tensor, embeddings: Tensor) -> Tensor:
        """Map states (M, hidden) to logits (M, vocabulary), by the word embeddings (vocabulary, width)."""
        return linear(self.norm(self.activation(self.dense(states))), embeddings.to(states.dtype), self.bias)

    def fingerprint(self) -> str:
        """Hash of the weights."""
        hashed = hashlib.blake2b(digest_size=16)
        for name, weights in sorted(self.state_dict().items()):
            hashed.update(f"{name} {tuple(weights.shape)}".encode())
            hashed.update(weights.detach().cpu().contiguous().numpy().data)
        return hashed.hexdigest()

    def loss(self, states: Tensor, embeddings: Tensor, targets: Tensor) -> Tensor:
        """Mean cross entropy, in nats, of the right tokens, int64 (M,), float32; 0 with a graph where M is 0."""
        logits = self(states, embeddings).float()
        return cross_entropy(logits, targets) if len(targets) else logits.sum() * 0


def new_masked_lm_head(model: Any, seed: int) -> MaskedLMHead:
    """Make a new head for a model; the same seed gives the same weights, whatever was drawn before."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return MaskedLMHead(model)


def load_masked_lm_head(model: Any, folder: str | Path) -> MaskedLMHead | None:
    """Read the head for a model out of the folder that its encoder comes from; None where the folder has none.

    A head that `save_masked_lm_head` wrote is read before one in the model's own checkpoint, which may be in several
    files. Raises `DataError` for a family without such a head, and for a head of other shapes.
    """
    folder, head = Path(folder), MaskedLMHead(model)
    if (folder / FILE).is_file():
        return _filled(head, [folder / FILE], {name: (name,) for name in head.state_dict()})
    return _filled(head, sorted(folder.glob("*.safetensors")), _stored_names(head, parts_of(model)))


def save_masked_lm_head(head: MaskedLMHead, folder: str | Path) -> Path:
    """Write a head beside a model, where `load_masked_lm_head` finds it."""
    with atomic_path(Path(folder) / FILE) as path:
        save_file({name: weights.contiguous() for name, weights in head.state_dict().items()}, path)
    return Path(folder) / FILE


def _stored_names(head: MaskedLMHead, parts: MaskedLMParts) -> dict[str, tuple[str, ...]]:
    """Weight of the head -> the names that it may have in a checkpoint.

    The norm's are gamma and beta in checkpoints of the first BERT, which transformers renames while it loads them.
    """
    names = {"bias": parts.bias}
    for name in head.state_dict():
        part, _, kind = name.partition(".")
        if kind:
            kinds = (kind, _FIRST_NAMES[kind]) if part == "norm" else (kind,)
            names[name] = tuple(f"{getattr(parts, part)}.{each}" for each in kinds)
    return names


def _filled(head: MaskedLMHead, files: Iterable[Path], names: dict[str, tuple[str, ...]]) -> MaskedLMHead | None:
    """The head with the weights in files, each under one of its names; None where they lack some.

    Biases of the dense layer and the norm may be lacking: some families have none, which zeros stand for.
    """
    own = head.state_dict()
    found: dict[str, tuple[Tensor, str]] = {}
    for file in files:
        try:
            with safe_open(file, "pt") as opened:
                there = set(opened.keys())
                for name, keys in names.items():  # in their order, so that an error names the same weight each time
                    if name not in found and (key := next((key for key in keys if key in there), None)):
                        found[name] = opened.get_tensor(key), f"{file} has a masked language model's head whose {key}"
        except (SafetensorError, OSError) as error:
            raise DataError(f"cannot read {file}: {error}") from error
    if set(own) - {*found, "dense.bias", "norm.bias"}:
        return None
    for name, (tensor, what) in found.items():
        if tensor.shape != own[name].shape:
            raise DataError(
                f"{what} is of shape {tuple(tensor.shape)}, the model needs {tuple(own[name].shape)}: is the folder "
                "the model's own?"
            )
    head.load_state_dict({name: found[name][0] if name in found else torch.zeros_like(own[name]) for name in own})
    return head


def embeddings_of(model: Any) -> Tensor:
    """The word embeddings of a model, (vocabulary, width), by which the head maps to the vocabulary."""
    weight: Tensor = model.get_input_embeddings().weight
    return weight


def parts_of(model: Any) -> MaskedLMParts:
    """Where checkpoints of the model's family have the head; `DataError` for a family that has none."""
    family = family_of(model)
    if family.masked_lm is None:
        raise DataError(
            f"{family.name} has no masked language model: its tokens do not see what follows them, or its head is not "
            "known here; start from a base such as BERT, RoBERTa, MPNet, DeBERTa-v2 or ModernBERT"
        )
    return family.masked_lm

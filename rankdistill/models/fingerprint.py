"""The hash that says whether two models give the same scores."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import torch

from rankdistill.models.contract import ENTRY

VOLATILE = ("_name_or_path", "transformers_version", "sentence_transformers", ENTRY)
"""Entries of a config that change no score."""


def fingerprint(model: Any, tokenizer: Any, stated: list[Any]) -> str:
    """Hash a model's weights and config, its tokenizer without its cutting and padding, and what else is stated.

    stated: as JSON can hold it.
    """
    config = {name: value for name, value in model.config.to_dict().items() if name not in VOLATILE}
    tokens = json.loads(tokenizer.backend_tokenizer.to_str())
    for setting in ("truncation", "padding"):
        tokens.pop(setting, None)
    facts = json.dumps([config, tokens, *stated], sort_keys=True, default=str)
    digest = hashlib.blake2b(facts.encode(), digest_size=20)
    for name, weight in sorted(model.state_dict().items()):
        digest.update(f"{name} {weight.dtype} {tuple(weight.shape)}".encode())
        digest.update(weight.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()

"""Tiny folders of sentence-transformers, written by that library, and a way to change their files by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny import make_model, make_tokenizer

SETTINGS = "config_sentence_transformers.json"


def edit(file: Path, **changes: Any) -> None:
    """Change keys of a JSON object in a file, which is created where it is missing; None removes a key."""
    known = json.loads(file.read_text()) if file.is_file() else {}
    known |= changes
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps({key: value for key, value in known.items() if value is not None}))


def make_encoder(folder: Path, pooling: Any = "mean", *after: Any, family: str = "bert", **options: Any) -> Path:
    """Write an encoder's folder: the transformer of a family, a pooling, and what functions in ``after`` make."""
    library = pytest.importorskip("sentence_transformers")
    from sentence_transformers.base.modules.transformer import Transformer
    from sentence_transformers.sentence_transformer.modules import Pooling

    base = folder.with_name("base")
    model = make_model(family, initializer_range=0.3)
    getattr(model, model.base_model_prefix).save_pretrained(base)
    make_tokenizer().save_pretrained(base)
    include_prompt = options.pop("include_prompt", True)
    first = Transformer(str(base))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        pooled = Pooling(first.get_embedding_dimension(), pooling, include_prompt=include_prompt)
        modules = [first, pooled, *(made() for made in after)]
    library.SentenceTransformer(modules=modules, device="cpu", **options).save(str(folder), create_model_card=False)
    return folder

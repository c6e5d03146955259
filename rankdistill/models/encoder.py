"""Encoder: texts to vectors as a sentence-transformers folder states, so that a dot product is its similarity."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from rankdistill.arrays import F32, I64
from rankdistill.errors import UsageError
from rankdistill.inputs.pairs import PairAssembler
from rankdistill.inputs.template import PairTemplate
from rankdistill.inputs.tokens import NO_TEXT
from rankdistill.models.base import DEFAULT_BASE, checked_folder, resolve_folder
from rankdistill.models.engines.threads import CPU_BATCH_TOKENS, GPU_BATCH_TOKENS
from rankdistill.models.length import LONGEST
from rankdistill.models.precision import DTYPES, default_device, evaluating, resolve_dtype
from rankdistill.models.sentence.modules import pool, step
from rankdistill.models.sentence.stated import Stated, read_stated
from rankdistill.models.sentence.transformer import load_transformer
from rankdistill.models.tokenizer import check_ids, load_tokenizer


class Encoder:
    """A bi-encoder: token vectors pooled to one, and whatever the folder states before and after that.

    model: a transformers encoder. tokenizer: its fast tokenizer. max_length: tokens read of a text, special ones and
    the prompt included. dtype: None or "float32", "bfloat16", "auto", see `TorchEngine`; what follows the transformer
    is always in float32. stated: pooling, modules, prompts and similarity (None: the mean, scaled to length 1).
    """

    def __init__(
        self, model: Any, tokenizer: Any, max_length: int, dtype: str | None = None, stated: Stated | None = None
    ) -> None:
        self.device = default_device()
        self.dtype = resolve_dtype(dtype, self.device)
        self.model = model.to(self.device)
        self.tokenizer = tokenizer
        self.max_length = max_length
        self.stated = stated or Stated(Path())
        template = PairTemplate.of_one(tokenizer)
        self._n_before = len(template.ids[0])
        self.assembler = PairAssembler.for_model(self.model, tokenizer, max_length, template)
        self._steps = []
        width = int(model.config.hidden_size) * len(self.stated.pooling.modes)
        for module in self.stated.after:
            made, width = step(module, width, self.device)
            self._steps.append(made)
        self._width = width

    @classmethod
    def from_pretrained(
        cls,
        name_or_path: str | Path = DEFAULT_BASE,
        *,
        max_length: int | None = None,
        dtype: str | None = None,
        query_prompt: str | None = None,
        document_prompt: str | None = None,
    ) -> Encoder:
        """Load an encoder as its folder states: modules, prompts, length, similarity (``modules.json`` and others).

        A folder of transformers that states nothing is pooled by the mean. max_length, query_prompt, document_prompt:
        instead of the folder's own. Raises `DataError` for what a folder states and is not computed here, and for a
        folder that is damaged or lacks its weights or tokenizer.
        """
        folder = resolve_folder(name_or_path)
        stated = read_stated(folder)
        given = {"query": query_prompt, "document": document_prompt}
        prompts = replace(stated.prompts, **{side: text for side, text in given.items() if text is not None})
        stated = replace(stated, prompts=prompts)
        place = checked_folder(stated.transformer)
        model, tokenizer = load_transformer(place), load_tokenizer(place, stated.lower_case, shortest=1)
        check_ids(place, tokenizer, model)
        limit = _positions(model)
        wanted = max_length or stated.max_length or min(tokenizer.model_max_length, limit or LONGEST)
        return cls(model, tokenizer, int(min(wanted, limit or wanted)), dtype, stated)

    @property
    def dimension(self) -> int:
        """Number of components of a vector."""
        return min(self._width, self.stated.truncate_dim or self._width)

    def encode(
        self,
        texts: Sequence[str],
        *,
        batch_tokens: int | None = None,
        advance: Callable[[int], None] | None = None,
        prompt: str | None = None,
    ) -> F32:
        """Encode texts, float32 (n, dimension), in length-sorted batches; of length 1 where the similarity is cosine.

        batch_tokens: padded tokens in a batch (None: by device). advance: called with the size of each batch done.
        prompt: put before each text (None: the folder's default prompt).
        """
        if isinstance(texts, str):
            raise UsageError("encode takes a list of texts, got one string")
        vectors = np.zeros((len(texts), self.dimension), np.float32)
        if not len(texts):
            return vectors
        prompt = self.stated.prompts.default if prompt is None else prompt
        if batch_tokens is None:
            batch_tokens = GPU_BATCH_TOKENS if self.device.type == "cuda" else CPU_BATCH_TOKENS
        tokens = self.assembler.tokenize(self.tokenizer, [prompt + text for text in texts] if prompt else list(texts))
        rows, n_prompt = np.arange(len(texts)), self._prompt_length(prompt)
        for items, batch in self.assembler.batches(tokens, NO_TEXT, rows, np.zeros_like(rows), batch_tokens):
            vectors[items] = self._vectors(batch, n_prompt)
            if advance is not None:
                advance(len(items))
        return vectors

    def encode_queries(self, texts: Sequence[str], **options: Any) -> F32:
        """Encode queries: as `encode`, with the prompt that is stated for queries."""
        return self.encode(texts, prompt=self.stated.prompts.query, **options)

    def encode_documents(self, texts: Sequence[str], **options: Any) -> F32:
        """Encode documents: as `encode`, with the prompt that is stated for documents."""
        return self.encode(texts, prompt=self.stated.prompts.document, **options)

    def _prompt_length(self, prompt: str) -> int:
        """Number of first tokens that are the prompt's, special ones before it included."""
        if not prompt or self.stated.pooling.include_prompt:
            return 0
        return self._n_before + min(
            self.assembler.room, len(self.tokenizer(prompt, add_special_tokens=False, verbose=False)["input_ids"])
        )

    def _vectors(self, batch: dict[str, I64], n_prompt: int) -> F32:
        """Compute vectors float32 (B, dimension) of a padded batch, int64 (B, length) by input's name."""
        inputs = {name: torch.from_numpy(values).to(self.device) for name, values in batch.items()}
        low_precision = self.dtype != "float32"
        with torch.inference_mode():
            with (
                evaluating(self.model),
                torch.autocast(self.device.type, DTYPES[self.dtype] if low_precision else None, enabled=low_precision),
            ):
                hidden = self.model(**inputs).last_hidden_state.float()
            vectors = pool(self.stated.pooling, hidden, inputs["attention_mask"], n_prompt)
            for made in self._steps:
                vectors = made(vectors)
            vectors = vectors[:, : self.dimension]
            if self.stated.similarity == "cosine":
                vectors = nn.functional.normalize(vectors, dim=1)
            return vectors.cpu().numpy()


def _positions(model: Any) -> int | None:
    """Most tokens that a model has positions for; None where it states no limit (positions that are relative)."""
    for name, module in model.named_modules():
        if name.endswith("position_embeddings") and isinstance(module, nn.Embedding) and module.padding_idx is not None:
            return module.num_embeddings - module.padding_idx - 1
    stated = getattr(model.config, "max_position_embeddings", None)
    return stated if isinstance(stated, int) and stated > 0 else None

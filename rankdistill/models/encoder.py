"""Encoder: texts to unit vectors by mean pooling, so that a dot product is the cosine; needs no training to rank."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import AutoModel, AutoTokenizer

from rankdistill.arrays import F32, I64
from rankdistill.errors import DataError, UsageError
from rankdistill.inputs.pairs import PairAssembler
from rankdistill.inputs.template import PairTemplate
from rankdistill.inputs.tokens import NO_TEXT
from rankdistill.models.base import DEFAULT_BASE, pools_by_mean, quiet_loading, read_json, resolve_base
from rankdistill.models.cross_encoder import CPU_BATCH_TOKENS, GPU_BATCH_TOKENS
from rankdistill.models.precision import DTYPES, default_device, evaluating, resolve_dtype


class Encoder:
    """A bi-encoder: the mean of the last layer's token vectors, scaled to length 1.

    model: a transformers encoder. tokenizer: its fast tokenizer. max_length: tokens read of a text, special ones
    included. dtype: None or "float32", "bfloat16", "auto", see `TorchEngine`; pooling is always in float32.
    """

    def __init__(self, model: Any, tokenizer: Any, max_length: int, dtype: str | None = None) -> None:
        self.device = default_device()
        self.dtype = resolve_dtype(dtype, self.device)
        self.model = model.to(self.device)
        self.tokenizer = tokenizer
        self.max_length = max_length
        template = PairTemplate.of_one(tokenizer)
        self.assembler = PairAssembler.for_model(self.model, tokenizer, max_length, template)

    @classmethod
    def from_pretrained(
        cls, name_or_path: str | Path = DEFAULT_BASE, *, max_length: int | None = None, dtype: str | None = None
    ) -> Encoder:
        """Load a base encoder; a sentence-transformers folder's own ``max_seq_length`` is the default length.

        Raises `DataError` for a folder that states another pooling than the mean.
        """
        folder = Path(resolve_base(name_or_path))
        if pools_by_mean(folder) is False:
            raise DataError(f"{folder} pools its tokens in another way than by their mean, see 1_Pooling/config.json")
        with quiet_loading():
            model = AutoModel.from_pretrained(
                folder, use_safetensors=True, local_files_only=True, trust_remote_code=False, dtype=torch.float32
            )
        tokenizer = AutoTokenizer.from_pretrained(folder)
        limit = min(tokenizer.model_max_length, getattr(model.config, "max_position_embeddings", None) or 512)
        stated = read_json(folder / "sentence_bert_config.json").get("max_seq_length")
        return cls(model.eval(), tokenizer, int(min(limit, max_length or stated or limit)), dtype)

    @property
    def dimension(self) -> int:
        """Number of components of a vector, the model's hidden size."""
        return int(self.model.config.hidden_size)

    def encode(
        self,
        texts: Sequence[str],
        *,
        batch_tokens: int | None = None,
        advance: Callable[[int], None] | None = None,
    ) -> F32:
        """Encode texts as unit vectors, float32 (n, dimension), in length-sorted batches.

        batch_tokens: padded tokens in a batch (None: by device). advance: called with the size of each batch done.
        """
        if isinstance(texts, str):
            raise UsageError("encode takes a list of texts, got one string")
        vectors = np.zeros((len(texts), self.dimension), np.float32)
        if not len(texts):
            return vectors
        if batch_tokens is None:
            batch_tokens = GPU_BATCH_TOKENS if self.device.type == "cuda" else CPU_BATCH_TOKENS
        tokens = self.assembler.tokenize(self.tokenizer, list(texts))
        rows = np.arange(len(texts))
        for items, batch in self.assembler.batches(tokens, NO_TEXT, rows, np.zeros_like(rows), batch_tokens):
            vectors[items] = self._unit_means(batch)
            if advance is not None:
                advance(len(items))
        return vectors

    def _unit_means(self, batch: dict[str, I64]) -> F32:
        """Compute unit vectors float32 (B, dimension) of a padded batch, int64 (B, length) by input's name."""
        inputs = {name: torch.from_numpy(values).to(self.device) for name, values in batch.items()}
        low_precision = self.dtype != "float32"
        with (
            evaluating(self.model),
            torch.inference_mode(),
            torch.autocast(self.device.type, DTYPES[self.dtype] if low_precision else None, enabled=low_precision),
        ):
            hidden = self.model(**inputs).last_hidden_state
        mask = inputs["attention_mask"].unsqueeze(-1).float()
        means = (hidden.float() * mask).sum(1) / mask.sum(1).clamp(min=1e-9)
        return torch.nn.functional.normalize(means, dim=1).cpu().numpy()

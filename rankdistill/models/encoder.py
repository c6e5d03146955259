"""Encoder: texts to unit vectors by mean pooling, so that a dot product is the cosine; needs no training to rank."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import AutoModel, AutoTokenizer

from rankdistill.errors import DataError, UsageError
from rankdistill.inputs.batches import length_sorted_batches
from rankdistill.models.base import DEFAULT_BASE, pools_by_mean, quiet_loading, read_json, resolve_base
from rankdistill.models.cross_encoder import CPU_BATCH_TOKENS, GPU_BATCH_TOKENS
from rankdistill.models.precision import DTYPES, default_device, evaluating, resolve_dtype

Floats = NDArray[np.float32]


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
        """Number of components of a vector."""
        return int(self.model.config.hidden_size)

    def encode(
        self,
        texts: Sequence[str],
        *,
        batch_tokens: int | None = None,
        advance: Callable[[int], None] | None = None,
    ) -> Floats:
        """Encode texts as unit vectors, float32 (n, dimension), in length-sorted batches.

        batch_tokens: padded tokens in a batch (None: by device). advance: told the size of each batch done.
        """
        if isinstance(texts, str):
            raise UsageError("encode takes a list of texts, got one string")
        vectors = np.zeros((len(texts), self.dimension), np.float32)
        if not len(texts):
            return vectors
        encoded = self.tokenizer(list(texts), truncation=True, max_length=self.max_length, padding=False)
        lengths = [len(ids) for ids in encoded["input_ids"]]
        if batch_tokens is None:
            batch_tokens = GPU_BATCH_TOKENS if self.device.type == "cuda" else CPU_BATCH_TOKENS
        for items in length_sorted_batches(lengths, batch_tokens):
            batch = self.tokenizer.pad(
                {name: [values[i] for i in items] for name, values in encoded.items()}, return_tensors="pt"
            )
            vectors[items] = self._unit_means({name: values.to(self.device) for name, values in batch.items()})
            if advance is not None:
                advance(len(items))
        return vectors

    def _unit_means(self, batch: dict[str, torch.Tensor]) -> Floats:
        """Unit vectors float32 (B, dimension) of a padded batch."""
        low_precision = self.dtype != "float32"
        with (
            evaluating(self.model),
            torch.inference_mode(),
            torch.autocast(self.device.type, DTYPES[self.dtype] if low_precision else None, enabled=low_precision),
        ):
            hidden = self.model(**batch).last_hidden_state
        mask = batch["attention_mask"].unsqueeze(-1).float()
        means = (hidden.float() * mask).sum(1) / mask.sum(1).clamp(min=1e-9)
        return torch.nn.functional.normalize(means, dim=1).cpu().numpy()

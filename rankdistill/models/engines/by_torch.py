"""The torch engine: runs a classification model over padded batches, in float32 or bfloat16 where that is faster."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch

from rankdistill.arrays import F32, I64
from rankdistill.models.cast import cast_copy
from rankdistill.models.causal.shared_prefix import SharedPrefix
from rankdistill.models.changes import state_of
from rankdistill.models.engines.threads import LEAST_TOKENS
from rankdistill.models.families import FAMILIES
from rankdistill.models.outputs import OWN, forward, shared_by_threads
from rankdistill.models.precision import default_device, evaluating, own_dtype
from rankdistill.models.probe import usable_dtype
from rankdistill.models.recurrent.folded import FoldedLSTM
from rankdistill.models.recurrent.network import is_recurrent

Shortcuts = tuple[SharedPrefix, FoldedLSTM]
"""What computes the same logits with less work, for the models and batches that it suits."""
STEP_TOKENS, KEPT_TOKENS = 4096, 16_384
"""Tokens of a batch of which a step of an LSTM has enough rows; and where texts are kept, of which few are read, so
that a second batch costs more than a second thread saves: 100 candidates are one."""


class TorchEngine:
    """Logits of padded batches by torch, on the GPU where there is one.

    model: a transformers classification model. It is shared, so that its weights can change between calls, and is moved
    to the device when logits are computed. dtype: None or "float32" (exact), "bfloat16", or "auto": bfloat16 where the
    processor has it and the model computes in it; see `usable_dtype`. A model whose weights are in a lower precision
    computes in that. In bfloat16 a family of `FAMILIES` is computed by a second copy of its weights, half the size of
    the first, see `cast_copy`; others under autocast.
    """

    name = "torch"

    def __init__(self, model: Any, dtype: str | None = None) -> None:
        self.device = default_device()
        own = own_dtype(model)
        self.dtype = usable_dtype(model, dtype, self.device) if own == "float32" else own
        self.casts = own == "float32" != self.dtype and model.config.model_type in FAMILIES
        self.model = model
        self._kept_texts = 0
        self._computing: tuple[Any, Any, Shortcuts] | None = None

    @property
    def identity(self) -> str:
        """All of the engine that can change a score's bits: library and version, device, dtype."""
        cast = " weights" if self.casts else ""
        return f"torch {torch.__version__} {self.device.type} {self.dtype}{cast}"

    @property
    def n_threads(self) -> int:
        """Torch's own number in the thread that asks; 0 where a GPU computes."""
        return torch.get_num_threads() if self.device.type == "cpu" else 0

    @property
    def least_tokens(self) -> int:
        """More for an LSTM, each of whose steps is a small product of its own."""
        if self._kept_texts:
            return KEPT_TOKENS
        return STEP_TOKENS if is_recurrent(self.model) else LEAST_TOKENS

    def keep_texts(self, most: int) -> bool:
        """Keep what is computed of at most so many texts, see `FoldedLSTM`; False where no text is computed alone."""
        can = self.device.type == "cpu" and self.dtype == "float32" and FoldedLSTM(self.model).can
        if can and most != self._kept_texts:
            self._kept_texts = most
            if self._computing is not None:
                _, (_, folded) = self._computing[1:]
                folded.keep_texts(most)
        return can

    @contextmanager
    def shared(self) -> Iterator[None]:
        """Prepare the model for threads that compute batches of it at once, inside the block."""
        model, _ = self._ready()
        with shared_by_threads(model, self.dtype):
            yield

    def logits(self, batch: Mapping[str, I64]) -> F32:
        """Compute logits float32 (B, n_logits) of a batch of int64 (B, length) arrays, in eval mode."""
        model, shortcuts = self._ready()
        inputs = {name: torch.from_numpy(values).to(self.device) for name, values in batch.items()}
        with evaluating(model), torch.inference_mode():
            short = (each.logits(inputs, self.dtype) for each in shortcuts)
            logits = next((each for each in short if each is not None), None)
            if logits is None:
                logits = forward(model, inputs, dtype=self.dtype).logits[OWN]
        return logits.cpu().numpy()

    def _ready(self) -> tuple[Any, Shortcuts]:
        """The model that computes, on the device, with the weights that the shared one has now, and its shortcuts."""
        if self.model.device.type != self.device.type:  # it is shared with what may have moved it
            self.model.to(self.device)
        state = state_of(self.model) if self.casts else None
        if self._computing is None or self._computing[0] != state:
            model = cast_copy(self.model, self.dtype) if self.casts else self.model
            self._computing = state, model, (SharedPrefix(model), FoldedLSTM(model, self._kept_texts))
        return self._computing[1:]

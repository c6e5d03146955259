"""ListTrainer: transformers' training loop over whole lists of candidates, for any losses of a batch."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader
from transformers import PrinterCallback, Trainer, TrainerCallback

from rankdistill.models import CrossEncoder
from rankdistill.models.engines.by_torch import float32_head
from rankdistill.progress import progress
from rankdistill.training.batches import Batch, TrainingLists


class ListTrainer(Trainer, ABC):
    """Trains a cross-encoder on batches of lists by the `losses` of a subclass, and logs every one of them alone.

    The order of the lists is the plan's, so that a resumed run reads what an uninterrupted one would have read.
    dtype: "float32" or "bfloat16", of the matrix products. options: further arguments of `transformers.Trainer`.
    """

    def __init__(
        self, cross_encoder: CrossEncoder, lists: TrainingLists, args: Any, dtype: str, description: str, **options: Any
    ) -> None:
        super().__init__(
            model=cross_encoder.model,
            args=args,
            train_dataset=lists,
            callbacks=[Bar(description)],
            **options,
        )
        self.remove_callback(PrinterCallback)
        self.cross_encoder = cross_encoder
        self.lists = lists
        self.dtype = dtype
        self._sums: dict[str, float] = defaultdict(float)
        self._batches = 0
        self.can_return_loss = True

    @abstractmethod
    def losses(self, model: Any, batch: Batch) -> tuple[Tensor, Mapping[str, Tensor]]:
        """The loss of a batch that `TrainingLists.collate` made, and each of its terms by name."""

    def precision(self, model: Any) -> Any:
        """What the model's forward pass runs in: its head in float32, all else in the chosen precision.

        Accelerate's autocast would wrap the model's forward for good, and scores would stay rounded after training.
        """
        model = getattr(model, "module", model)
        stack = ExitStack()
        stack.enter_context(float32_head(model))
        stack.enter_context(torch.autocast(self.args.device.type, torch.bfloat16, enabled=self.dtype == "bfloat16"))
        return stack

    def get_train_dataloader(self) -> DataLoader[Any]:
        """Whole batches in the plan's order, in every process; `collate` takes this one's share of each."""
        size = self.args.per_device_train_batch_size
        return DataLoader(self.lists, batch_size=size, collate_fn=self.lists.collate)

    def compute_loss(
        self, model: Any, inputs: dict[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """The loss of a batch, as transformers calls it."""
        total, values = self.losses(model, inputs)
        self._batches += 1
        for name, value in values.items():
            self._sums[name] += float(value.detach())
        return (total, {}) if return_outputs else total

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Add each term's mean since the last log to the losses logged."""
        if "loss" in logs and self._batches:
            logs = {**logs, **{name: value / self._batches for name, value in self._sums.items()}}
            self._sums.clear()
            self._batches = 0
        super().log(logs, start_time)


class Bar(TrainerCallback):
    """One progress bar over all updates."""

    def __init__(self, description: str) -> None:
        self.description = description

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self._context = progress(self.description, state.max_steps, unit="updates")
        self._advance = self._context.__enter__()
        self._advance(state.global_step)

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self._advance(1)

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self._context.__exit__(None, None, None)

"""ListTrainer: transformers' training loop over a source of batches, for any losses of a batch."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any

from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from transformers import PrinterCallback, Trainer, TrainerCallback

from rankdistill.models import CrossEncoder
from rankdistill.progress import progress
from rankdistill.training.batches import Batch, BatchSource


class ListTrainer(Trainer, ABC):
    """Trains a cross-encoder on a source's batches by the `losses` of a subclass, and logs every one of them alone.

    The order of the batches is the source's, so that a resumed run reads what an uninterrupted one reads. dtype:
    "float32" or "bfloat16", of the matrix products. options: further arguments of `transformers.Trainer`.
    """

    def __init__(
        self, cross_encoder: CrossEncoder, source: BatchSource, args: Any, dtype: str, description: str, **options: Any
    ) -> None:
        self.bar = Bar(description)
        self._use_cache = getattr(cross_encoder.model.config, "use_cache", None)  # transformers turns it off
        super().__init__(
            model=cross_encoder.model,
            args=args,
            train_dataset=_Batches(source),
            callbacks=[self.bar],
            **options,
        )
        self.remove_callback(PrinterCallback)
        self.cross_encoder = cross_encoder
        self.dtype = dtype
        self._sums: dict[str, float] = defaultdict(float)
        self._counts: dict[str, int] = defaultdict(int)
        self.can_return_loss = True

    @abstractmethod
    def losses(self, model: Any, batch: Batch) -> tuple[Tensor, Mapping[str, Tensor]]:
        """Compute the loss of a batch, and each of its terms by name.

        The forward pass is `rankdistill.models.outputs.forward`, in the trainer's dtype: Accelerate's autocast would
        wrap the model's own forward for good, and scores would stay rounded after training.
        """

    def train(self, *args: Any, **options: Any) -> Any:
        """Train as transformers does, and leave neither its bar nor a changed config behind, after an exception too."""
        try:
            return super().train(*args, **options)
        finally:
            self.bar.close()
            if self._use_cache is not None:
                self.cross_encoder.model.config.use_cache = self._use_cache

    def get_train_dataloader(self) -> DataLoader[Any]:
        """Whole batches in the source's order, in every process; the source takes this process's share of each."""
        return DataLoader(self.train_dataset, batch_size=1, collate_fn=_only)  # type: ignore[arg-type]

    def compute_loss(
        self, model: Any, inputs: dict[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """The loss of a batch, as transformers calls it."""
        total, values = self.losses(model, inputs)  # type: ignore[arg-type]
        for name, value in values.items():
            self._sums[name] += float(value.detach())
            self._counts[name] += 1
        return (total, {}) if return_outputs else total

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Add each term's mean since the last log to the losses logged."""
        if "loss" in logs and self._counts:
            logs = {**logs, **{name: value / self._counts[name] for name, value in self._sums.items()}}
            self._sums.clear()
            self._counts.clear()
        super().log(logs, start_time)


class _Batches(Dataset[Batch]):
    """A source of batches as torch's data loader takes it."""

    def __init__(self, source: BatchSource) -> None:
        self.source = source

    def __len__(self) -> int:
        return len(self.source)

    def __getitem__(self, index: int) -> Batch:
        return self.source[index]


def _only(batches: list[Batch]) -> Batch:
    [batch] = batches
    return batch


class Bar(TrainerCallback):
    """One progress bar over all updates."""

    def __init__(self, description: str) -> None:
        self.description = description
        self._open = ExitStack()

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self._advance = self._open.enter_context(progress(self.description, state.max_steps, unit="updates"))
        self._advance(state.global_step)

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self._advance(1)

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self.close()

    def close(self) -> None:
        """Remove the bar, if there is one."""
        self._open.close()

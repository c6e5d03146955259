"""ListTrainer: transformers' training loop over a source of batches, for any losses of a batch."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from transformers import PrinterCallback, Trainer, TrainerCallback

from rankdistill.errors import TrainingError
from rankdistill.models import CrossEncoder
from rankdistill.progress import progress
from rankdistill.training.batches import Batch, BatchSource
from rankdistill.training.checkpoints import drop_old, folder_of, saving, seal
from rankdistill.training.distributed import processes, wait_for_all
from rankdistill.training.means import LOSS, WHOLE, LossMeans
from rankdistill.training.optimizers import clip_gradients


class ListTrainer(Trainer, ABC):
    """Trains a cross-encoder on a source's batches by the `losses` of a subclass, and logs every one of them alone.

    The order of the batches is the source's, so that a resumed run reads what an uninterrupted one reads, and logs the
    same. Losses and weights that are not finite raise `TrainingError`, before they are saved or measured; a checkpoint
    that cannot be written raises `DataError`. dtype: "float32" or "bfloat16", of the matrix products. max_steps:
    batches at most; -1 for no limit. options: further arguments of `transformers.Trainer`.
    """

    def __init__(
        self,
        cross_encoder: CrossEncoder,
        source: BatchSource,
        args: Any,
        dtype: str,
        description: str,
        max_steps: int = -1,
        **options: Any,
    ) -> None:
        self.bar = Bar(description)
        self._use_cache = getattr(cross_encoder.model.config, "use_cache", None)  # transformers turns it off
        super().__init__(
            model=cross_encoder.model,
            args=args,
            train_dataset=_Batches(source, max_steps),
            callbacks=[_BestWeights(), self.bar],
            **options,
        )
        self.remove_callback(PrinterCallback)
        self.cross_encoder = cross_encoder
        self.dtype = dtype
        self._means = LossMeans()
        self.can_return_loss = True
        self.sparse_embeddings = False
        """Whether the gradient of word embeddings is that of the words read; see `use_optimizer`."""

    @abstractmethod
    def losses(self, model: Any, batch: Batch) -> tuple[Tensor, Mapping[str, Tensor]]:
        """Compute the loss of a batch, and each of its terms by name.

        The forward pass is `rankdistill.models.outputs.forward`, in the trainer's dtype: Accelerate's autocast would
        wrap the model's own forward for good, and scores would stay rounded after training.
        """

    def train(self, resume_from_checkpoint: Any = None, *args: Any, **options: Any) -> Any:
        """Train as transformers does, and leave neither its bar nor a changed config behind, after an exception too."""
        if resume_from_checkpoint:
            self._means.load(Path(resume_from_checkpoint))
        try:
            return super().train(resume_from_checkpoint, *args, **options)
        finally:
            self.bar.close()
            if self._use_cache is not None:
                self.cross_encoder.model.config.use_cache = self._use_cache

    def get_train_dataloader(self) -> DataLoader[Any]:
        """Whole batches in the source's order, in every process; the source takes this process's share of each."""
        return DataLoader(self.train_dataset, batch_size=1, collate_fn=_only)  # type: ignore[arg-type]

    def create_scheduler(self, num_training_steps: int, optimizer: Any = None) -> Any:
        """The schedule of the learning rate; a warm-up leaves an update to a polynomial, which divides by the rest."""
        if self.args.lr_scheduler_type == "polynomial" and self.args.get_warmup_steps(num_training_steps) >= (
            num_training_steps
        ):
            self.args.warmup_steps = num_training_steps - 1
        return super().create_scheduler(num_training_steps, optimizer)

    def compute_loss(
        self, model: Any, inputs: dict[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """The loss of a batch, as transformers calls it."""
        total, values = self.losses(model, inputs)  # type: ignore[arg-type]
        self._means.add(total, values, self.state.global_step + 1)
        return (total, {}) if return_outputs else total

    def _clip_grad_norm(self, model: Any) -> Any:
        """Clip gradients, as transformers calls it."""
        if self.sparse_embeddings:
            return clip_gradients(model.parameters(), self.args.max_grad_norm)
        return super()._clip_grad_norm(model)

    def _get_grad_norm(self, model: Any, grad_norm: Any = None) -> Any:
        """The norm of the gradients, as transformers calls it where it has not clipped them."""
        if self.sparse_embeddings and grad_norm is None:
            grad_norm = clip_gradients(model.parameters(), math.inf)
        return super()._get_grad_norm(model, grad_norm)

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Log the means of the losses by our own count, which checkpoints keep, and each term's beside the sum's."""
        if LOSS in logs:
            logs = {**logs, **self._means.since_last_log()}
        if WHOLE in logs:
            logs = {**logs, **self._means.whole()}
        super().log(logs, start_time)

    def check_weights(self) -> None:
        """Raise `TrainingError` where a weight is not finite, as after an update by gradients that are not."""
        for name, weight in self.cross_encoder.model.named_parameters():
            if not torch.isfinite(weight).all():
                raise TrainingError(
                    f"after update {self.state.global_step} the weights are not finite ({name}): no model is written. "
                    "Try a lower learning rate, more warm-up, or dtype float32"
                )

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        """Write all that a resumption needs and seal it; older checkpoints are removed only then."""
        self.check_weights()
        folder = folder_of(Path(str(self.args.output_dir)), self.state.global_step)
        with saving(f"the checkpoint {folder}", partial=folder):
            super()._save_checkpoint(model, trial)
            self._means.save(folder)
            wait_for_all()
            if processes()[0] == 0:
                seal(folder)
                drop_old(folder.parent)


class _Batches(Dataset[Batch]):
    """A source of batches, or the first ones, as torch's data loader takes it.

    The limit is here rather than in transformers' ``max_steps``, which begins the source anew where it is short, and
    makes one update too many when it resumes after the last.
    """

    def __init__(self, source: BatchSource, most: int) -> None:
        self.source, self.most = source, most

    def __len__(self) -> int:
        return len(self.source) if self.most < 0 else min(len(self.source), self.most)

    def __getitem__(self, index: int) -> Batch:
        return self.source[index]


def _only(batches: list[Batch]) -> Batch:
    [batch] = batches
    return batch


class _BestWeights(TrainerCallback):
    """Finds the best checkpoint of a resumed training where its folder is now, under whatever name it was written."""

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if state.best_global_step:
            state.best_model_checkpoint = str(folder_of(Path(args.output_dir), state.best_global_step))


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

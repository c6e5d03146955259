"""The loop under every training: arguments of transformers, checkpoints, resumption after a kill."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Any

from torch import nn
from transformers import TrainingArguments

from rankdistill.files.atomic import atomic_path
from rankdistill.files.facts import claim
from rankdistill.models import CrossEncoder
from rankdistill.models.attention import float32_attention
from rankdistill.models.base import quiet_loading
from rankdistill.models.companions import beside
from rankdistill.models.precision import default_device
from rankdistill.models.probe import usable_dtype
from rankdistill.progress import say
from rankdistill.tasks import Task
from rankdistill.training.distributed import join_processes, processes, shared, wait_for_all
from rankdistill.training.list_trainer import ListTrainer
from rankdistill.training.settings import TrainingSettings

KEPT_CHECKPOINTS = 2
CHECKPOINTS, MODEL, LOG = "checkpoints", "model", "log.json"
Companions = Mapping[str, Callable[[], nn.Module]]


def run_training(
    model: CrossEncoder,
    make_trainer: Callable[[TrainingArguments, str], ListTrainer],
    settings: TrainingSettings,
    *,
    companions: Companions | None = None,
    frozen: Callable[[Any], list[nn.Parameter]] | None = None,
    unread_weights: bool = False,
    dev: Task | None = None,
    out: str | Path | None = None,
    facts: Mapping[str, Any] | None = None,
) -> CrossEncoder:
    """Train a model in place and return it, in eval mode.

    make_trainer: makes the trainer of transformers' arguments and a dtype. companions: what makes the modules that are
    trained beside the model; they are gone when this returns or raises. frozen: the weights of the transformers model
    that no loss depends on. unread_weights: whether there are others, which several processes then look for. dev: the
    task that chooses the checkpoint. out: see `fit`. facts: what beside the settings makes the training what it is, as
    JSON can hold it.
    """
    join_processes()
    with tempfile.TemporaryDirectory() as scratch:
        checkpoints = Path(out) / CHECKPOINTS if out else Path(shared(scratch))
        if out:
            claim(checkpoints, "an unfinished training", {**(facts or {}), "settings": asdict(settings)})
        arguments = _arguments(settings, checkpoints, dev, out is not None)
        arguments.ddp_find_unused_parameters = unread_weights
        dtype = usable_dtype(model.model, settings.dtype, arguments.device, trains=True)
        arguments._n_gpu = min(arguments._n_gpu, 1)  # more than one GPU is left to torchrun
        with beside(model.model, companions or {}), _frozen(frozen(model.model) if frozen else []):
            trainer = make_trainer(arguments, dtype)
            with quiet_loading():
                last = _last_whole(checkpoints)
                if last:
                    say(f"resuming from {Path(last).name}")
                with float32_attention(trainer.model) if dtype == "bfloat16" else nullcontext():
                    trainer.train(resume_from_checkpoint=last)
        wait_for_all()  # some may still be reading the best checkpoint
    model.model.eval()
    if out and processes()[0] == 0:
        model.save(Path(out) / MODEL)
        with atomic_path(Path(out) / LOG) as path:
            path.write_text(json.dumps(trainer.state.log_history, indent=1))
        shutil.rmtree(checkpoints, ignore_errors=True)
    return model


@contextmanager
def _frozen(weights: list[nn.Parameter]) -> Iterator[None]:
    """Keep weights out of the training inside the block; DistributedDataParallel waits for a gradient of all others."""
    trained = [weight for weight in weights if weight.requires_grad]
    for weight in trained:
        weight.requires_grad_(False)
    try:
        yield
    finally:
        for weight in trained:
            weight.requires_grad_(True)


def _arguments(settings: TrainingSettings, folder: Path, dev: Task | None, save: bool) -> TrainingArguments:
    """The settings as transformers takes them; the epochs are in the plan of lists, so there is one here."""
    save_steps = settings.save_steps or settings.eval_steps
    every: dict[str, Any] = {"save_strategy": "no"}
    if save and save_steps:
        every = {"save_strategy": "steps", "save_steps": save_steps, "save_total_limit": KEPT_CHECKPOINTS}
    if dev and settings.eval_steps:
        every |= {"eval_strategy": "steps", "eval_steps": settings.eval_steps, "greater_is_better": True}
        every |= {"metric_for_best_model": f"eval_{dev.measures[0]}", "load_best_model_at_end": True}
        every |= {"save_strategy": "steps", "save_steps": settings.eval_steps, "save_total_limit": KEPT_CHECKPOINTS}
    return TrainingArguments(
        output_dir=str(folder),
        num_train_epochs=1,
        max_steps=settings.max_steps,
        per_device_train_batch_size=settings.lists_per_batch,
        learning_rate=settings.learning_rate,
        warmup_steps=settings.warmup_ratio,
        weight_decay=settings.weight_decay,
        adam_beta1=settings.adam_beta1,
        adam_beta2=settings.adam_beta2,
        max_grad_norm=settings.max_grad_norm,
        lr_scheduler_type=settings.lr_scheduler_type,
        use_cpu=default_device().type == "cpu",
        logging_steps=settings.logging_steps,
        seed=settings.seed,
        report_to=[],
        disable_tqdm=True,
        log_level="error",
        remove_unused_columns=False,
        dataloader_pin_memory=False,
        ddp_broadcast_buffers=False,  # they are constant, and processes run the model on different numbers of parts
        **every,
    )


def _last_whole(folder: Path) -> str | None:
    """The last checkpoint that was written to its end: its trainer state is written after all else."""
    whole = [path.parent for path in folder.glob("checkpoint-*/trainer_state.json")]
    return str(max(whole, key=lambda path: int(path.name.rpartition("-")[2]))) if whole else None

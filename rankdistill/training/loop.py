"""The loop under every training: arguments of transformers, checkpoints, resumption after a kill."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import gettempdir
from typing import Any

import torch
import transformers
from torch import nn
from transformers import TrainingArguments

from rankdistill import __version__
from rankdistill.errors import TrainingError, UsageError
from rankdistill.files.atomic import atomic_path, remove_leftovers, temporary_beside
from rankdistill.files.facts import claim
from rankdistill.files.lock import locked
from rankdistill.files.outputs import check_output_file, check_output_folder
from rankdistill.models import CrossEncoder
from rankdistill.models.attention import float32_attention
from rankdistill.models.base import quiet_loading
from rankdistill.models.card import Training, kept_card, write_card
from rankdistill.models.companions import beside
from rankdistill.models.dropout import fast_dropout
from rankdistill.models.precision import default_device, own_dtype
from rankdistill.models.probe import usable_dtype
from rankdistill.progress import say
from rankdistill.training.checkpoints import last_whole, remove_all, saving
from rankdistill.training.distributed import join_processes, processes, shared, wait_for_all
from rankdistill.training.finished import MODEL, RECORD, is_finished, read_weights, record
from rankdistill.training.kept import STEPS, KeepModels
from rankdistill.training.list_trainer import ListTrainer
from rankdistill.training.optimizers import use_optimizer
from rankdistill.training.settings import TrainingSettings

CHECKPOINTS, LOG = "checkpoints", "log.json"
OWN_NAMES = (CHECKPOINTS, STEPS, LOG, RECORD)
"""What the folder of a training holds beside models."""
Companions = Mapping[str, Callable[[], nn.Module]]


@dataclass(frozen=True)
class Measuring:
    """How often a trainer measures on dev tasks, and what for."""

    steps: int
    """Updates between two evaluations; 0 for none."""
    best_by: str = ""
    """The metric that chooses the checkpoint to keep; empty: the last weights are kept."""


def run_training(
    model: CrossEncoder,
    make_trainer: Callable[[TrainingArguments, str], ListTrainer],
    settings: TrainingSettings,
    *,
    companions: Companions | None = None,
    frozen: Callable[[Any], list[nn.Parameter]] | None = None,
    unread_weights: bool = False,
    measuring: Measuring | None = None,
    out: str | Path | None = None,
    facts: Mapping[str, Any] | None = None,
    save_beside: Callable[[Path], object] | None = None,
    keep_steps: Sequence[int] = (),
    cards: Mapping[str, Training] | None = None,
    models: Mapping[str, CrossEncoder] | None = None,
) -> CrossEncoder:
    """Train a model in place and return it, in eval mode.

    make_trainer: makes the trainer of transformers' arguments and a dtype. companions: what makes the modules that
    are trained beside the model; they are gone when this returns or raises. frozen: the weights of the transformers
    model that no loss depends on. unread_weights: whether there are others, which several processes then look for.
    measuring: how the trainer's ``evaluate`` is used. out: see `fit`. facts: what beside the settings makes the
    training what it is, as JSON can hold it; texts, weights and the like by their hashes. save_beside: writes into
    ``out`` what beside the model is left of the training. keep_steps: updates after which the model is kept, see
    `KeepModels`. models: folder in ``out`` -> what is written there at the end (None: the model, as ``model/``); all
    that is trained of them is in the model or beside it. cards: such a folder -> what the card of its model says of the
    training (None: no model gets a card). Raises `UsageError` for a training in float32 of weights that are not.
    """
    models = {MODEL: model} if models is None else models
    join_processes()
    dtype = usable_dtype(model.model, settings.dtype, default_device(), trains=True)
    if dtype == "float32" != (own := own_dtype(model.model)):
        raise UsageError(
            f"a training in float32 needs weights in float32, and the model's are in {own}: load it with "
            'dtype="float32", or train it in bfloat16'
        )
    facts = {**(facts or {}), "settings": asdict(settings), **_surroundings(dtype)}
    folder = Path(out) if out else None
    if folder and shared("finished" if processes()[0] == 0 and is_finished(folder, facts) else ""):
        for name, each in models.items():
            finished = _as_finished(each, folder / name)
            if cards is not None and processes()[0] == 0:
                write_card(folder / name, finished, cards[name])
        if processes()[0] == 0:
            shutil.rmtree(folder / CHECKPOINTS, ignore_errors=True)
        return model
    with ExitStack() as stack:
        checkpoints = folder / CHECKPOINTS if folder else Path(shared(str(stack.enter_context(_scratch()))))
        if folder and processes()[0] == 0:
            stack.enter_context(locked(checkpoints))
            if not (checkpoints / "facts.json").exists():  # a kill may have left some checkpoints of another training
                remove_all(checkpoints)
            claim(checkpoints, "an unfinished training", facts)
        arguments = _arguments(settings, checkpoints, measuring, folder is not None)
        arguments.ddp_find_unused_parameters = unread_weights
        arguments._n_gpu = min(arguments._n_gpu, 1)  # more than one GPU is left to torchrun
        with beside(model.model, companions or {}), _frozen(frozen(model.model) if frozen else []):
            trainer = make_trainer(arguments, dtype)
            use_optimizer(trainer, settings)
            if folder:
                trainer.add_callback(KeepModels(model, folder / STEPS, keep_steps))
            with quiet_loading(), float32_attention(trainer.model), fast_dropout(model.model):
                _train(trainer, checkpoints, resume=folder is not None)
        wait_for_all()  # some may still be reading the best checkpoint
        for each in models.values():
            each.model.eval()
        if folder and processes()[0] == 0:
            with saving(f"the results of the training into {folder}"):
                for name, each in models.items():
                    with kept_card(folder / name):
                        each.save(folder / name)
                if save_beside is not None:
                    save_beside(folder)
                with atomic_path(folder / LOG) as path:
                    path.write_text(
                        json.dumps(trainer.state.log_history, indent=1, sort_keys=True) + "\n"
                    )  # as in checkpoints
                record(folder, facts, models)
                if cards is not None:
                    for name, each in models.items():
                        write_card(folder / name, each, cards[name])
            shutil.rmtree(checkpoints, ignore_errors=True)
        wait_for_all()  # others may read what this one wrote
    return model


def check_outputs(out: str | Path | None, models: Collection[str] = (MODEL,)) -> None:
    """Raise, before any work, where the results of a training could not be written into a folder; None: there are none.

    models: folders of the models in it.
    Raises `UsageError` where a file is in the place of a folder, or the other way round, and for models of tasks whose
    names are taken, see `check_model_folders`; `DataError` where the folder is read-only or full.
    """
    if out is None:
        return
    check_model_folders(models)
    for name in ("", *models, CHECKPOINTS):
        check_output_folder(Path(out) / name)
    for name in (LOG, RECORD):
        check_output_file(Path(out) / name)


def check_model_folders(folders: Collection[str]) -> None:
    """Raise `UsageError` for a folder of a model, ``TASK/model``, that is inside what a training writes for itself."""
    for folder in folders:
        first = Path(folder).parts[0]
        if first.casefold() in OWN_NAMES:
            raise UsageError(
                f"a task cannot be called {first!r}, as a training writes something else under that name "
                f"({', '.join(OWN_NAMES)}): give the task another name, NAME=SOURCE"
            )


@contextmanager
def _scratch() -> Iterator[Path]:
    """Make a folder for the checkpoints of a training that writes nothing; those of killed ones are removed."""
    folder = temporary_beside(Path(gettempdir()) / "training")
    remove_leftovers(folder.parent)
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _train(trainer: ListTrainer, checkpoints: Path, resume: bool) -> None:
    """Train, from the last whole checkpoint where ``resume``; remove all of them where losses or weights diverge."""
    try:
        trainer.train(_resumed_from(checkpoints) if resume else None)
        trainer.check_weights()
    except TrainingError:  # a resumption would end in the same
        if processes()[0] == 0:
            remove_all(checkpoints)
            (checkpoints / "facts.json").unlink(missing_ok=True)
        raise


def _as_finished(model: CrossEncoder, folder: Path) -> CrossEncoder:
    """Return a model as a training ended, without training. folder: of the model."""
    say(f"{folder} was finished by an earlier call of the same: it is kept")
    read_weights(model, folder)
    model.model.to(default_device()).eval()
    return model


def _surroundings(dtype: str) -> dict[str, Any]:
    """What beside a training's inputs and settings decides the last bits of its weights."""
    versions = {"rankdistill": __version__, "torch": str(torch.__version__), "transformers": transformers.__version__}
    return {"dtype": dtype, "device": default_device().type, "processes": processes()[1], "versions": versions}


def _resumed_from(checkpoints: Path) -> str | None:
    """Choose the checkpoint to go on from, in the first process for all of them; None where there is none."""
    last = last_whole(checkpoints) if processes()[0] == 0 else None
    chosen = shared(str(last or ""))
    if chosen:
        say(f"resuming from {Path(chosen).name}")
    return chosen or None


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


def _arguments(settings: TrainingSettings, folder: Path, measuring: Measuring | None, save: bool) -> TrainingArguments:
    """The settings as transformers takes them; epochs and the limit of updates are in the source of batches."""
    save_steps = settings.save_steps or settings.eval_steps
    every: dict[str, Any] = {"save_strategy": "no"}
    if save and save_steps:
        every = {"save_strategy": "steps", "save_steps": save_steps}  # the trainer removes those that are too old
    if measuring and measuring.steps:
        every |= {"eval_strategy": "steps", "eval_steps": measuring.steps}
    if measuring and measuring.steps and measuring.best_by:
        every |= {"metric_for_best_model": f"eval_{measuring.best_by}", "greater_is_better": True}
        every |= {"load_best_model_at_end": True, "save_strategy": "steps", "save_steps": measuring.steps}
    return TrainingArguments(
        output_dir=str(folder),
        num_train_epochs=1,
        per_device_train_batch_size=settings.lists_per_batch,
        learning_rate=settings.learning_rate,
        warmup_steps=min(settings.warmup_ratio, math.nextafter(1, 0)),  # a share; from 1 on it would be a number
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

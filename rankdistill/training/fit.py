"""fit: train a cross-encoder on candidate lists, keep the best checkpoint by the dev set, resume after a kill."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Any

from transformers import TrainingArguments

from rankdistill.data.candidates import Candidates
from rankdistill.errors import UsageError
from rankdistill.files.atomic import atomic_path
from rankdistill.files.facts import claim
from rankdistill.inputs.texts import TextCollection
from rankdistill.models import CrossEncoder
from rankdistill.models.attention import float32_attention
from rankdistill.models.base import quiet_loading
from rankdistill.models.engines.by_torch import default_device, resolve_dtype
from rankdistill.progress import console
from rankdistill.tasks import Task
from rankdistill.training.batches import MAX_PARTS, TrainingLists
from rankdistill.training.distributed import join_processes, processes, shared, wait_for_all
from rankdistill.training.draw import plan_lists
from rankdistill.training.list_trainer import ListTrainer
from rankdistill.training.objective import Objective
from rankdistill.training.objective_trainer import RankingTrainer, remove_projections
from rankdistill.training.settings import TrainingSettings

KEPT_CHECKPOINTS = 2


def fit(
    model: CrossEncoder,
    candidates: Candidates,
    collection: TextCollection,
    objective: Objective | str,
    settings: TrainingSettings | None = None,
    *,
    dev: Task | None = None,
    out: str | Path | None = None,
    teacher: CrossEncoder | None = None,
) -> CrossEncoder:
    """Train ``model`` in place and return it, in eval mode.

    candidates: lists with the columns that the objective reads, NaN = missing. dev: evaluated every ``eval_steps``
    updates; the weights that were best by its first measure are kept at the end. out: folder for checkpoints and,
    at the end, ``model/`` and ``log.json`` (every logged value); the same call after a kill goes on from its last
    checkpoint and ends with the same weights, bit for bit on a CPU. Without it nothing is written. teacher: runs beside
    the student where a term of the objective learns from ``teacher``, and reads what the student reads. Raises
    `UsageError` where such a term has no teacher, or one that does not suit, and where ``out`` holds an unfinished
    training of another objective, model, teacher, lists or settings.
    """
    settings = settings or TrainingSettings()
    objective = Objective.parse(objective) if isinstance(objective, str) else objective
    objective.check_logits(model.model.config.num_labels)
    check_teacher(teacher, model, objective)
    labels = objective.label_columns
    plan = plan_lists(
        candidates,
        settings.list_size,
        settings.epochs,
        settings.seed,
        labels=labels[0] if labels else None,
        only_labelled=objective.only_labels,
    )
    if plan.n_left_out:
        console.print(
            f"{plan.n_left_out:,} of {candidates.n_queries:,} queries have no list to train on", highlight=False
        )
    max_parts = 1 if objective.needs_states else MAX_PARTS
    lists = TrainingLists(model, candidates, collection, plan, objective.columns, max_parts)

    def trainer(arguments: TrainingArguments, dtype: str) -> RankingTrainer:
        return RankingTrainer(model, lists, objective, dev, arguments, dtype, teacher)

    facts = {
        "objective": str(objective),
        "model": model.fingerprint(),
        "teacher": teacher and teacher.fingerprint(),
        "lists": lists.digest(),
    }
    return run(trainer, settings, dev, out, facts if out else {})


def check_teacher(teacher: CrossEncoder | None, student: CrossEncoder, objective: Objective) -> None:
    """Raise `UsageError` unless the objective's teacher is there and reads the same tokens, with logits enough."""
    if not objective.needs_teacher:
        return
    if teacher is None:
        raise UsageError(
            f"the objective {objective} learns from a teacher that runs beside the student: give one model"
        )
    objective.check_logits(teacher.model.config.num_labels, "the teacher")
    if teacher.tokenizer.get_vocab() != student.tokenizer.get_vocab():
        raise UsageError(
            "the teacher and the student do not share a vocabulary, so they cannot read the same batches: use the "
            "teacher's scores instead (score it, or name it among the ensemble's teachers)"
        )


def run(
    make_trainer: Callable[[TrainingArguments, str], ListTrainer],
    settings: TrainingSettings,
    dev: Task | None = None,
    out: str | Path | None = None,
    facts: Mapping[str, Any] | None = None,
) -> CrossEncoder:
    """Run a trainer, made of transformers' arguments and a dtype, to its end; see `fit` for what is in ``out``.

    facts: what beside the settings makes the training what it is, as JSON can hold it.
    """
    join_processes()
    with tempfile.TemporaryDirectory() as scratch:
        checkpoints = Path(out) / "checkpoints" if out else Path(shared(scratch))
        if out:
            claim(checkpoints, "an unfinished training", {**(facts or {}), "settings": asdict(settings)})
        arguments = _arguments(settings, checkpoints, dev, out is not None)
        dtype = resolve_dtype(settings.dtype, arguments.device)
        arguments.device  # noqa: B018 - found now, so that more than one GPU can be left to torchrun
        arguments._n_gpu = min(arguments._n_gpu, 1)
        trainer = make_trainer(arguments, dtype)
        with quiet_loading():
            last = _last_whole(checkpoints)
            if last:
                console.print(f"going on from {Path(last).name}", highlight=False)
            with float32_attention(trainer.model) if dtype == "bfloat16" else nullcontext():
                trainer.train(resume_from_checkpoint=last)
        wait_for_all()  # some may still be reading the best checkpoint
    model = trainer.cross_encoder
    model.model.eval()
    remove_projections(model.model)
    if out and processes()[0] == 0:
        model.save(Path(out) / "model")
        with atomic_path(Path(out) / "log.json") as path:
            path.write_text(json.dumps(trainer.state.log_history, indent=1))
        shutil.rmtree(checkpoints, ignore_errors=True)
    return model


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
        ddp_find_unused_parameters=False,
        ddp_broadcast_buffers=False,  # they are constant, and processes run the model on different numbers of parts
        **every,
    )


def _last_whole(folder: Path) -> str | None:
    """The last checkpoint that was written to its end: its trainer state is written after all else."""
    whole = [path.parent for path in folder.glob("checkpoint-*/trainer_state.json")]
    return str(max(whole, key=lambda path: int(path.name.rpartition("-")[2]))) if whole else None

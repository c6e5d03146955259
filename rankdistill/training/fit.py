"""fit: train a cross-encoder on candidate lists, keep the best checkpoint by the dev task, resume after a kill."""

from __future__ import annotations

from pathlib import Path

from transformers import TrainingArguments

from rankdistill.data.candidates import Candidates
from rankdistill.errors import UsageError
from rankdistill.inputs.texts import TextCollection
from rankdistill.models import CrossEncoder
from rankdistill.models.weights import weights_beyond
from rankdistill.progress import say
from rankdistill.tasks import Task
from rankdistill.training.batches import MAX_PARTS
from rankdistill.training.draw import plan_lists
from rankdistill.training.list_source import ListSource
from rankdistill.training.loop import run_training
from rankdistill.training.objective import Objective
from rankdistill.training.objective_trainer import ObjectiveTrainer
from rankdistill.training.settings import TrainingSettings

TASK = ""
"""Name of the task in the batches of a training on one task."""


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
    at the end, ``model/`` and ``log.json`` (every logged value); the same call after a kill resumes from its last
    checkpoint and ends with the same weights, bit for bit on a CPU. Without it nothing is written. teacher: runs beside
    the student where a term of the objective learns from ``teacher``, and reads what the student reads.
    Raises `UsageError` where such a term has no teacher, or one that does not suit, and where ``out`` holds an
    unfinished training of another objective, model, teacher, lists or settings; `DataError` where a term cannot be
    computed for the family of the model or of the teacher.
    """
    settings = settings or TrainingSettings()
    objective = Objective.parse(objective) if isinstance(objective, str) else objective
    objective.check_logits(model.model.config.num_labels)
    check_teacher(teacher, model, objective)
    objective.check_families(model.model, *([teacher.model] if teacher and objective.needs_teacher else []))
    labels = objective.label_columns
    plan = plan_lists(
        candidates,
        settings.list_size,
        settings.epochs,
        settings.seed,
        labels=labels[0] if labels else None,
        only_labelled=objective.only_labels,
        relevant_share=settings.relevant_share,
    )
    if plan.n_left_out:
        say(f"{plan.n_left_out:,} of {candidates.n_queries:,} queries have no list to train on")
    source = ListSource(
        model,
        candidates,
        collection,
        plan,
        objective.columns,
        settings.lists_per_batch,
        max_parts=1 if objective.compares_insides else MAX_PARTS,
        task=TASK,
    )

    def trainer(arguments: TrainingArguments, dtype: str) -> ObjectiveTrainer:
        return ObjectiveTrainer(model, source, {TASK: objective}, dev, arguments, dtype, teacher)

    facts = {
        "objective": str(objective),
        "model": model.fingerprint(),
        "teacher": teacher and teacher.fingerprint(),
        "lists": source.digest(),
    }
    return run_training(
        model,
        trainer,
        settings,
        companions=objective.companions(model.model, teacher and teacher.model),
        frozen=None if objective.trains_own_head else lambda network: weights_beyond(network, -1),
        dev=dev,
        out=out,
        facts=facts if out else {},
    )


def check_teacher(teacher: CrossEncoder | None, student: CrossEncoder, objective: Objective) -> None:
    """Raise `UsageError` unless the objective's teacher is there and reads the same tokens, with logits enough."""
    if not objective.needs_teacher:
        return
    if teacher is None:
        raise UsageError(
            f"the objective {objective} learns from a teacher that runs beside the student: give one model"
        )
    objective.check_logits(teacher.model.config.num_labels, of_teacher=True)
    if teacher.tokenizer.get_vocab() != student.tokenizer.get_vocab():
        raise UsageError(
            "the teacher and the student do not share a vocabulary, so they cannot read the same batches: use the "
            "teacher's scores instead (score it, or name it among the ensemble's teachers)"
        )

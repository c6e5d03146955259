"""fit: train a cross-encoder on candidate lists, keep the best checkpoint by the dev task, resume after a kill."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from transformers import TrainingArguments

from rankdistill.data.candidates import Candidates
from rankdistill.errors import UsageError
from rankdistill.inputs.masking import SHARE, TokenMasker
from rankdistill.inputs.texts import PairTexts, TextCollection
from rankdistill.models import CrossEncoder
from rankdistill.models.card import Training
from rankdistill.models.masked_lm import MASKED_LM, MaskedLMHead, save_masked_lm_head
from rankdistill.models.untrained import mark_head
from rankdistill.progress import say
from rankdistill.tasks import Task
from rankdistill.training.draw import ListPlan, drawn_by, plan_lists, relevance_column
from rankdistill.training.finished import MODEL
from rankdistill.training.frozen import unlearned
from rankdistill.training.list_source import ListSource
from rankdistill.training.loop import Measuring, check_outputs, run_training
from rankdistill.training.masked import Masked
from rankdistill.training.objective import TEACHER, Objective
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
    facts: Mapping[str, Any] | None = None,
    masked_lm: MaskedLMHead | None = None,
    only_companions: bool = False,
    keep_steps: Sequence[int] = (),
    card: Training | None = None,
) -> CrossEncoder:
    """Train ``model`` in place and return it, in eval mode.

    candidates: lists with the columns that the objective reads, NaN = missing. dev: evaluated every ``eval_steps``
    updates; the weights that were best by its first measure are kept at the end. out: folder for checkpoints and,
    at the end, ``model/``, ``log.json`` (every logged value) and ``training.json`` (what the training was made of); the
    same call after a kill resumes from its last undamaged checkpoint and ends with the same weights, bit for bit on a
    CPU, and the same log but for its times; after the end it returns the model that is there. Without it nothing is
    written. teacher: runs beside the student where a term of the objective learns from ``teacher``, and reads what the
    student reads. masked_lm: the head that a term ``mlm()`` trains beside the student; it is changed in place, and
    written beside the model. only_companions: train what is beside the model alone, and leave the model as it is.
    keep_steps: updates after which the model is kept, as ``steps/UPDATES/`` in ``out``.
    card: what is known of the teachers, for the model's card, ``model/README.md``.
    facts: what the columns were made of, as JSON can hold it, for the error that names what
    differs; an unfinished training belongs to all that shapes it, whether it is named here or not.
    Raises `UsageError` where such a term has no teacher, or one that does not suit, where ``out`` holds an unfinished
    training of another objective, model, teacher, lists, dev task or settings, and where another process trains into
    it, and for a training in float32 of weights that are not; `DataError` where a term cannot be computed for the
    family of the model or of the teacher, and where a checkpoint cannot be written; `TrainingError` where a loss or
    weight is not finite; `MissingExtraError` where a measure of ``dev`` needs a package that is not installed.
    """
    check_outputs(out)
    settings = settings or TrainingSettings()
    objective = Objective.parse(objective) if isinstance(objective, str) else objective
    if dev is not None:
        check_measured(objective, settings)
        dev.check_installed()
    check_objective(objective, model, teacher, candidates.columns)
    note_head(model, objective)
    for line in objective.told(model.model, teacher and teacher.model):
        say(line)
    if objective.masking is not None and masked_lm is None:
        raise UsageError(f"the objective {objective} trains a masked language model: give its head, masked_lm")
    if keep_steps and not out:
        raise UsageError("models after chosen updates are kept in a folder: give out")
    plan = planned(candidates, objective, settings)
    say_left_out(plan, candidates, objective)
    source = ListSource(
        model,
        candidates,
        collection,
        plan,
        objective.read_columns(candidates.columns),
        settings.lists_per_batch,
        max_parts=1 if objective.sees_all_at_once else None,
        task=TASK,
        teacher=teacher if objective.needs_teacher else None,
    )

    masking = objective.masking
    read: ListSource | Masked = source
    if masking is not None:
        share = masking.settings.get("share", SHARE)
        read = Masked(source, TokenMasker(model.tokenizer, share), settings.seed)

    def trainer(arguments: TrainingArguments, dtype: str) -> ObjectiveTrainer:
        devs = {TASK: dev} if dev else {}
        return ObjectiveTrainer(
            model, read, {TASK: objective}, devs, arguments, dtype, teacher, max_steps=settings.max_steps
        )

    claimed: dict[str, Any] = dict(facts or {})
    if out:
        claimed |= {
            "objective": str(objective),
            "model": model.fingerprint(),
            "teacher": teacher and teacher.fingerprint(),
            "lists": read.facts(),
            "dev": dev_facts(dev) if dev else None,
            **({"kept steps": list(keep_steps)} if keep_steps else {}),
            **({"masked language model": masked_lm.fingerprint()} if masked_lm and masking else {}),
        }
    companions = objective.companions(model.model, teacher and teacher.model, candidates.columns)
    if masked_lm is not None and masking is not None:
        companions[MASKED_LM] = lambda: masked_lm
    return run_training(
        model,
        trainer,
        settings,
        companions=companions,
        save_beside=(lambda folder: save_masked_lm_head(masked_lm, folder)) if masked_lm and masking else None,
        unread_weights=not (objective.trains_own_head or objective.heads or masking),
        frozen=lambda network: unlearned(
            network, objective, teacher and teacher.model, only_companions=only_companions
        ),
        measuring=Measuring(settings.eval_steps, dev.measures[0]) if dev else None,
        out=out,
        facts=claimed,
        keep_steps=keep_steps,
        cards={
            MODEL: replace(
                card or Training(),
                objective=str(objective),
                data=f"{getattr(collection, 'name', '') or 'a collection'}, {candidates.n_queries:,} queries, "
                f"{len(candidates):,} candidates",
                settings=told(settings),
            )
        },
    )


def note_head(model: CrossEncoder, objective: Objective) -> None:
    """Note in a model's config whether its own head will be trained once an objective has been learned.

    One that the objective leaves alone is as it was: trained before, or drawn (`CrossEncoder`'s ``untrained``). A loss
    of relations alone trains no last layer for it to read.
    """
    if objective.trains_own_head:
        model.untrained = frozenset()
    if objective.trains_own_head or model.untrained or objective.reads_relations_alone:
        mark_head(model.model.config, objective.reads_relations_alone or model.untrained)


def planned(
    candidates: Candidates, objective: Objective, settings: TrainingSettings, epochs: int | None = None
) -> ListPlan:
    """Draw the lists of a training on an objective.

    epochs: passes over the queries (None: those of the settings). Raises what `plan_lists` raises.
    """
    labels = objective.label_columns
    return plan_lists(
        candidates,
        settings.list_size,
        epochs or settings.epochs,
        settings.seed,
        labels=relevance_column(labels, candidates.columns, settings),
        learned=labels if objective.only_labels else (),
        relevant_share=settings.relevant_share,
        compared=objective.compares,
        draw=settings.draw,
        by=drawn_by(settings, fitted_columns(objective), candidates.columns),
        most=settings.most_lists,
    )


def say_left_out(plan: ListPlan, candidates: Candidates, objective: Objective) -> None:
    """Say how many queries teach an objective nothing, and why."""
    if plan.n_left_out:
        needs = {(True, True): "candidates of different labels", (True, False): "two candidates"}
        why = needs.get((objective.compares, objective.only_labels), "a candidate with a label")
        say(f"left out {plan.n_left_out:,} of {candidates.n_queries:,} queries, which do not have {why}")


def told(settings: TrainingSettings) -> dict[str, Any]:
    """The settings that a card names: those that differ from the defaults, and the learning rate, epochs and seed."""
    default = asdict(TrainingSettings())
    named = {"learning_rate", "epochs", "seed"}
    return {name: value for name, value in asdict(settings).items() if name in named or value != default[name]}


def dev_facts(dev: Task) -> dict[str, str]:
    """What decides which checkpoint a dev task chooses."""
    texts = PairTexts(dev.candidates, dev.collection)
    return {"candidates, judgments and measures": dev.digest(), "texts": texts.digest()}


def fitted_columns(objective: Objective) -> list[str]:
    """Columns of a teacher's or an ensemble's scores that an objective fits."""
    return [term.targets for term in objective.terms if term.targets and term.targets != TEACHER]


def check_measured(objective: Objective, settings: TrainingSettings, *, new_head: bool = False) -> None:
    """Raise `UsageError` where ``eval_steps`` would choose weights by what an untrained head says.

    new_head: whether the student's head is drawn at random. One that an objective leaves alone may have been trained
    before, unless the objective trains no last layer for it to read.
    """
    if settings.eval_steps and (objective.reads_relations_alone or (new_head and not objective.trains_own_head)):
        raise UsageError(
            f"the objective {objective} does not train the student's head, so that measures on dev queries say nothing "
            f"of the weights, and eval_steps={settings.eval_steps} would choose some by chance: leave --eval-steps out "
            "(0), and choose weights in the training that comes after"
        )


def check_objective(
    objective: Objective, student: CrossEncoder, teacher: CrossEncoder | None, columns: Iterable[str]
) -> None:
    """Raise, before any work, where columns, teacher or models do not suit an objective.

    teacher: the model beside the student. columns: those that the candidates have, or will have. Raises
    `UnknownNameError` for a column, `UsageError` for a missing teacher, another vocabulary, or logits, heads and layers
    that do not fit, `DataError` for a model family that a term cannot be computed for.
    """
    objective.check_columns(columns)
    if objective.needs_teacher and teacher is None:
        raise UsageError(
            f"the objective {objective} learns from a teacher that runs beside the student: give one model"
        )
    beside = teacher if objective.needs_teacher else None
    for model in (student, beside):
        if model is not None and model.contract.relevant != 1:
            raise UsageError(
                "objectives take the second of two logits as the relevant one, and this model's is the first: give "
                "rankdistill.models.relevant_second(model)"
            )
    if beside is not None and beside.prompt != student.prompt:
        raise UsageError(
            f"the teacher reads queries after the prompt {beside.prompt!r}, the student after {student.prompt!r}, so "
            f"they cannot read the same batches: {_instead(objective)}"
        )
    if beside is not None and beside.asked != student.asked:
        raise UsageError(
            "the teacher and the student do not read the same prompt, so they cannot read the same batches: "
            f"{_instead(objective)}"
        )
    if beside is not None and beside.tokenizer.get_vocab() != student.tokenizer.get_vocab():
        raise UsageError(
            "the teacher and the student do not share a vocabulary, so they cannot read the same batches: "
            f"{_instead(objective)}"
        )
    objective.check_models(student.model, beside and beside.model)


def _instead(objective: Objective) -> str:
    """What to do where a teacher beside the student cannot read what the student reads: no score holds insides."""
    if objective.compares_insides:
        return (
            "take a student with the teacher's tokens and prompt, --student transformer:LxH (--student-network plain), "
            "or layers of the teacher, --student TEACHER --layers"
        )
    return "use the teacher's scores instead (score it, or name it among the ensemble's teachers)"

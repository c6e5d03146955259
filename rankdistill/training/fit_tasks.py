"""fit_tasks: train the models of several tasks that share one encoder, on all of them together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from transformers import TrainingArguments

from rankdistill.data.candidates import Candidates
from rankdistill.errors import UsageError
from rankdistill.inputs.texts import TextCollection
from rankdistill.models import CrossEncoder
from rankdistill.models.card import Training
from rankdistill.models.shared_encoder import heads_beside, share_encoder
from rankdistill.progress import say
from rankdistill.tasks import Task
from rankdistill.training.fit import check_objective, dev_facts, note_head, planned, say_left_out, told
from rankdistill.training.list_source import ListSource
from rankdistill.training.loop import Measuring, check_outputs, run_training
from rankdistill.training.mixed import Mixed, sampled_batches
from rankdistill.training.objective import Objective
from rankdistill.training.objective_trainer import MEAN, ObjectiveTrainer
from rankdistill.training.settings import TrainingSettings


@dataclass(frozen=True, eq=False)
class Part:
    """One task of a training on several: its model, and what that learns."""

    model: CrossEncoder
    candidates: Candidates
    """With the columns that the objective reads, NaN = missing."""
    collection: TextCollection
    objective: Objective
    dev: Task | None = None
    """What the task is measured on while the model trains."""
    folder: str = ""
    """Of the model, in that of the training. Empty: TASK/model."""
    teachers: tuple[str, ...] = ()
    """Whom the model learns from, as its card names them."""


def fit_tasks(
    parts: Mapping[str, Part],
    settings: TrainingSettings | None = None,
    *,
    sampling: str = "proportional",
    measurements: int = 0,
    out: str | Path | None = None,
    facts: Mapping[str, Any] | None = None,
) -> None:
    """Train the models of all parts in place; they share the first one's encoder from here on, see `share_encoder`.

    parts: task -> part. Every batch is of one task and is learned by its objective; tasks and batches are shuffled in
    every epoch. settings: ``lists_per_batch`` counts pairs here: of longer lists as many are in a batch as hold no
    more, at least one. With ``eval_steps`` all tasks are measured every so many updates, and the weights are kept that
    were best by the mean of their first measures. sampling: see `sampled_batches`. measurements: how often all tasks
    are measured, where ``eval_steps`` is 0, for the log alone. out: as `fit` has it, with a folder for each model, and
    every task's terms and measures in ``log.json``; a killed call resumes. Raises as `fit` does.
    """
    if not parts:
        raise UsageError("no tasks to train on, expected at least one")
    settings = settings or TrainingSettings()
    models = {part.folder or f"{name}/model": part.model for name, part in parts.items()}
    check_outputs(out, models)
    for part in parts.values():
        check_objective(part.objective, part.model, None, part.candidates.columns)
    for part in parts.values():
        note_head(part.model, part.objective)
    share_encoder({name: part.model for name, part in parts.items()})
    [first, *_] = (part.model for part in parts.values())
    read = _mixed(parts, settings, sampling)
    devs = {name: part.dev for name, part in parts.items() if part.dev is not None}
    for dev in devs.values():
        dev.check_installed()
    objectives = {name: part.objective for name, part in parts.items()}

    def trainer(arguments: TrainingArguments, dtype: str) -> ObjectiveTrainer:
        students = {name: part.model for name, part in parts.items()}
        return ObjectiveTrainer(
            first, read, objectives, devs, arguments, dtype, max_steps=settings.max_steps, students=students
        )

    claimed: dict[str, Any] = dict(facts or {})
    if out:
        claimed |= {"tasks": {name: _facts(part, read.sources[name]) for name, part in parts.items()}}
        claimed |= {"order of the tasks": read.digest()}
    n_candidates = sum(len(part.candidates) for part in parts.values())
    training = Training(
        objective="; ".join(f"{name}: {objective}" for name, objective in objectives.items()),
        data=f"{', '.join(parts)}, {n_candidates:,} candidates",
        settings=told(settings),
    )
    run_training(
        first,
        trainer,
        settings,
        companions={
            name: lambda module=module: module  # type: ignore[misc]
            for name, module in heads_beside({name: part.model for name, part in parts.items()}).items()
        },
        unread_weights=len(parts) > 1,
        measuring=_measuring(settings, measurements, len(read)) if devs else None,
        out=out,
        facts=claimed,
        cards={
            folder: replace(training, teachers=part.teachers)
            for folder, part in zip(models, parts.values(), strict=True)
        },
        models=models,
    )


def _mixed(parts: Mapping[str, Part], settings: TrainingSettings, sampling: str) -> Mixed:
    """All tasks' batches in the order in which they are read."""
    of_part = {name: _in_pairs(part.candidates, settings) for name, part in parts.items()}
    passes = dict.fromkeys(parts, settings.epochs)
    sizes: dict[str, int] | None = None
    if sampling != "proportional":
        pairs, batches = {}, {}
        for name, part in parts.items():
            once = planned(part.candidates, part.objective, replace(of_part[name], max_steps=-1), 1)
            pairs[name] = int((once.rows >= 0).sum())
            batches[name] = -(-len(once) // of_part[name].lists_per_batch)
        in_epoch = sampled_batches(pairs, batches, sampling)
        sizes = {name: n * settings.epochs for name, n in in_epoch.items()}
        passes = {name: -(-n // batches[name]) + 1 for name, n in sizes.items()}  # a last batch may be short
    sources: dict[str, ListSource] = {}
    whole: dict[str, int] = {}
    for name, part in parts.items():
        plan = planned(part.candidates, part.objective, of_part[name], passes[name])
        say_left_out(plan, part.candidates, part.objective)
        columns = part.objective.read_columns(part.candidates.columns)
        per_batch = of_part[name].lists_per_batch
        whole[name] = -(-plan.n_whole // per_batch)
        sources[name] = ListSource(part.model, part.candidates, part.collection, plan, columns, per_batch, task=name)
    sizes = sizes or whole
    if len(parts) > 1:
        total = sum(sizes.values())
        say("batches: " + ", ".join(f"{name} {size:,} ({size / total:.0%})" for name, size in sizes.items()))
    return Mixed(sources, settings.seed, epochs=settings.epochs, sizes=sizes)


def _in_pairs(candidates: Candidates, settings: TrainingSettings) -> TrainingSettings:
    """The settings with as many lists in a batch as hold no more pairs than the settings have lists, at least one.

    Of lists of one candidate nothing is drawn by scores, whatever is of others.
    """
    longest = int(np.diff(candidates.offsets).max(initial=1))
    if longest < 2:
        return replace(settings, draw="random", draw_by="")
    size = longest if settings.draw == "whole" else min(longest, settings.list_size)
    return replace(settings, lists_per_batch=max(1, settings.lists_per_batch // size))


def _measuring(settings: TrainingSettings, measurements: int, n_batches: int) -> Measuring:
    """How often the tasks are measured: as the settings say, to choose weights, or so many times for the log."""
    if settings.eval_steps:
        return Measuring(settings.eval_steps, MEAN)
    n_updates = n_batches if settings.max_steps < 0 else min(n_batches, settings.max_steps)
    return Measuring(max(1, n_updates // measurements) if measurements else 0)


def _facts(part: Part, source: Any) -> dict[str, Any]:
    """What a part's training is made of."""
    return {
        "objective": str(part.objective),
        "model": part.model.fingerprint(),
        "lists": source.facts(),
        "dev": dev_facts(part.dev) if part.dev else None,
    }

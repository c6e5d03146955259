"""Knowledge rekindle: expert, guided pre-training, a new expert; and whether the new one is better."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from rankdistill.arrays import F32
from rankdistill.data import Collection
from rankdistill.errors import DataError
from rankdistill.evaluation.pair_significance import interval, resampled
from rankdistill.files.atomic import atomic_path
from rankdistill.models import CrossEncoder
from rankdistill.models.expert import Expert
from rankdistill.progress import say
from rankdistill.recipes.finetune import finetune_on
from rankdistill.recipes.guided import GuidedSettings, guide, like
from rankdistill.recipes.measure import measure_model
from rankdistill.recipes.start import StartSettings, start_model
from rankdistill.scoring.settings import ScoringSettings
from rankdistill.tasks import Task
from rankdistill.tasks.leaderboard import predictions
from rankdistill.training import TrainingSettings
from rankdistill.training.distributed import join_processes, processes, wait_for_all

RESULT = "rekindle.json"
EXPERT, REKINDLED = "expert", "rekindled"


def rekindle(
    task: Task,
    pairs: Collection,
    base: str | Path,
    experts: Mapping[str, CrossEncoder | Expert] | None = None,
    *,
    out: str | Path,
    start: StartSettings | None = None,
    training: TrainingSettings | None = None,
    guided: GuidedSettings | None = None,
    scoring: ScoringSettings | None = None,
    seeds: int = 1,
) -> dict[str, Any]:
    """Run the whole cycle for a task, and return what `RESULT` in ``out`` says.

    The base is fine-tuned on the task to the expert; the expert, or the ``experts`` given, score the pairs; the base is
    trained on their scores and the pairs' language; and the guided model is fine-tuned on the task by the expert's own
    settings, ``training``. With ``seeds`` both fine-tunings are repeated by as many seeds. Each step is kept in a
    folder of ``out`` and is not repeated by the next call.

    The result: the task's first measure of the ``expert`` and of the ``rekindled`` model, means over the seeds, their
    ``difference``, and its ``interval``, from the 2.5th to the 97.5th percentile of resampled pairs and seeds.
    Raises `DataError` where the task has no labelled pairs to measure on.
    Source: UEGP §3.1 and Figure 1 (docs/papers.md).
    """
    join_processes()
    out, training = Path(out), training or TrainingSettings()
    start, guided = start or StartSettings(), guided or GuidedSettings()
    if not task.held_out.n_queries:
        raise DataError(f"{task.name} has no pairs to measure on in its split: name one with labels by --test-split")
    scoring = scoring or ScoringSettings()
    if scoring.store is None:
        scoring = replace(scoring, store=out / "scores")
    runs = [replace(training, seed=training.seed + number) for number in range(seeds)]

    def expert_of(settings: TrainingSettings) -> CrossEncoder:
        return start_model(task.collection, base, start, seed=settings.seed)

    own = [_trained(task, expert_of(settings), settings, out / f"{EXPERT}{settings.seed}") for settings in runs]
    taught: Mapping[str, CrossEncoder | Expert] = experts or {EXPERT: own[0]}
    guide(base, taught, pairs, guided, training, scoring=scoring, out=out)

    def guided_of(settings: TrainingSettings) -> CrossEncoder:
        return like(own[0], out / "guided" / "model", seed=settings.seed)

    for settings in runs:
        _trained(task, guided_of(settings), settings, out / f"{REKINDLED}{settings.seed}")
    result = compared(task.held_out, out, [settings.seed for settings in runs])
    result |= {"experts": list(taught), "pairs": len(pairs.candidates) if pairs.candidates is not None else 0}
    if processes()[0] == 0:
        with atomic_path(out / RESULT) as path:
            path.write_text(json.dumps(result, indent=1) + "\n")
    return result


def _trained(task: Task, model: CrossEncoder, settings: TrainingSettings, out: Path) -> CrossEncoder:
    """Fine-tune on the task's part to train on, and measure on the held-out one; the model as it was written."""
    dev = task.dev if settings.eval_steps else None
    finetune_on(task.training, model, settings, dev=dev, out=out)
    trained = CrossEncoder.from_pretrained(out / "model")
    if processes()[0] == 0:
        metrics = measure_model(trained, task.held_out, out)
        say(f"{out.name}: " + ", ".join(f"{name} {metrics[name]:.4f}" for name in task.measures))
    wait_for_all()  # others read the run that this one wrote
    return trained


def compared(held_out: Task, out: Path, seeds: list[int]) -> dict[str, Any]:
    """Compare the runs of both models: means, difference and interval of the task's first measure."""
    measure = held_out.measures[0]
    labels = held_out.labelled()[0]["label"]
    known = np.flatnonzero(~np.isnan(labels))
    scores = {
        name: np.stack([predictions(held_out, out / f"{name}{seed}" / "run.trec.gz") for seed in seeds])
        for name in (EXPERT, REKINDLED)
    }
    values = {name: [_value(held_out, runs, measure) for runs in each] for name, each in scores.items()}
    expert, rekindled = (scores[name][:, known].astype(np.float64) for name in (EXPERT, REKINDLED))
    low, high = interval(resampled(expert, rekindled, labels[known].astype(np.float64), measure))
    return {
        "task": held_out.name,
        "measure": measure,
        EXPERT: float(np.mean(values[EXPERT])),
        REKINDLED: float(np.mean(values[REKINDLED])),
        "difference": float(np.mean(values[REKINDLED]) - np.mean(values[EXPERT])),
        "interval": [low, high],
        "values": values,
        "seeds": seeds,
        "examples": len(known),
    }


def _value(held_out: Task, scores: F32, measure: str) -> float:
    return held_out.evaluation(scores).values[measure]

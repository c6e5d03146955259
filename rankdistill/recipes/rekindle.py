"""Knowledge rekindle: expert, guided pre-training, a new expert; and whether the new one is better."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from rankdistill.data import Collection
from rankdistill.files.atomic import atomic_path
from rankdistill.files.finite_json import finite
from rankdistill.models import CrossEncoder, ScoreContract
from rankdistill.models.expert import Expert
from rankdistill.progress import say
from rankdistill.recipes.finetune import finetune_on, own_settings
from rankdistill.recipes.guided import check_guiding, check_language, guide, like
from rankdistill.recipes.guided_settings import GuidedSettings
from rankdistill.recipes.measure import measure_model
from rankdistill.recipes.start import StartSettings, start_model
from rankdistill.scoring.among import refuse_asking
from rankdistill.scoring.settings import ScoringSettings
from rankdistill.tasks import Task
from rankdistill.tasks.compare_runs import compare_runs
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
    settings, ``training`` (None: the task's own, see `own_settings`). pairs: pairs of texts, or for a ranking the lists
    that a first stage retrieved, unlabelled; those that the guided training does not reach are not scored.
    With ``seeds`` both fine-tunings are repeated by as many seeds. Each step is kept in a folder of ``out`` and is not
    repeated by the next call.

    The result: the task's first measure of the ``expert`` and of the ``rekindled`` model, means over the seeds, their
    ``difference``, its ``interval`` over resampled pairs (of a ranking: queries) and seeds, and its ``p_value``; and
    the same of all ``measures``, see `compare_runs`.
    Raises `DataError`, before any training, where the task has no labelled pairs to measure on and for a base that
    cannot be a masked language model; and what `check_guiding` raises, before any work.
    Source: UEGP §3.1 and Figure 1, appendix D for rankings (docs/papers.md).
    """
    scoring = scoring or ScoringSettings()
    refuse_asking(scoring)
    join_processes()
    out, training = Path(out), training or own_settings(task)
    start, guided = start or StartSettings(), guided or GuidedSettings()
    task.check_measurable()
    scored = task.collection.scored_pairs
    own_contract = ScoreContract.for_pairs(scored) if scored else ScoreContract("logit")
    check_guiding(experts or {}, pairs, guided, training, scoring, own=None if experts else own_contract)
    if start.layers and start.imitate and guided.terms != "kd":  # an imitation is a training, too
        check_language(CrossEncoder.from_base(base), guided)
    if scoring.store is None:
        scoring = replace(scoring, store=out / "scores")
    runs = [replace(training, seed=training.seed + number) for number in range(seeds)]
    start_of = starts(task, base, start, training, out)
    student = start_of(training.seed)
    check_language(student, guided)
    own = [finetuned(task, start_of(settings.seed), settings, out / f"{EXPERT}{settings.seed}") for settings in runs]
    taught: Mapping[str, CrossEncoder | Expert] = experts or {EXPERT: own[0]}
    guide(base, taught, pairs, guided, training, scoring=scoring, student=student, out=out)
    for settings in runs:
        model = like(own[0], out / "guided" / "model", seed=settings.seed)
        finetuned(task, model, settings, out / f"{REKINDLED}{settings.seed}")
    result = compared(task.held_out, out, [settings.seed for settings in runs])
    result |= {"experts": list(taught), "pairs": len(pairs.candidates) if pairs.candidates is not None else 0}
    if processes()[0] == 0:
        with atomic_path(out / RESULT) as path:
            path.write_text(json.dumps(finite(result), indent=1) + "\n")
    return result


def starts(
    task: Task, base: str | Path, start: StartSettings, training: TrainingSettings, out: Path
) -> Callable[[int], CrossEncoder]:
    """Make what gives, for a seed, the model that a fine-tuning and the guided training start from.

    A ranking's, and one of chosen layers, is made once, by the seed of ``training``; else a new head is the seed's.
    """
    lists = task.training.candidates
    if task.kind != "ranking" and not (start.layers and start.imitate):
        return lambda seed: start_model(task.collection, base, start, seed=seed)
    model = start_model(
        task.collection, base, start, candidates=lists, training=training, seed=training.seed, out=out / "start"
    )
    return lambda seed: model.with_model(copy.deepcopy(model.model))


def finetuned(task: Task, model: CrossEncoder, settings: TrainingSettings, out: Path) -> CrossEncoder:
    """Fine-tune on the task's part to train on, and measure on the held-out one; the model as it was written."""
    dev = task.dev if settings.eval_steps else None
    finetune_on(task.training, model, settings, dev=dev, out=out)
    trained = CrossEncoder.from_pretrained(out / "model")
    if processes()[0] == 0:
        metrics = measure_model(trained, task.held_out, out)
        say(f"{out.name}: " + ", ".join(f"{name} {metrics[name]:.4f}" for name in task.measures))
    wait_for_all()  # others read the run that this one wrote
    return trained


def compared(held_out: Task, out: Path, seeds: Sequence[int]) -> dict[str, Any]:
    """Compare the runs of both models: the task's first measure, and all of them under ``measures``."""
    runs = {name: [out / f"{name}{seed}" / "run.trec.gz" for seed in seeds] for name in (EXPERT, REKINDLED)}
    measures = compare_runs(held_out, runs, (EXPERT, REKINDLED))
    first = held_out.measures[0]
    return {
        "task": held_out.name,
        "measure": first,
        **measures[first],
        "seeds": list(seeds),
        "examples": held_out.n_examples,
        "measures": measures,
    }

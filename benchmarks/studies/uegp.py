"""Run UEGP and MoEGP on GLUE's small tasks: is a model better once its own expert has guided it on unlabelled pairs?

Run in the project's root: python -m benchmarks.studies.uegp   (--quick: a smoke test, whose numbers say nothing)
The base, MiniLM-L6 or three of its layers, is fine-tuned on a task to its expert. An expert of six layers, its own or
the larger base's, scores pairs of Wikipedia's sentences; the base is trained on the scores and on the language of the
pairs (guided), and fine-tuned by the expert's own settings. An expert of twice the epochs shows what more fine-tuning
gives. All are measured on the task's dev pairs, by GLUE's first measure. Killed, it resumes after what is finished;
runs that are beside the table are not made again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Final

import numpy as np
from cyclopts import Parameter
from matplotlib.figure import Figure
from scipy.stats import ttest_rel

import rankdistill as rd
from benchmarks.pictures import save_svg
from benchmarks.results import FOLDER, QUICK, STUDIES, Folder, Row, run, study
from benchmarks.studies.runs import RUN, chosen, kept_runs, model_of
from rankdistill.arrays import F32
from rankdistill.corpus.build import build_corpus
from rankdistill.corpus.settings import CorpusSettings
from rankdistill.data import Collection, concatenate
from rankdistill.data.collection import own_candidates
from rankdistill.evaluation.pair_significance import interval, resampled
from rankdistill.models import DEFAULT_BASE, CrossEncoder
from rankdistill.models.masked_lm import FILE as HEAD
from rankdistill.models.masked_lm import save_masked_lm_head
from rankdistill.recipes.finetune import own_settings, sample_queries
from rankdistill.recipes.guided import guide, like, masked_lm_head
from rankdistill.recipes.guided_settings import GuidedSettings, KDReads, Terms
from rankdistill.recipes.rekindle import finetuned
from rankdistill.recipes.start import StartSettings, start_model
from rankdistill.scoring.settings import ScoringSettings
from rankdistill.tasks import Task
from rankdistill.tasks.predictions import predictions
from rankdistill.training import TrainingSettings

DATA = Path(__file__).parents[2].parent / "shared" / "data"
SIZES = {"six layers": (), "three layers": (0, 2, 5)}
"""Base -> layers of MiniLM-L6 that it keeps; none: all."""
SHARES = {"rte": 1.0, "mrpc": 1.0, "stsb": 1.0, "cola": 1.0, "sst2": 0.1}
"""Task -> share of its labels that is learnt from."""
RATE = 1e-4
"""Learning rate of fine-tuning, Table 8's of STS-B. Those of its other tasks suit models that are twice as wide."""
DTYPE: Final = "bfloat16"
"""Of every training and every score; a processor without its products waits long."""
FINETUNING = TrainingSettings(learning_rate=RATE, dtype=DTYPE, logging_steps=20)

GUIDED = GuidedSettings(guided_steps=300, guided_batch=64, guided_learning_rate=1e-4)
QUICK_GUIDED = GuidedSettings(guided_steps=2, guided_batch=8, head_steps=2)
LONGEST = 160
"""Characters of an unlabelled sentence."""
SEEDS = (0, 1, 2)
EXPERT, LONGER, TEACHERS = "expert", "expert, twice the epochs", "six layers"
EPOCHS = {EXPERT: 1, LONGER: 2}
"""Way without guiding -> how often it passes over Table 8's epochs."""
EXPERTS = ("rte", "mrpc", "stsb", "cola")
"""Tasks whose experts guide together in MoEGP, whichever are measured."""


@dataclass(frozen=True)
class Way:
    """How the base is guided before it is fine-tuned."""

    terms: Terms
    kd_reads: KDReads = "plain"
    every_expert: bool = False
    """Guided by the experts of several tasks, instead of the task's own."""

    @property
    def shared(self) -> bool:
        """Whether all tasks have the same guided model."""
        return self.every_expert or self.terms == "mlm"

    def settings(self, guiding: GuidedSettings) -> GuidedSettings:
        """Those of the guided training."""
        return replace(guiding.with_terms(self.terms), kd_reads=self.kd_reads)


WAYS = {
    EXPERT: None,
    LONGER: None,
    "UEGP": Way("kd+mlm", "masked"),
    "MoEGP": Way("kd+mlm", "masked", every_expert=True),
    "KD only": Way("kd"),
    "MLM only": Way("mlm"),
    "UEGP, KD reads the plain text": Way("kd+mlm"),
}
"""None: not at all, see `EPOCHS`."""


def load_task(name: str) -> Task:
    """A task of GLUE, with the share of its labels that is learnt from."""
    collection = rd.load_collection(f"glue:{name}@{DATA / 'glue'}")
    task = Task(collection, own_candidates(collection))
    share = SHARES[name]
    if share == 1:
        return task
    kept = sample_queries(task.training.candidates, share, seed=0)
    return task.with_candidates(concatenate([kept, task.held_out.candidates]))


def wikipedia_pairs(out: Path, settings: GuidedSettings) -> Collection:
    """Pairs of Wikipedia's sentences, as many as a guided training reads."""
    if not (out / "corpus.json").is_file():
        corpus = CorpusSettings(max_characters=LONGEST, pairs=settings.guided_steps * settings.guided_batch)
        build_corpus([DATA / "wikipedia-en-2015-slice"], out, corpus)
    return rd.load_collection(f"pairs:{out}")


@dataclass(frozen=True)
class Trainings:
    """All that the study trains, each once, in a folder."""

    folder: Path
    tasks: dict[str, Task]
    guiding: GuidedSettings
    experts: tuple[str, ...] = EXPERTS
    max_steps: int = -1
    """Updates of a fine-tuning, at most; -1: as many as the task's epochs have."""

    @property
    def facts(self) -> dict[str, Any]:
        """What all of them depend on."""
        return {
            "guiding": chosen(self.guiding),
            "finetuning": chosen(FINETUNING),
            "experts": self.experts,
            "longest": LONGEST,
            "shares": SHARES,
            "max_steps": self.max_steps,
        }

    @cached_property
    def pairs(self) -> Collection:
        """Pairs of adjacent sentences of Wikipedia, as many as a guided training reads once."""
        return wikipedia_pairs(self.folder / "pairs", self.guiding)

    def base(self, size: str) -> Path:
        """Layers of the encoder, with a masked language model's head, which is trained once."""
        out = self.folder / size / "base"
        if not (out / HEAD).is_file():
            model = CrossEncoder.from_base(DEFAULT_BASE, layers=SIZES[size] or None)
            lists, place = own_candidates(self.pairs), self.folder / size / "head"
            head = masked_lm_head(model, DEFAULT_BASE, lists, self.pairs, self.guiding, FINETUNING, place)
            model.save(out)
            save_masked_lm_head(head, out)
        return out

    def settings(self, task: Task, seed: int, passes: int = 1) -> TrainingSettings:
        """Table 8's epochs and batch of a task, the epochs ``passes`` times."""
        own = own_settings(task, FINETUNING)
        return replace(own, epochs=passes * own.epochs, learning_rate=RATE, seed=seed, max_steps=self.max_steps)

    def start(self, task: Task, size: str, seed: int) -> CrossEncoder:
        """A base with a new head for the task."""
        settings = StartSettings(start="plain", layers=SIZES[size], imitate=False)
        return start_model(task.collection, settings=settings, seed=seed)

    def finetuned(self, task: Task, start: Callable[[], CrossEncoder], seed: int, out: Path, passes: int = 1) -> F32:
        """Predictions of the dev pairs by a model that is fine-tuned on the task's labels."""
        if not (out / RUN).is_file():
            finetuned(task, start(), self.settings(task, seed, passes), out)
        return predictions(task.held_out, out / RUN)

    def expert(self, task: Task, size: str, seed: int, way: str = EXPERT) -> F32:
        """Predictions of a base fine-tuned on a task, in one of the ways of `EPOCHS`."""
        out = self.folder / size / way / f"{task.name}{seed}"
        return self.finetuned(task, lambda: self.start(task, size, seed), seed, out, EPOCHS[way])

    def teacher(self, task: Task) -> CrossEncoder:
        """The expert that scores the unlabelled pairs; trained again where only its run is known."""
        model = model_of(
            self.folder / TEACHERS / EXPERT / f"{task.name}0",
            lambda out: finetuned(task, self.start(task, TEACHERS, 0), self.settings(task, 0), out),
        )
        return CrossEncoder.from_pretrained(model)

    def guided(self, way: str, task: Task, size: str) -> Path:
        """A base guided by the six-layer expert of the task, or by those of `EXPERTS`; the folder of the model."""
        how, out = WAYS[way], guided_folder(self.folder, size, way, task)
        assert how is not None
        if not (out / "guided" / "model").is_dir():
            named = (self.tasks.get(name) or load_task(name) for name in self.experts)
            teaching = named if how.every_expert else (task,)
            experts = {each.name.replace(":", "_"): self.teacher(each) for each in teaching}
            scoring = ScoringSettings(dtype=DTYPE, store=self.folder / "scores")
            settings = how.settings(self.guiding)
            guide(self.base(size), experts, self.pairs, settings, FINETUNING, scoring=scoring, out=out)
        return out / "guided" / "model"

    def rekindled(self, task: Task, size: str, seed: int, way: str) -> F32:
        """Predictions of the dev pairs by a guided base that is fine-tuned on the task."""

        def start() -> CrossEncoder:
            return like(self.start(task, size, seed), self.guided(way, task, size), seed=seed)

        return self.finetuned(task, start, seed, self.folder / size / way / f"{task.name}{seed}")


def guided_folder(folder: Path, size: str, way: str, task: Task) -> Path:
    """Where a guided training is; guided by several tasks' experts, or by none, it is the same for every task."""
    how = WAYS[way]
    assert how is not None
    return folder / size / way / ("every task" if how.shared else task.name)


def rows(trainings: Trainings, sizes: Sequence[str], ways: Sequence[str], seeds: Sequence[int]) -> Iterator[Row]:
    """A way of one size on one task each, over the seeds."""
    for size in sizes:
        for way in ways:
            for name, task in trainings.tasks.items():
                experts = np.stack([trainings.expert(task, size, seed) for seed in seeds])
                line: Row = {"base": size, "way": way, "task": name, "measure": task.measures[0]}
                if way == EXPERT:
                    yield line | values_of(task, experts)
                    continue
                trained = trainings.expert if way in EPOCHS else trainings.rekindled
                others = np.stack([trained(task, size, seed, way) for seed in seeds])
                yield line | values_of(task, others) | compared(task, experts, others)


def values_of(task: Task, runs: F32) -> Row:
    """Mean and standard deviation of the task's measure over runs, (seeds, N), in points."""
    values = measured(task, runs)
    deviation = {"sd": round(float(np.std(values, ddof=1)), 2)} if len(values) > 1 else {}
    return {"mean": round(float(np.mean(values)), 2), **deviation, "values": " ".join(f"{v:.2f}" for v in values)}


def measured(task: Task, runs: F32) -> list[float]:
    return [100 * task.held_out.evaluation(run).values[task.measures[0]] for run in runs]


def compared(task: Task, experts: F32, others: F32) -> Row:
    """Difference to the same base's expert, in points, and its interval over resampled pairs and seeds."""
    labels = task.held_out.labelled()[0]["label"].astype(np.float64)
    low, high = interval(
        100 * resampled(experts.astype(np.float64), others.astype(np.float64), labels, task.measures[0])
    )
    differences = np.subtract(measured(task, others), measured(task, experts))
    p = {"p over seeds": float(f"{ttest_rel(differences, 0 * differences).pvalue:.2g}")} if np.ptp(differences) else {}
    return {"to the expert": round(float(np.mean(differences)), 2), "95 % interval": f"{low:.2f} to {high:.2f}", **p}


def with_means(lines: list[Row]) -> list[Row]:
    """The rows, and for each way of guiding a row of the means over its tasks, tested over seeds."""
    finished = list(lines)
    experts = {(line["base"], line["task"]): numbers(line) for line in lines if line["way"] == EXPERT}
    for size, way in dict.fromkeys((line["base"], line["way"]) for line in lines):
        own = [line for line in lines if (line["base"], line["way"]) == (size, way)]
        means = np.mean([numbers(line) for line in own], axis=0)
        row: Row = {"base": size, "way": way, "task": "mean", "mean": round(float(means.mean()), 2)}
        if way != EXPERT and len(own) > 1 and all((size, line["task"]) in experts for line in own):
            differences = means - np.mean([experts[size, line["task"]] for line in own], axis=0)
            row["to the expert"] = round(float(differences.mean()), 2)
            if np.ptp(differences):
                row["p over seeds"] = float(f"{ttest_rel(differences, 0 * differences).pvalue:.2g}")
        finished.append(row)
    return finished


def draw(lines: Sequence[Row], path: Path) -> None:
    """Draw each way's difference to the expert, in points: axes for each task; a dot is a seed, a bar their mean."""
    experts = {(line["base"], line["task"]): numbers(line) for line in lines if line["way"] == EXPERT}
    tasks = list(dict.fromkeys(task for _, task in experts))
    labels = list(dict.fromkeys(f"{line['way']}, {line['base']}" for line in lines if line["way"] != EXPERT))
    figure = Figure(figsize=(2 + 2 * len(tasks), 1 + 0.35 * len(labels)), layout="constrained")
    for ax, task in zip(figure.subplots(1, len(tasks), squeeze=False, sharey=True)[0], tasks, strict=True):
        for line in (each for each in lines if each["task"] == task and each["way"] != EXPERT):
            place = labels.index(f"{line['way']}, {line['base']}")
            differences = numbers(line) - experts[line["base"], task]
            ax.barh(place, differences.mean(), color="lightsteelblue")
            ax.plot(differences, [place] * len(differences), "k.", markersize=4)
        ax.axvline(0, color="black", linewidth=0.8)
        ax.set(title=task, xlabel="points above the expert", yticks=range(len(labels)), yticklabels=labels)
    figure.axes[0].invert_yaxis()
    save_svg(figure, path)


def numbers(line: Row) -> F32:
    """The values of a row, a seed each."""
    return np.array(line["values"].split(), np.float32)


def main(
    *,
    folder: Folder = STUDIES / "uegp",
    tasks: Annotated[tuple[str, ...], Parameter(help="Only these.")] = ("rte", "mrpc", "stsb", "cola"),
    sizes: Annotated[tuple[str, ...], Parameter(help="Bases.")] = tuple(SIZES),
    ways: Annotated[tuple[str, ...], Parameter(help="Only these; the expert is trained in any case.")] = tuple(WAYS),
    seeds: Annotated[tuple[int, ...], Parameter(help="Of the fine-tuning.")] = SEEDS,
    name: Annotated[str, Parameter(help="The result's.")] = "study_uegp",
    quick: Annotated[bool, Parameter(help="Two updates of each training, on two tasks.")] = False,
) -> None:
    """Train what is not yet trained, print the table as it grows and write the result."""
    place = FOLDER
    if quick:
        folder, tasks, seeds, place = folder.with_name(f"{folder.name}-quick"), tasks[:2], seeds[:2], QUICK
    loaded = {task: load_task(task) for task in tasks}
    trainings = Trainings(folder, loaded, GUIDED)
    if quick:
        trainings = Trainings(folder, loaded, QUICK_GUIDED, tasks, max_steps=2)
    with kept_runs(folder, "uegp", trainings.facts, place):
        lines = study(name, rows(trainings, sizes, ways, seeds), seeds, finish=with_means, folder=place)
    draw([line for line in lines if "values" in line], place / f"{name}.svg")


if __name__ == "__main__":
    run(main)

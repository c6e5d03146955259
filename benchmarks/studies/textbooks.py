"""Compare textbooks: from which text without labels does a student of a task learn its teacher's relations best?

Run in the project's root: python -m benchmarks.studies.textbooks   (--quick: a smoke test, whose numbers say nothing)
A teacher, MiniLM-L6 fine-tuned on the task, teaches students of 6 and of 3 layers of width 384, with random weights or
with layers of MiniLM-L6, on each textbook by MiniLMv2's recipe. All textbooks are cut to one size in bytes, and all
trainings have as many updates. The students are then fine-tuned on the task's labels, by several seeds, and measured on
its dev pairs. Textbooks are made by the commands, or lie in FOLDER/parts/TEXTBOOK/TASK, of general text in
FOLDER/parts/general. `--hours` times some updates of each size and says how long all will take on this machine. Killed,
it resumes after what is finished, and runs that are beside the table are not made again. Source: CC §3
(docs/papers.md).
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from cyclopts import Parameter
from scipy.stats import ttest_rel

from benchmarks.results import FOLDER, QUICK, STUDIES, Folder, Row, run, study
from benchmarks.studies.runs import RUN, chosen, kept_runs, model_of
from benchmarks.studies.uegp import DATA, FINETUNING, load_task, measured, numbers, values_of
from rankdistill.arrays import F32
from rankdistill.data import Candidates, Collection
from rankdistill.data.collection import own_candidates
from rankdistill.data.pair_parts import SCHEMA, read_pairs
from rankdistill.data.parts import is_parts
from rankdistill.data.sources.pairs.parts import collection_of_pairs
from rankdistill.evaluation.pair_significance import interval, resampled
from rankdistill.models import DEFAULT_BASE, CrossEncoder
from rankdistill.recipes import RECIPES, StartSettings, distill, start_model
from rankdistill.recipes.finetune import own_settings
from rankdistill.recipes.guided import reading
from rankdistill.recipes.rekindle import finetuned
from rankdistill.recipes.students import make_student, texts_read
from rankdistill.tasks import Task
from rankdistill.tasks.predictions import predictions
from rankdistill.training import TrainingSettings

GENERAL, TASK, AUGMENTED, CONTEXT, BOTH = "general", "task", "TaskDA", "CC", "CC, then TaskDA"
TEXTBOOKS = (GENERAL, TASK, AUGMENTED, CONTEXT, BOTH)
STUDENTS = {
    "random 6x384": "transformer:6x384",
    "random 3x384": "transformer:3x384",
    "layers 6x384": (),
    "layers 3x384": (0, 2, 5),
}
"""Name -> a student's shape, or the layers of MiniLM-L6 that it starts from; none: all."""
SEEDS = (0, 1, 2)
BATCH, UPDATES, RATE, LATER_RATE = 64, 1500, 6e-4, 1e-4
"""MiniLMv2's rate; the paper's batch is 256 and its updates 400,000. The later rate is that of a student that has
learned from another textbook before, and of one that starts from layers."""
LENGTH = 128
LONGEST = 300
"""Characters of a general sentence."""


@dataclass(frozen=True)
class Size:
    """How much is learned from."""

    kilobytes: int = 4000
    updates: int = UPDATES
    batch: int = BATCH
    general_pairs: int = 60_000
    """Pairs of general sentences that the textbooks are chosen from."""
    rounds: int = 20
    """Variations of each of a task's texts, of which as many are read as fit."""
    finetuning_updates: int = -1


@dataclass(frozen=True)
class Trainings:
    """All that the study trains, each once, in a folder."""

    folder: Path
    tasks: dict[str, Task]
    size: Size
    masked_lm: str = ""
    """Masked language model that proposes words in TaskDA, as TinyBERT does."""

    @property
    def facts(self) -> dict[str, Any]:
        """What all of them depend on."""
        return {
            "size": chosen(self.size),
            "masked_lm": self.masked_lm,
            "finetuning": chosen(FINETUNING),
            "rates": [RATE, LATER_RATE],
        }

    def parts(self, textbook: str, name: str) -> Path:
        """The folder of a textbook's parts, made by the command where there is none."""
        out = self.folder / "parts" / textbook / ("" if textbook == GENERAL else name)
        if is_parts(out):
            return out
        task, wikipedia = f"glue:{name}@{DATA / 'glue'}", DATA / "wikipedia-en-2015-slice"
        rounds = str(self.size.rounds)
        varied = ["--p-mask", "0", "--p-pos", "0.4"]
        if self.masked_lm:
            varied = ["--p-mask", "0", "--p-pos", "0", "--p-context", "0.4", "--base", self.masked_lm]
        commands: dict[str, Callable[[], list[str]]] = {
            GENERAL: lambda: ["corpus", "--text", str(wikipedia), "--pairs", str(self.size.general_pairs),
                              "--max-characters", str(LONGEST)],
            AUGMENTED: lambda: ["augment", "--task", task, "--n-iter", rounds, *varied],
            CONTEXT: lambda: ["textbook", "--task", task, "--corpus", str(self.parts(GENERAL, name)),
                              "--size", f"{self.size.kilobytes}KB"],
        }  # fmt: skip
        subprocess.run([sys.executable, "-m", "rankdistill", *commands[textbook](), "--out", str(out)], check=True)
        return out

    def text(self, textbook: str, name: str) -> tuple[Collection, Candidates]:
        """A textbook, cut to the size: the first of a ranked one, else as many as fit in a random order."""
        if textbook == TASK:
            task = self.tasks[name].training
            return task.collection, task.candidates.only_columns()
        table = read_pairs(self.parts(textbook, name)).select(SCHEMA.names)
        if textbook == GENERAL:  # sentences, as those of the other textbooks are of
            empty = pa.array([""] * len(table), pa.large_string())
            table = table.set_column(2, "second", empty)
        if textbook != CONTEXT:
            table = table.take(np.random.default_rng(0).permutation(len(table)))
        n_bytes = pc.add(pc.binary_length(table["first"]), pc.binary_length(table["second"])).to_numpy()
        n_kept = max(1, int((np.cumsum(n_bytes) <= 1000 * self.size.kilobytes).sum()))
        collection = collection_of_pairs(table.slice(0, n_kept).combine_chunks(), f"{textbook} of {name}")
        return collection, own_candidates(collection).only_columns()

    def finetune(self, task: Task, base: str | Path, seed: int, out: Path) -> None:
        """Fine-tune a model from a base on a task, and measure it."""
        own, updates = own_settings(task, FINETUNING), self.size.finetuning_updates
        settings = replace(own, learning_rate=FINETUNING.learning_rate, seed=seed, max_steps=updates)
        start = start_model(task.collection, base, StartSettings(start="plain"), seed=seed)
        finetuned(task, start, settings, out)

    def teacher(self, name: str) -> Path:
        """MiniLM-L6, fine-tuned on the task; the folder of the model."""
        task = self.tasks[name]
        return model_of(self.folder / "teachers" / name, lambda out: self.finetune(task, DEFAULT_BASE, 0, out))

    @cached_property
    def recipe(self) -> TrainingSettings:
        """MiniLMv2's settings, for these sizes."""
        own = {name: value for name, value in RECIPES["minilmv2"].settings.items() if name != "max_steps"}
        return TrainingSettings(
            **{**own, "lists_per_batch": self.size.batch, "learning_rate": RATE, "dtype": "bfloat16"}
        )

    def taught(self, student: str, textbook: str, name: str, updates: int = 0, start: Path | None = None) -> Path:
        """The folder of a student that learned a textbook; of both, half of the updates each."""
        updates = updates or self.size.updates
        if textbook == BOTH:
            before = self.taught(student, CONTEXT, name, updates // 2)
            return self.taught(student, AUGMENTED, name, updates - updates // 2, before)
        place = f"{textbook} {updates}" if start is None else f"{BOTH} {updates}"
        out = self.folder / student / place / name
        if not (out / "model").is_dir():
            collection, lists = self.text(textbook, name)
            self.teach(student, name, collection, lists, updates, start, out)
        return out / "model"

    def teach(
        self, student: str, name: str, collection: Collection, lists: Candidates, updates: int, start: Path | None,
        out: Path | None,
    ) -> None:  # fmt: skip
        """Teach a student by the relations of the task's teacher."""
        shape, teacher = STUDENTS[student], self.teacher(name)
        rate = RATE if start is None and isinstance(shape, str) else LATER_RATE
        if start is not None:
            model = CrossEncoder.from_base(start, max_length=LENGTH)
        elif isinstance(shape, str):
            model = make_student(shape, collection, base=teacher, max_length=LENGTH, student_network="plain")
        else:
            model = CrossEncoder.from_base(DEFAULT_BASE, layers=shape or None, max_length=LENGTH)
        epochs = -(-updates * self.size.batch // len(lists))
        settings = replace(self.recipe, epochs=epochs, max_steps=updates, learning_rate=rate)
        model = reading(model, texts_read(collection))
        experts = {"expert": CrossEncoder.from_pretrained(teacher)}
        distill(collection, lists, experts, model, settings, objective="relations(teacher)", out=out)

    def runs(self, student: str, textbook: str, name: str, seeds: Sequence[int]) -> F32:
        """Predictions of the dev pairs by a student that learned a textbook and then the task: (seeds, N)."""
        task, place = self.tasks[name], self.folder / student / textbook / name
        outs = [place / f"seed{seed}" for seed in seeds]
        for seed, out in zip(seeds, outs, strict=True):
            if not (out / RUN).is_file():
                self.finetune(task, self.taught(student, textbook, name), seed, out)
        return np.stack([predictions(task.held_out, out / RUN) for out in outs])


def rows(
    trainings: Trainings, students: Sequence[str], textbooks: Sequence[str], seeds: Sequence[int]
) -> Iterator[Row]:
    """A student with a textbook on one task each, over the seeds; against the first textbook."""
    for student in students:
        for name, task in trainings.tasks.items():
            found = {textbook: trainings.runs(student, textbook, name, seeds) for textbook in textbooks}
            for textbook, each in found.items():
                line: Row = {"student": student, "textbook": textbook, "task": name, "measure": task.measures[0]}
                yield line | values_of(task, each) | against(task, each, found[textbooks[0]], textbooks[0])


def against(task: Task, runs: F32, others: F32, name: str) -> Row:
    """Difference to another textbook, in points, and its interval over resampled pairs and seeds."""
    if runs is others:
        return {}
    labels = task.held_out.labelled()[0]["label"].astype(np.float64)
    low, high = interval(100 * resampled(others.astype(np.float64), runs.astype(np.float64), labels, task.measures[0]))
    difference = np.mean(np.subtract(measured(task, runs), measured(task, others)))
    return {f"to {name}": round(float(difference), 2), "95 % interval": f"{low:.2f} to {high:.2f}"}


def with_means(lines: list[Row]) -> list[Row]:
    """The rows, and for each textbook a row of the means over its tasks, tested against others over tasks and seeds."""
    finished = list(lines)
    for student in dict.fromkeys(line["student"] for line in lines):
        its = [line for line in lines if line["student"] == student]
        own = {
            textbook: np.stack([numbers(line) for line in its if line["textbook"] == textbook])
            for textbook in dict.fromkeys(line["textbook"] for line in its)
        }
        for textbook, values in own.items():
            row: Row = {
                "student": student,
                "textbook": textbook,
                "task": "mean",
                "mean": round(float(values.mean()), 2),
            }
            for other in (GENERAL, AUGMENTED):
                if other != textbook and other in own and own[other].shape == values.shape:
                    differences = (values - own[other]).ravel()
                    row[f"to {other}"] = round(float(differences.mean()), 2)
                    if len(differences) > 1 and np.ptp(differences):
                        row[f"p to {other}"] = float(f"{ttest_rel(values.ravel(), own[other].ravel()).pvalue:.2g}")
            finished.append(row)
    return finished


def hours(trainings: Trainings, students: Sequence[str], textbooks: Sequence[str], updates: int = 4) -> Iterator[Row]:
    """Time some updates of each student on the first task's own text, and say how long its trainings will take."""
    name = next(iter(trainings.tasks))
    collection, lists = trainings.text(TASK, name)
    trainings.teacher(name)
    for student in students:
        seconds = []
        for n in (1, 1, 1 + updates):  # the first warms up
            started = time.perf_counter()
            with tempfile.TemporaryDirectory() as out:
                trainings.teach(student, name, collection, lists, n, None, Path(out))
            seconds.append(time.perf_counter() - started)
        each = (seconds[2] - seconds[1]) / updates
        n_trainings = len(textbooks) * len(trainings.tasks)
        total = each * trainings.size.updates * n_trainings / 3600
        yield {
            "student": student,
            "seconds an update": round(each, 2),
            "trainings": n_trainings,
            "hours": round(total, 1),
        }


def main(
    *,
    folder: Folder = STUDIES / "textbooks",
    tasks: Annotated[tuple[str, ...], Parameter(help="Only these.")] = ("sst2", "rte", "mrpc", "stsb"),
    students: Annotated[tuple[str, ...], Parameter(help="Only these.")] = tuple(STUDENTS),
    textbooks: Annotated[
        tuple[str, ...], Parameter(help="Only these; the first is what the others are held to.")
    ] = TEXTBOOKS,
    seeds: Annotated[tuple[int, ...], Parameter(help="Of the fine-tuning.")] = SEEDS,
    kilobytes: Annotated[int, Parameter(help="Size of every textbook, at most.")] = Size.kilobytes,
    updates: Annotated[int, Parameter(help="Of every student's distillation.")] = UPDATES,
    masked_lm: Annotated[str, Parameter(help="Proposes words for TaskDA. [default: words of the same tag]")] = "",
    name: Annotated[str, Parameter(help="The result's.")] = "study_textbooks",
    only_hours: Annotated[
        bool, Parameter(name="--hours", help="Say how long the distillations will take, and stop.")
    ] = False,
    quick: Annotated[
        bool, Parameter(help="Two updates of 8 texts each, on one task and one student of each kind.")
    ] = False,
) -> None:
    """Train what is not yet trained, print the table as it grows and write the result."""
    size, place = Size(kilobytes, updates), FOLDER
    if quick:
        folder, place, size = folder.with_name(f"{folder.name}-quick"), QUICK, Size(20, 2, 8, 400, 2, 1)
        tasks, seeds = tasks[1:2] or tasks, seeds[:1]
        students = tuple(each for each in students if "3x" in each)
    trainings = Trainings(folder, {task: load_task(task) for task in tasks}, size, masked_lm)
    if only_hours:
        study(f"{name}_hours", hours(trainings, students, textbooks), folder=QUICK)
        return
    with kept_runs(folder, "textbooks", trainings.facts, place):
        study(name, rows(trainings, students, textbooks, seeds), seeds, finish=with_means, folder=place)


if __name__ == "__main__":
    run(main)

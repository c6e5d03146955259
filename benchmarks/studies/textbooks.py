"""Compare textbooks: from which text without labels does a student of a task learn its teacher's relations best?

Run in the project's root: python -m benchmarks.studies.textbooks   (--quick: a smoke test, whose numbers say nothing)
A teacher, MiniLM-L6 fine-tuned on the task, teaches students of 6 and of 3 layers of width 384, with random weights or
with layers of MiniLM-L6, on each textbook by MiniLMv2's recipe. They are then fine-tuned on the task's labels, and
measured on its dev pairs. Every seed has an initialisation, a distillation and a fine-tuning of its own; the teacher
and the textbooks are the same for all.

Textbooks, the teacher and the fine-tuning have one set of training pairs: all of RTE, MRPC and STS-B, and as many of
SST-2, see `MOST`. General text is the whole slice of Wikipedia, about 385,000 pairs of sentences. All textbooks are cut
to one size in bytes, but for a task's own text, which is smaller and is read more often, and "CC, then TaskDA", which
reads both for half of the updates each. All trainings have as many updates. The curve has smaller sizes, as many
updates, for the first student.

Three tables: of students; of the curve, with a picture; and of the textbooks' texts, with pictures of the words that
they share: distinct-n, near duplicates, their part of the general text, and whether they are in the order of the
paper's Table 3 and Figure 3. p is of resampled dev pairs and seeds, for these tasks and teachers; it stands alone.

Estimated, from `benchmarks.relation_speed`, at 150 hours of two free cores with AVX2, in float32: 240 distillations of
1,500 updates of 64 texts, of 20 minutes (3 layers) or 30 (6 layers), 72 more for the curve, and as many fine-tunings of
four minutes. `--students "random 3x384" --textbooks general TaskDA CC --table` has 36 distillations, about 15 hours.
`--hours` times some updates of each student and says how long its distillations will take on this machine. Killed, it
resumes after what is finished, and runs that are beside the table are not made again; students that are measured are
deleted.
Source: CC §3 (docs/papers.md).
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from cyclopts import Parameter
from matplotlib.figure import Figure

from benchmarks.pictures import save_svg
from benchmarks.results import FOLDER, QUICK, STUDIES, Folder, Row, run, study
from benchmarks.studies.multitask import load_task
from benchmarks.studies.runs import RUN, chosen, kept_runs, model_of
from benchmarks.studies.uegp import DATA, measured, values_of
from benchmarks.studies.uegp import FINETUNING as UEGP_FINETUNING
from rankdistill.arrays import I64
from rankdistill.augment.build import augment
from rankdistill.augment.settings import AugmentSettings
from rankdistill.corpus.build import build_corpus
from rankdistill.corpus.settings import CorpusSettings
from rankdistill.data import Candidates, Collection
from rankdistill.data.collection import own_candidates
from rankdistill.data.pair_parts import SCHEMA, pair_ids, read_pairs
from rankdistill.data.parts import is_parts
from rankdistill.data.sources.pairs.parts import collection_of_pairs
from rankdistill.models import DEFAULT_BASE, CrossEncoder
from rankdistill.recipes import RECIPES, StartSettings, distill, start_model
from rankdistill.recipes.finetune import own_settings
from rankdistill.recipes.guided import reading
from rankdistill.recipes.rekindle import finetuned
from rankdistill.recipes.students import make_student, texts_read
from rankdistill.tasks import Task
from rankdistill.tasks.compare_runs import compare_tasks
from rankdistill.tasks.predictions import predictions
from rankdistill.textbook import build_textbook
from rankdistill.textbook.corpora import corpus_texts
from rankdistill.textbook.overlap_picture import write_overlap
from rankdistill.textbook.statistics import text_statistics
from rankdistill.training import TrainingSettings

GENERAL, TASK, AUGMENTED, CONTEXT, BOTH = "general", "task", "TaskDA", "CC", "CC, then TaskDA"
TEXTBOOKS = (GENERAL, TASK, AUGMENTED, CONTEXT, BOTH)
TEXTS = (TASK, GENERAL, AUGMENTED, CONTEXT)
"""What text there is to read."""
CURVED = (GENERAL, AUGMENTED, CONTEXT)
"""Textbooks of the curve, which have every size."""
HELD_TO = (GENERAL, AUGMENTED)
STUDENTS = {
    "random 3x384": "transformer:3x384",
    "random 6x384": "transformer:6x384",
    "layers 6x384": (),
    "layers 3x384": (0, 2, 5),
}
"""Name -> a student's shape, or the layers of MiniLM-L6 that it starts from; none: all."""
SEEDS = (0, 1, 2)
KILOBYTES, SMALLER = 4000, (250, 1000)
"""Size of the textbooks, and those of the curve below it."""
MOST = 7000
"""Training pairs of a task, at most: all but of SST-2, of which they are a tenth."""
BATCH, UPDATES, RATE, LATER_RATE = 64, 1500, 6e-4, 1e-4
"""MiniLMv2's rate; the paper's batch is 256 and its updates 400,000. The later rate is that of a student that has
learned from another textbook before, and of one that starts from layers."""
DTYPE: Final = "auto"
"""bfloat16 where the processor computes in it, which takes a third of the time."""
FINETUNING = replace(UEGP_FINETUNING, dtype=DTYPE)
LENGTH = 128
LONGEST = 300
"""Characters of a general sentence."""
SLICE = "wikipedia-en-2015-slice"
Text = tuple[Collection, Candidates]
"""Pairs without labels, or single texts, and all of them as candidates."""


@dataclass(frozen=True)
class Size:
    """How much is learned from, whatever the textbooks' size."""

    updates: int = UPDATES
    batch: int = BATCH
    general: str = SLICE
    general_pairs: int | None = None
    """Pairs of general sentences that the textbooks are chosen from; None: all."""
    rounds: int = 20
    """Variations of each of a task's texts, of which as many are read as fit."""
    finetuning_updates: int = -1
    task_pairs: int = MOST
    dev_pairs: int | None = None


QUICK_SIZE = Size(2, 8, f"{SLICE}/part-00.jsonl.gz", 400, 2, 1, 60, 60)


@dataclass(frozen=True)
class Way:
    """How a student is trained: on which textbook, of what size, for which task, by which seed."""

    student: str
    textbook: str
    kilobytes: int
    task: str
    seed: int

    def place(self, what: str) -> Path:
        """Its folder inside that of all trainings; what: it is trained on."""
        return Path(self.student) / what / f"{self.kilobytes} kB" / self.task / f"seed{self.seed}"


@dataclass(frozen=True)
class Trainings:
    """All that the study trains, each once, in a folder."""

    folder: Path
    tasks: dict[str, Task]
    size: Size
    kilobytes: int = KILOBYTES
    """Size of the textbooks that are made; smaller ones are their parts."""
    masked_lm: str = ""
    """Masked language model that proposes words in TaskDA, as TinyBERT does."""

    @property
    def facts(self) -> dict[str, Any]:
        """What all of them depend on; textbooks' sizes are in the names of their folders."""
        return {
            "size": asdict(self.size),
            "masked_lm": self.masked_lm,
            "finetuning": chosen(FINETUNING),
            "rates": [RATE, LATER_RATE],
            "longest": LONGEST,
        }

    # -- texts ---------------------------------------------------------------------------------------------------------

    @cached_property
    def general(self) -> Path:
        """The parts of the general text."""
        return general_parts(self.folder / "parts" / GENERAL, self.size.general, self.size.general_pairs)

    @cached_property
    def general_bytes(self) -> int:
        return int(bytes_of(read_pairs(self.general)).sum())

    def parts(self, textbook: str, name: str) -> Path:
        """The folder of the parts of a textbook that is made of a task's training texts; made where there is none."""
        size = f"{CONTEXT} {self.kilobytes} kB" if textbook == CONTEXT else textbook
        out, task = self.folder / "parts" / size / name, self.tasks[name].collection
        if is_parts(out):
            return out
        if textbook == CONTEXT:
            build_textbook(task, [self.general], out, size=f"{self.kilobytes}kB")
            return out
        by_tag, by_model = (0.0, 0.4) if self.masked_lm else (0.4, 0.0)
        varied = AugmentSettings(self.size.rounds, p_mask=0.0, p_pos=by_tag, p_context=by_model)
        augment(task, out, varied, base=self.masked_lm or None)
        return out

    def text(self, textbook: str, name: str, kilobytes: int) -> Text:
        """A textbook of a size: the first of a ranked one, else as many as fit in a random order."""
        if textbook == TASK:
            training = self.tasks[name].training
            table = shuffled(pairs_in(training.candidates, training.collection))
        elif textbook == GENERAL:  # sentences, as those of the other textbooks are of
            table = shuffled(read_pairs(self.general).select(SCHEMA.names))
            table = table.set_column(2, "second", pa.array([""] * len(table), pa.large_string()))
        else:
            table = read_pairs(self.parts(textbook, name)).select(SCHEMA.names)
            table = table if textbook == CONTEXT else shuffled(table)
        return cut(table, kilobytes, f"{textbook} of {name}")

    # -- models --------------------------------------------------------------------------------------------------------

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

    def taught(self, way: Way) -> Path:
        """The folder of a student that learned a textbook; of both, one after the other, half of the updates each."""
        updates = self.size.updates
        if way.textbook != BOTH:
            return self._taught(way, way.textbook, updates)
        before = self._taught(replace(way, textbook=CONTEXT), f"{CONTEXT}, half of the updates", updates // 2)
        return self._taught(replace(way, textbook=AUGMENTED), BOTH, updates - updates // 2, before)

    def _taught(self, way: Way, what: str, updates: int, start: Path | None = None) -> Path:
        out = self.folder / "taught" / way.place(what)
        if not (out / "model").is_dir():
            self.teach(way, self.text(way.textbook, way.task, way.kilobytes), updates, start, out)
        return out / "model"

    def teach(self, way: Way, text: Text, updates: int, start: Path | None, out: Path) -> None:
        """Teach a student by the relations of the task's teacher."""
        shape, teacher = STUDENTS[way.student], self.teacher(way.task)
        if start is not None:
            model = CrossEncoder.from_base(start, max_length=LENGTH)
        elif isinstance(shape, str):
            model = random_student(shape, text, teacher, LENGTH, way.seed)
        else:
            model = CrossEncoder.from_base(DEFAULT_BASE, layers=shape or None, max_length=LENGTH)
        rate = RATE if start is None and isinstance(shape, str) else LATER_RATE
        learn_relations(model, teacher, text, recipe(len(text[1]), updates, self.size.batch, rate, way.seed), out)

    def run(self, way: Way) -> Path:
        """The run of the dev pairs by a student that learned a textbook and then the task."""
        out = self.folder / way.place(way.textbook)
        if not (out / RUN).is_file():
            taught = self.taught(way)
            self.finetune(self.tasks[way.task], taught, way.seed, out)
            for model in (taught, out / "model"):  # of hundreds, each some 80 MB
                shutil.rmtree(model)
        return out / RUN

    def runs(self, student: str, textbook: str, kilobytes: int, name: str, seeds: Sequence[int]) -> list[Path]:
        """The runs of a way by each seed."""
        return [self.run(Way(student, textbook, kilobytes, name, seed)) for seed in seeds]


def general_parts(out: Path, source: str, pairs: int | None) -> Path:
    """The folder of general pairs of sentences, of so many (None: all); made where there is none."""
    if not is_parts(out):
        build_corpus([DATA / source], out, CorpusSettings(max_characters=LONGEST, pairs=pairs))
    return out


def pairs_in(lists: Candidates, collection: Collection) -> pa.Table:
    """The two texts of every candidate, a row each, numbered anew."""
    texts = [collection.queries.column(lists.row_query_ids), collection.documents.column(lists.doc_ids)]
    return pa.table([pair_ids(0, len(lists)), *texts], schema=SCHEMA)


def shuffled(table: pa.Table) -> pa.Table:
    """The rows in an order drawn by a fixed seed."""
    return table.take(np.random.default_rng(0).permutation(len(table)))


def bytes_of(table: pa.Table) -> I64:
    """Bytes of the two texts of each row, int64 (N,)."""
    return pc.add(pc.binary_length(table["first"]), pc.binary_length(table["second"])).to_numpy().astype(np.int64)


def cut(table: pa.Table, kilobytes: int, name: str) -> Text:
    """The first rows that fit into a size, one at least, as a collection."""
    n_kept = max(1, int((np.cumsum(bytes_of(table)) <= 1000 * kilobytes).sum()))
    collection = collection_of_pairs(table.slice(0, n_kept).combine_chunks(), name)
    return collection, own_candidates(collection).only_columns()


def random_student(shape: str, text: Text, teacher: Path | str, max_length: int, seed: int) -> CrossEncoder:
    """A student of a shape with the teacher's tokens and random weights, which reads what the text is of."""
    return make_student(shape, text[0], base=teacher, max_length=max_length, seed=seed, student_network="plain")


def recipe(n_texts: int, updates: int, batch: int, rate: float, seed: int) -> TrainingSettings:
    """MiniLMv2's settings, for so many texts and updates."""
    own = {name: value for name, value in RECIPES["minilmv2"].settings.items() if name != "max_steps"}
    sizes = {"lists_per_batch": batch, "epochs": -(-updates * batch // n_texts), "max_steps": updates}
    return TrainingSettings(**{**own, **sizes, "learning_rate": rate, "seed": seed, "dtype": DTYPE})


def learn_relations(model: CrossEncoder, teacher: Path, text: Text, settings: TrainingSettings, out: Path) -> None:
    """Teach a model its teacher's relations on a text, and keep it in a folder."""
    collection, lists = text
    student = reading(model, texts_read(collection))
    experts = {"expert": CrossEncoder.from_pretrained(teacher)}
    distill(collection, lists, experts, student, settings, objective="relations(teacher)", out=out)


# -- tables ------------------------------------------------------------------------------------------------------------


def rows(
    trainings: Trainings, students: Sequence[str], textbooks: Sequence[str], seeds: Sequence[int]
) -> Iterator[Row]:
    """A student with a textbook on each task over the seeds, then the mean over the tasks."""
    for student in students:
        for name, task in trainings.tasks.items():
            for textbook in textbooks:
                runs = trainings.runs(student, textbook, trainings.kilobytes, name, seeds)
                values = values_of(task, np.stack([predictions(task.held_out, run) for run in runs]))
                yield {"student": student, "textbook": textbook, "task": name, "measure": task.measures[0]} | values
        for textbook in textbooks:
            others = [other for other in HELD_TO if other in textbooks]
            line: Row = {"student": student, "textbook": textbook, "task": "mean"}
            yield line | mean_of(trainings, student, textbook, trainings.kilobytes, seeds, others)


def curve(
    trainings: Trainings, student: str, textbooks: Sequence[str], sizes: Sequence[int], seeds: Sequence[int]
) -> Iterator[Row]:
    """A student's mean over the tasks by the size of each textbook."""
    for kilobytes in sizes:
        for textbook in textbooks:
            others = [other for other in HELD_TO if other in textbooks]
            line: Row = {"student": student, "textbook": textbook, "kB": kilobytes}
            yield line | mean_of(trainings, student, textbook, kilobytes, seeds, others)


def mean_of(
    trainings: Trainings, student: str, textbook: str, kilobytes: int, seeds: Sequence[int], others: Sequence[str]
) -> Row:
    """The mean over the tasks in points; and its differences to other textbooks of the same size.

    A difference's interval and p are of resampled dev pairs and seeds.
    """
    held_out = {name: task.held_out for name, task in trainings.tasks.items()}
    own = {name: trainings.runs(student, textbook, kilobytes, name, seeds) for name in held_out}
    reached = [
        measured(task, np.stack([predictions(task.held_out, run) for run in own[name]]))
        for name, task in trainings.tasks.items()
    ]
    line: Row = {"mean": round(float(np.mean(reached)), 2)}
    for other in others:
        if other == textbook:
            continue
        runs = {
            name: {other: trainings.runs(student, other, kilobytes, name, seeds), textbook: own[name]}
            for name in held_out
        }
        _, mean = compare_tasks(held_out, runs, (other, textbook))
        line[f"to {other}"] = round(100 * mean["difference"], 2)
        if mean["interval"]:
            low, high = mean["interval"]
            line[f"95 % interval to {other}"] = f"{100 * low:.2f} to {100 * high:.2f}"
            line[f"p to {other}"] = float(f"{mean['p_value']:.2g}")
    return line


def draw(lines: Sequence[Row], path: Path) -> None:
    """Draw the mean over the tasks by the size of each textbook."""
    figure = Figure(figsize=(5, 3.6), layout="constrained")
    axes = figure.subplots()
    for textbook in dict.fromkeys(line["textbook"] for line in lines):
        own = [line for line in lines if line["textbook"] == textbook]
        axes.plot([line["kB"] for line in own], [line["mean"] for line in own], marker="o", label=textbook)
    axes.set(title=lines[0]["student"], xlabel="textbook, kB", xscale="log", ylabel="mean over the tasks, points")
    axes.legend()
    save_svg(figure, path)


SHARED = "words shared with the task, %"
DISTINCT = ("distinct-1, %", "distinct-2, %")
OF_ALL = " of a sample as large as the smallest textbook"
"""What is said beside distinct-n where the task's own text, which is smaller, does not set the sample's size."""


def texts(trainings: Trainings, place: Path, name: str) -> Iterator[Row]:
    """What each task's textbooks are, as they are read; their shared words are drawn beside."""
    for task in trainings.tasks:
        read = {textbook: trainings.text(textbook, task, trainings.kilobytes)[0] for textbook in TEXTS}
        words = {textbook: corpus_texts(collection).to_pylist() for textbook, collection in read.items()}
        found = text_statistics({textbook: [each] for textbook, each in words.items()})
        larger = text_statistics({textbook: [each] for textbook, each in words.items() if textbook != TASK})
        write_overlap(found["overlap"], found["vocabulary"], place / f"{name}_{task}.svg")
        lines = {}
        for textbook, numbers in found["corpora"].items():
            n_bytes = sum(len(text.encode()) for text in words[textbook])
            share = 100 * n_bytes / trainings.general_bytes
            lines[textbook] = {
                "kB": round(n_bytes / 1000),
                **({"part of the general text, %": round(share, 2)} if textbook in (GENERAL, CONTEXT) else {}),
                "texts": numbers["texts"],
                "near duplicates, %": round(100 * numbers["near_duplicates"], 2),
                **distinct(numbers),
                **(distinct(larger["corpora"][textbook], OF_ALL) if textbook != TASK else {}),
                SHARED: round(100 * found["overlap"][TASK][textbook], 2),
            }
            yield {"task": task, "textbook": textbook, **lines[textbook]}
        yield {"task": task, "textbook": "(as in the paper)", **in_order(lines)}


def distinct(numbers: Mapping[str, Any], of: str = "") -> Row:
    """Distinct words and pairs of words of a sample, as percentages."""
    return {f"{column}{of}": round(100 * numbers["sample"][f"distinct_{n}"], 2) for n, column in enumerate(DISTINCT, 1)}


def in_order(lines: Mapping[str, Row]) -> Row:
    """Whether a task's textbooks are in the paper's order.

    Table 3: the task's text and TaskDA have a smaller part of distinct words and pairs than CC and general text.
    Figure 3: of its frequent words the task shares most with TaskDA, then with CC, then with general text.
    """
    columns = [f"{column}{of}" for of in ("", OF_ALL) for column in DISTINCT]
    narrow, wide = (TASK, AUGMENTED), (CONTEXT, GENERAL)
    diverse = all(
        lines[one][column] < lines[other][column]
        for column in columns
        for one in narrow
        for other in wide
        if column in lines[one]
    )
    near = lines[AUGMENTED][SHARED] > lines[CONTEXT][SHARED] > lines[GENERAL][SHARED]
    return {"Table 3's order": "yes" if diverse else "no", "Figure 3's order": "yes" if near else "no"}


def hours(
    trainings: Trainings, students: Sequence[str], textbooks: Sequence[str], seeds: Sequence[int], updates: int = 4
) -> Iterator[Row]:
    """Time some updates of each student on the first task's own text, and say how long its distillations will take."""
    name = next(iter(trainings.tasks))
    text = trainings.text(TASK, name, trainings.kilobytes)
    trainings.teacher(name)
    for student in students:
        seconds = []
        for n in (1, 1, 1 + updates):  # the first warms up
            started = time.perf_counter()
            with tempfile.TemporaryDirectory() as out:
                trainings.teach(Way(student, TASK, trainings.kilobytes, name, 0), text, n, None, Path(out))
            seconds.append(time.perf_counter() - started)
        each = (seconds[2] - seconds[1]) / updates
        n_trainings = len(textbooks) * len(trainings.tasks) * len(seeds)
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
    students: Annotated[tuple[str, ...], Parameter(help="Only these; the first is that of the curve.")] = (
        "random 3x384",
        *(each for each in STUDENTS if each != "random 3x384"),
    ),
    textbooks: Annotated[tuple[str, ...], Parameter(help="Only these.")] = TEXTBOOKS,
    seeds: Annotated[tuple[int, ...], Parameter(help="Of the students' start, distillation and tuning.")] = SEEDS,
    kilobytes: Annotated[int, Parameter(help="Size of every textbook, at most.")] = KILOBYTES,
    smaller: Annotated[tuple[int, ...], Parameter(help="Sizes of the curve below that, in kB.")] = SMALLER,
    updates: Annotated[int, Parameter(help="Of every student's distillation.")] = UPDATES,
    masked_lm: Annotated[str, Parameter(help="Proposes words for TaskDA. [default: words of the same tag]")] = "",
    table: Annotated[bool, Parameter(help="No curve over the sizes of textbooks.")] = False,
    name: Annotated[str, Parameter(help="The result's.")] = "study_textbooks",
    only_texts: Annotated[bool, Parameter(name="--texts", help="Compare the textbooks' texts, and stop.")] = False,
    only_hours: Annotated[
        bool, Parameter(name="--hours", help="Say how long the distillations will take, and stop.")
    ] = False,
    quick: Annotated[
        bool, Parameter(help="Two updates of 8 texts each, for one task, three textbooks and one seed.")
    ] = False,
) -> None:
    """Make and train what is not there yet, print the tables as they grow and write the results."""
    size, place = Size(updates), FOLDER
    if quick:
        folder, place, size, kilobytes, smaller = folder.with_name(f"{folder.name}-quick"), QUICK, QUICK_SIZE, 20, (10,)
        tasks, seeds, students, textbooks = tasks[1:2] or tasks, seeds[:1], students[:1], (GENERAL, CONTEXT, BOTH)
    loaded = {task: load_task(task, size.task_pairs, size.dev_pairs) for task in tasks}
    trainings = Trainings(folder, loaded, size, kilobytes, masked_lm)
    if only_hours:
        study(f"{name}_hours", hours(trainings, students, textbooks, seeds), folder=QUICK)
        return
    with kept_runs(folder, "textbooks", trainings.facts, place):
        study(f"{name}_texts", texts(trainings, place, f"{name}_texts"), folder=place)
        if only_texts:
            return
        study(name, rows(trainings, students, textbooks, seeds), seeds, folder=place)
        if table:
            return
        curved = [textbook for textbook in CURVED if textbook in textbooks]
        sizes = sorted({*smaller, kilobytes})
        lines = study(f"{name}_curve", curve(trainings, students[0], curved, sizes, seeds), seeds, folder=place)
    draw(lines, place / f"{name}_curve.svg")


if __name__ == "__main__":
    run(main)

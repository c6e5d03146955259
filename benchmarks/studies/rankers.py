"""Distil small re-rankers from scratch: where is an LSTM the right student, and where a transformer of two layers?

Run in the project's root: python -m benchmarks.studies.rankers   (--quick: a smoke test, whose numbers say nothing)
The teacher is free: the cosine of the base encoder, MiniLM-L6, scaled to a standard deviation of 1. Students learn its
differences on BM25's candidates, of squad-sentences' and pydocs' training questions with their labels, and of MS
MARCO's dev queries without; they re-rank BM25's candidates of other questions, and of TREC DL 2019's. A student's
embeddings are MiniLM-L6's, and so are the transformer's layers, its first two. Quality is nDCG@10 over three seeds;
pairs a second are those of the fastest engine in float32, of the same lists, measured while the table is made. The
students' updates take about the same time; a BiLSTM of the others' number is beside them. Killed, it resumes after
what is finished, and runs that are beside the table are not made again. Estimated at five hours of one core with AVX2.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from cyclopts import Parameter
from matplotlib.figure import Figure

import rankdistill as rd
from benchmarks.pictures import save_svg
from benchmarks.results import FOLDER, QUICK, STUDIES, Folder, Row, run, study
from benchmarks.student_speed import by_best_engine, seconds
from benchmarks.studies import marco
from benchmarks.studies.rows import MEASURES, corrected, row
from benchmarks.studies.runs import RUN, kept_runs
from benchmarks.studies.students import per_query
from rankdistill.arrays import F32
from rankdistill.data import Candidates, Collection
from rankdistill.evaluation.conventions import Conventions
from rankdistill.models import DEFAULT_BASE, CrossEncoder
from rankdistill.recipes import with_labels
from rankdistill.recipes.measure import measure_model
from rankdistill.recipes.student_settings import STUDENTS, student_kind
from rankdistill.recipes.students import make_student
from rankdistill.recipes.teachers import scores_by_run
from rankdistill.scoring import score_with_report
from rankdistill.scoring.settings import ScoringSettings
from rankdistill.tasks import Task
from rankdistill.training import TrainingSettings, fit

SEEDS = (0, 1, 2)
TAUGHT = "pairwise_mse(target)"
LABELLED = f"hinge(label) + {TAUGHT}"
LISTS = {"list_size": 8, "lists_per_batch": 16, "dtype": "float32", "logging_steps": 50}
N_TRAINED, N_TESTED, DEPTH = 6000, 500, 20
"""Questions of squad-sentences and of pydocs, and candidates of each; MS MARCO has 32 and 100 for a query."""
TIMED = 4000
"""Pairs, at most, that a student's speed is measured on, twice; the better counts."""
BM25, TEACHER = "BM25", "cosine of MiniLM-L6"
COLOURS = {"bilstm": "#1b6ca8", "biattentive": "#c0504d", "transformer:2x384": "#5b8c3a"}


@dataclass(frozen=True)
class Student:
    """A kind of student, and how many updates it has."""

    name: str
    updates: int

    @property
    def facts(self) -> Row:
        return {"student": self.name, "updates": self.updates}


TABLE = (
    Student("bilstm", 250),
    Student("bilstm", 2500),
    Student("biattentive", 250),
    Student("transformer:2x384", 250),
)


@dataclass(frozen=True, eq=False)
class Ground:
    """Lists to learn from, the task to measure on, by what objective, and tokens of a pair."""

    train: Candidates
    """With the column "target", and "label" where the objective reads it."""
    test: Task
    """Its candidates have the columns "bm25" and "cosine"."""
    objective: str
    max_length: int


def questions(collection: Collection, train: Candidates, test: Candidates, max_length: int) -> Ground:
    """Labelled lists of a collection, of whose candidates one is relevant if BM25 found it."""
    task = Task(collection, test, conventions=Conventions(unjudged="irrelevant"))
    return with_cosines(with_labels(task.with_candidates(train)), task, LABELLED, max_length)


def with_cosines(train: Candidates, test: Task, objective: str, max_length: int) -> Ground:
    """Give the lists the teacher's scores."""
    cosines = rd.cosine(train, test.collection)
    train = train.with_columns(target=(cosines - cosines.mean()) / cosines.std())
    tested = test.candidates.with_columns(cosine=rd.cosine(test.candidates, test.collection))
    return Ground(train, replace(test, candidates=tested), objective, max_length)


def squad_sentences(n_trained: int, n_tested: int) -> Ground:
    """Part 2's questions to learn from, part 1's to measure on; they share no article."""
    collection = rd.load_collection(marco.DATA / "squad-sentences")
    parts = [rd.read_run(collection.runs[f"bm25.part{part}.depth{DEPTH}"], column="bm25") for part in (2, 1)]
    train, test = (drawn(part, n) for part, n in zip(parts, (n_trained, n_tested), strict=True))
    return questions(collection, train, test, max_length=64)


def pydocs(n_trained: int, n_tested: int) -> Ground:
    """Python's documentation, a summary as the question."""
    collection = rd.load_collection("pydocs")
    train, test = (
        rd.bm25(collection, shuffled(collection.split(split), n), k=DEPTH)
        for split, n in (("train", n_trained), ("test", n_tested))
    )
    return questions(collection, train, test, max_length=64)


def dl19(n_trained: int, _n_tested: int) -> Ground:
    """MS MARCO's dev queries among the passages of other years to learn from, DL 2019 to measure on."""
    task = marco.load_task(n_unlabelled=n_trained)
    return with_cosines(task.unlabelled, task.test, TAUGHT, max_length=128)


GROUNDS: dict[str, Callable[[int, int], Ground]] = {
    "squad-sentences": squad_sentences,
    "pydocs": pydocs,
    "DL 2019": dl19,
}


def drawn(lists: Candidates, n: int) -> Candidates:
    """The lists of so many queries, drawn by a fixed seed."""
    chosen_ = np.zeros(lists.n_queries, bool)
    chosen_[np.random.default_rng(0).permutation(lists.n_queries)[:n]] = True
    return lists.take_queries(chosen_)


def shuffled(ids: Sequence[str], n: int) -> list[str]:
    """So many of the ids, drawn by a fixed seed."""
    return [ids[at] for at in np.random.default_rng(0).permutation(len(ids))[:n]]


@dataclass(frozen=True, eq=False)
class Trainings:
    """All that the study trains, each once, in a folder."""

    folder: Path
    grounds: Mapping[str, Ground]
    n_trained: int

    @property
    def facts(self) -> dict[str, Any]:
        """What all of them depend on, whichever grounds are chosen."""
        return {"trained": self.n_trained, "depth": DEPTH, "lists": LISTS, "objectives": [LABELLED, TAUGHT]}

    def scores(self, name: str, student: Student, seed: int) -> F32:
        """Train a student; its scores of the test candidates."""
        ground = self.grounds[name]
        out = self.folder / name / f"{student.name.replace(':', ' ')}, {student.updates} updates, seed {seed}"
        if not (out / RUN).is_file():
            model = made(student.name, ground, seed)
            fit(
                model,
                ground.train,
                ground.test.collection,
                ground.objective,
                settings_of(student, ground, seed),
                out=out,
            )
            measure_model(model, ground.test, out, scoring=ScoringSettings(dtype="float32"))
        return scores_by_run(out / RUN, ground.test.candidates, ground.test.collection)


def made(name: str, ground: Ground, seed: int) -> CrossEncoder:
    """A student that has learned no more than what it takes of MiniLM-L6."""
    return make_student(name, ground.test.collection, base=DEFAULT_BASE, max_length=ground.max_length, seed=seed)


def settings_of(student: Student, ground: Ground, seed: int) -> TrainingSettings:
    """The student's own optimizer and rate, and the same lists for all of them."""
    suits = STUDENTS[student_kind(student.name) or ""].training
    epochs = -(-student.updates * LISTS["lists_per_batch"] // ground.train.n_queries) + 1
    return TrainingSettings(**{**suits, **LISTS, "epochs": epochs, "max_steps": student.updates, "seed": seed})


def speed(model: CrossEncoder, ground: Ground) -> Row:
    """Pairs a second by the fastest engine."""
    lists = ground.test.candidates
    data = ground.test.collection, lists.take_rows(np.arange(len(lists)) < TIMED)
    engine, best, _ = by_best_engine(model, data)
    taken = min(seconds(lambda: score_with_report(best, data[1], data[0])) for _ in range(2))
    return {"parameters": model.n_parameters, "engine": engine, "pairs/s": round(len(data[1]) / taken)}


def rows(trainings: Trainings, students: Sequence[Student], seeds: Sequence[int]) -> Iterator[Row]:
    """BM25, the teacher and the students on each ground, each student against BM25 and the others before it."""
    for name, ground in trainings.grounds.items():
        free = {BM25: "bm25", TEACHER: "cosine"}
        for system, column in free.items():
            yield row({"ground": name, "student": system}, [per_query(ground.test, ground.test.candidates[column])])
        before = {BM25: [per_query(ground.test, ground.test.candidates["bm25"])]}

        @cache
        def fast(kind: str, ground: Ground = ground) -> Row:
            return speed(made(kind, ground, 0), ground)

        for student in students:
            measured = [per_query(ground.test, trainings.scores(name, student, seed)) for seed in seeds]
            yield row({"ground": name, **student.facts, **fast(student.name)}, measured, before)
            before[f"{student.name}, {student.updates}"] = measured


def draw(lines: Sequence[Row], path: Path) -> None:
    """Draw quality over pairs a second: axes for each ground; what needs no student is a line."""
    grounds = list(dict.fromkeys(line["ground"] for line in lines))
    figure = Figure(figsize=(4 * len(grounds), 3.6), layout="constrained")
    for ax, ground in zip(figure.subplots(1, len(grounds), squeeze=False)[0], grounds, strict=True):
        for line in (each for each in lines if each["ground"] == ground):
            value, system = line[MEASURES[0]], line["student"]
            if "pairs/s" not in line:
                ax.axhline(value, color="#555555", linestyle="--", linewidth=1)
                ax.annotate(
                    system,
                    (0.02, value),
                    (0, 2),
                    xycoords=("axes fraction", "data"),
                    textcoords="offset points",
                    fontsize=8,
                )
                continue
            deviation = line.get(f"sd({MEASURES[0]})", 0.0)
            ax.errorbar(line["pairs/s"], value, deviation, fmt="o", color=COLOURS.get(system, "black"), capsize=3)
            ax.annotate(
                f"{system}, {line['updates']:,} updates",
                (line["pairs/s"], value),
                (5, 3),
                textcoords="offset points",
                fontsize=8,
            )
        ax.set(title=ground, xlabel="pairs a second", xscale="log", ylabel=MEASURES[0])
        ax.margins(x=0.4)
    save_svg(figure, path)


def main(
    *,
    folder: Folder = STUDIES / "rankers",
    grounds: Annotated[tuple[str, ...], Parameter(help="Only these.")] = tuple(GROUNDS),
    seeds: Annotated[tuple[int, ...], Parameter(help="Of the students.")] = SEEDS,
    name: Annotated[str, Parameter(help="The result's.")] = "study_rankers",
    quick: Annotated[bool, Parameter(help="Two updates of each student, on one ground.")] = False,
) -> None:
    """Train what is not yet trained, print the table as it grows, draw it and write the result."""
    place, sizes, students = FOLDER, (N_TRAINED, N_TESTED), TABLE
    if quick:
        folder, place, sizes = folder.with_name(f"{folder.name}-quick"), QUICK, (40, 20)
        grounds, seeds, students = ("pydocs",), seeds[:2], tuple(Student(each.name, 2) for each in TABLE[1:])
    trainings = Trainings(folder, {ground: GROUNDS[ground](*sizes) for ground in grounds}, sizes[0])
    with kept_runs(folder, "rankers", trainings.facts, place):
        lines = study(name, rows(trainings, students, seeds), seeds, finish=corrected, folder=place)
    draw(lines, place / f"{name}.svg")


if __name__ == "__main__":
    run(main)

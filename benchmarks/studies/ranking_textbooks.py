"""Compare textbooks for ranking students: which text without labels is the best start for a student of random weights?

Run in the project's root: python -m benchmarks.studies.ranking_textbooks   (--quick: a smoke test, whose numbers say
nothing)
A cross-encoder, MiniLM-L6 that learned a ground's lists, teaches students of three layers of width 384, with random
weights, its relations between tokens by MiniLMv2's recipe. They read pairs of adjacent sentences of Wikipedia
(general), the questions that are learnt from with what BM25 finds for them (in-domain), or those general pairs that
these questions and passages find (CC): as many bytes of each, and as many updates. Then they, and a student that read
nothing, learn the ground's lists by its objective, as in `benchmarks.studies.rankers`, and re-rank BM25's candidates of
other questions: squad-sentences', and those of TREC DL 2019. nDCG@10 and PNR are means over seeds, each of which has an
initialisation, a distillation and a training of its own; p is by query, corrected by Holm's method.

Estimated, from `benchmarks.relation_speed`, at 18 hours of two free cores with AVX2, in float32: 18 distillations of
1,000 updates of 64 pairs (30 minutes for squad-sentences, an hour for DL 2019), 24 trainings of 500 updates of 128
pairs (10 and 20 minutes), and two teachers. Killed, it resumes after what is finished, and runs that are beside the
table are not made again. Source: CC §2, MiniLMv2 (docs/papers.md).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

import pyarrow.compute as pc
from cyclopts import Parameter

from benchmarks.results import FOLDER, QUICK, STUDIES, Folder, Row, run, study
from benchmarks.studies.rankers import BM25, GROUNDS, LISTS, Ground, Student, settings_of
from benchmarks.studies.rankers import TEACHER as COSINE
from benchmarks.studies.rows import PerQuery, corrected, row
from benchmarks.studies.runs import RUN, kept_runs, model_of
from benchmarks.studies.students import per_query
from benchmarks.studies.textbooks import (
    BATCH,
    CONTEXT,
    GENERAL,
    LONGEST,
    QUICK_SIZE,
    RATE,
    SLICE,
    Text,
    cut,
    general_parts,
    learn_relations,
    pairs_in,
    random_student,
    recipe,
    shuffled,
)
from rankdistill.data import Collection, Texts
from rankdistill.data.pair_parts import SCHEMA, read_pairs
from rankdistill.data.parts import is_parts
from rankdistill.models import DEFAULT_BASE, CrossEncoder
from rankdistill.recipes.measure import measure_model
from rankdistill.recipes.start import start_model
from rankdistill.recipes.teachers import scores_by_run
from rankdistill.scoring.settings import ScoringSettings
from rankdistill.textbook import build_textbook
from rankdistill.training import fit

SHAPE = "transformer:3x384"
NOTHING, DOMAIN = "nothing", "in-domain"
TEXTBOOKS = (NOTHING, GENERAL, DOMAIN, CONTEXT)
LEARNT_FROM = ("squad-sentences", "DL 2019")
SEEDS = (0, 1, 2)
KILOBYTES = 8000


@dataclass(frozen=True)
class Size:
    """How much is learned from."""

    kilobytes: int = KILOBYTES
    """Of a textbook."""
    updates: int = 1000
    """Of a distillation, of so many pairs each."""
    batch: int = BATCH
    ranking_updates: int = 500
    """Of a student's training on the ground's lists."""
    teacher_updates: int = 1500
    n_trained: int = 6000
    """Questions, and those measured on; see `benchmarks.studies.rankers`."""
    n_tested: int = 500
    general: str = SLICE
    general_pairs: int | None = None
    """Pairs of general sentences that the textbooks are chosen from; None: all."""


FEW = Size(20, 2, 8, 2, 2, 40, 20, QUICK_SIZE.general, QUICK_SIZE.general_pairs)


@dataclass(frozen=True, eq=False)
class Trainings:
    """All that the study trains, each once, in a folder."""

    folder: Path
    grounds: Mapping[str, Ground]
    size: Size

    @property
    def facts(self) -> dict[str, Any]:
        """What all of them depend on, whichever grounds are chosen."""
        return {"size": asdict(self.size), "lists": LISTS, "rate": RATE, "longest": LONGEST, "student": SHAPE}

    @cached_property
    def general(self) -> Path:
        """The parts of the general text."""
        return general_parts(self.folder / "parts" / GENERAL, self.size.general, self.size.general_pairs)

    def text(self, textbook: str, name: str) -> Text:
        """A textbook of a ground: pairs, as many as fit."""
        if textbook == DOMAIN:
            table = shuffled(pairs_in(self.grounds[name].train, self.grounds[name].test.collection))
        elif textbook == GENERAL:
            table = shuffled(read_pairs(self.general).select(SCHEMA.names))
        else:
            table = read_pairs(self.contextualized(name)).select(SCHEMA.names)
        return cut(table, self.size.kilobytes, f"{textbook} of {name}")

    def contextualized(self, name: str) -> Path:
        """The parts of the general pairs that a ground's questions and passages find; made where there are none."""
        out = self.folder / "parts" / CONTEXT / name
        if not is_parts(out):
            build_textbook(learnt(self.grounds[name], name), [self.general], out, size=f"{self.size.kilobytes}kB")
        return out

    def teacher(self, name: str) -> Path:
        """MiniLM-L6 that learned a ground's lists; the folder of the model."""
        ground = self.grounds[name]

        def train(out: Path) -> None:
            self._rank(ground, DEFAULT_BASE, self.size.teacher_updates, 0, out)

        return model_of(self.folder / "teachers" / name, train)

    def teachers_measures(self, name: str) -> PerQuery:
        """What the teacher reaches; it is not trained where its run is known."""
        out = self.folder / "teachers" / name
        if not (out / RUN).is_file():
            self.teacher(name)
        return self.reached(name, out)

    def taught(self, textbook: str, name: str, seed: int) -> CrossEncoder | Path:
        """The folder of a student that learned a textbook, or a student that learned nothing."""
        ground, out = self.grounds[name], self.folder / "taught" / name / f"{textbook}, seed {seed}"
        if textbook == NOTHING:
            nothing = ground.test.collection, ground.train
            return random_student(SHAPE, nothing, DEFAULT_BASE, ground.max_length, seed)
        if not (out / "model").is_dir():
            text, teacher = self.text(textbook, name), self.teacher(name)
            student = random_student(SHAPE, text, teacher, ground.max_length, seed)
            settings = recipe(len(text[1]), self.size.updates, self.size.batch, RATE, seed)
            learn_relations(student, teacher, text, settings, out)
        return out / "model"

    def measured(self, textbook: str, name: str, seed: int) -> PerQuery:
        """What a student reaches that learned a textbook, and then the ground's lists."""
        out = self.folder / name / f"{textbook}, seed {seed}"
        if not (out / RUN).is_file():
            start = self.taught(textbook, name, seed)
            self._rank(self.grounds[name], start, self.size.ranking_updates, seed, out)
        return self.reached(name, out)

    def reached(self, name: str, out: Path) -> PerQuery:
        """The measures of the run in a folder, by query."""
        test = self.grounds[name].test
        return per_query(test, scores_by_run(out / RUN, test.candidates, test.collection))

    def _rank(self, ground: Ground, start: CrossEncoder | Path | str, updates: int, seed: int, out: Path) -> None:
        """Train on the ground's lists by its objective, and measure."""
        collection, model = ground.test.collection, start
        if not isinstance(model, CrossEncoder):
            model = start_model(collection, model, start="plain", max_length=ground.max_length, seed=seed)
        settings = settings_of(Student(SHAPE, updates), ground, seed)
        fit(model, ground.train, collection, ground.objective, settings, out=out)
        measure_model(model, ground.test, out, scoring=ScoringSettings(dtype="float32"))


def learnt(ground: Ground, name: str) -> Collection:
    """The questions that are learnt from, their passages and lists, and nothing of what is measured on alone."""
    lists, whole = ground.train.only_columns(), ground.test.collection
    passages = pc.unique(lists.doc_ids)
    return Collection(
        name,
        Texts(lists.query_ids, whole.queries.column(lists.query_ids)),
        Texts(passages, whole.documents.column(passages)),
        candidates=lists,
    )


def rows(trainings: Trainings, textbooks: Sequence[str], seeds: Sequence[int]) -> Iterator[Row]:
    """BM25, the cosine, the teacher and the students on each ground, each student against those before it."""
    for name, ground in trainings.grounds.items():
        for system, column in ((BM25, "bm25"), (COSINE, "cosine")):
            yield row(
                {"ground": name, "student read": f"({system})"},
                [per_query(ground.test, ground.test.candidates[column])],
            )
        yield row({"ground": name, "student read": "(its teacher)"}, [trainings.teachers_measures(name)])
        before: dict[str, list[PerQuery]] = {}
        for textbook in textbooks:
            measured = [trainings.measured(textbook, name, seed) for seed in seeds]
            yield row({"ground": name, "student read": textbook}, measured, before)
            before[textbook] = measured


def main(
    *,
    folder: Folder = STUDIES / "ranking_textbooks",
    grounds: Annotated[tuple[str, ...], Parameter(help="Only these.")] = LEARNT_FROM,
    textbooks: Annotated[tuple[str, ...], Parameter(help="Only these, in this order.")] = TEXTBOOKS,
    seeds: Annotated[tuple[int, ...], Parameter(help="Of the students' start and trainings.")] = SEEDS,
    kilobytes: Annotated[int, Parameter(help="Size of every textbook.")] = KILOBYTES,
    updates: Annotated[int, Parameter(help="Of every student's distillation.")] = Size.updates,
    name: Annotated[str, Parameter(help="The result's.")] = "study_ranking_textbooks",
    quick: Annotated[bool, Parameter(help="Two updates of each training, for squad-sentences and one seed.")] = False,
) -> None:
    """Make and train what is not there yet, print the table as it grows and write the result."""
    size, place = Size(kilobytes, updates), FOLDER
    if quick:
        folder, place, size = folder.with_name(f"{folder.name}-quick"), QUICK, FEW
        grounds, seeds = grounds[:1], seeds[:1]
    loaded = {ground: GROUNDS[ground](size.n_trained, size.n_tested) for ground in grounds}
    trainings = Trainings(folder, loaded, size)
    with kept_runs(folder, "ranking_textbooks", trainings.facts, place):
        study(name, rows(trainings, textbooks, seeds), seeds, finish=corrected, folder=place)


if __name__ == "__main__":
    run(main)

"""Which loss distils best into a student of four layers: hinge + MSE, Margin-MSE, InfoNCE → RankNet, ADR-MSE, KL.

Run in the project's root: python -m benchmarks.studies.losses   (after python -m benchmarks.studies.teachers)
Students begin as an imitation of the first teacher and learn on DL 2020 to 2022, from the mean of the teachers'
(--target teachers) or of real systems' z-scores (--target systems), and from labels where their loss reads them. Every
way sees as many pairs; one of two stages spends a third of them on the first. The learning rate of each is the best of
three on the queries held out, then three seeds are measured on DL 2019, re-ranking BM25's 100 best. Killed, it resumes
after what is finished.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from cyclopts import Parameter

import rankdistill as rd
from benchmarks.results import STUDIES, Folder, Row, markdown_table, run, study
from benchmarks.studies.marco import MsMarco, load_task
from benchmarks.studies.rows import PerQuery, corrected, row
from benchmarks.studies.students import (
    CANDIDATES,
    FREE,
    LAYERS,
    SCORING,
    SEEDS,
    SETTINGS,
    TEACHERS,
    ensembled,
    free_systems,
    measured,
    scored_lists,
    student_start,
    trained_student,
)
from rankdistill.data import Candidates
from rankdistill.errors import UnknownNameError
from rankdistill.recipes import get_recipe
from rankdistill.recipes.papers import ENSEMBLED
from rankdistill.training import TrainingSettings, draw_candidates

Target = Literal["teachers", "systems"]
SIZE = next(iter(LAYERS))
FIRST = "infonce(label, relevant_from=2.0)"
"""Of ways with two stages; TREC's passages are relevant from grade 2 on."""
LEARNT = replace(SETTINGS, list_size=16, lists_per_batch=4)
"""Lists of 16 for all: losses over lists need more than 8, and whole lists of 48 would be too few updates."""
RATES = (2e-5, 5e-5, 1e-4)
WAYS: dict[str, tuple[str, bool, str]] = {
    "hinge + MSE": (ENSEMBLED, False, "random"),
    "labels alone, InfoNCE": (FIRST, False, "random"),
    "hinge + MSE, even lists": (ENSEMBLED, False, "even"),
    "hinge + MSE, hardest and band": (ENSEMBLED, False, "hardest"),
    "Margin-MSE": (get_recipe("margin-mse").objective, False, "random"),
    "InfoNCE → RankNet": (get_recipe("rank-distillm").objective, True, "random"),
    "InfoNCE → ADR-MSE": (get_recipe("adr-mse").objective, True, "random"),
    "KL, two temperatures": (get_recipe("kl").objective, False, "random"),
    "raw MSE": (get_recipe("raw-mse").objective, False, "random"),
}
"""Name -> objective, whether InfoNCE on labels comes first, how lists are drawn."""
BASELINE = "hinge + MSE"


@dataclass(frozen=True)
class Bench:
    """What all ways share."""

    task: MsMarco
    lists: Candidates
    """Columns label and target."""
    start: Path
    folder: Path
    learnt: TrainingSettings
    rates: tuple[float, ...]
    seeds: tuple[int, ...]


def bench(folder: Path, target: Target, quick: bool) -> Bench:
    """Read the lists, score them and make the start, where an earlier call has not."""
    task = load_task()
    if quick:
        lists = draw_candidates(task.train.take_queries(slice(0, 6)), 8, seed=0, labels="label")
        start = folder / "quick-start" / "model"
        if not start.is_dir():
            rd.start_model(task.collection, layers=(0, 5), imitate=False, max_length=32).save(start)
        lists = lists.only_columns("label").with_columns(target=lists["systems"])
        test = task.test.with_candidates(task.test.candidates.take_queries(slice(0, 2)))
        held_out = task.held_out.with_candidates(task.held_out.candidates.take_queries(slice(0, 2)))
        small = replace(LEARNT, list_size=4, max_steps=3)
        return Bench(replace(task, test=test, held_out=held_out), lists, start, folder, small, RATES[:1], SEEDS[:1])
    if target == "teachers":
        lists = ensembled(scored_lists(task, folder), "mean", TEACHERS, 0.9, 0)[0]
    else:
        lists = draw_candidates(task.train, CANDIDATES, seed=0, labels="label")
        lists = lists.only_columns("label").with_columns(target=lists["systems"])
    start = student_start(task, folder, TEACHERS[0] if target == "teachers" else "warm-up", SIZE)
    return Bench(task, lists, start, folder, LEARNT, RATES, SEEDS)


def student(bench: Bench, lists: Candidates, way: str, rate: float, seed: int, place: Path) -> Path:
    """Train a student in one way, of one stage or two; return the folder of the model."""
    objective, two_stages, draw = WAYS[way]
    settings = replace(bench.learnt, learning_rate=rate, draw=draw)
    start, collection = bench.start, bench.task.collection
    if two_stages:
        updates = max(1, settings.max_steps // 3)
        first = replace(settings, max_steps=updates, relevant_share=1 / settings.list_size)
        start = trained_student(collection, lists, start, FIRST, seed, place / "first", settings=first)
        settings = replace(settings, max_steps=settings.max_steps - updates)
    return trained_student(collection, lists, start, objective, seed, place / "last", settings=settings)


def best_rate(bench: Bench, way: str, place: Path) -> tuple[float, dict[float, float]]:
    """The rate with the highest nDCG@10 on the queries held out, and what each has."""
    held_out = replace(bench.task.held_out, measures=("nDCG@10",))
    lists, reached = bench.task.not_held_out(bench.lists), {}
    for rate in bench.rates:
        model = student(bench, lists, way, rate, bench.seeds[0], place / f"rate {rate:g}")
        store = bench.folder / "scores"
        scores = rd.score(str(model), held_out.candidates, held_out.collection, dtype=SCORING.dtype, store=store)
        reached[rate] = held_out.evaluation(scores).values["nDCG@10"]
    return max(reached, key=lambda rate: reached[rate]), reached


def rows(folder: Path, target: Target, ways: tuple[str, ...], quick: bool) -> Iterator[Row]:
    """The free rows, then each way at its rate, against `BASELINE` and the free cosine."""
    for name in ways:
        if name not in WAYS:
            raise UnknownNameError("way", name, WAYS)
    made = bench(folder, target, quick)
    test = made.task.test
    free = free_systems(test, "bm25")
    cosine = [free[FREE]]
    for name, values in free.items():
        yield row({"way": name}, [values])
    yield row({"way": "start, an imitation"}, [measured(test, made.start)], {FREE: cosine})
    reached: dict[str, list[PerQuery]] = {}
    for name in ways:
        place = folder / "losses" / target / name.replace(" ", "-")
        rate, tried = best_rate(made, name, place)
        models = [student(made, made.lists, name, rate, seed, place / f"seed{seed}") for seed in made.seeds]
        reached[name] = [measured(test, model) for model in models]
        against = {FREE: cosine}
        if BASELINE in reached and name != BASELINE:
            against[BASELINE] = reached[BASELINE]
        facts = {"way": name, "learning rate": rate, "held out nDCG@10": round(float(np.max([*tried.values()])), 4)}
        yield row(facts, reached[name], against)


def main(
    *,
    folder: Folder = STUDIES,
    target: Annotated[Target, Parameter(help="What students fit.")] = "teachers",
    ways: Annotated[tuple[str, ...], Parameter(help="Only these.")] = tuple(WAYS),
    quick: Annotated[
        bool, Parameter(help="Three updates each, of a start without training; nothing is written.")
    ] = False,
) -> None:
    """Train what is not yet trained, print the table as it grows and write the result."""
    if quick:
        print(markdown_table(corrected(list(rows(folder, target, ways, quick)))))
    else:
        study(f"study_losses_{target}", rows(folder, target, ways, quick), SEEDS, finish=corrected)


if __name__ == "__main__":
    run(main)

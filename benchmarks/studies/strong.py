"""The strongest student of six layers and 384 dimensions, beside its teachers, real systems, BM25 and the free cosines.

Run in the project's root: python -m benchmarks.studies.strong   (after python -m benchmarks.studies.mpnet)
It re-ranks BM25's 100 best of DL 2019 and of DL 2020; whatever learns labels or systems' runs learns those of the other
years only. Teachers: mpnet's cosine; a cross-encoder that starts from mpnet (--cross); the runs of real systems. Steps:
(1) six of seven layers imitate all, without labels; (2) the student learns mpnet's cosine on the lists that BM25 finds
for queries of MS MARCO's dev set, unlabelled, the same for both years; (3) it learns the teachers and the labels of the
other years. "oracle" learns (3) on the runs and labels of the year itself: what capacity alone allows. Killed, it
resumes after what is finished.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter
from typing import Annotated

import numpy as np
from cyclopts import Parameter

import rankdistill as rd
from benchmarks.results import STUDIES, Folder, Row, markdown_table, run, study
from benchmarks.studies.marco import STRONG, V1, MsMarco, load_task, pooled
from benchmarks.studies.mpnet import cosine_of, mpnet
from benchmarks.studies.rows import PerQuery, corrected, row
from benchmarks.studies.students import SEEDS, measured, per_query, trained_student
from rankdistill.arrays import F32
from rankdistill.data import Candidates
from rankdistill.ensembling import normalize
from rankdistill.files.facts import claim
from rankdistill.recipes.start import IMITATION
from rankdistill.training import TrainingSettings, draw_candidates

YEARS = ("dl19", "dl20")
LAYERS = (0, 1, 3, 4, 5, 6)
"""Of seven: six of the base, and the one that the start from the cosine adds."""
LENGTH, CANDIDATES, IMITATED = 96, 48, 2000
LABELLED = "ranknet(label) + pairwise_mse(target)"
FREE = "cosine of mpnet"


WIDE = TrainingSettings(
    list_size=16, lists_per_batch=8, learning_rate=1e-4, draw="even", save_steps=25, logging_steps=25
)
LABELLED_SETTINGS = TrainingSettings(list_size=16, lists_per_batch=4, learning_rate=3e-5, epochs=12, max_steps=120)
CROSS_WIDE = TrainingSettings(
    list_size=8, lists_per_batch=8, learning_rate=3e-5, draw="even", max_steps=150, save_steps=10, logging_steps=10
)
CROSS_LABELLED = replace(CROSS_WIDE, learning_rate=2e-5, draw="random", epochs=10, max_steps=100)


@dataclass(frozen=True)
class Sizes:
    """How much is learned; all of it costs time in proportion."""

    queries: int = 3000
    """Unlabelled queries of the student's second step, and of the cross-encoder's first."""
    imitated: int = IMITATED
    """Unlabelled queries of the imitation."""
    wide: TrainingSettings = WIDE
    labelled: TrainingSettings = LABELLED_SETTINGS
    cross_wide: TrainingSettings = CROSS_WIDE
    cross_labelled: TrainingSettings = CROSS_LABELLED
    seeds: tuple[int, ...] = SEEDS
    candidates: int = CANDIDATES
    """Of each query of the labelled years."""
    lists: int | None = None
    """Of the labelled years, and of what is measured on."""

    @classmethod
    def quick(cls) -> Sizes:
        """Enough to see every step run."""

        def small(settings: TrainingSettings) -> TrainingSettings:
            return replace(settings, list_size=2, lists_per_batch=1, max_steps=2)

        whole = cls()
        named = ("wide", "labelled", "cross_wide", "cross_labelled")
        less = {name: small(getattr(whole, name)) for name in named}
        return cls(queries=2, imitated=2, seeds=(0,), candidates=4, lists=2, **less)


@dataclass(frozen=True)
class Year:
    """What is learned from and measured on where one year is the test."""

    name: str
    task: MsMarco
    labelled: Candidates
    """The other years' lists, with label, systems and mpnet's cosine."""
    own: Candidates
    """The year's own lists, with the same columns: for the oracle."""


# -- what is learned from ----------------------------------------------------------------------------------------------


def standard(scores: F32) -> F32:
    """Scores of mean 0 and deviation 1 over all candidates."""
    return (scores - scores.mean()) / scores.std()


def unlabelled(task: MsMarco, folder: Path) -> Candidates:
    """The dev set's lists with mpnet's cosine as "target"; queries that a test year has too are left out."""
    tests = {text for year in YEARS for text in _texts(task, rd.read_run(V1 / "runs" / f"{year}.bm25.trec.gz"))}
    kept = np.array([text not in tests for text in _texts(task, task.unlabelled)])
    lists = task.unlabelled.take_queries(kept)
    return lists.with_columns(target=standard(cosine_of("mpnet", lists, task.collection, folder, "auto")))


def _texts(task: MsMarco, lists: Candidates) -> list[str]:
    return [text.casefold() for text in task.collection.queries.take(lists.query_ids)]


def with_cosine(lists: Candidates, task: MsMarco, folder: Path, sizes: Sizes) -> Candidates:
    """Some candidates of each query, with their cosine; the column "target" is the mean of it and the systems."""
    drawn = draw_candidates(lists.take_queries(slice(sizes.lists)), sizes.candidates, seed=0, labels="label")
    cosine = normalize(cosine_of("mpnet", drawn, task.collection, folder, "auto"), drawn.offsets, "zscore")
    return drawn.with_columns(cosine=cosine, target=(cosine + drawn["systems"]) / 2)


def load_year(name: str, folder: Path, sizes: Sizes) -> Year:
    """Read one year as the test and the others to learn from."""
    task = load_task(name, sizes.queries, wide=True)
    own = pooled(V1, name, STRONG[name]).join(rd.read_qrels(V1 / f"qrels.{name}.txt"), "label")
    test = task.test.with_candidates(task.test.candidates.take_queries(slice(sizes.lists)))
    return Year(
        name,
        replace(task, test=test),
        with_cosine(task.train, task, folder, sizes),
        with_cosine(own, task, folder, sizes),
    )


# -- what learns -------------------------------------------------------------------------------------------------------


def start(task: MsMarco, folder: Path, sizes: Sizes) -> Path:
    """Six of the start's seven layers, which imitate all of them on unlabelled lists; the folder of the model."""
    out = folder / "imitation"
    if not (out / "model").is_dir():
        whole = rd.start_model(task.collection, max_length=LENGTH)
        lists = task.unlabelled.take_queries(slice(0, sizes.imitated))
        settings = replace(IMITATION, save_steps=25, max_steps=sizes.wide.max_steps)
        rd.imitate(whole, LAYERS, lists, task.collection, settings, out=out)
    return out / "model"


def cross_encoder(year: Year, lists: Candidates, folder: Path, sizes: Sizes) -> Path:
    """A cross-encoder from mpnet: it learns the encoder's own cosine, then systems and labels of the other years."""
    collection = year.task.collection
    begun = folder / "cross" / "start" / "model"
    if not begun.is_dir():
        encoder = mpnet(folder.parent)
        rd.start_model(collection, encoder, start="plain", max_length=LENGTH).save(begun)
    wide = trained_student(
        collection, lists, begun, "pairwise_mse(target)", 0, folder / "cross" / "wide", settings=sizes.cross_wide
    )
    place = folder / "cross" / year.name
    return trained_student(collection, year.labelled, wide, LABELLED, 0, place, settings=sizes.cross_labelled)


def with_cross(year: Year, lists: Candidates, model: Path, folder: Path) -> Candidates:
    """The lists with the cross-encoder among the teachers, whose mean is "target"."""
    scores = rd.score(str(model), lists, year.task.collection, dtype="auto", store=folder / "scores")
    cross = normalize(scores, lists.offsets, "zscore")
    return lists.with_columns(target=(lists["cosine"] + lists["systems"] + cross) / 3)


# -- the table ---------------------------------------------------------------------------------------------------------


def facts(year: Year, system: str, model: Path | None = None) -> Row:
    """What a system is: millions of parameters, and pairs a second, one process, on some of the test's lists."""
    line: Row = {"year": year.name, "system": system, "parameters (M)": None, "layers": None, "pairs/s": None}
    if model is not None:
        loaded = rd.CrossEncoder.from_pretrained(model, dtype="auto")
        line["parameters (M)"] = round(sum(weight.numel() for weight in loaded.model.parameters()) / 1e6, 1)
        line["layers"] = loaded.model.config.num_hidden_layers
        some = year.task.test.candidates.take_queries(slice(0, 4))
        rd.score(loaded, some, year.task.collection)  # so that nothing is loaded while it is timed
        begun = perf_counter()
        rd.score(loaded, some, year.task.collection)
        line["pairs/s"] = round(len(some) / (perf_counter() - begun))
    return line


def free(year: Year, folder: Path) -> Mapping[str, PerQuery]:
    """What needs no training here: BM25, the cosines, and the systems on BM25's candidates."""
    test = year.task.test
    found = {"BM25": per_query(test, test.candidates["bm25"])}
    for encoder in ("MiniLM-L6", "mpnet"):
        found[f"cosine of {encoder}"] = per_query(test, cosine_of(encoder, test.candidates, test.collection, folder))
    for system in STRONG[year.name]:
        run = rd.read_run(V1 / "runs" / f"{year.name}.{system}.trec.gz", column=system)
        scores = test.candidates.join(run, system)[system]
        found[f"{system}, a run of its own"] = per_query(
            test, np.where(np.isnan(scores), np.nanmin(scores) - 1, scores)
        )
    return found


def rows(folder: Path, years: tuple[str, ...], cross: bool, sizes: Sizes) -> Iterator[Row]:
    """For each year the free rows, the cross-encoder, the student's steps, and the oracle."""
    place = folder / f"strong {sizes.queries}"
    claim(place / "sizes", "a study", {"sizes": repr(replace(sizes, seeds=()))})
    for name in years:
        year = load_year(name, folder, sizes)
        lists, test = unlabelled(year.task, folder), year.task.test
        found = free(year, folder)
        for system, values in found.items():
            yield row(facts(year, system), [values], {FREE: [found[FREE]]} if system != FREE else None)
        against = {"BM25": [found["BM25"]], FREE: [found[FREE]]}
        labelled = year.labelled
        if cross:
            model = cross_encoder(year, lists, place, sizes)
            values = [measured(test, model)]
            yield row(facts(year, "cross-encoder of mpnet", model), values, against)
            against = {**against, "cross-encoder": values}
            labelled = with_cross(year, labelled, model, place)
        begun = start(year.task, place, sizes)
        yield row(facts(year, "student (1): imitation", begun), [measured(test, begun)], against)
        steps: dict[str, list[Path]] = {"(2): unlabelled lists": [], "(3): other years": [], "(3): oracle": []}
        kind = "with cross" if cross else "without cross"
        for seed in sizes.seeds:
            wide = trained_student(
                year.task.collection,
                lists,
                begun,
                "pairwise_mse(target)",
                seed,
                place / "wide" / f"seed{seed}",
                settings=sizes.wide,
            )
            steps["(2): unlabelled lists"].append(wide)
            sources = {"(3): other years": labelled, "(3): oracle": year.own}
            for step, learned in sources.items():
                if step == "(3): oracle" and seed != sizes.seeds[0]:
                    continue  # it only tells what bounds the others
                where = place / f"{name}, {kind}" / step.partition(": ")[2] / f"seed{seed}"
                learned = learned.only_columns("label", "target")
                steps[step].append(
                    trained_student(year.task.collection, learned, wide, LABELLED, seed, where, settings=sizes.labelled)
                )
        for step, models in steps.items():
            values = [measured(test, model) for model in models]
            yield row(facts(year, f"student {step}", models[0]), values, against)


def main(
    *,
    folder: Folder = STUDIES,
    years: Annotated[tuple[str, ...], Parameter(help="Test years: dl19, dl20.")] = YEARS,
    cross: Annotated[bool, Parameter(help="Train the cross-encoder of mpnet, 110 million parameters, too.")] = False,
    queries: Annotated[int, Parameter(help="Unlabelled queries, at most 6,980.")] = Sizes.queries,
    seeds: Annotated[tuple[int, ...], Parameter(help="Of the student's trainings.")] = SEEDS,
    quick: Annotated[bool, Parameter(help="Two updates of each step, and no result is written.")] = False,
) -> None:
    """Train what is not yet trained, print the table as it grows and write the result."""
    if quick:
        print(markdown_table(corrected(list(rows(folder / "quick", years, cross, Sizes.quick())))))
    else:
        sizes, name = Sizes(queries=queries, seeds=seeds), "study_strong_cross" if cross else "study_strong"
        study(name, rows(folder, years, cross, sizes), seeds, finish=corrected)


if __name__ == "__main__":
    run(main)

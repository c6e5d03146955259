"""Distil real systems' runs, which somebody else computed, into a small student: each alone, their mean, and PILE.

Run in the project's root: python -m benchmarks.studies.runs_as_teachers   (after python -m benchmarks.studies.teachers)
The runs are those of DL 2020: SPLADE++, TAS-B, RepLLaMA, ada2, and LLMs that re-ranked, whose order alone is known.
Students learn from 54 queries and are measured on DL 2019, re-ranking BM25's 100 best. Killed, it resumes after what is
finished.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

import rankdistill as rd
from benchmarks.results import STUDIES, Folder, Row, run, study
from benchmarks.studies.marco import V1, load_task
from benchmarks.studies.rows import corrected, row
from benchmarks.studies.students import LABELS, LAYERS, SEEDS, free_systems, student_start, trained_students
from rankdistill.data import Candidates
from rankdistill.ensembling import EnsembleSettings, ensemble, normalize
from rankdistill.ensembling.join import join_runs
from rankdistill.ensembling.missing import lowest
from rankdistill.ensembling.settings import MethodName

SIZE = next(iter(LAYERS))
SYSTEMS = ("splade_pp_ed", "tasb", "repllama", "ada2", "splade_pp_ed+rankvicuna")
"""They chose their 100 passages themselves: what is not among them they rate lowest."""
RERANKERS = ("bm25+gpt35_listwise", "bm25+rankvicuna")
"""They were given BM25's 100: of others they say nothing."""
WAYS: dict[str, tuple[tuple[str, ...], MethodName, tuple[str, ...]]] = {
    **{name: ((name,), "single", SYSTEMS) for name in (*SYSTEMS, *RERANKERS)},
    "mean of the seven": ((*SYSTEMS, *RERANKERS), "mean", SYSTEMS),
    "PILE of the seven": ((*SYSTEMS, *RERANKERS), "pile", SYSTEMS),
    "bm25+gpt35_listwise, the rest lowest": (RERANKERS[:1], "single", RERANKERS),
}
"""Name -> teachers, method, who rates the rest lowest."""


def pooled() -> Candidates:
    """What BM25 and the systems retrieved for DL 2020, with every run's scores and the labels."""
    names = ("bm25", *SYSTEMS, *RERANKERS)
    lists = join_runs({name: rd.read_run(V1 / "runs" / f"dl20.{name}.trec.gz") for name in names})
    return lists.join(rd.read_qrels(V1 / "qrels.dl20.txt"), "label")


def target(lists: Candidates, teachers: tuple[str, ...], method: MethodName, rating: tuple[str, ...]) -> Candidates:
    """The lists with the teachers' ensemble as "target": by rank, the one scale that all of them have.

    rating: those who rate what they do not list lowest. Another alone teaches what it lists; in an ensemble the mean of
    the others replaces the rest.
    """
    ranks = {name: normalize(lists[name], lists.offsets, "rank") for name in teachers}
    if chosen := [name for name in teachers if name in rating]:
        ranks |= zip(chosen, lowest(np.stack([ranks[name] for name in chosen]), lists, chosen)[0], strict=True)
    settings = EnsembleSettings(method, missing="mean-of-others" if len(teachers) > 1 else "drop")
    ensembled, _ = ensemble(lists.with_columns(ranks), teachers, settings)
    again = normalize(ensembled[method], ensembled.offsets, "rank")  # the mean of ranks is narrower than a rank
    return ensembled.only_columns("label").with_columns(target=4 * again - 2)


def rows(folder: Path) -> Iterator[Row]:
    """Labels alone, then each run, their mean and PILE."""
    task, lists = load_task(), pooled()
    start = student_start(task, folder, "warm-up", SIZE)
    for name, values in free_systems(task.test, "bm25").items():
        yield row({"teacher": f"none, {name}", "BM25's candidates it has": ""}, [values])
    place = folder / "runs"
    labels_alone = trained_students(task.test, lists.only_columns("label"), start, LABELS, place / "labels")
    yield row({"teacher": "labels alone", "BM25's candidates it has": ""}, labels_alone)
    for name, (teachers, method, rating) in WAYS.items():
        taught = target(lists, teachers, method, rating)
        seeds = trained_students(task.test, taught, start, "hinge(label) + pairwise_mse(target)", place / name)
        had = np.mean([np.isfinite(lists[run][np.isfinite(lists["bm25"])]).mean() for run in teachers])
        yield row({"teacher": name, "BM25's candidates it has": f"{had:.0%}"}, seeds, {"labels alone": labels_alone})


def main(*, folder: Folder = STUDIES) -> None:
    """Train what is not yet trained, print the table as it grows and write the result."""
    study("study_runs_as_teachers", rows(folder), SEEDS, finish=corrected)


if __name__ == "__main__":
    run(main)

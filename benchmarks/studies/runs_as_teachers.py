"""Distil real systems' runs, which somebody else computed, into a small student: each alone, their mean, and PILE.

Run in the project's root: python -m benchmarks.studies.runs_as_teachers   (after python -m benchmarks.studies.teachers)
The runs are those of DL 2020: SPLADE++, TAS-B, RepLLaMA, ada2, and LLMs that re-ranked, of which only the order is
known. Students learn from 54 queries and are measured on DL 2019, re-ranking BM25's 100 best. Killed, it goes on from
what is finished.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np

import rankdistill as rd
from benchmarks.results import markdown_table, write_result
from benchmarks.studies.marco import V1, load_task
from benchmarks.studies.pile import LABELS
from benchmarks.studies.students import (
    LAYERS,
    SEEDS,
    PerQuery,
    corrected,
    measured,
    row,
    student_start,
    trained_student,
)
from rankdistill.data import Candidates
from rankdistill.ensembling import EnsembleSettings, ensemble, normalize
from rankdistill.ensembling.join import join_runs
from rankdistill.ensembling.missing import lowest

SIZE = next(iter(LAYERS))
SYSTEMS = ("splade_pp_ed", "tasb", "repllama", "ada2", "splade_pp_ed+rankvicuna")
"""They chose their 100 passages themselves: what is not among them they rate lowest."""
RERANKERS = ("bm25+gpt35_listwise", "bm25+rankvicuna")
"""They were given BM25's 100: of others they say nothing."""
WAYS: dict[str, tuple[tuple[str, ...], str, tuple[str, ...]]] = {  # name -> teachers, method, who rates the rest lowest
    **{name: ((name,), "single", SYSTEMS) for name in (*SYSTEMS, *RERANKERS)},
    "mean of the seven": ((*SYSTEMS, *RERANKERS), "mean", SYSTEMS),
    "PILE of the seven": ((*SYSTEMS, *RERANKERS), "pile", SYSTEMS),
    "bm25+gpt35_listwise, the rest lowest": (RERANKERS[:1], "single", RERANKERS),
}


def pooled() -> Candidates:
    """What BM25 and the systems found for DL 2020, with every run's scores and the labels."""
    names = ("bm25", *SYSTEMS, *RERANKERS)
    lists = join_runs({name: rd.read_run(V1 / "runs" / f"dl20.{name}.trec.gz") for name in names})
    return lists.join(rd.read_qrels(V1 / "qrels.dl20.txt"), "label")


def target(lists: Candidates, teachers: tuple[str, ...], method: str, rating: tuple[str, ...]) -> Candidates:
    """The lists with the teachers' ensemble as "target": by rank, the one scale that all of them have.

    rating: those who rate what they do not list lowest. Another alone teaches what it lists; in an ensemble the mean of
    the others stands in for the rest.
    """
    ranks = {name: normalize(lists[name], lists.offsets, "rank") for name in teachers}
    if chosen := [name for name in teachers if name in rating]:
        ranks |= zip(chosen, lowest(np.stack([ranks[name] for name in chosen]), lists, chosen)[0], strict=True)
    settings = EnsembleSettings(method, missing="mean-of-others" if len(teachers) > 1 else "drop")
    made, _ = ensemble(lists.with_columns(ranks), teachers, settings)
    again = normalize(made[method], made.offsets, "rank")  # the mean of ranks is narrower than a rank
    return made.only_columns("label").with_columns(target=4 * again - 2)


def main() -> None:
    """Train what is not yet trained, print the table as it grows and write the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path("runs/studies"), help="where models are kept")
    folder = parser.parse_args().folder
    task = load_task()
    start = student_start(task, folder, "warm-up", SIZE)
    lists = pooled()
    rows: list[dict[str, Any]] = []

    def trained(name: str, made: Candidates, objective: str) -> list[PerQuery]:
        where = folder / "runs" / name
        models = [trained_student(task, made, start, objective, seed, where / f"seed{seed}") for seed in SEEDS]
        return [measured(task, model) for model in models]

    labels_alone = trained("labels", lists.only_columns("label"), LABELS)
    rows.append(row({"teacher": "labels alone", "BM25's candidates it has": ""}, labels_alone))
    for name, (teachers, method, rating) in WAYS.items():
        found = trained(name, target(lists, teachers, method, rating), "hinge(label) + pairwise_mse(target)")
        had = np.mean([np.isfinite(lists[run][np.isfinite(lists["bm25"])]).mean() for run in teachers])
        facts = {"teacher": name, "BM25's candidates it has": f"{had:.0%}"}
        rows.append(row(facts, found, {"labels alone": labels_alone}))
        print(markdown_table(corrected(rows)), flush=True)
    path = write_result(
        "study_runs_as_teachers", "python -m benchmarks.studies.runs_as_teachers", corrected(rows), SEEDS
    )
    print(f"wrote {path.relative_to(path.parents[2])} and its table")


if __name__ == "__main__":
    main()

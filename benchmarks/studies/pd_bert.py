"""Re-run PD-BERT's tables on real judgments: recipes, ablations, layer maps and shares of the training data.

Run in the project's root: python -m benchmarks.studies.pd_bert   (after python -m benchmarks.studies.teachers)
Students of one size learn on DL 2020 to 2022 from one teacher and are measured on DL 2019, re-ranking BM25's 100 best.
All begin as a few layers that imitate the teacher's states; heads have two logits where not said otherwise. Killed, it
resumes after what is finished.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from cyclopts import Parameter

import rankdistill as rd
from benchmarks.results import STUDIES, Folder, Row, run, study
from benchmarks.studies.marco import load_task
from benchmarks.studies.rows import PerQuery, corrected, row
from benchmarks.studies.students import (
    LABELS,
    LAYERS,
    SEEDS,
    SETTINGS,
    free_systems,
    measured,
    scored_lists,
    student_start,
    trained_student,
)
from rankdistill.data import Candidates, concatenate
from rankdistill.errors import UnknownNameError
from rankdistill.recipes import get_recipe, sample_queries
from rankdistill.training import Objective

SIZE, TEACHER = next(iter(LAYERS)), "teacher1"
PD_BERT, PAIRWISE = get_recipe("pd-bert").objective, get_recipe("stinybert+pairwise").objective
GRADE = 2
"""From which on a passage is relevant to TREC, and to a loss that wants classes."""


@dataclass(frozen=True)
class Way:
    """A way to train a student, and the one that a difference to is the question."""

    objective: str
    against: str | None = "fine-tuned"
    share: float = 1.0
    """Of the queries with labels, and of those without."""
    n_logits: int = 2


def without(objective: str, *losses: str) -> str:
    """The objective without the terms of these losses."""
    return str(Objective(tuple(term for term in Objective.parse(objective).terms if term.loss not in losses)))


def mapped(objective: str, layers: str | list[int]) -> str:
    """The objective with another map from the student's layers to the teacher's."""
    terms = Objective.parse(objective).terms
    mapping: dict[str, Any] = {"layers": layers}
    return str(Objective(tuple(replace(t, settings=mapping) if t.loss in MAPPED else t for t in terms)))


MAPPED = ("attention_mse", "hidden_mse")
STINYBERT = get_recipe("stinybert").objective
WAYS = {
    "fine-tuned": Way(LABELS, None),
    "fine-tuned, one logit": Way(LABELS, n_logits=1),
    "Margin-MSE, one logit": Way(f"margin_mse({TEACHER}, label)", "fine-tuned, one logit", n_logits=1),
    "STinyBERT": Way(f"cross_entropy(label, relevant_from={GRADE}) + {without(STINYBERT, 'cross_entropy')}"),
    "STinyBERT+Pairwise": Way(PAIRWISE, "STinyBERT"),
    "PD-BERT": Way(PD_BERT, "STinyBERT+Pairwise"),
    "w/o attention, hidden states": Way(without(PAIRWISE, *MAPPED), "STinyBERT+Pairwise"),
    "w/o embeddings": Way(without(PAIRWISE, "embedding_mse"), "STinyBERT+Pairwise"),
    "w/o logits": Way(without(PAIRWISE, "soft_cross_entropy"), "STinyBERT+Pairwise"),
    "last-k layers": Way(mapped(PAIRWISE, "last-k"), "STinyBERT+Pairwise"),
    "last layer": Way(mapped(PAIRWISE, "last"), "STinyBERT+Pairwise"),
    "the layers it was made of": Way(mapped(PAIRWISE, list(LAYERS[SIZE])), "STinyBERT+Pairwise"),
    "fine-tuned, 25% of the queries": Way(LABELS, share=0.25),
    "PD-BERT, 25% of the queries": Way(PD_BERT, "fine-tuned, 25% of the queries", 0.25),
    "fine-tuned, 50% of the queries": Way(LABELS, share=0.5),
    "PD-BERT, 50% of the queries": Way(PD_BERT, "fine-tuned, 50% of the queries", 0.5),
}


def lists_of(scored: Candidates, way: Way, seed: int) -> Candidates:
    """The lists that a way learns from: a share of the labelled ones, and of the others where a teacher labels them."""
    has_label = np.add.reduceat(np.isfinite(scored["label"]), scored.offsets[:-1]) > 0
    parts = [scored.take_queries(has_label)]
    if not Objective.parse(way.objective).only_labels:
        parts.append(scored.take_queries(~has_label))
    return concatenate([sample_queries(part, way.share, seed) for part in parts]).only_columns("label", TEACHER)


def rows(folder: Path, ways: tuple[str, ...]) -> Iterator[Row]:
    """Each way, under every seed."""
    for name in ways:
        if name not in WAYS:
            raise UnknownNameError("way", name, WAYS)
    task = load_task()
    scored = scored_lists(task, folder)
    teacher = rd.CrossEncoder.from_pretrained(folder / TEACHER / "model")
    start = student_start(task, folder, TEACHER, SIZE)
    for name, values in free_systems(task.test, "bm25").items():
        yield row({"way": name, "against": ""}, [values])
    students: dict[str, list[PerQuery]] = {}
    for name in ways:
        way = WAYS[name]
        beside = teacher if Objective.parse(way.objective).needs_teacher else None
        place = folder / "pd_bert" / name.replace("/", "")
        students[name] = []
        for seed in SEEDS:
            model = trained_student(
                task.collection,
                lists_of(scored, way, seed),
                start,
                way.objective,
                seed,
                place / f"seed{seed}",
                teacher=beside,
                n_logits=way.n_logits,
                settings=replace(SETTINGS, epochs=round(SETTINGS.epochs / way.share)),  # as many updates
            )
            students[name].append(measured(task.test, model))
        against = {"against": students[way.against]} if way.against in students else None
        yield row({"way": name, "against": way.against if against else ""}, students[name], against)


def main(
    *,
    folder: Folder = STUDIES,
    ways: Annotated[tuple[str, ...], Parameter(help="Only these.")] = tuple(WAYS),
    name: Annotated[str, Parameter(help="The result's.")] = "study_pd_bert",
) -> None:
    """Train what is not yet trained, print the table as it grows and write the result."""
    study(name, rows(folder, ways), SEEDS, finish=corrected)


if __name__ == "__main__":
    run(main)

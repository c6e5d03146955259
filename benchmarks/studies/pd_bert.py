"""Re-run PD-BERT's tables on real judgments: recipes, ablations, layer maps and shares of the training data.

Run in the project's root: python -m benchmarks.studies.pd_bert   (after python -m benchmarks.studies.teachers)
Students of one size learn on DL 2020 to 2022 from one teacher and are measured on DL 2019, re-ranking BM25's 100 best.
All begin as a few layers that imitate the teacher's states; heads have two logits where not said otherwise. Killed, it
goes on from what is finished.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

import rankdistill as rd
from benchmarks.results import markdown_table, typed, write_result
from benchmarks.studies.marco import load_task
from benchmarks.studies.pile import LABELS, scored_lists
from benchmarks.studies.students import (
    LAYERS,
    SEEDS,
    SETTINGS,
    corrected,
    measured,
    row,
    student_start,
    trained_student,
)
from rankdistill.data import Candidates, concatenate
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


def without(objective: str, *names: str) -> str:
    """The objective without the terms of these losses."""
    return " + ".join(term for term in objective.split(" + ") if not any(name in term for name in names))


def mapped(objective: str, layers: str | list[int]) -> str:
    """The objective with another map from the student's layers to the teacher's."""
    for name in ("attention_mse", "hidden_mse"):
        objective = objective.replace(f"{name}(teacher)", f"{name}(teacher, layers={layers!r})")
    return objective


STINYBERT = get_recipe("stinybert").objective
WAYS = {
    "fine-tuned": Way(LABELS, None),
    "fine-tuned, one logit": Way(LABELS, n_logits=1),
    "Margin-MSE, one logit": Way(
        get_recipe("margin-mse").objective.format(target=TEACHER), "fine-tuned, one logit", n_logits=1
    ),
    "STinyBERT": Way(f"cross_entropy(label, relevant_from={GRADE}) + {without(STINYBERT, '(label)')}"),
    "STinyBERT+Pairwise": Way(PAIRWISE, "STinyBERT"),
    "PD-BERT": Way(PD_BERT, "STinyBERT+Pairwise"),
    "w/o attention, hidden states": Way(without(PAIRWISE, "attention", "hidden"), "STinyBERT+Pairwise"),
    "w/o embeddings": Way(without(PAIRWISE, "embedding"), "STinyBERT+Pairwise"),
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


def main() -> None:
    """Train what is not yet trained, print the table as it grows and write the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path("runs/studies"), help="where models are kept")
    parser.add_argument("--ways", nargs="+", choices=list(WAYS), default=list(WAYS), help="only these")
    parser.add_argument("--name", default="study_pd_bert", help="the result's")
    arguments = parser.parse_args()
    folder = arguments.folder
    task = load_task()
    scored = scored_lists(task, folder)
    teacher = rd.CrossEncoder.from_pretrained(folder / TEACHER / "model")
    start = student_start(task, folder, TEACHER, SIZE)
    rows: list[dict[str, Any]] = []
    found: dict[str, list[Any]] = {}
    for name in arguments.ways:
        way = WAYS[name]
        beside = teacher if Objective.parse(way.objective).needs_teacher else None
        place = folder / "pd_bert" / name.replace("/", "")
        found[name] = []
        for seed in SEEDS:
            lists = lists_of(scored, way, seed)
            model = trained_student(
                task,
                lists,
                start,
                way.objective,
                seed,
                place / f"seed{seed}",
                teacher=beside,
                n_logits=way.n_logits,
                settings=replace(SETTINGS, epochs=round(SETTINGS.epochs / way.share)),  # as many updates
            )
            found[name].append(measured(task, model))
        against = {"against": found[way.against]} if way.against in found else None
        rows.append(row({"way": name, "against": way.against if against else ""}, found[name], against))
        print(markdown_table(corrected(rows)), flush=True)
    written = write_result(arguments.name, typed("benchmarks.studies.pd_bert"), corrected(rows), SEEDS)
    print(f"wrote {written.relative_to(written.parents[2])} and its table")


if __name__ == "__main__":
    main()

"""Re-run PD-BERT's tables on real judgments: recipes, ablations, layer maps and shares of the training data.

Run in the project's root: python -m benchmarks.studies.pd_bert   (after python -m benchmarks.studies.teachers)
Students of one size learn on DL 2020 to 2022 from one teacher and are measured on DL 2019, re-ranking BM25's 100 best.
Killed, it goes on from what is finished.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import rankdistill as rd
from benchmarks.results import markdown_table, write_result
from benchmarks.studies.marco import load_task
from benchmarks.studies.students import PerQuery, measured_student, row, student_lists, student_start
from rankdistill.recipes import add_teachers, sample_queries

SEEDS = (0, 1, 2)
SIZE, TEACHER = "3+1 layers", "teacher1"
INSIDES = "attention_mse(teacher{map}) + hidden_mse(teacher{map}) + embedding_mse(teacher)"
PAIRWISE = "hinge(label) + soft_cross_entropy(teacher)"
FINE_TUNED = "fine-tuned"
OBJECTIVES = {
    FINE_TUNED: "hinge(label)",
    "STinyBERT": "cross_entropy(label) + soft_cross_entropy(teacher) + " + INSIDES.format(map=""),
    "STinyBERT+Pairwise": f"{PAIRWISE} + " + INSIDES.format(map=""),
    "Margin-MSE": "margin_mse(t1, label)",
    "PD-BERT": PAIRWISE,
    "w/o attention and hidden states": f"{PAIRWISE} + embedding_mse(teacher)",
    "w/o embeddings": f"{PAIRWISE} + attention_mse(teacher) + hidden_mse(teacher)",
    "w/o logits": "hinge(label) + " + INSIDES.format(map=""),
    "STinyBERT+Pairwise, last-k layers": f"{PAIRWISE} + " + INSIDES.format(map=", layers='last-k'"),
    "STinyBERT+Pairwise, last layer": f"{PAIRWISE} + " + INSIDES.format(map=", layers='last'"),
}
SHARES = (0.25, 0.5)
"""Of the training queries, for the fine-tuned student and for PD-BERT."""


def main() -> None:
    """Train what is not yet trained, print the table as it grows and write the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path("runs/studies"), help="where models are kept")
    folder = parser.parse_args().folder
    task, path = load_task(), folder / TEACHER / "model"
    if not path.is_dir():
        raise SystemExit(f"no {path}: run python -m benchmarks.studies.teachers first")
    teacher = rd.CrossEncoder.from_pretrained(path)
    start = student_start(task, path, SIZE, folder / "pile" / SIZE / "start")
    lists = add_teachers(student_lists(task), task.collection, {"t1": path}, store=folder / "scores")
    ways = {name: (objective, 1.0) for name, objective in OBJECTIVES.items()}
    for share in SHARES:
        ways |= {f"{name}, {share:.0%} of the queries": (OBJECTIVES[name], share) for name in (FINE_TUNED, "PD-BERT")}
    rows: list[dict[str, Any]] = []
    first: list[PerQuery] | None = None
    known = {FINE_TUNED: folder / "pile" / SIZE / "base"}  # which PILE's study trains, too
    for name, (objective, share) in ways.items():
        where = known.get(name, folder / "pd_bert" / name.replace("/", ""))
        two = "cross_entropy" in objective
        found = [
            measured_student(
                task,
                sample_queries(lists, share, seed),
                start,
                objective,
                seed,
                where / f"seed{seed}",
                teacher=teacher if "(teacher" in objective else None,
                n_logits=2 if two else 1,
            )
            for seed in SEEDS
        ]
        rows.append(row({"objective": name}, found, first))
        first = first or found
        print(markdown_table(rows), flush=True)
    written = write_result("study_pd_bert", "python -m benchmarks.studies.pd_bert", rows, SEEDS)
    print(f"wrote {written.relative_to(written.parents[2])} and its table")


if __name__ == "__main__":
    main()

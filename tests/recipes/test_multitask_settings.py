"""What a student learns of several tasks: terms that are of one size, whatever the kind of task and its labels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from tiny import judged_collection

from rankdistill.data import load_collection
from rankdistill.data.collection import own_candidates
from rankdistill.recipes.multitask_settings import MultitaskSettings, balanced
from rankdistill.retrieval.bm25 import bm25
from rankdistill.tasks import Task
from rankdistill.training import Objective, TrainingSettings
from rankdistill.training.objective import ListOutputs

RANGES = [(0, 5), (0, 1), (-1, 1), (1, 10_000), (0, 1e-3)]


def similarity(folder: Path, lowest: float, highest: float) -> Task:
    (folder / "task.yaml").write_text(f"kind: similarity\ntexts: [a, b]\nlabel: y\nrange: [{lowest:f}, {highest:f}]\n")
    (folder / "train.tsv").write_text(f"a\tb\ty\na cat\ta dog\t{lowest:f}\na dog\ta cat\t{highest:f}\n")
    collection = load_collection(f"task:{folder}")
    return Task(collection, own_candidates(collection))


def value(objective: str, student: torch.Tensor, **columns: torch.Tensor) -> float:
    """The objective of one list of pairs, of logits (C,) and columns (C,)."""
    outputs = ListOutputs({"": student[None, :, None]})
    mask = torch.ones(1, len(student), dtype=torch.bool)
    total, _ = Objective.parse(objective)(outputs, {name: each[None] for name, each in columns.items()}, mask)
    return float(total)


@pytest.mark.parametrize(("lowest", "highest"), RANGES)
def test_a_similarity_is_distilled_by_what_its_logits_differ_whatever_its_range(
    lowest: float, highest: float, tmp_path: Path
) -> None:
    task = similarity(tmp_path, lowest, highest)
    student, teacher = torch.tensor([0.1, -0.2, 0.0]).double(), torch.tensor([-0.1, 0.1, 0.15]).double()
    scores = lowest + (highest - lowest) * torch.sigmoid(teacher)
    expected = float(((student - teacher) ** 2).mean())
    distilled = value(MultitaskSettings().distillation(task), student, target=scores)
    assert distilled == pytest.approx(expected, rel=0.02)
    labels = value(balanced(task, {task.objective: 1}), student, label=scores)
    assert labels == pytest.approx(expected, rel=0.02)
    both = MultitaskSettings(label_weight=0.5).distillation(task)
    assert value(both, student, target=scores, label=scores) == pytest.approx(1.5 * expected, rel=0.02)


def test_what_is_said_of_choosing_weights_and_of_lists_holds_for_every_training() -> None:
    given = TrainingSettings(eval_steps=7, save_steps=5, logging_steps=3, seed=2, list_size=9, relevant_share=0.3)
    settings = MultitaskSettings(teacher_learning_rate=1e-4, teacher_epochs=4, teacher_batch=11, tune_epochs=6)
    teacher, tuned = settings.teacher_training(given), settings.tuning(given)
    for training in (teacher, tuned):
        for name in ("eval_steps", "save_steps", "logging_steps", "seed", "list_size", "relevant_share", "dtype"):
            assert getattr(training, name) == getattr(given, name)
    assert (teacher.learning_rate, teacher.epochs, teacher.lists_per_batch) == (1e-4, 4, 11)
    assert (tuned.epochs, tuned.lists_per_batch) == (6, given.lists_per_batch)


def test_a_ranking_is_distilled_by_terms_whose_weights_are_one_in_sum() -> None:
    collection = judged_collection()
    objective = Objective.parse(MultitaskSettings().distillation(Task(collection, bm25(collection, k=6))))
    assert sum(term.weight for term in objective.terms) == 1
    apart = np.random.default_rng(0).normal(size=1000)
    student, teacher = torch.zeros(1000).double(), torch.from_numpy(apart)
    assert value(str(objective), student, target=teacher) == pytest.approx(1.5 * float((teacher**2).mean()), rel=0.01)

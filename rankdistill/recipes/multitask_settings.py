"""MultitaskSettings: how one student is distilled on several tasks together, and what it is compared with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Literal, get_args

from rankdistill.losses.limits import Check, number, one_of, whole
from rankdistill.recipes.student_training import LOGITS
from rankdistill.tasks import Task
from rankdistill.training import TrainingSettings
from rankdistill.training.mixed import Sampling

Tune = Literal["labels", "teacher", "none"]
Teachers = Literal["shared", "own"]
Single = Literal["own", "shared", "none"]
DISTILLATION: dict[str, dict[str, float]] = {
    "classification": {LOGITS: 1},
    "similarity": {"similarity_mse(target, lowest={lowest}, highest={highest})": 1},
    "ranking": {"pointwise_mse(target)": 0.5, "pairwise_mse(target)": 0.5},
}
"""Kind of task -> terms by which its head learns the teacher's logits, and their weights, which are 1 in sum. Source:
LSTM-KD eq. 4.14 (docs/papers.md); of a ranking half is learned from the differences in a list."""
STEEPEST = 0.25
"""Slope of a sigmoid in its middle: that much a similarity, as a share of its range, changes with its logit."""


@dataclass(frozen=True)
class MultitaskSettings:
    """How a teacher is refined on several tasks, and a student distilled from it on all of them."""

    sampling: Sampling = "proportional"
    """How tasks take part in an epoch. proportional: each by its number of pairs, so that an epoch is one pass over
    all; sqrt: by the square root of it, in as many batches, so that small tasks are read more often."""
    joint: tuple[str, ...] = ()
    """Tasks that the student is distilled on together, by name; the others are only fine-tuned from its encoder, with
    a new head. Empty: all."""
    joint_teachers: Teachers = "shared"
    """What that student learns from: one teacher that is refined on all tasks together (shared), or teachers of which
    each is fine-tuned on one task alone (own)."""
    teacher_epochs: int = 3
    """Passes over the labelled data, in which a teacher is refined."""
    teacher_learning_rate: float = 5e-5
    """Highest learning rate of the teacher."""
    teacher_batch: int = 32
    """Pairs of one task between two updates of the teacher."""
    label_weight: float = 0.0
    """Weight of a loss on labels beside the one on the teacher's logits, in the distillation."""
    tune: Tune = "labels"
    """What the student learns at the end, task by task: the task's labels, the teacher's logits again (teacher), or
    nothing more (none)."""
    tune_epochs: int = 3
    """Passes over a task's data of that fine-tuning."""
    tune_learning_rate: float = 1.5e-5
    """Highest learning rate of that fine-tuning, by AdamW."""
    single: Single = "own"
    """What the student is compared with: the same one distilled on each task alone, from a teacher fine-tuned on that
    task alone (own) or from the teacher of all tasks (shared); or nothing (none)."""
    curve_points: int = 10
    """How often every task is measured in each training, for the learning curves; 0 for never."""
    curve_examples: int = 1000
    """Queries, or pairs, of a task's dev split that the curves are measured on, at most."""
    layers: tuple[int, ...] = ()
    """Layers to keep of a student that is a folder or a hub id, from 0: 0 1 2. Empty: all."""
    max_length: int = 128
    """Tokens of a pair; longer pairs are cut."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "joint", tuple(self.joint or ()))
        object.__setattr__(self, "layers", tuple(self.layers or ()))
        for name, check in LIMITS.items():
            object.__setattr__(self, name, check(name, getattr(self, name)))

    @property
    def kinds_of_teachers(self) -> tuple[str, ...]:
        """Whose logits the students learn, the joint one first."""
        return tuple(dict.fromkeys(kind for kind in (self.joint_teachers, self.single) if kind != "none"))

    def joint_of(self, tasks: Iterable[str]) -> list[str]:
        """Those of the tasks that the student is distilled on together, in their order."""
        return [name for name in tasks if not self.joint or name in self.joint]

    def teacher_training(self, training: TrainingSettings) -> TrainingSettings:
        """The settings of a teacher; lists, dtype, eval_steps, logs and seed are those of the student's training."""
        return self._adamw(training, self.teacher_learning_rate, self.teacher_epochs, self.teacher_batch)

    def tuning(self, training: TrainingSettings) -> TrainingSettings:
        """The settings of the fine-tuning of each task."""
        return self._adamw(training, self.tune_learning_rate, self.tune_epochs, training.lists_per_batch)

    def distillation(self, task: Task) -> str:
        """The objective by which a task is distilled."""
        scored = task.collection.scored_pairs
        bounds = {"lowest": scored.lowest, "highest": scored.highest} if scored else {}
        learned = {term.format(**bounds): weight for term, weight in DISTILLATION[task.kind].items()}
        if self.label_weight:
            learned[task.objective] = self.label_weight
        return balanced(task, learned)

    @staticmethod
    def _adamw(training: TrainingSettings, rate: float, epochs: int, batch: int) -> TrainingSettings:
        kept = ("list_size", "relevant_share", "dtype", "eval_steps", "save_steps", "logging_steps", "seed")
        settings = TrainingSettings(learning_rate=rate, epochs=epochs, lists_per_batch=batch)
        return replace(settings, **{name: getattr(training, name) for name in kept})


def balanced(task: Task, terms: Mapping[str, float]) -> str:
    """Write weighted terms of a task as an objective, so that its size suits one that is learned beside others.

    Squared differences of a similarity are divided by the square of what its steepest sigmoid makes of a logit, so that
    they are of the size of logits' squared differences, whatever the range of its labels: of 0 to 5 by 1.5625.
    """
    scored = task.collection.scored_pairs
    scale = 1.0
    if scored is not None and task.kind == "similarity":
        scale = 1 / float(STEEPEST * (scored.highest - scored.lowest)) ** 2
    return " + ".join(f"{min(max(scale * weight, 1e-9), 1e9)!r}*{term}" for term, weight in terms.items())


LIMITS: dict[str, Check] = {
    "sampling": one_of("way to sample tasks", get_args(Sampling)),
    "joint_teachers": one_of("kind of teachers", get_args(Teachers)),
    "teacher_epochs": whole(1, 1_000_000),
    "teacher_learning_rate": number(0, 1, above=True),
    "teacher_batch": whole(1, 1_000_000),
    "label_weight": number(0, 1e9),
    "tune": one_of("way to fine-tune", get_args(Tune)),
    "tune_epochs": whole(1, 1_000_000),
    "tune_learning_rate": number(0, 1, above=True),
    "single": one_of("comparison", get_args(Single)),
    "curve_points": whole(0, 1_000_000),
    "curve_examples": whole(1, 1_000_000_000),
    "max_length": whole(8, 1_000_000),
}
"""Every setting that is a number or one of some names -> the values that it may have."""

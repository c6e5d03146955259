"""TrainingSettings: the settings of a training, under the names of transformers.TrainingArguments."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from rankdistill.errors import UsageError
from rankdistill.losses.limits import Check, number, one_of, text, whole
from rankdistill.training.by_score import PICKS, Draw

Schedule = Literal[
    "linear", "cosine", "cosine_with_restarts", "polynomial", "constant", "constant_with_warmup", "inverse_sqrt"
]
Optimizer = Literal["adamw", "adam", "adadelta"]
Dtype = Literal["auto", "float32", "bfloat16"]


@dataclass(frozen=True)
class TrainingSettings:
    """How a model is trained on candidate lists; the command line and YAML files have the same names."""

    epochs: int = 1
    """Passes over the queries; each draws a new list of candidates for every query."""
    list_size: int = 8
    """Candidates of a query in one list, at least 2."""
    relevant_share: float = 0.5
    """Share of a list that is drawn from the relevant candidates (label above 0) first, where labels are learned."""
    draw: Draw = "random"
    """How the rest of a list is drawn. random: any other candidates; even: evenly over the range of a teacher's scores;
    hardest: a half of it those that a teacher scores highest of the irrelevant ones, the other half a band, evenly over
    the ranks of what is left; whole: every list is all candidates of its query, whatever list_size; each: every
    candidate is read by itself, all of them in each epoch, for objectives that compare no candidates."""
    draw_by: str = ""
    """Column of the scores that draw reads. Empty: the one that the objective fits, target before all others."""
    lists_per_batch: int = 16
    """Lists between two updates."""
    max_steps: int = -1
    """Updates at most; -1 for no limit."""
    optimizer: Optimizer = "adamw"
    """What updates the weights. adadelta: with a learning rate of 1.0, as small recurrent students are trained."""
    learning_rate: float = 2e-5
    """Highest learning rate of the optimizer."""
    warmup_ratio: float = 0.1
    """Share of the updates in which the learning rate rises."""
    weight_decay: float = 0.01
    """Weight decay of AdamW; adam and adadelta have none."""
    adam_beta1: float = 0.9
    """First-moment decay of AdamW and Adam."""
    adam_beta2: float = 0.999
    """Second-moment decay of AdamW and Adam."""
    adadelta_rho: float = 0.95
    """Decay of AdaDelta's averages."""
    max_grad_norm: float = 1.0
    """Norm at which gradients are clipped; 0 for no clipping."""
    lr_scheduler_type: Schedule = "linear"
    """Learning rate schedule after the warm-up, by its name in transformers."""
    dtype: Dtype = "auto"
    """Precision of the matrix products; auto is bfloat16 where the processor has it."""
    eval_steps: int = 0
    """Updates between two evaluations on the dev queries, of which the best is kept; 0 for none."""
    save_steps: int = 100
    """Updates between two checkpoints, from which a killed training resumes; 0: only those of eval_steps."""
    logging_steps: int = 10
    """Updates between two logged losses."""
    seed: int = 0
    """Seed of the drawing of lists and of dropout."""

    def __post_init__(self) -> None:
        for name, check in LIMITS.items():
            object.__setattr__(self, name, check(name, getattr(self, name)))
        if self.draw_by and self.draw not in PICKS:
            raise UsageError(
                f"draw_by must be empty unless draw is {' or '.join(PICKS)}, got {self.draw_by!r} and {self.draw}"
            )

    @property
    def most_lists(self) -> int | None:
        """Lists that are read at most, whatever the epochs; None for no limit."""
        return self.max_steps * self.lists_per_batch if self.max_steps > 0 else None


LIMITS: dict[str, Check] = {
    "epochs": whole(1, 1_000_000),
    "list_size": whole(2, 1_000_000),
    "relevant_share": number(0, 1),
    "draw": one_of("way to draw lists", get_args(Draw)),
    "draw_by": text(200),
    "lists_per_batch": whole(1, 1_000_000),
    "max_steps": whole(1, 1_000_000_000, also=(-1,)),
    "optimizer": one_of("optimizer", get_args(Optimizer)),
    "learning_rate": number(0, 1, above=True),
    "warmup_ratio": number(0, 1),
    "weight_decay": number(0, 1),
    "adam_beta1": number(0, 1, below=True),
    "adam_beta2": number(0, 1, below=True),
    "adadelta_rho": number(0, 1, below=True),
    "max_grad_norm": number(0, 1e9),
    "lr_scheduler_type": one_of("learning rate schedule", get_args(Schedule)),
    "dtype": one_of("dtype", get_args(Dtype)),
    "eval_steps": whole(0, 1_000_000_000),
    "save_steps": whole(0, 1_000_000_000),
    "logging_steps": whole(1, 1_000_000_000),
    "seed": whole(0, 2**32 - 1),
}
"""Every setting -> the values that it may have."""

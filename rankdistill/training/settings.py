"""TrainingSettings: the settings of a training, under the names of transformers.TrainingArguments."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from rankdistill.errors import UnknownNameError, UsageError

Schedule = Literal[
    "linear", "cosine", "cosine_with_restarts", "polynomial", "constant", "constant_with_warmup", "inverse_sqrt"
]


@dataclass(frozen=True)
class TrainingSettings:
    """How a model is trained on candidate lists; the command line and YAML files have the same names."""

    epochs: int = 1
    """Passes over the queries; each draws a new list of candidates for every query."""
    list_size: int = 8
    """Candidates of a query in one list, at least 2."""
    relevant_share: float = 0.5
    """Share of a list that is drawn from the relevant candidates (label above 0) first, where labels are learned."""
    lists_per_batch: int = 16
    """Lists between two updates."""
    max_steps: int = -1
    """Updates at most; -1 for no limit."""
    learning_rate: float = 2e-5
    """Highest learning rate of AdamW."""
    warmup_ratio: float = 0.1
    """Share of the updates in which the learning rate rises."""
    weight_decay: float = 0.01
    """Weight decay of AdamW."""
    adam_beta1: float = 0.9
    """First-moment decay of AdamW."""
    adam_beta2: float = 0.999
    """Second-moment decay of AdamW."""
    max_grad_norm: float = 1.0
    """Norm at which gradients are clipped."""
    lr_scheduler_type: Schedule = "linear"
    """Learning rate schedule after the warm-up, by its name in transformers."""
    dtype: Literal["auto", "float32", "bfloat16"] = "auto"
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
        for name, least in (("epochs", 1), ("list_size", 2), ("lists_per_batch", 1), ("logging_steps", 1)):
            if getattr(self, name) < least:
                raise UsageError(f"{name} must be at least {least}, got {getattr(self, name)}")
        for name in ("eval_steps", "save_steps"):
            if getattr(self, name) < 0:
                raise UsageError(f"{name} must be at least 0, got {getattr(self, name)}")
        if self.max_steps < 1 and self.max_steps != -1:
            raise UsageError(f"max_steps must be at least 1, or -1 for no limit, got {self.max_steps}")
        if self.lr_scheduler_type not in get_args(Schedule):
            raise UnknownNameError("learning rate schedule", self.lr_scheduler_type, get_args(Schedule))
        if not self.learning_rate > 0:
            raise UsageError(f"learning_rate must be above 0, got {self.learning_rate}")
        if not 0 <= self.relevant_share <= 1:
            raise UsageError(f"relevant_share must be from 0 to 1, got {self.relevant_share}")
        if not 0 <= self.warmup_ratio <= 1:
            raise UsageError(f"warmup_ratio must be from 0 to 1, got {self.warmup_ratio}")

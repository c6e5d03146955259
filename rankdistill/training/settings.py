"""TrainingSettings: what a training run can be told, under the names of transformers.TrainingArguments."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from rankdistill.errors import UsageError


@dataclass(frozen=True)
class TrainingSettings:
    """How a model is trained on candidate lists; the command line and YAML files have the same names.

    list_size: candidates of a query in one list, at least 2. lists_per_batch: lists between two updates.
    epochs: lists drawn of every query; each time other candidates. max_steps: updates at most (-1: no limit).
    learning_rate, weight_decay, adam_beta1, adam_beta2, max_grad_norm: of AdamW. warmup_ratio: share of the updates.
    lr_scheduler_type: as in transformers. dtype: "auto" (bfloat16 where the processor has it), "float32", "bfloat16".
    eval_steps: updates between two evaluations on the dev queries; 0 for one at the end.
    save_steps: updates between two checkpoints to resume from; 0 for none but those of evaluations.
    logging_steps: updates between two logged losses. seed: of list sampling and dropout.
    """

    epochs: int = 1
    list_size: int = 8
    lists_per_batch: int = 16
    max_steps: int = -1
    learning_rate: float = 2e-5
    warmup_ratio: float = 0.1
    weight_decay: float = 0.01
    adam_beta1: float = 0.9
    adam_beta2: float = 0.999
    max_grad_norm: float = 1.0
    lr_scheduler_type: str = "linear"
    dtype: Literal["auto", "float32", "bfloat16"] = "auto"
    eval_steps: int = 0
    save_steps: int = 0
    logging_steps: int = 10
    seed: int = 0

    def __post_init__(self) -> None:
        for name, least in (("epochs", 1), ("list_size", 2), ("lists_per_batch", 1), ("logging_steps", 1)):
            if getattr(self, name) < least:
                raise UsageError(f"{name} must be at least {least}, got {getattr(self, name)}")
        if not self.learning_rate > 0:
            raise UsageError(f"learning_rate must be above 0, got {self.learning_rate}")
        if not 0 <= self.warmup_ratio <= 1:
            raise UsageError(f"warmup_ratio must be from 0 to 1, got {self.warmup_ratio}")

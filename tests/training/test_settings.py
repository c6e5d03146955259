"""Settings of trainings that cannot be meant are refused by name when they are made."""

from __future__ import annotations

import math
from dataclasses import fields

import pytest

from rankdistill.errors import UsageError
from rankdistill.training import TrainingSettings
from rankdistill.training.settings import LIMITS


def test_every_setting_has_limits_and_its_default_is_within() -> None:
    assert set(LIMITS) == {each.name for each in fields(TrainingSettings)}
    assert TrainingSettings() == TrainingSettings(**{each.name: each.default for each in fields(TrainingSettings)})


@pytest.mark.parametrize("name", LIMITS)
@pytest.mark.parametrize("value", ["rubbish", None, [], math.nan, 1j, 10**5000], ids=lambda value: str(type(value)))
def test_rubbish_is_refused_by_name(name: str, value: object) -> None:
    with pytest.raises(UsageError, match=r"must be|unknown"):
        TrainingSettings(**{name: value})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("epochs", -1, "epochs must be at least 1, got -1"),
        ("epochs", True, "epochs must be a whole number"),
        ("epochs", 2.5, "epochs must be a whole number"),
        ("lists_per_batch", 0, "lists_per_batch must be at least 1"),
        ("list_size", 1, "list_size must be at least 2"),
        ("max_steps", 0, "max_steps must be at least 1, or -1, got 0"),
        ("learning_rate", 0, "learning_rate must be above 0"),
        ("learning_rate", math.inf, "learning_rate must be at most 1, got inf"),
        ("learning_rate", 3, "learning_rate must be at most 1, got 3"),
        ("warmup_ratio", 1.5, "warmup_ratio must be at most 1"),
        ("relevant_share", -0.1, "relevant_share must be at least 0"),
        ("adam_beta1", 1, "adam_beta1 must be below 1"),
        ("adam_beta2", -0.5, "adam_beta2 must be at least 0"),
        ("weight_decay", -1, "weight_decay must be at least 0"),
        ("max_grad_norm", -1, "max_grad_norm must be at least 0"),
        ("seed", -1, "seed must be at least 0"),
        ("seed", 2**32, "seed must be at most 4,294,967,295"),
        ("dtype", "float8", "unknown dtype 'float8'"),
        ("lr_scheduler_type", "linaer", "did you mean 'linear'"),
    ],
)
def test_values_that_cannot_be_meant_are_refused_by_name(name: str, value: object, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        TrainingSettings(**{name: value})  # type: ignore[arg-type]

"""kill_training compares everything but times, and its commands have every step that can be killed."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

from benchmarks.faults.kill_training import commands, without_times
from benchmarks.faults.made import Made

LOG = b'[{"loss": 0.25, "step": 3}, {"train_runtime": %s, "train_steps_per_second": %s, "step": 6}]'


def test_times_and_speeds_are_left_out_and_nothing_else_is() -> None:
    assert without_times(LOG % (b"4.25", b"1e-05")) == without_times(LOG % (b"17", b"0.5"))
    assert without_times(LOG % (b"1", b"1")) != without_times(LOG.replace(b"0.25", b"0.26") % (b"1", b"1"))
    assert without_times(b'{"nDCG@10": 0.5, "pairs_per_second": 12.5}') == b'{"nDCG@10": 0.5, }'


def test_every_step_of_a_training_is_there_to_be_killed_in() -> None:
    made = Made(*[Path("/made") / field.name for field in fields(Made)])
    finetune, distill, rekindle = commands(made)
    assert "--eval-steps" in finetune.words
    assert {"--layers", "--teachers"} <= set(distill.words)
    assert {"--head-steps", "--guided-steps", "--keep-steps", "--seeds"} <= set(rekindle.words)
    for command in (finetune, distill, rekindle):
        assert command.words[command.words.index("--out") + 1] == "out"
        assert not command.may_differ

"""Settings that suit a student made from scratch, where neither the command line nor a YAML file gives them."""

from __future__ import annotations

from typing import Any

from cyclopts import App, ArgumentCollection
from cyclopts.config import Dict

from rankdistill.cli.pair_options import UNLABELLED, answers_among
from rankdistill.data.sources import describe_pairs

LOGITS = "logit_mse(target)"
"""Objective by which such a student is distilled from a classifier."""
DEFAULT = "biattentive"
"""The student of `multitask` where none is named."""


def options_from_student(app: App, commands: tuple[str, ...], arguments: ArgumentCollection) -> None:
    """Fill in optimizer, learning rate and the like of ``--student bilstm`` and its kind; cyclopts calls this.

    Raises what `student_kind` raises.
    """
    given = {argument.name: argument.tokens[-1].value for argument in arguments if argument.tokens}
    if commands[-1:] not in (("finetune",), ("distill",), ("multitask",)):
        return
    student = given.get("--student", DEFAULT if commands[-1] == "multitask" else "")
    if not student:
        return
    from rankdistill.recipes.student_settings import STUDENTS, student_kind

    kind = student_kind(student)
    if kind is None:
        return
    options: dict[str, Any] = {name.replace("_", "-"): value for name, value in STUDENTS[kind].training.items()}
    if commands[-1] == "distill":
        source = given.get("--collection", "")
        scored = answers_among(arguments) if source.partition(":")[0] in UNLABELLED else describe_pairs(source)
        if scored is not None and scored.kind == "classification":
            options["objective"] = LOGITS
    Dict(options, source=f"student {student}", use_commands_as_keys=False)(app, commands, arguments)

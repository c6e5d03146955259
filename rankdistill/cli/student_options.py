"""Settings that suit a student made from scratch, where neither the command line nor a YAML file gives them."""

from __future__ import annotations

from typing import Any

from cyclopts import App, ArgumentCollection
from cyclopts.config import Dict

from rankdistill.cli.pair_options import UNLABELLED, answers_among
from rankdistill.data.sources import describe_pairs

MODEL_OF = {"finetune": ("--student", "--base"), "distill": ("--student",), "multitask": ("--student",)}
"""Command -> its options that name the model to train, of which the first one given counts."""


def optimizer_from_student(app: App, commands: tuple[str, ...], arguments: ArgumentCollection) -> None:
    """Fill in optimizer, learning rate and schedule of ``--student bilstm`` and its kind, all or none of them.

    They win over those of a recipe, which are for AdamW and weights that know something; not where the user chooses
    another optimizer, nor over a recipe for students of random weights. Cyclopts calls this. Raises what
    `student_kind` and `get_recipe` raise.
    """
    given = _given(arguments)
    settings = _training(commands, given)
    if not settings or given.get("--optimizer", settings["optimizer"]) != settings["optimizer"]:
        return
    from rankdistill.recipes import get_recipe
    from rankdistill.recipes.student_training import OPTIMIZING

    recipe = given.get("--recipe")
    if recipe and "student_network" in get_recipe(recipe).start:
        return
    _fill({name: settings[name] for name in OPTIMIZING}, app, commands, arguments)


def options_from_student(app: App, commands: tuple[str, ...], arguments: ArgumentCollection) -> None:
    """Fill in epochs, batch and objective of ``--student bilstm`` and its kind; cyclopts calls this.

    A recipe's win. Raises what `student_kind` raises.
    """
    given = _given(arguments)
    settings = _training(commands, given)
    if not settings:
        return
    from rankdistill.recipes.student_training import LOGITS, OPTIMIZING

    options = {name: value for name, value in settings.items() if name not in OPTIMIZING}
    if commands[-1] == "distill":
        source = given.get("--collection", "")
        scored = answers_among(arguments) if source.partition(":")[0] in UNLABELLED else describe_pairs(source)
        if scored is not None and scored.kind == "classification":
            options["objective"] = LOGITS
    _fill(options, app, commands, arguments)


def _given(arguments: ArgumentCollection) -> dict[str, str]:
    return {argument.name: argument.tokens[-1].value for argument in arguments if argument.tokens}


def _training(commands: tuple[str, ...], given: dict[str, str]) -> dict[str, Any]:
    """What `student_training` says of the model that the command trains."""
    command = commands[-1] if commands else ""
    if command not in MODEL_OF:
        return {}
    student = next((given[name] for name in MODEL_OF[command] if name in given), "")
    if not student and command != "multitask":
        return {}
    from rankdistill.recipes.student_settings import DEFAULT_STUDENT
    from rankdistill.recipes.student_training import student_training

    return student_training(student or DEFAULT_STUDENT)


def _fill(options: dict[str, Any], app: App, commands: tuple[str, ...], arguments: ArgumentCollection) -> None:
    named = {name.replace("_", "-"): value for name, value in options.items()}
    Dict(named, source="student", use_commands_as_keys=False)(app, commands, arguments)

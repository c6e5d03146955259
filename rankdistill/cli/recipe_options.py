"""Options from a paper's recipe, ``--recipe NAME``, where neither the command line nor a YAML file gives them."""

from __future__ import annotations

from cyclopts import App, ArgumentCollection
from cyclopts.config import Dict

from rankdistill.errors import UsageError


def options_from_recipe(app: App, commands: tuple[str, ...], arguments: ArgumentCollection) -> None:
    """Fill in the options of the recipe that are not given; cyclopts calls this before it takes defaults.

    Raises `UnknownNameError` for an unknown recipe, `UsageError` for one of another command.
    """
    given = {argument.name: argument.tokens[-1].value for argument in arguments if argument.tokens}
    name = given.get("--recipe")
    if name is None:
        return
    from rankdistill.recipes import get_recipe  # it imports what trains
    from rankdistill.recipes.student_settings import TRANSFORMER, student_kind

    recipe = get_recipe(name)
    learns_from, command = ("labels alone", "finetune") if recipe.needs == "labels" else ("teachers", "distill")
    if commands[-1] != command:
        raise UsageError(f"recipe {name!r} learns from {learns_from}: give it to rankdistill {command}")
    options = recipe.options
    if student_kind(given.get("--student", "")) != TRANSFORMER:
        options = {option: value for option, value in options.items() if option != "student-network"}
    Dict(options, source=f"recipe {name}", use_commands_as_keys=False)(app, commands, arguments)

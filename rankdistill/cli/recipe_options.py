"""Options from a paper's recipe, ``--recipe NAME``, where neither the command line nor a YAML file gives them."""

from __future__ import annotations

from cyclopts import App, ArgumentCollection
from cyclopts.config import Dict

from rankdistill.errors import UsageError


def options_from_recipe(app: App, commands: tuple[str, ...], arguments: ArgumentCollection) -> None:
    """Fill in the options of the recipe that are not given; cyclopts calls this before it takes defaults.

    Raises `UnknownNameError` for an unknown recipe, `UsageError` for one of another command.
    """
    named = next((argument for argument in arguments if argument.name == "--recipe"), None)
    if named is None or not named.tokens:
        return
    from rankdistill.recipes import get_recipe  # it imports what trains

    name = named.tokens[-1].value
    recipe = get_recipe(name)
    learns_from, command = ("labels alone", "finetune") if recipe.needs == "labels" else ("teachers", "distill")
    if commands[-1] != command:
        raise UsageError(f"recipe {name!r} learns from {learns_from}: give it to rankdistill {command}")
    Dict(recipe.options, source=f"recipe {name}", use_commands_as_keys=False)(app, commands, arguments)

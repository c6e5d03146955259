"""Options from a paper's recipe, ``--recipe NAME``, where neither the command line nor a YAML file gives them."""

from __future__ import annotations

from cyclopts import App, ArgumentCollection
from cyclopts.config import Dict


def options_from_recipe(app: App, commands: tuple[str, ...], arguments: ArgumentCollection) -> None:
    """Fill in the options of the recipe that are not given; cyclopts calls this before it takes defaults.

    Raises `UnknownNameError` for an unknown recipe.
    """
    named = next((argument for argument in arguments if argument.name == "--recipe"), None)
    if named is None or not named.tokens:
        return
    from rankdistill.recipes import get_recipe  # it imports what trains

    name = named.tokens[-1].value
    options = get_recipe(name).options
    Dict(options, source=f"recipe {name}", use_commands_as_keys=False)(app, commands, arguments)

"""Options that suit a task of scored pairs, where neither the command line nor a YAML file gives them."""

from __future__ import annotations

from cyclopts import App, ArgumentCollection
from cyclopts.config import Dict

from rankdistill.data.sources import describe_pairs

OBJECTIVE_OF = {"finetune": 0, "distill": 1}
"""Command that trains -> which of a kind's objectives is its default."""


def options_from_pairs(app: App, commands: tuple[str, ...], arguments: ArgumentCollection) -> None:
    """Fill in the objective and the settings of the task that ``--collection`` names, where they are not given.

    cyclopts calls this before it takes defaults. Raises what `describe_pairs` raises.
    """
    named = next((argument for argument in arguments if argument.name == "--collection"), None)
    if not commands or commands[-1] not in OBJECTIVE_OF or named is None or not named.tokens:
        return
    scored = describe_pairs(named.tokens[-1].value)
    if scored is None:
        return
    from rankdistill.tasks.kinds import objectives  # it imports what evaluates

    options: dict[str, str | float] = {"objective": objectives(scored)[OBJECTIVE_OF[commands[-1]]]}
    options |= {name.replace("_", "-"): value for name, value in scored.training.items()}
    Dict(options, source=f"task {named.tokens[-1].value}", use_commands_as_keys=False)(app, commands, arguments)

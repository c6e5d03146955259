"""Options that suit a task of scored pairs, where neither the command line nor a YAML file gives them."""

from __future__ import annotations

from typing import Any

from cyclopts import App, ArgumentCollection
from cyclopts.config import Dict

from rankdistill.data.sources import describe_pairs

SOURCE_OF = {
    "finetune": "--collection",
    "distill": "--collection",
    "rekindle": "--task",
    "evaluate": "--collection",
    "leaderboard": "--collection",
}
"""Command -> its option that names the task."""
MEASURES = ("evaluate", "leaderboard")
"""Commands that measure."""
OBJECTIVE_OF = {"finetune": 0, "distill": 1}
"""Command -> which of a kind's objectives is the default of its own."""


def options_from_pairs(app: App, commands: tuple[str, ...], arguments: ArgumentCollection) -> None:
    """Fill in the objective, settings, measures and split of the task that a command names, where they are not given.

    cyclopts calls this before it takes defaults. Raises what `describe_pairs` raises.
    """
    command = commands[-1] if commands else ""
    named = next((argument for argument in arguments if argument.name == SOURCE_OF.get(command)), None)
    if named is None or not named.tokens:
        return
    scored = describe_pairs(named.tokens[-1].value)
    if scored is None:
        return
    from rankdistill.evaluation.pair_significance import PAIR_TESTS  # they import what evaluates
    from rankdistill.tasks.kinds import KINDS, objectives

    options: dict[str, Any] = {}
    if command in OBJECTIVE_OF:
        options["objective"] = objectives(scored)[OBJECTIVE_OF[command]]
        options |= {"method": "mean"} if command == "distill" else {}  # PILE corrects the order of lists
    if command in MEASURES:
        options |= {"measures": list(scored.measures or KINDS[scored.kind].measures), "split": scored.measured_split}
        options |= {"test": next(iter(PAIR_TESTS))} if command == "leaderboard" else {}
    else:
        options |= {name.replace("_", "-"): value for name, value in scored.training.items()}
    Dict(options, source=f"task {named.tokens[-1].value}", use_commands_as_keys=False)(app, commands, arguments)

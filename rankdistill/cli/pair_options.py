"""Options that suit a task of scored pairs, where neither the command line nor a YAML file gives them."""

from __future__ import annotations

from typing import Any

from cyclopts import App, ArgumentCollection
from cyclopts.config import Dict

from rankdistill.data.scored_pairs import ScoredPairs
from rankdistill.data.sources import describe_pairs
from rankdistill.errors import DataError

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


UNLABELLED = ("pairs", "textbook")
"""Sources of pairs without labels, of which a teacher says what is learned."""
OF_RANKER = "pointwise_mse(target)"
"""Objective of learning a ranker's scores of pairs."""


def answers_among(arguments: ArgumentCollection) -> ScoredPairs | None:
    """What the first model among ``--teachers`` answers, see `answers_of`; None where it is not known, or a score."""
    from rankdistill.recipes.answers import answers_of  # it imports torch

    teachers = next((argument for argument in arguments if argument.name == "--teachers"), None)
    if teachers is None:
        return None
    try:
        return answers_of([token.value for token in teachers.tokens])
    except DataError:  # no model, which the command says when all options are known
        return None


def options_from_pairs(app: App, commands: tuple[str, ...], arguments: ArgumentCollection) -> None:
    """Fill in the objective, settings, measures and split of the task that a command names, where they are not given.

    cyclopts calls this before it takes defaults. Raises what `describe_pairs` raises.
    """
    command = commands[-1] if commands else ""
    named = next((argument for argument in arguments if argument.name == SOURCE_OF.get(command)), None)
    if named is None or not named.tokens:
        return
    source = named.tokens[-1].value
    scored = describe_pairs(source)
    if scored is None and command == "distill" and source.partition(":")[0] in UNLABELLED:
        scored = answers_among(arguments)
        if scored is None:
            ranker = {"objective": OF_RANKER, "method": "mean"}
            Dict(ranker, source=f"pairs {source}", use_commands_as_keys=False)(app, commands, arguments)
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
    Dict(options, source=f"task {source}", use_commands_as_keys=False)(app, commands, arguments)

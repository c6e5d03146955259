"""Small commands that end before the parser of options, Arrow and Numba would have been loaded.

`run_quickly` runs a command line that is short and ordinary, and leaves every other one, wrong ones included, to
`rankdistill.cli.app`: the same options mean the same there, which tests hold both to.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

MANY, FLAG, ONE = "many", "flag", "one"
OPTIONS = {"--qrels": ONE, "--runs": MANY, "--measures": MANY, "--json": FLAG, "--per-query": FLAG}
"""Options of `evaluate` that are read here, and how many values each takes."""


@dataclass(frozen=True)
class Asked:
    """What a command line asks of `evaluate`. measures: empty for the default ones."""

    qrels: str
    runs: tuple[str, ...]
    measures: tuple[str, ...]
    as_json: bool
    per_query: bool


def run_quickly(tokens: Sequence[str]) -> bool:
    """Run the command line where it is one of those that are short and ordinary; tell whether it was."""
    asked = asked_of_evaluate(tokens)
    return asked is not None and _evaluate(asked)


def asked_of_evaluate(tokens: Sequence[str]) -> Asked | None:
    """Parse ``evaluate --qrels Q --runs R ... [--measures M ...] [--json] [--per-query]``; None for anything else."""
    if not tokens or tokens[0] != "evaluate":
        return None
    given: dict[str, list[str]] = {}
    name = ""
    for token in tokens[1:]:
        if token.startswith("--") and token in OPTIONS and token not in given:
            name = token
            given[name] = []
        elif not token or token.startswith("-") or not name or OPTIONS[name] == FLAG:
            return None
        else:
            given[name].append(token)
    for option, values in given.items():
        if {FLAG: len(values) == 0, ONE: len(values) == 1, MANY: len(values) >= 1}[OPTIONS[option]] is False:
            return None
    if "--qrels" not in given or "--runs" not in given:
        return None
    measures = tuple(given.get("--measures", ()))
    return Asked(given["--qrels"][0], tuple(given["--runs"]), measures, "--json" in given, "--per-query" in given)


def _evaluate(asked: Asked) -> bool:
    from rankdistill.cli.measured import report
    from rankdistill.errors import RankDistillError
    from rankdistill.evaluation.names import DEFAULT_MEASURES, parse_measures
    from rankdistill.evaluation.plain import plain_evaluations

    measures = asked.measures or DEFAULT_MEASURES
    try:
        named = parse_measures(measures)
        results = plain_evaluations(Path(asked.qrels), asked.runs, named)
    except RankDistillError:
        return False
    if results is None:
        return False
    report(results, measures, asked.per_query, asked.as_json)
    return True

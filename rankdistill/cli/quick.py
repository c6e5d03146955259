"""Small commands that end before the parser of options, Arrow and Numba would have been loaded.

`run_quickly` runs a command line that is short and ordinary, and leaves every other one, wrong ones included, to
`rankdistill.cli.app`: the same options mean the same there, which tests hold both to.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast, get_args

MANY, FLAG, ONE = "many", "flag", "one"
EVALUATE = {"--qrels": ONE, "--runs": MANY, "--measures": MANY, "--json": FLAG, "--per-query": FLAG}
"""Options of `evaluate` that are read here, and how many values each takes."""
RERANK = dict.fromkeys(("--model", "--collection", "--run", "--out", "--top-k", "--engine", "--dtype", "--store"), ONE)
"""The same of `rerank`."""


@dataclass(frozen=True)
class Asked:
    """What a command line asks of `evaluate`. measures: empty for the default ones."""

    qrels: str
    runs: tuple[str, ...]
    measures: tuple[str, ...]
    as_json: bool
    per_query: bool


@dataclass(frozen=True)
class AskedToRerank:
    """What a command line asks of `rerank`. None: the default."""

    model: str
    collection: str
    run: Path
    out: Path
    top_k: int | None
    engine: str | None
    dtype: str | None
    store: Path | None


def run_quickly(tokens: Sequence[str]) -> bool:
    """Run the command line where it is one of those that are short and ordinary; tell whether it was."""
    asked = asked_of_evaluate(tokens)
    if asked is not None:
        return _evaluate(asked)
    to_rerank = asked_of_rerank(tokens)
    return to_rerank is not None and _rerank(to_rerank)


def asked_of_evaluate(tokens: Sequence[str]) -> Asked | None:
    """Parse ``evaluate --qrels Q --runs R ... [--measures M ...] [--json] [--per-query]``; None for anything else."""
    given = _given(tokens, "evaluate", EVALUATE)
    if given is None or "--qrels" not in given or "--runs" not in given:
        return None
    measures = tuple(given.get("--measures", ()))
    return Asked(given["--qrels"][0], tuple(given["--runs"]), measures, "--json" in given, "--per-query" in given)


def asked_of_rerank(tokens: Sequence[str]) -> AskedToRerank | None:
    """Parse ``rerank --model M --collection C --run R --out O`` and the others of `RERANK`; None for anything else."""
    given = _given(tokens, "rerank", RERANK)
    if given is None or not {"--model", "--collection", "--run", "--out"} <= set(given):
        return None
    values = {name: each[0] for name, each in given.items()}
    top_k = values.get("--top-k", "1")
    if not (top_k.isascii() and top_k.isdecimal() and len(top_k) < 10 and int(top_k) >= 1):
        return None
    from rankdistill.scoring.settings import DtypeName, EngineName

    known = {"--engine": get_args(EngineName), "--dtype": get_args(DtypeName)}
    if any(values.get(option, "auto") not in names for option, names in known.items()):
        return None
    return AskedToRerank(
        values["--model"],
        values["--collection"],
        Path(values["--run"]),
        Path(values["--out"]),
        int(top_k) if "--top-k" in values else None,
        values.get("--engine"),
        values.get("--dtype"),
        Path(values["--store"]) if "--store" in values else None,
    )


def _given(tokens: Sequence[str], command: str, options: Mapping[str, str]) -> dict[str, list[str]] | None:
    """The values of each option of a command; None for another command and whatever is not written plainly."""
    if not tokens or tokens[0] != command:
        return None
    given: dict[str, list[str]] = {}
    name = ""
    for token in tokens[1:]:
        if token.startswith("--") and token in options and token not in given:
            name = token
            given[name] = []
        elif not token or token.startswith("-") or not name or options[name] == FLAG:
            return None
        else:
            given[name].append(token)
    for option, values in given.items():
        if {FLAG: len(values) == 0, ONE: len(values) == 1, MANY: len(values) >= 1}[options[option]] is False:
            return None
    return given


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


def _rerank(asked: AskedToRerank) -> bool:
    from rankdistill.cli.output import say_wrote
    from rankdistill.cli.scored import FIRST_STAGE, MODEL, saved_beside
    from rankdistill.data.sources.plain import plain_collection
    from rankdistill.data.trec.forms import RUNS
    from rankdistill.data.trec.plain import read_plain
    from rankdistill.data.trec.plain_write import write_plain_run
    from rankdistill.errors import RankDistillError
    from rankdistill.files.outputs import check_output_file, check_output_folder
    from rankdistill.scoring.score import load_scorer, score
    from rankdistill.scoring.settings import ScoringSettings

    run = read_plain(asked.run, RUNS, FIRST_STAGE)
    if run is None or run.may_be_distances(FIRST_STAGE) or (asked.out.exists() and asked.out.samefile(asked.run)):
        return False
    collection = plain_collection(asked.collection)
    if collection is None:
        return False
    try:
        settings = ScoringSettings(engine=cast(Any, asked.engine), dtype=cast(Any, asked.dtype), store=asked.store)
        check_output_file(asked.out)
        if settings.store is not None:
            check_output_folder(settings.store)
        settings = saved_beside(asked.out, settings)
    except RankDistillError:
        return False
    best = run.ranked(FIRST_STAGE) if asked.top_k is None else run.top_k(asked.top_k, FIRST_STAGE)
    scores = score(load_scorer(asked.model, settings), best, collection, settings)
    write_plain_run(best.with_columns({MODEL: scores}), asked.out, MODEL)
    say_wrote(asked.out, f"{best.n_queries:,} queries, {len(best):,} candidates")
    return True

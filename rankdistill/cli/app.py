"""The table of commands, each imported only when it is run, and the app that has them all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any

from cyclopts import App, Parameter

from rankdistill import __version__
from rankdistill.cli.options_file import options_from_yaml, with_options_file
from rankdistill.cli.outputs import refuse_empty_paths
from rankdistill.cli.pair_options import options_from_pairs
from rankdistill.cli.recipe_options import options_from_recipe
from rankdistill.cli.student_options import optimizer_from_student, options_from_student
from rankdistill.cli.whole_numbers import refuse_fractions

# Name -> purpose. The command is the function of that name in the module of that name in cli/commands/. Its docstring
# begins with the same purpose, which a test compares: `rankdistill --help` must not import what the commands import.
COMMANDS: dict[str, str] = {
    "demo": "Run the whole pipeline: BM25, three teachers, their PILE ensemble, two students, a leaderboard.",
    "finetune": "Fine-tune a cross-encoder, a teacher or a baseline, on relevance labels.",
    "distill": "Distil an ensemble of teachers, supervised by the labels, into a small student.",
    "retrieve": "Find first-stage candidates for a collection's queries and write them as a run.",
    "parts": "Split a run into parts, a folder of Parquet files, that score, rerank and ensemble take one by one.",
    "score": "Score every candidate of a run with a cross-encoder and write a run.",
    "rerank": "Re-rank a run with a cross-encoder, alone or fused with the first stage's scores.",
    "ensemble": "Ensemble several teachers' runs into one run.",
    "case": "Show one query's candidates with every teacher's score, the mean's and PILE's.",
    "evaluate": "Evaluate runs against judgments.",
    "leaderboard": "Compare the runs in a folder: table, significance, HTML page.",
    "check": "Check a model, or runs and judgments: what is wrong with them, and what may surprise.",
    "interleave": "Compare two systems by the clicks on their interleaved lists: Δ_AB with its confidence interval.",
    "gsb": "Compare two systems query by query, good, same or bad: ΔGSB with its confidence interval.",
    "export": "Export a cross-encoder for ONNX Runtime or OpenVINO, and check it against torch on real pairs.",
    "search": "Search a collection: BM25 finds candidates, a cross-encoder orders them.",
    "serve": "Serve a cross-encoder over HTTP: POST /rerank, with health, metrics and a page that explains it.",
    "corpus": "Turn text into pairs of adjacent sentences, without duplicates, for guided pre-training.",
    "augment": "Vary a task's texts word by word, by masks and words of the same tag, for a teacher to label.",
    "textbook": "Gather the sentences of a general corpus that a task's texts find, to distil from without labels.",
    "rekindle": "Guide a base by experts on unlabelled pairs or lists, and fine-tune it (UEGP, MoEGP).",
    "multitask": "Distil one student on several tasks together, and compare it with one of each task alone (MKD).",
    "stats": "Count what is in a collection, or compare the texts of several.",
}

EPILOGUE = (
    "Options and an example of each command: rankdistill COMMAND --help. With --debug, every command prints the "
    "traceback of the error that ends it."
)


def build_app(chosen: str | None = None) -> App:
    """Build the app. chosen: the command that will run, the only one whose module is imported."""
    app = App(
        name="rankdistill",
        help="Any teachers, ensembled under the relevance labels, distilled into a small and fast re-ranker.",
        help_epilogue=EPILOGUE,
        help_format="markdown",
        version=__version__,
        # for an option in two, the first wins
        config=(
            options_from_yaml,
            optimizer_from_student,
            options_from_recipe,
            options_from_student,
            options_from_pairs,
            refuse_empty_paths,
            refuse_fractions,
        ),
        # Lists are written `--runs a b c`, with at least one value; there is no `--no-json` and no `--empty-runs`.
        default_parameter=Parameter(negative=(), consume_multiple=1),
        result_action="return_value",
        suppress_keyboard_interrupt=False,
    )
    for position, (name, purpose) in enumerate(COMMANDS.items()):
        if name == chosen:
            app.command(with_options_file(load_command(name)), name=name, sort_key=position, help_epilogue="")
        else:
            app.command(f"rankdistill.cli.commands.{name}:{name}", name=name, sort_key=position, help=purpose)
    return app


def load_command(name: str) -> Callable[..., Any]:
    """Import a command's function."""
    command: Callable[..., Any] = getattr(import_module(f"rankdistill.cli.commands.{name}"), name)
    return command


def chosen_command(arguments: Sequence[str]) -> str | None:
    """Return the command that the arguments begin with, or None."""
    return arguments[0] if arguments and arguments[0] in COMMANDS else None

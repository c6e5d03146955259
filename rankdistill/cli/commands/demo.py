"""demo: from nothing to a distilled re-ranker measured against its teachers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from rankdistill.cli.options import Json, Source
from rankdistill.cli.output import print_json, print_rich, say
from rankdistill.cli.outputs import OUTPUT_FOLDER
from rankdistill.data import load_collection
from rankdistill.evaluation import as_table
from rankdistill.models import DEFAULT_BASE
from rankdistill.recipes.demo import PILE, DemoSettings
from rankdistill.recipes.demo import demo as demo_recipe


def demo(
    *,
    collection: Source = "pydocs",
    out: Annotated[Path, OUTPUT_FOLDER, Parameter(help="Folder for models, runs and leaderboard.")] = Path("runs/demo"),
    base: Annotated[str, Parameter(help="Encoder that all models start from: a folder or a hub id.")] = DEFAULT_BASE,
    settings: Annotated[DemoSettings, Parameter(name="*")] = DemoSettings(),  # noqa: B008  # frozen
    as_json: Json = False,
) -> None:
    """Run the whole pipeline: BM25, three teachers, their PILE ensemble, two students, a leaderboard.

    After a kill the same command resumes after the last finished step. Models score in bfloat16 where the processor
    has it. On a collection of your own, in the BEIR layout:

        rankdistill demo --collection my-data --out runs/my-data
    """
    board = demo_recipe(load_collection(collection), out, settings, base)
    unjudged = next(iter(board.results.values())).unjudged
    if as_json:
        print_json(board.rows)
    else:
        print_rich(as_table(board))
    say(f"runs, models and the leaderboard (.json, .html) are in {out}; qrels.txt there makes it repeatable:")
    say(f"    rankdistill leaderboard {out} --qrels {out}/qrels.txt --baseline bm25 --unjudged {unjudged}")
    say("search with the student:")
    say(f'    rankdistill search "sort a list in place" --collection {collection} --model {out}/{PILE}/model')

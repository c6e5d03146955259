"""Kill every long command but trainings at random moments, and compare the end with an uninterrupted run's.

Run in the project's root: python -m benchmarks.faults.kill_commands [--kills 20] [--seed 0] [--quick]
Each command is killed, with all that it has started, until it has been killed as often as asked; it then finishes, and
every byte that it leaves is compared. The exit code is 1 where something differs. Collection, runs and models are made
on the spot.
"""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from benchmarks.faults.kills import Killed, kill_until_done
from benchmarks.faults.made import Made, make
from benchmarks.results import Row, run, study

QUICK = 2


def commands(made: Made) -> Iterator[Killed]:
    """Every long command, by the name that the table gives it."""
    source = ["--collection", str(made.collection)]
    model, texts = ["--model", str(made.model), *source], ["--run", str(made.run)]
    parts, judged = ["--run", str(made.parts)], ["--qrels", str(made.qrels)]
    teachers = ["--runs", str(made.run), str(made.teacher)]
    teachers_in_parts = ["--runs", str(made.parts), str(made.teacher_parts)]
    yield Killed("retrieve (BM25)", ["retrieve", *source, "--out", "out.trec.gz"])
    if find_spec("faiss"):
        dense = ["--retriever", "dense", "--encoder", str(made.encoder)]
        yield Killed("retrieve (dense)", ["retrieve", *source, *dense, "--out", "out.trec"])
    yield Killed("score", ["score", *model, *texts, "--out", "out.trec"])
    yield Killed("score, parts", ["score", *model, *parts, "--out", "out"])
    yield Killed("rerank", ["rerank", *model, *texts, "--fuse", "auto", "--out", "out.trec.gz"])
    yield Killed("rerank, parts", ["rerank", *model, *parts, "--top-k", "20", "--fuse", "0.5", "--out", "out"])
    yield Killed("parts", ["parts", *texts, "--queries", "3", "--out", "out"])
    yield Killed("ensemble (PILE)", ["ensemble", *teachers, *judged, "--method", "pile", "--out", "out.trec"])
    yield Killed("ensemble (PILE), parts", ["ensemble", *teachers_in_parts, *judged, "--out", "out"])
    written = ["--html", "out/page.html", "--export", "out.csv", "out.json"]
    yield Killed("leaderboard", ["leaderboard", str(made.runs), *judged, "--baseline", "bm25", *written])
    if find_spec("onnxruntime") and find_spec("onnx"):
        engine = ["--engine", "onnx", "--queries", "5", "--out", "out", "--json"]
        yield Killed("export (ONNX)", ["export", *model, *texts, *engine], reduced={"standard output": without_speeds})
    if find_spec("sentencex") and find_spec("rensa"):
        yield Killed("corpus", ["corpus", "--text", str(made.text), "--processes", "2", "--out", "out", "--json"])
        book = ["--task", f"pairs:{made.pairs}", "--corpus", str(made.text), "--k", "3", "--processes", "2"]
        yield Killed("textbook", ["textbook", *book, "--out", "out", "--json"])
    experts = ["--experts", f"nli={made.classifier}", f"rank={made.model}"]
    yield Killed("score, experts", ["score", *experts, "--collection", f"pairs:{made.pairs}", "--out", "out"])
    yield Killed("score, experts, lists", ["score", *experts, "--collection", f"lists:{made.lists}", "--out", "out"])
    yield Killed("search", ["search", "how to sort a long list", *model, "--json"])


def without_speeds(told: bytes) -> bytes:
    """Leave the speeds out of what an export prints."""
    return re.sub(rb'"pairs/s[^"]*": [0-9.]+', b"", told)


def main(
    *,
    kills: Annotated[int, Parameter(help="Kills of each command.")] = 20,
    seed: int = 0,
    quick: Annotated[bool, Parameter(help=f"{QUICK} kills of each command, and no result is written.")] = False,
    only: Annotated[str, Parameter(help="Commands whose names contain this; no result is written.")] = "",
) -> None:
    """Kill, resume, compare."""
    with tempfile.TemporaryDirectory() as folder:
        made = make(Path(folder) / "made")
        chosen = [command for command in commands(made) if only in command.name]
        kills = QUICK if quick else kills
        rows = (kill_until_done(command, Path(folder) / "runs", kills, seed) for command in chosen)
        seen: list[Row] = []
        if quick or only:
            for row in rows:
                print(json.dumps(row), flush=True)
                seen.append(row)
        else:
            seen = study("kill_commands", rows, [seed])
    if wrong := [row["command"] for row in seen if row["wrong"]]:
        raise SystemExit(f"not the same after kills: {', '.join(map(str, wrong))}")


if __name__ == "__main__":
    run(main)

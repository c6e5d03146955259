"""Kill finetune, distill and rekindle at random moments, and compare the end with an uninterrupted run's.

Run in the project's root: python -m benchmarks.faults.kill_training [--kills 20] [--seed 0] [--quick]
Compared are the model, the runs, the metrics, `log.json` and what is printed, without times and speeds. See
`benchmarks.faults.kill_commands`.
"""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from benchmarks.faults.kills import PRINTED, Killed, kill_until_done
from benchmarks.faults.made import Made, make
from benchmarks.results import Row, run, study

QUICK = 2
TRAINING = ["--list-size", "4", "--lists-per-batch", "4", "--max-length", "64", "--start", "plain"]
TRAINING += ["--save-steps", "4", "--logging-steps", "3", "--out", "out", "--json"]

REKINDLING = ["--lists-per-batch", "8", "--epochs", "2", "--save-steps", "4", "--logging-steps", "3"]
REKINDLING += ["--out", "out", "--json"]


def commands(made: Made) -> Iterator[Killed]:
    """The commands, so that every step is there to be killed in: teachers, imitation, training, dev set, measuring."""
    shared = ["--collection", str(made.collection), "--run", str(made.run), *TRAINING]
    teachers = ["--teachers", str(made.model), str(made.teacher), "--normalize", "zscore"]
    from_model = {"finetune": ["--base", str(made.model)], "distill": ["--student", str(made.model), *teachers]}
    choosing, imitating = ["--eval-steps", "5", "--epochs", "2"], ["--layers", "0", "2"]
    reduced = dict.fromkeys((PRINTED, "out/log.json", "out/metrics.json"), without_times)
    yield Killed("finetune", ["finetune", *shared, *from_model["finetune"], *choosing], reduced=reduced)
    yield Killed("distill", ["distill", *shared, *from_model["distill"], *imitating], reduced=reduced)
    task = ["--task", f"glue:rte@{made.glue}", "--data", str(made.pairs), "--base", str(made.model), "--seeds", "2"]
    task += ["--guided-steps", "12", "--guided-batch", "8", "--head-steps", "6", "--keep-steps", "3", "8"]
    task += ["--guided-save-steps", "4"]
    of_guided = dict.fromkeys((PRINTED, "out/*log.json", "out/*metrics.json"), without_times)
    yield Killed("rekindle", ["rekindle", *task, "--max-length", "32", *REKINDLING], reduced=of_guided)


def without_times(content: bytes) -> bytes:
    """Leave out of JSON what says how long something took."""
    return re.sub(rb'"(train_runtime|\w*per_second)": [0-9.e+-]+', b"", content)


def main(
    *,
    kills: Annotated[int, Parameter(help="Kills of each command.")] = 20,
    seed: int = 0,
    quick: Annotated[bool, Parameter(help=f"{QUICK} kills of each command, and no result is written.")] = False,
    only: Annotated[str, Parameter(help="Commands whose names contain this; no result is written.")] = "",
) -> None:
    """Kill, resume, compare."""
    with tempfile.TemporaryDirectory() as folder:
        made = make(Path(folder) / "made", n_queries=60, n_documents=120, k=10)
        kills = QUICK if quick else kills
        chosen = [command for command in commands(made) if only in command.name]
        rows = (kill_until_done(command, Path(folder) / "runs", kills, seed) for command in chosen)
        seen: list[Row] = []
        if quick or only:
            for row in rows:
                print(json.dumps(row), flush=True)
                seen.append(row)
        else:
            seen = study("kill_training", rows, [seed])
    if wrong := [row["command"] for row in seen if row["wrong"]]:
        raise SystemExit(f"not the same after kills: {', '.join(map(str, wrong))}")


if __name__ == "__main__":
    run(main)

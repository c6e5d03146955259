"""One table of all ratios: those of this build, measured now, against the committed ones.

Run in the project's root: python -m benchmarks.ratios (or make benchmark)
Each benchmark of the table runs by its one command, by default in its ``--quick`` form, which takes less than a minute
on a quiet machine, and is compared with what quick forms gave when ``--keep`` was last given
(benchmarks/results/ratios.json); ``--full`` runs it at the size of the committed results, which it is compared with and
replaces. A ratio compares two systems that were measured in turn, so that it says something on any machine.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from benchmarks.results import FOLDER, QUICK, Row, run, study

LIMIT = 180
"""Seconds for a quick form; three times what it may take on a quiet machine."""
KEPT = "ratios"
"""Committed result of the quick forms."""
TOLD = 0.8
"""Share of the committed ratio below which a line is marked."""


@dataclass(frozen=True)
class Ratio:
    """Where a benchmark's result has its ratios."""

    column: str
    """Of the ratio, or of a speed that is divided by the peer's."""
    keys: tuple[str, ...] = ("system",)
    """Columns that name a row; the row of another size has the same names."""
    peer: str = ""
    """Begin of the name of the system whose speed divides the others' (empty: the column is a ratio already)."""
    less_is_better: bool = False
    ours: str = "rankdistill"
    """Begin of the names of rows that are ours; the others' are not shown."""
    options: tuple[str, ...] = ()


RATIOS: dict[str, Ratio] = {
    "start_speed": Ratio("times the peer's CPU seconds", less_is_better=True),
    "evaluation_speed": Ratio("times rankdistill", ours=""),
    "significance_speed": Ratio("permutations a second", peer="NumPy"),
    "pile_speed": Ratio("times plain Python", ours="compiled"),
    "scale": Ratio("share of pyarrow"),
    "guided_speed": Ratio("ratio", ("system", "dtype", "dropout")),
    "corpus_speed": Ratio("pairs/s", ("system", "processes"), peer="sentencex"),
    "serve_speed": Ratio("times the plain server", ("system", "clients")),
    "scoring_speed": Ratio("ratio"),
    "latency": Ratio("times as fast as the first", ("engine", "dtype", "layers", "tokens"), ours=""),
    "contention": Ratio("share kept", ("way", "engine", "dtype"), ours="one-thread workers"),
    "training_speed": Ratio("ratio", ("system", "dtype")),
    "experts_speed": Ratio("ratio", ("system", "dtype")),
    "student_speed": Ratio("times MiniLM-L6", ("system", "what"), ours=""),
    "causal_speed": Ratio("ratio", ("system", "shape")),
    "bm25_speed": Ratio("ratio"),
    "relation_speed": Ratio(
        "share of the step, %",
        ("relations by", "teacher to student", "tokens of a text", "dtype"),
        less_is_better=True,
        ours="ours",
    ),
}
"""Result and module of a benchmark -> its ratios."""


def ratios_of(rows: Sequence[Mapping[str, Any]], ratio: Ratio) -> dict[str, float]:
    """The ratios of a result's rows that are ours: name of the row -> ratio."""
    speeds = [row.get(ratio.column) for row in rows]
    peers = [n for n, row in enumerate(rows) if ratio.peer and str(row.get("system")).startswith(ratio.peer)]
    if ratio.peer and not peers:  # it is not installed here
        return {}
    by = speeds[peers[0]] if peers else 1
    found = {}
    for row, speed in zip(rows, speeds, strict=True):
        name = ", ".join(str(row[key]) for key in ratio.keys if key in row)
        if isinstance(speed, int | float) and by and name.startswith(ratio.ours) and name not in found:
            found[name] = speed / by
    return found


def read(folder: Path, name: str) -> list[dict[str, Any]]:
    """The rows of a result; none where it was never written, or not to its end."""
    try:
        rows: list[dict[str, Any]] = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))["rows"]
    except (OSError, ValueError, KeyError):
        return []
    return rows


def measured(name: str, full: bool) -> str:
    """Run a benchmark; return what is wrong, or nothing."""
    command = [sys.executable, "-m", f"benchmarks.{name}", *RATIOS[name].options, *([] if full else ["--quick"])]
    print(f"-- {' '.join(command[1:])}", flush=True)
    if not full:
        (QUICK / f"{name}.json").unlink(missing_ok=True)  # that of an earlier call is not this one's
    with subprocess.Popen(command, stdout=sys.stderr, start_new_session=True) as process:
        try:
            code = process.wait(None if full else LIMIT)
        except BaseException as error:
            os.killpg(process.pid, signal.SIGKILL)  # servers and workers that it started, too
            if isinstance(error, subprocess.TimeoutExpired):
                return f"not done in {LIMIT} s"
            raise
    return f"failed, exit code {code}" if code else ""


def rows(names: Sequence[str], full: bool) -> Iterator[Row]:
    """Run the benchmarks one by one, and compare their ratios with the committed ones."""
    for name in names:
        ratio = RATIOS[name]
        committed = committed_ratios(name, ratio, full)
        started = time.perf_counter()
        if fault := measured(name, full):
            yield failed(name, fault)
            continue
        seconds = round(time.perf_counter() - started)
        now = ratios_of(read(FOLDER if full else QUICK, name), ratio)
        if not now:
            yield failed(name, f"no {ratio.column!r} in its result" + (f", or no {ratio.peer}" if ratio.peer else ""))
        for of, value in now.items():
            yield {**compared(name, of, value, committed.get(of), ratio.less_is_better), "seconds of all": seconds}


def committed_ratios(name: str, ratio: Ratio, full: bool) -> dict[str, float]:
    """The committed ratios of a benchmark at full size, or of its quick form: name of the row -> ratio."""
    if full:
        return ratios_of(read(FOLDER, name), ratio)
    return {row["of"]: row["now"] for row in read(FOLDER, KEPT) if row["benchmark"] == name}


def kept(rows: Sequence[Row], others: Sequence[Row] = ()) -> list[Row]:
    """What is kept of lines, to compare later ones with: the ratios, and how long their benchmark took.

    others: what is kept of other benchmarks already.
    """
    made = [{name: row[name] for name in ("benchmark", "of", "now", "seconds of all")} for row in rows if row["now"]]
    return sorted([*others, *made], key=lambda row: list(RATIOS).index(row["benchmark"]))


def failed(name: str, why: str) -> Row:
    """The line of a benchmark that gave nothing to compare."""
    return {"benchmark": name, "of": "", "now": None, "committed": None, "share": None, "note": why}


def compared(name: str, of: str, now: float, committed: float | None, less_is_better: bool) -> Row:
    """One line: the ratio now, the committed one, and their share, below 1 where this build is slower."""
    row: Row = {"benchmark": name, "of": of, "now": round(now, 2), "committed": None, "share": None, "note": ""}
    if not committed or not now:
        return row | {"note": "not committed"}
    share = committed / now if less_is_better else now / committed
    return row | {
        "committed": round(committed, 2),
        "share": round(share, 2),
        "note": "slower than committed" if share < TOLD else "",
    }


def main(
    *,
    only: Annotated[tuple[str, ...], Parameter(help=f"Of {', '.join(RATIOS)}.")] = tuple(RATIOS),
    full: Annotated[bool, Parameter(help="At full size; takes long, and replaces the committed results.")] = False,
    keep: Annotated[bool, Parameter(help="Replace the committed ratios of the quick forms.")] = False,
) -> None:
    """Run the benchmarks, print the one table as it grows and write it."""
    if unknown := set(only) - set(RATIOS):
        raise SystemExit(f"no ratios of {', '.join(sorted(unknown))}; there are {', '.join(RATIOS)}")
    if keep and full:
        raise SystemExit("--keep replaces ratios of the quick forms: leave out --full")
    if keep:
        others = [row for row in read(FOLDER, KEPT) if row["benchmark"] in RATIOS and row["benchmark"] not in only]
        study(KEPT, rows(only, full), finish=lambda seen: kept(seen, others))
    else:
        study(KEPT, rows(only, full), folder=QUICK)


if __name__ == "__main__":
    run(main)

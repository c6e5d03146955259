"""Read and evaluate a run of MS MARCO's dev size, side by side with other tools, each in a process of its own.

Run in the project's root: python -m benchmarks.evaluation_speed
Measured are RR@10, nDCG@10, AP, R@1000 (and PNR, which others lack), query by query, over 6,980 queries of 1,000
documents; for rankdistill also gzipped, with rows in no order, and ten times the size. trec_eval is measured where it
is on the PATH, ranx and polars where ``--peers`` names a Python that has them. ``--quick``: a fiftieth of the queries,
once. Only what a system needs is imported in its process, which a peer's Python may lack.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

SEED = 0
QUERIES, DEPTH = 6980, 1000
NAMES = ["RR@10", "nDCG@10", "AP", "R@1000", "PNR"]
TREC_EVAL = {"ndcg_cut_10": "nDCG@10", "map": "AP", "recall_1000": "R@1000"}
Measured = tuple[float, float, dict[str, float]]


# -- the systems, each run by `measure` in a process of its own --------------------------------------------------------


def rankdistill(run: str, qrels: str) -> Measured:
    """Kernels are compiled, or loaded from their cache, on a small file first."""
    from rankdistill.data import read_qrels, read_run
    from rankdistill.evaluation import evaluation

    with tempfile.TemporaryDirectory() as folder:
        small = Path(folder) / "small.trec"
        small.write_text("q Q0 a 1 1.0 t\nq Q0 b 2 2.0 t\nr Q0 b 2 2.0 t\n")
        (Path(folder) / "qrels").write_text("q 0 a 1\n")
        evaluation(read_qrels(Path(folder) / "qrels"), read_run(small), NAMES)
    start = time.perf_counter()
    judged, candidates = read_qrels(qrels), read_run(run)
    read = time.perf_counter()
    values = evaluation(judged, candidates, NAMES).values
    return read - start, time.perf_counter() - read, values


def pytrec_eval(run: str, qrels: str) -> Measured:
    """Lines split in Python, as its documentation does."""
    import pytrec_eval

    start = time.perf_counter()
    judged: dict[str, dict[str, int]] = {}
    lists: dict[str, dict[str, float]] = {}
    with open(qrels) as file:
        for line in file:
            query, _, document, grade = line.split()
            judged.setdefault(query, {})[document] = int(grade)
    with open(run) as file:
        for line in file:
            query, _, document, _, score, _ = line.split()
            lists.setdefault(query, {})[document] = float(score)
    read = time.perf_counter()
    per_query = pytrec_eval.RelevanceEvaluator(judged, {*TREC_EVAL, "recip_rank"}).evaluate(lists)
    means = {ours: sum(q[name] for q in per_query.values()) / len(per_query) for name, ours in TREC_EVAL.items()}
    return read - start, time.perf_counter() - read, means


def ir_measures(run: str, qrels: str) -> Measured:
    """Its readers and its default pipeline."""
    import ir_measures

    start = time.perf_counter()
    judged, lists = list(ir_measures.read_trec_qrels(qrels)), list(ir_measures.read_trec_run(run))
    read = time.perf_counter()
    wanted = [ir_measures.parse_measure(name) for name in NAMES[:-1]]
    values = {str(measure): value for measure, value in ir_measures.calc_aggregate(wanted, judged, lists).items()}
    return read - start, time.perf_counter() - read, values


def ranx(run: str, qrels: str) -> Measured:
    """Its readers; its kernels are compiled on a small run first."""
    from ranx import Qrels, Run, evaluate

    wanted = ["mrr@10", "ndcg@10", "map", "recall@1000"]
    evaluate(Qrels({"q": {"a": 1}}), Run({"q": {"a": 1.0, "b": 0.5}}), wanted)
    start = time.perf_counter()
    judged, lists = Qrels.from_file(qrels, kind="trec"), Run.from_file(run, kind="trec")
    read = time.perf_counter()
    values = evaluate(judged, lists, wanted, make_comparable=True)
    return read - start, time.perf_counter() - read, dict(zip(NAMES, map(float, values.values()), strict=False))


def pyarrow_parse_alone(run: str, qrels: str) -> Measured:
    """Fields separated by single blanks, into columns; nothing is evaluated."""
    import pyarrow.csv as csv

    start = time.perf_counter()
    names = list("qzdrst")
    csv.read_csv(run, csv.ReadOptions(column_names=names), csv.ParseOptions(delimiter=" ", quote_char=False))
    return time.perf_counter() - start, 0.0, {}


def polars_parse_alone(run: str, qrels: str) -> Measured:
    """Fields separated by single blanks, into columns; nothing is evaluated."""
    import polars

    start = time.perf_counter()
    polars.read_csv(run, separator=" ", has_header=False, quote_char=None)
    return time.perf_counter() - start, 0.0, {}


SYSTEMS: dict[str, Callable[[str, str], Measured]] = {
    "rankdistill": rankdistill,
    "pytrec_eval": pytrec_eval,
    "ir_measures": ir_measures,
    "ranx": ranx,
    "pyarrow, parse alone": pyarrow_parse_alone,
    "polars, parse alone": polars_parse_alone,
}


def measure(system: str, run: str, qrels: str) -> None:
    """Print what a system takes, as JSON: seconds to read and to evaluate, highest memory, values."""
    read, evaluated, values = SYSTEMS[system](run, qrels)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"read s": read, "evaluate s": evaluated, "peak MB": peak, "values": values}))


# -- the benchmark -----------------------------------------------------------------------------------------------------


def make_files(folder: Path, queries: int, in_order: bool = True) -> tuple[Path, Path]:
    """Write a run like BM25's on MS MARCO's dev queries, and judgments of one relevant passage a query, mostly."""
    import numpy as np

    rng = np.random.default_rng(SEED)
    run, qrels = folder / f"run{queries}{'' if in_order else '.shuffled'}.trec", folder / f"qrels{queries}.txt"
    with run.open("w") as lists, qrels.open("w") as judged:
        for query in rng.choice(1_200_000, queries, replace=False).tolist():
            documents = rng.choice(8_841_823, DEPTH + 30, replace=False).tolist()
            scores = np.sort(rng.normal(12, 3, DEPTH))[::-1]
            order = np.arange(DEPTH) if in_order else rng.permutation(DEPTH)
            lists.write("".join(f"{query} Q0 {documents[i]} {i + 1} {scores[i]:.6f} bm25\n" for i in order.tolist()))
            for row in {min(DEPTH + 29, int(place)) for place in rng.exponential(150, 1 + (rng.random() < 0.06))}:
                judged.write(f"{query} 0 {documents[row]} 1\n")
    os.sync()  # else the first to read would share the disk with what is still being written
    return run, qrels


def row_of(system: str, variant: str, run: Path, qrels: Path, repeats: int, python: str) -> dict[str, Any] | None:
    """Run a system ``repeats`` times and take the median of its times; None where it is not installed."""
    results = []
    for _ in range(repeats):
        command = [python, __file__, "--measure", system, str(run), str(qrels)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=Path(__file__).parents[1])
        if done.returncode:
            if "ModuleNotFoundError" in done.stderr:
                print(f"{system}: not installed, left out", flush=True)
                return None
            raise SystemExit(f"{system} failed:\n{done.stderr}")
        results.append(json.loads(done.stdout))
    middle = sorted(results, key=lambda result: result["read s"] + result["evaluate s"])[len(results) // 2]
    total = middle["read s"] + middle["evaluate s"]
    row = {"system": system, "run": variant, "total s": total} | middle
    print({key: value for key, value in row.items() if key != "values"}, flush=True)
    return row


def trec_eval_row(variant: str, run: Path, qrels: Path, repeats: int) -> dict[str, Any] | None:
    """Run trec_eval, which reads and evaluates in one process."""
    program = shutil.which("trec_eval")
    if program is None:
        print("trec_eval: not on the PATH, left out", flush=True)
        return None
    wanted = [part for name in ("recip_rank", "ndcg_cut.10", "map", "recall.1000") for part in ("-m", name)]
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        printed = subprocess.run(
            [program, "-q", "-c", *wanted, str(qrels), str(run)], capture_output=True, text=True, check=True
        ).stdout
        seconds.append(time.perf_counter() - start)
    means = {parts[0]: float(parts[2]) for parts in map(str.split, printed.splitlines()) if parts[1] == "all"}
    values = {ours: means[name] for name, ours in TREC_EVAL.items()}
    middle = sorted(seconds)[repeats // 2]
    print({"system": "trec_eval", "total s": middle}, flush=True)
    return {"system": "trec_eval (C)", "run": variant, "total s": middle, "values": values}


def check_equal(rows: list[dict[str, Any]]) -> None:
    """Stop where systems differ on the same files: a time of the wrong thing is no result."""
    ours = rows[0]["values"]
    for row in rows[1:]:
        for name, value in row["values"].items():
            if abs(value - ours[name]) > 1e-4:
                raise SystemExit(f"{row['system']} has {name} {value}, rankdistill {ours[name]}")


def rows(peers: str, repeats: int, queries: int = QUERIES) -> Iterator[dict[str, Any]]:
    """Make the files and measure every system on them."""
    here = sys.executable
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        run, qrels = make_files(folder, queries)
        size = f"{queries:,} x {DEPTH:,}, {run.stat().st_size / 1e6:,.0f} MB"
        same_files = [row_of("rankdistill", size, run, qrels, repeats, here), trec_eval_row(size, run, qrels, repeats)]
        for system in SYSTEMS:
            if system != "rankdistill":
                python = peers if system.startswith(("ranx", "polars")) else here
                same_files.append(row_of(system, size, run, qrels, repeats, python))
        start = time.perf_counter()
        subprocess.run(["wc", "-l", str(run)], check=True, stdout=subprocess.DEVNULL)
        same_files.append({"system": "wc -l", "run": size, "total s": time.perf_counter() - start})
        measured = [row for row in same_files if row]
        check_equal([row for row in measured if "values" in row])
        ours = float(measured[0]["total s"])
        yield from (rounded(row) | {"times rankdistill": round(row["total s"] / ours, 1)} for row in measured)
        subprocess.run(["gzip", "-k", str(run)], check=True)
        yield rounded(row_of("rankdistill", "gzipped", run.with_name(run.name + ".gz"), qrels, repeats, here))
        run.unlink()
        shuffled, _ = make_files(folder, queries, in_order=False)
        yield rounded(row_of("rankdistill", "rows of a query in no order", shuffled, qrels, repeats, here))
        shuffled.unlink()
        run, qrels = make_files(folder, 10 * queries)
        variant = f"10 times, {run.stat().st_size / 1e9:.1f} GB"
        yield rounded(row_of("rankdistill", variant, run, qrels, repeats, here))


def rounded(row: dict[str, Any] | None) -> dict[str, Any]:
    """A line of the table, without the values that were measured."""
    if row is None:
        raise SystemExit("rankdistill is not installed here")
    facts = {key: round(value, 2) if isinstance(value, float) else value for key, value in row.items()}
    facts["peak MB"] = round(facts["peak MB"]) if "peak MB" in facts else None
    return {key: value for key, value in facts.items() if key != "values"}


def main(*, peers: str = sys.executable, repeats: int = 3, quick: bool = False) -> None:
    """Measure everything, print the table as it grows and write the result."""
    from benchmarks.results import FOLDER, QUICK, study

    given = rows(peers, 1, QUERIES // 50) if quick else rows(peers, repeats)
    packages = ("rankdistill", "numpy", "numba", "pyarrow")
    study("evaluation_speed", given, [SEED], packages, folder=QUICK if quick else FOLDER)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--measure"]:
        measure(*sys.argv[2:])
    else:
        from benchmarks.results import run as run_command

        run_command(main)

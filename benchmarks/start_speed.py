"""Time how long commands take from the first keystroke on, beside what people use instead.

Run in the project's root: python -m benchmarks.start_speed   (--model FOLDER for one of your own)
`rankdistill evaluate` on lists of DL 2019's size (43 queries of 100 documents, 9,245 judgments, three measures) is
timed in turn with the `ir_measures` command on the same files: as it is, and as the first call after an installation,
without Numba's cache and ours. `rankdistill rerank` of one query's 100 documents, by a model that an earlier command
left ready where the engine is not torch, is timed in turn with a process that loads
`sentence_transformers.CrossEncoder` and predicts the same pairs. Medians of the rounds count; beside the wall clock
stand the CPU seconds, which other processes disturb less.
``--quick``: three rounds of `evaluate` alone.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import numpy as np
from cyclopts import Parameter

import rankdistill as rd
from benchmarks.default_student import Model, student
from benchmarks.results import FOLDER, QUICK, Row, run, study
from benchmarks.words import WORDS

SEED = 0
QUERIES, DEPTH, JUDGED = 43, 100, 215
MEASURES = ("nDCG@10", "RR@10", "AP")
PACKAGES = ("rankdistill", "ir_measures", "numpy", "sentence-transformers", "torch", "onnxruntime", "openvino")
LAUNCHER = """
import json, os, sys, time
begun = time.perf_counter()
child = os.fork()
if not child:
    os.execvp(sys.argv[1], sys.argv[1:])
_, status, used = os.wait4(child, 0)
cpu = used.ru_utime + used.ru_stime
took = [time.perf_counter() - begun, cpu, used.ru_maxrss / 1024, os.waitstatus_to_exitcode(status)]
print(json.dumps(took), file=sys.stderr)
"""
"""Starts a command from a small process: the peak of its memory would begin with that of the process it comes from."""
PEER = """
import json, sys
from sentence_transformers import CrossEncoder
model = CrossEncoder(sys.argv[1], device="cpu")
model.predict(json.load(open(sys.argv[2])), batch_size=32)
"""


def write_files(folder: Path) -> None:
    """Write a run and judgments of DL 2019's size, and a collection with the texts of its first query."""
    random = np.random.default_rng(SEED)
    lists, judgments = [], []
    for query in range(QUERIES):
        documents = random.choice(8_841_823, DEPTH + JUDGED, replace=False).tolist()
        scores = np.sort(random.normal(12, 3, DEPTH))[::-1].round(4).tolist()
        lists.append(
            [f"{query} Q0 {d} {rank} {s} bm25\n" for rank, (d, s) in enumerate(zip(documents, scores, strict=False), 1)]
        )
        grades = random.choice(4, DEPTH + JUDGED, p=[0.56, 0.17, 0.19, 0.08]).tolist()
        rows = random.permutation(DEPTH + JUDGED)[:JUDGED].tolist()
        judgments += [f"{query} 0 {documents[row]} {grades[row]}\n" for row in rows]
    (folder / "run.trec").write_text("".join(line for lines in lists for line in lines))
    (folder / "one.trec").write_text("".join(lists[0]))
    (folder / "qrels.txt").write_text("".join(judgments))
    data = folder / "data"
    data.mkdir()
    (data / "queries.tsv").write_text("".join(f"{query}\thow to sort a list\n" for query in range(QUERIES)))
    texts = [" ".join(random.choice(WORDS, 56).tolist()) for _ in range(DEPTH)]
    ids = [line.split()[2] for line in lists[0]]
    lines = [json.dumps({"_id": each, "text": text}) for each, text in zip(ids, texts, strict=True)]
    (data / "corpus.jsonl").write_text("\n".join(lines) + "\n")
    (folder / "pairs.json").write_text(json.dumps([["how to sort a list", text] for text in texts]))


def timed(command: list[str], folder: Path, **environment: str) -> tuple[float, float, float]:
    """Wall seconds, CPU seconds and the peak of the memory in MB of a command, which must succeed."""
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", LAUNCHER, *command],
        cwd=folder,
        env={**os.environ, **environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        check=True,
    )
    seconds, cpu, memory, code = json.loads(done.stderr.splitlines()[-1])
    if code:
        raise SystemExit(f"{' '.join(command)} failed: {done.stderr}")
    return seconds, cpu, memory


def script(name: str) -> str:
    """A command that is installed beside this Python."""
    found = Path(sys.executable).with_name(name)
    return str(found) if found.exists() else shutil.which(name) or name


def rows(rounds: int, model: Path | None, engines: tuple[str, ...]) -> Iterator[Row]:
    """Time the commands in turn, and compare their medians; engines: of `rerank`, none leave it out."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_files(folder)
        ours = [sys.executable, "-m", "rankdistill"]
        evaluate = [*ours, "evaluate", "--qrels", "qrels.txt", "--runs", "run.trec", "--measures", *MEASURES]
        peer = "ir_measures"
        systems = {
            peer: [script("ir_measures"), "qrels.txt", "run.trec", *MEASURES],
            "rankdistill evaluate": evaluate,
            "rankdistill evaluate --json": [*evaluate, "--json"],
            "rankdistill evaluate, first call": evaluate,
        }
        yield from compared(systems, peer, folder, rounds)
        if not engines:
            return
        if model is None:
            collection = rd.load_collection(folder / "data")
            model = student(None, collection, layers=2).save(folder / "student")
        rerank = [*ours, "rerank", "--model", str(model), "--collection", "data", "--run", "one.trec"]
        rerank += ["--out", "out.trec", "--store", "scores"]
        peer = "sentence_transformers.CrossEncoder"
        systems = {
            peer: [sys.executable, "-c", PEER, str(model), "pairs.json"],
        } | {f"rankdistill rerank --engine {engine}": [*rerank, "--engine", engine] for engine in engines}
        yield from compared(systems, peer, folder, rounds)


def compared(systems: dict[str, list[str]], peer: str, folder: Path, rounds: int) -> Iterator[Row]:
    """Run all commands in turn, after one round that warms up, and yield their medians and ratios to one of them."""
    taken: dict[str, list[tuple[float, float, float]]] = {system: [] for system in systems}
    for nth in range(rounds + 1):
        for system, command in systems.items():
            shutil.rmtree(folder / "scores", ignore_errors=True)
            first = "first call" in system
            caches = Path(tempfile.mkdtemp(dir=folder)) if first else folder / "cache"
            given = {"RANKDISTILL_CACHE": str(caches)} | ({"NUMBA_CACHE_DIR": str(caches)} if first else {})
            one = timed(command, folder, **given)
            if nth:
                taken[system].append(one)
    medians = {
        system: [statistics.median(values) for values in zip(*each, strict=True)] for system, each in taken.items()
    }
    for system, (seconds, cpu, memory) in medians.items():
        row: Row = {"system": system, "beside": peer, "seconds": round(seconds, 2), "CPU seconds": round(cpu, 2)}
        row["peak MB"] = round(memory)
        row["times the peer's seconds"] = round(seconds / medians[peer][0], 2)
        yield row | {"times the peer's CPU seconds": round(cpu / medians[peer][1], 2)}


def main(
    *,
    model: Model = None,
    engines: Annotated[tuple[str, ...], Parameter(help="Of rerank.")] = ("onnx", "openvino", "torch"),
    rounds: Annotated[int, Parameter(help="In turn, after one that warms up.")] = 5,
    quick: Annotated[bool, Parameter(help="Three rounds of evaluate alone.")] = False,
) -> None:
    """Time the commands, print the table as it grows and write the result."""
    given = rows(3, None, ()) if quick else rows(rounds, model.absolute() if model else None, engines)
    study("start_speed", given, [SEED], PACKAGES, folder=QUICK if quick else FOLDER)


if __name__ == "__main__":
    run(main)

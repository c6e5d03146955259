"""How long a user waits: `rank()` of one query's 100 candidates, by number of layers, tokens read and engine.

Run in the project's root: python -m benchmarks.latency --model runs/demo/student/model
Texts are BM25's 100 best for the queries of DL 2019, in turn; tokenising counts. Models of fewer layers are cut from
the one given: they rank worse, but as fast as if they had been trained. With --command it is the command line that is
timed, `rankdistill rerank` of a run of one query, from the start of its process to its end.
"""

from __future__ import annotations

import argparse
import itertools
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

import rankdistill as rd
from benchmarks.results import markdown_table, typed, write_result
from benchmarks.scoring_speed import ENGINES, PACKAGES, exported
from benchmarks.studies.marco import V1
from rankdistill.data import Candidates, write_run
from rankdistill.models import keep_layers

CANDIDATES = 100
PEER = ("sentence-transformers torch", "float32")


def seconds_of(model: Any, lists: list[tuple[str, list[str]]], rounds: int) -> np.ndarray:
    """How long each call took; the first lists warm up."""
    for query, documents in lists[:3]:
        model.rank(query, documents)
    taken = []
    for _ in range(rounds):
        for query, documents in lists:
            started = time.perf_counter()
            model.rank(query, documents)
            taken.append(time.perf_counter() - started)
    return np.array(taken)


def seconds_of_command(folder: str, engine: str, dtype: str, run: Candidates, n: int) -> np.ndarray:
    """How long `rankdistill rerank` took for each of the first ``n`` queries, alone in a run; one more warms up."""
    taken = []
    for i in [0, *range(n)]:
        with tempfile.TemporaryDirectory() as scratch:
            one, out = Path(scratch) / "one.trec", Path(scratch) / "out.trec"
            write_run(run.take_queries(np.arange(run.n_queries) == i), one, by="bm25")
            command = [sys.executable, "-m", "rankdistill", "rerank", "--model", folder, "--collection", str(V1)]
            command += ["--run", str(one), "--out", str(out), "--engine", engine, "--dtype", dtype]
            started = time.perf_counter()
            subprocess.run(command, check=True, capture_output=True)
            taken.append(time.perf_counter() - started)
    return np.array(taken[1:])


def main() -> None:
    """Time every engine at every depth, print the table and write the result."""
    from sentence_transformers import CrossEncoder

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, required=True, help="folder of a one-logit cross-encoder")
    parser.add_argument("--layers", type=int, nargs="+", default=[2, 4], help="numbers of layers")
    parser.add_argument("--max-lengths", type=int, nargs="+", default=[64, 256], help="tokens of a pair")
    parser.add_argument("--command", type=int, default=0, metavar="N", help="time the command instead, for N queries")
    parser.add_argument("--rounds", type=int, default=2, help="over all queries")
    arguments = parser.parse_args()
    collection = rd.load_collection(V1)
    run = rd.read_run(V1 / "runs" / "dl19.bm25.trec.gz", column="bm25").top_k(CANDIDATES, by="bm25")
    lists = [(*collection.queries.take([q.query_id]), collection.documents.take(q.doc_ids)) for q in run.queries()]
    whole = rd.CrossEncoder.from_pretrained(arguments.model)
    n = whole.model.config.num_hidden_layers
    rows = []
    for layers, length in itertools.product(arguments.layers, arguments.max_lengths):
        cut = rd.CrossEncoder(whole.model, whole.tokenizer, whole.contract, max_length=length)
        model = keep_layers(cut, [*range(layers - 1), n - 1])
        with tempfile.TemporaryDirectory() as scratch:
            saved = exported(model, scratch, collection)
            systems = {(engine, dtype): saved.with_engine(engine, dtype) for engine, dtype in ENGINES}
            if not arguments.command:
                systems = {PEER: CrossEncoder(scratch, device="cpu"), **systems}
            for (engine, dtype), system in systems.items():
                if arguments.command:
                    taken = 1000 * seconds_of_command(scratch, engine, dtype, run, arguments.command)
                else:
                    taken = 1000 * seconds_of(system, lists, arguments.rounds)
                row: dict[str, Any] = {"layers": layers, "tokens": length, "engine": engine, "dtype": dtype}
                row |= {f"p{p} ms": round(float(np.percentile(taken, p)), 1) for p in (50, 95, 99)}
                rows.append(row)
                print(row, flush=True)
    print(markdown_table(rows))
    name = "latency_command" if arguments.command else "latency"
    path = write_result(name, typed("benchmarks.latency"), rows, [], PACKAGES)
    print(f"wrote {path.relative_to(path.parents[2])} and its table")


if __name__ == "__main__":
    main()

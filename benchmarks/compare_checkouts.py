"""Time the same work by two checkouts of rankdistill, in turn, so that a slower build is seen.

Run in the project's root: python -m benchmarks.compare_checkouts --old FOLDER-OF-ANOTHER-CHECKOUT
Each work is done in a process of its own, `--rounds` times by each checkout, one checkout after the other; the table
holds the medians and, less moved by whatever else the machine does, the least. Works use what both checkouts offer:
`rd.read_run`, `rd.evaluate`, `rd.pile`, `rd.score`, `rd.fit`, exported models.
Scoring, ranking and training read `../shared/data`; see its README.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
DL = ROOT.parent / "shared" / "data" / "msmarco-passage-dl"
N_QUERIES, N_CANDIDATES = 2000, 500
MEASURES = ["nDCG@10", "RR@10", "PNR", "AP"]


def timed(work: Callable[[], Any], repeats: int) -> float:
    """The least seconds of a few repetitions after one that warms up."""
    work()
    seconds = []
    for _ in range(repeats):
        started = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - started)
    return min(seconds)


def evaluation() -> float:
    """Read a run of a million lines and measure it."""
    import rankdistill as rd

    random = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        run, qrels = Path(folder, "run.trec"), Path(folder, "qrels.txt")
        with run.open("w") as lines, qrels.open("w") as judgments:
            for query in range(N_QUERIES):
                documents = (query * 7919 + np.arange(N_CANDIDATES) * 1237) % 10**6
                scores = random.normal(size=N_CANDIDATES).tolist()
                for rank, (document, score) in enumerate(zip(documents.tolist(), scores, strict=True), start=1):
                    lines.write(f"q{query} Q0 d{document} {rank} {score:.6f} tag\n")
                    if rank <= 20:
                        judgments.write(f"q{query} 0 d{document} {int(random.integers(0, 4))}\n")

        def work() -> None:
            rd.evaluate(rd.read_qrels(qrels), rd.read_run(run), MEASURES)

        return timed(work, 5)


def pile() -> float:
    """Ensemble three teachers over two million pairs."""
    import rankdistill as rd

    random = np.random.default_rng(0)
    offsets = np.arange(0, 2_000_001, 100)
    labels = random.integers(0, 4, offsets[-1]).astype(float)
    teachers = labels + random.normal(size=(3, offsets[-1]))
    return timed(lambda: rd.pile(teachers, labels, offsets), 5)


def scoring() -> float:
    """Score 500 pairs of DL 2019's BM25 candidates by four layers, up to 256 tokens."""
    import rankdistill as rd

    collection = rd.load_collection(DL)
    run = rd.read_run(DL / "runs" / "dl19.bm25.trec.gz").take_queries(slice(0, 5))
    model = rd.CrossEncoder.from_base(layers=[0, 2, 4, 5], max_length=256)
    return timed(lambda: rd.score(model, run, collection), 2)


def training() -> float:
    """Train four layers on 12 batches of 8 lists of 4 pairs, up to 128 tokens, in float32."""
    import rankdistill as rd

    collection = rd.load_collection(DL)
    run = rd.read_run(DL / "runs" / "dl19.bm25.trec.gz").join(collection.qrels, "label")
    run = run.with_columns(label=np.nan_to_num(run["label"]))
    settings = rd.TrainingSettings(list_size=4, lists_per_batch=8, epochs=20, max_steps=12, dtype="float32")

    def work() -> None:
        model = rd.CrossEncoder.from_base(layers=[0, 2, 4, 5], max_length=128)
        rd.fit(model, run, collection, "hinge(label)", settings)

    return timed(work, 1)


def ranking(engine: str, dtype: str, layers: int) -> float:
    """Rank BM25's 100 best for ten queries of DL 2019, pairs cut to 64 tokens."""
    import rankdistill as rd
    from rankdistill.models.engines.export import export_model
    from rankdistill.scoring.export_check import calibration_batches

    collection = rd.load_collection(DL)
    run = rd.read_run(DL / "runs" / "dl19.bm25.trec.gz", column="bm25").top_k(100, by="bm25").take_queries(slice(0, 10))
    lists = [(*collection.queries.take([q.query_id]), collection.documents.take(q.doc_ids)) for q in run.queries()]
    with tempfile.TemporaryDirectory() as folder:
        rd.CrossEncoder.from_base(layers=LAYERS[layers], max_length=64).save(folder)
        model = rd.CrossEncoder.from_pretrained(folder)
        if engine != "torch":
            batches = calibration_batches(model, run, collection) if dtype == "int8" else []
            export_model(model.model, model.fingerprint(), folder, engine, dtype, batches)
        model = rd.CrossEncoder.from_pretrained(folder, engine=engine, dtype=dtype)
        return timed(lambda: [model.rank(query, documents) for query, documents in lists], 3)


LAYERS = {2: [0, 5], 4: [0, 2, 4, 5]}
ENGINES = (("torch", "float32"), ("onnx", "float32"), ("openvino", "float32"), ("openvino", "int8"))
WORKS: dict[str, Callable[[], float]] = {
    "evaluation": evaluation,
    "pile": pile,
    "scoring": scoring,
    "training": training,
    **{
        f"ranking-{engine}-{dtype}-{n}-layers": partial(ranking, engine, dtype, n)
        for engine, dtype in ENGINES
        for n in LAYERS
    },
}


def seconds_by(checkout: Path, work: str) -> float:
    """What a process that imports a checkout takes for a work."""
    done = subprocess.run(
        [sys.executable, str(Path(__file__).resolve()), "--work", work],
        env={**os.environ, "PYTHONPATH": str(checkout)},
        cwd=checkout,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"{work} by {checkout} failed:\n{done.stderr[-2000:]}")
    return float(json.loads(done.stdout.strip().splitlines()[-1])["seconds"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--old", type=Path, help="folder of the checkout to compare with")
    parser.add_argument("--rounds", type=int, default=5, help="times that each work is done by each checkout")
    parser.add_argument("--works", nargs="+", choices=WORKS, default=list(WORKS))
    parser.add_argument("--quick", action="store_true", help="one round of evaluation, by this checkout alone")
    parser.add_argument("--work", choices=WORKS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        print(json.dumps({"seconds": WORKS[options.work]()}))
        return
    if options.quick:
        options.old, options.rounds, options.works = options.old or ROOT, 1, ["evaluation"]
    if options.old is None:
        parser.error("--old is needed: the folder of another checkout")
    from benchmarks.results import FOLDER, QUICK, write_result

    rows = []
    for work in options.works:
        seconds: dict[str, list[float]] = {"old": [], "new": []}
        for _ in range(options.rounds):
            for name, checkout in (("old", options.old.resolve()), ("new", ROOT)):
                seconds[name].append(seconds_by(checkout, work))
        row: dict[str, Any] = {"work": work}
        for what, taken in (("median", statistics.median), ("least", min)):
            old, new = taken(seconds["old"]), taken(seconds["new"])
            row |= {f"old, s, {what}": round(old, 3), f"new, s, {what}": round(new, 3)}
            row[f"speed, new to old, {what}"] = round(old / new, 3)
        rows.append(row)
        print(row, file=sys.stderr, flush=True)
    command = "python -m benchmarks.compare_checkouts --old FOLDER"
    write_result("compare_checkouts", command, rows, seeds=[0], folder=QUICK if options.quick else FOLDER)


if __name__ == "__main__":
    main()

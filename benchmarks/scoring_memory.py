"""Score pairs of distinct documents with a tiny model, and watch memory: what grows with the number of pairs.

Run in the project's root: python -m benchmarks.scoring_memory
Each number of pairs is scored in a process of its own. Documents are real passages, each with a number of its own,
mapped from disk; scores go into a store. Counted is anonymous memory at its highest, less that of the model and the
libraries before the first pair: pages of mapped files can be taken back at any time.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import numpy as np
from cyclopts import Parameter

from benchmarks.results import FOLDER, QUICK, Row, run, study

PER_QUERY = 1000
SHAPE = {"hidden_size": 128, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 512}


def anonymous_mb() -> float:
    """Memory of this process that is not mapped from a file."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("RssAnon")) / 1024


def prepare(n_pairs: int, folder: Path) -> None:
    """Write candidates, queries and documents."""
    import pyarrow as pa

    import rankdistill as rd
    from benchmarks.studies.marco import V1
    from rankdistill.data import Candidates, Texts, write_candidates

    passages = [text for _, text in rd.load_collection(V1).documents]
    ids = pa.array([f"d{i}" for i in range(n_pairs)], pa.large_string())
    texts = [f"{i} {passages[i % len(passages)]}" for i in range(n_pairs)]
    Texts(ids, pa.array(texts, pa.large_string())).save(folder / "documents")
    numbers = range(-(-n_pairs // PER_QUERY))
    queries = Texts.from_pairs([f"q{i}" for i in numbers], [f"what is number {i}" for i in numbers])
    queries.save(folder / "queries")
    offsets = np.minimum(np.arange(len(numbers) + 1) * PER_QUERY, n_pairs)
    write_candidates(Candidates(queries.ids, offsets, ids), folder / "candidates.parquet")


def measure(n_pairs: int, folder: Path) -> Row:
    """Score in this process: the highest memory over the start's, and seconds."""
    from transformers import BertConfig, BertForSequenceClassification

    import rankdistill as rd
    from rankdistill.data import Collection, Texts, read_candidates
    from rankdistill.scoring import score_with_report

    candidates = read_candidates(folder / "candidates.parquet")
    collection = Collection("numbered", Texts.open(folder / "queries"), Texts.open(folder / "documents"))
    base = rd.CrossEncoder.from_base()
    config = BertConfig(vocab_size=base.model.config.vocab_size, num_labels=1, **SHAPE)
    model = rd.CrossEncoder(BertForSequenceClassification(config), base.tokenizer, max_length=64)
    model = model.with_dtype("auto")
    model.predict([("warm", "up")])
    highest, stop = [start := anonymous_mb()], threading.Event()

    def watch() -> None:
        while not stop.wait(0.05):
            highest.append(anonymous_mb())

    watcher = threading.Thread(target=watch)
    watcher.start()
    started = time.perf_counter()
    scores, report = score_with_report(model, candidates, collection, store=folder / "scores")
    seconds = time.perf_counter() - started
    stop.set()
    watcher.join()
    if not np.isfinite(scores).all():
        raise SystemExit("scores are not finite: a measurement of the wrong thing is no result")
    return {
        "pairs": n_pairs,
        "documents": n_pairs,
        "memory over the model, MB": round(max(highest) - start),
        "seconds": round(seconds, 1),
        "pairs/s": round(n_pairs / seconds),
        "padding": f"{report.padding:.1%}",
    }


def rows(pairs: tuple[int, ...]) -> Iterator[Row]:
    """Measure each number of pairs in a process of its own."""
    for n_pairs in pairs:
        with tempfile.TemporaryDirectory() as folder:
            prepare(n_pairs, Path(folder))
            command = [sys.executable, "-m", "benchmarks.scoring_memory", "--pairs", str(n_pairs), "--prepared", folder]
            done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        yield json.loads(done.stdout.splitlines()[-1])


def main(
    *,
    pairs: Annotated[tuple[int, ...], Parameter(help="Numbers of pairs.")] = (100_000, 1_000_000),
    quick: Annotated[bool, Parameter(help="2,000 pairs.")] = False,
    prepared: Annotated[Path | None, Parameter(help="Folder to measure in this process, printing the row.")] = None,
) -> None:
    """Measure each number of pairs, print the table and write the result."""
    if prepared:
        print(json.dumps(measure(pairs[0], prepared)))
        return
    study("scoring_memory", rows((2_000,) if quick else pairs), folder=QUICK if quick else FOLDER)


if __name__ == "__main__":
    run(main)

"""Scoring beside another process: pairs a second of every engine on a quiet machine and beside one busy process.

Run in the project's root: python -m benchmarks.contention   (--quick: under a minute, whose numbers say nothing)
The model has layers of the default base; texts are made-up words of about 96 tokens. Each engine computes a batch of
4,096 tokens by all threads together, one after the other, and by one-thread workers, a batch each, as `rankdistill`
does. A list is one query's 100 candidates of about 64 tokens. The two take turns, alone and beside a process that
spins; the medians of the rounds count.
"""

from __future__ import annotations

import itertools
import statistics
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
from cyclopts import Parameter

import rankdistill as rd
from benchmarks.precision import ENGINES, HAS_BFLOAT16
from benchmarks.results import FOLDER, QUICK, Row, run, study
from benchmarks.words import WORDS
from rankdistill.models import DEFAULT_BASE
from rankdistill.models.engines.by_torch import TorchEngine
from rankdistill.models.engines.export import export_model
from rankdistill.models.engines.outside import LOADERS, Runner
from rankdistill.models.engines.threads import CPU_BATCH_TOKENS, Engine, batch_budget, computed

PACKAGES = ("rankdistill", "torch", "onnxruntime", "openvino")
QUERY_WORDS, QUICK_PAIRS = 6, 32
TOGETHER, WORKERS = "one batch by all threads", "one-thread workers"
Batches = list[tuple[Any, dict[str, Any]]]
Compute = Callable[[Batches], None]


@dataclass
class Loaded:
    """An exported model without its checks, with as many threads as are wanted."""

    runner: Runner
    n_threads: int
    identity: str = "loaded"

    def shared(self) -> Any:
        """Nothing has to be prepared."""
        return nullcontext()

    def logits(self, batch: Any) -> Any:
        """Logits float32 (B, 1)."""
        return self.runner(batch)


def together(engine: str, file: Path, precision: str, n_threads: int) -> Runner:
    """Load an exported model so that all threads compute each batch."""
    if engine == "onnx":
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = n_threads
        session = onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
        names = [given.name for given in session.get_inputs()]
        return Runner(names, lambda inputs: session.run(["logits"], inputs)[0])
    import openvino

    settings = {"INFERENCE_PRECISION_HINT": precision, "INFERENCE_NUM_THREADS": str(n_threads)}
    compiled = openvino.Core().compile_model(str(file), "CPU", settings)
    return Runner([given.get_any_name() for given in compiled.inputs], lambda inputs: compiled(inputs)[0])


@contextmanager
def busy(number: int) -> Iterator[None]:
    """Keep processes busy inside the block."""
    spins = [subprocess.Popen([sys.executable, "-c", "while True: sum(range(1000))"]) for _ in range(number)]
    try:
        time.sleep(0.2)
        yield
    finally:
        for each in spins:
            each.kill()
            each.wait()


def batches_of(model: rd.CrossEncoder, n_pairs: int, n_tokens: int, engine: Engine | None) -> Batches:
    """Batches of made-up pairs, as they are made of a list for an engine's workers, or of 4,096 tokens (None)."""
    random = np.random.default_rng(0)
    lengths = random.integers(int(0.7 * n_tokens), n_tokens - QUERY_WORDS - 3, n_pairs)
    queries, documents = (
        model.assembler.tokenize(model.tokenizer, [" ".join(random.choice(WORDS, n)) for n in lengths_of])
        for lengths_of in ([QUERY_WORDS] * n_pairs, lengths)
    )
    rows = np.arange(n_pairs)
    read = model.assembler.lengths(queries, documents, rows, rows).total
    budget = CPU_BATCH_TOKENS if engine is None else batch_budget(engine, read, model.batch_tokens)
    return list(model.assembler.batches(queries, documents, rows, rows, budget))


def systems(
    model: rd.CrossEncoder, folder: Path, threads: int, workers: tuple[int, ...], chosen: tuple[str, ...]
) -> Iterator[tuple[Row, Compute]]:
    """Yield each engine in each way: what its row begins with, and what computes batches by it."""
    calibration = [{name: values[:8] for name, values in batch.items()} for _, batch in _calibration(model)]
    low = "bf16" if HAS_BFLOAT16 else "f32"
    for engine, dtype in ENGINES:
        if chosen and f"{engine}:{dtype}" not in chosen:
            continue
        first = {"engine": engine, "dtype": dtype}
        if engine == "torch":
            by_torch = TorchEngine(model.model, dtype)

            def one_by_one(batches: Batches, engine: Any = by_torch) -> None:
                torch.set_num_threads(threads)
                for _, batch in batches:
                    engine.logits(batch)

            yield first | {"way": TOGETHER, "threads": threads}, one_by_one
            pooled: Any = by_torch
        else:
            file = export_model(model.model, "benchmark", folder, engine, dtype, calibration)
            precision = {"float32": "f32", "bfloat16": "bf16"}.get(dtype, low)
            runner = together(engine, file, precision, threads)

            def one_by_one(batches: Batches, engine: Any = runner) -> None:
                for _, batch in batches:
                    engine(batch)

            yield first | {"way": TOGETHER, "threads": threads}, one_by_one
            pooled = Loaded(LOADERS[engine](file, max(workers), precision), max(workers))
        for n in workers:

            def by_workers(batches: Batches, engine: Any = pooled, n: int = n) -> None:
                deque(computed(engine, batches, n), maxlen=0)

            yield first | {"way": WORKERS, "threads": n}, by_workers


def rows(
    layers: int,
    pairs: int,
    length: int,
    rounds: int,
    threads: int,
    workers: tuple[int, ...],
    processes: int,
    chosen: tuple[str, ...],
) -> Iterator[Row]:
    """Time the ways of each engine in turns, alone and beside busy processes, after one list that warms up."""
    places = [*range(layers - 1), 5]
    model = rd.CrossEncoder.from_base(DEFAULT_BASE, layers=places, max_length=length)
    works = {
        way: {"pairs/s": batches_of(model, pairs, length, of), "list ms": batches_of(model, 100, 64, of)}
        for way, of in ((TOGETHER, None), (WORKERS, TorchEngine(model.model)))
    }
    with tempfile.TemporaryDirectory() as folder:
        every = systems(model, Path(folder), threads, workers or (threads,), chosen)
        for _, known in itertools.groupby(every, key=lambda each: (each[0]["engine"], each[0]["dtype"])):
            yield from _of_one_engine(list(known), works, pairs, rounds, processes)


def _of_one_engine(
    known: list[tuple[Row, Compute]], works: dict[str, dict[str, Batches]], pairs: int, rounds: int, processes: int
) -> Iterator[Row]:
    taken: dict[tuple[int, str], list[float]] = {}
    for first, compute in known:
        compute(works[first["way"]]["list ms"])
    for _, beside in itertools.product(range(rounds), ("", " beside a busy process")):
        with busy(processes) if beside else nullcontext():
            for nth, (first, compute) in enumerate(known):
                for name, batches in works[first["way"]].items():
                    started = time.perf_counter()
                    compute(batches)
                    taken.setdefault((nth, name + beside), []).append(time.perf_counter() - started)
    for nth, (first, _) in enumerate(known):
        row = dict(first)
        for (of, name), seconds in taken.items():
            if of == nth:
                took = statistics.median(seconds)
                row[name] = round(pairs / took, 1) if name.startswith("pairs/s") else round(1000 * took, 1)
        row["share kept"] = round(row["pairs/s beside a busy process"] / row["pairs/s"], 2)
        yield row


def _calibration(model: rd.CrossEncoder) -> Batches:
    return batches_of(model, 64, model.max_length, None)


def main(
    *,
    layers: Annotated[int, Parameter(help="Of the model.")] = 4,
    pairs: Annotated[int, Parameter(help="That are scored.")] = 64,
    length: Annotated[int, Parameter(help="Tokens of a pair, about.")] = 96,
    rounds: Annotated[int, Parameter(help="Of which the median counts.")] = 5,
    threads: Annotated[int, Parameter(help="That compute a batch together.")] = 2,
    workers: Annotated[tuple[int, ...], Parameter(help="Numbers of workers. [default: that of the threads]")] = (),
    processes: Annotated[int, Parameter(help="Busy processes.")] = 1,
    engines: Annotated[tuple[str, ...], Parameter(help="Such as openvino:bfloat16; all unless given.")] = (),
    quick: Annotated[bool, Parameter(help="Two layers, few pairs, two engines, once.")] = False,
) -> None:
    """Measure every engine alone and beside a busy process, print the table and write the result."""
    if quick:
        layers, pairs, rounds, engines = 2, QUICK_PAIRS, 1, ("torch:float32", "onnx:float32")
    measured = rows(layers, pairs, length, rounds, threads, workers, processes, engines)
    study("contention", measured, [0], PACKAGES, folder=QUICK if quick else FOLDER)


if __name__ == "__main__":
    run(main)

"""Load-test `rankdistill serve` on the loopback address, in turn with plain servers of the same model.

Run in the project's root: python -m benchmarks.serve_speed   (--model MODEL for one of your own, exported before)
The plain servers are what one writes by hand, see `benchmarks.serve_peers`: FastAPI around
`sentence_transformers.CrossEncoder.predict`, and around FlashRank where it is installed (pip install flashrank), which
reads the ONNX file of the model's folder. Each client sends one request after another, a query with 100 documents of
about 64 tokens, over a connection that it keeps. The servers run all the time and are asked in turn; the median of the
rounds counts. ``--quick``: 1 and 4 clients for two seconds.
"""

from __future__ import annotations

import http.client
import itertools
import json
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import numpy as np
from cyclopts import Parameter

import rankdistill as rd
from benchmarks.results import FOLDER, QUICK, Row, run, study
from benchmarks.words import WORDS
from rankdistill.models.engines.export import export_model

SEED = 0
QUERY = "how to sort a list of words"
REQUESTS = 64
PLAIN, FLASHRANK, OURS = "FastAPI + CrossEncoder.predict", "FastAPI + FlashRank", "rankdistill serve"
PACKAGES = ("rankdistill", "fastapi", "uvicorn", "sentence-transformers", "torch", "onnxruntime", "openvino")


@contextmanager
def started(command: list[str]) -> Iterator[int]:
    """Start a server, wait until it says its address, and yield the port."""
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        said = ""
        try:
            while not (found := re.search(r"http://127\.0\.0\.1:(\d+)/rerank", said)):
                line = process.stderr.readline()
                if not line:
                    raise SystemExit(f"{' '.join(command)} ended: {said}")
                said += line
            threading.Thread(target=process.stderr.read, daemon=True).start()
            yield int(found[1])
        finally:
            process.terminate()


def bodies(n_documents: int, n_words: int) -> list[bytes]:
    """Requests of random words, each with other documents."""
    random = np.random.default_rng(SEED)
    texts = [[" ".join(random.choice(WORDS, n_words)) for _ in range(n_documents)] for _ in range(REQUESTS)]
    return [json.dumps({"query": QUERY, "documents": each}).encode() for each in texts]


def load(port: int, requests: list[bytes], clients: int, seconds: float) -> tuple[list[float], float]:
    """Ask as so many clients for so long: the seconds of each request, and requests per second."""
    taken: list[float] = []
    nth, stop = itertools.count(), time.perf_counter() + seconds
    barrier = threading.Barrier(clients + 1)

    def client() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=600)
        barrier.wait()
        while time.perf_counter() < stop:
            begun = time.perf_counter()
            body = requests[next(nth) % len(requests)]
            connection.request("POST", "/rerank", body, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            content = answer.read()
            if answer.status == 429:
                time.sleep(min(1.0, float(answer.headers["Retry-After"])))
                continue
            if answer.status != 200:
                raise RuntimeError(f"{answer.status}: {content[:200]!r}")
            taken.append(time.perf_counter() - begun)
        connection.close()

    threads = [threading.Thread(target=client) for _ in range(clients)]
    for thread in threads:
        thread.start()
    barrier.wait()
    begun = time.perf_counter()
    for thread in threads:
        thread.join()
    if not taken:
        raise SystemExit(f"no request of {clients} clients was answered")
    return taken, len(taken) / (time.perf_counter() - begun)


def rows(
    model: Path, options: list[str], numbers: tuple[int, ...], seconds: float, rounds: int, shape: tuple[int, int]
) -> Iterator[Row]:
    """Load the servers in turn with each number of clients."""
    by_hand = [sys.executable, "benchmarks/serve_peers.py"]
    commands = {PLAIN: [*by_hand, "sentence-transformers", str(model)]}
    if find_spec("flashrank") and (model / "onnx" / "model.onnx").is_file():
        commands[FLASHRANK] = [*by_hand, "flashrank", str(model)]
    commands[OURS] = [sys.executable, "-m", "rankdistill", "serve", "--model", str(model), "--port", "0"]
    commands[OURS] += ["--max-waiting", "1000000", *options]
    requests = bodies(*shape)
    with ExitStack() as stack:
        ports = {system: stack.enter_context(started(command)) for system, command in commands.items()}
        for port in ports.values():
            load(port, requests, 2, min(2.0, seconds))
        for clients in numbers:
            found: dict[str, list[tuple[list[float], float]]] = {system: [] for system in ports}
            for _ in range(rounds):
                for system, port in ports.items():
                    found[system].append(load(port, requests, clients, seconds))
            speeds = {system: statistics.median(speed for _, speed in each) for system, each in found.items()}
            for system, each in found.items():
                all_taken = 1000 * np.concatenate([taken for taken, _ in each])
                row: Row = {"clients": clients, "system": system, "requests/s": round(speeds[system], 2)}
                row |= {f"p{p} ms": round(float(np.percentile(all_taken, p)), 1) for p in (50, 95, 99)}
                yield row | {"times the plain server": round(speeds[system] / speeds[PLAIN], 2)}


def main(
    *,
    model: Annotated[
        Path | None, Parameter(help="Folder of a one-logit cross-encoder. [default: one of two layers is made]")
    ] = None,
    engine: Annotated[str, Parameter(help="Of rankdistill serve.")] = "openvino",
    dtype: Annotated[str, Parameter(help="Of rankdistill serve.")] = "int8",
    clients: Annotated[tuple[int, ...], Parameter(help="Numbers of clients.")] = (1, 4, 16, 64),
    seconds: Annotated[float, Parameter(help="That each number of clients asks in a round.")] = 4.0,
    rounds: Annotated[int, Parameter(help="Of which the median counts.")] = 5,
    documents: Annotated[int, Parameter(help="In a request.")] = 100,
    words: Annotated[int, Parameter(help="In a document.")] = 56,
    quick: Annotated[bool, Parameter(help="1 and 4 clients, one round of two seconds, 20 documents.")] = False,
) -> None:
    """Load the servers, print the table as it grows and write the result."""
    if quick:
        clients, seconds, rounds, documents = (1, 4), 2.0, 1, 20
    options = ["--engine", engine, "--dtype", dtype]
    with ExitStack() as stack:
        if model is None:
            model = stack.enter_context(small_student(engine, dtype, words))
        given = rows(model.absolute(), options, clients, seconds, rounds, (documents, words))
        study("serve_speed", given, [SEED], PACKAGES, folder=QUICK if quick else FOLDER)


@contextmanager
def small_student(engine: str, dtype: str, words: int) -> Iterator[Path]:
    """Two layers of the default base with a random head, for a benchmark without a model of one's own.

    It is exported for FlashRank and, in int8, for the engine that serves.
    """
    with tempfile.TemporaryDirectory() as folder:
        place = rd.CrossEncoder.from_base(layers=[0, 5], max_length=72).save(Path(folder) / "student")
        scorer = rd.CrossEncoder.from_pretrained(place)
        export_model(scorer.model, scorer.fingerprint(), place, "onnx", "float32")
        if dtype == "int8":
            documents = json.loads(bodies(256, words)[0])["documents"]
            queries, tokens, *_ = scorer.assembler.tokenize_pairs(
                scorer.tokenizer, [(QUERY, text) for text in documents]
            )
            parts = np.array_split(np.arange(len(tokens)), 8)
            batches = [scorer.assembler.assemble(queries, tokens, 0 * rows, rows) for rows in parts]
            export_model(scorer.model, scorer.fingerprint(), place, engine, dtype, batches)
        yield place


if __name__ == "__main__":
    run(main)

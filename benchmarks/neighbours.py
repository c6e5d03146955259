"""Other packages' re-rankers with our model: what each reads, and whether it shows the logit or a sigmoid of it.

Run in the project's root: python -m benchmarks.neighbours --pythons ENV1/bin/python ENV2/bin/python …
Each package is called as its users call it, with `benchmarks/neighbours_tries.py`, by the Python of the environment
that it is installed in; what is installed nowhere is left out. Without --pythons that is the Python of this command.
The model's folder is copied, and exported for ONNX Runtime, in float32 and in int8.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from cyclopts import Parameter

import rankdistill as rd
from benchmarks import neighbours_tries
from benchmarks.results import FOLDER, QUICK, Row, run, study
from rankdistill.arrays import F32
from rankdistill.models import cosine_start
from rankdistill.models.engines.export import export_model
from rankdistill.models.tokenizer import complete_files

PACKAGES = ("rankdistill", "torch", "transformers", "onnxruntime")
QUERY = "how to sort a list of numbers"
DOCUMENTS = [
    "sorted(x) returns a new sorted list of the numbers in x",
    "a dog barks",
    "numpy.argsort: indices that would sort an array",
    "list.sort sorts in place",
    "the quick brown fox jumps over the lazy dog " * 60,
]
"""The last is longer than many models read."""
SHOWN = {"the logit": lambda z: z, "its sigmoid": lambda z: 1 / (1 + np.exp(-z))}
QUICK_SECONDS = 30
TOLERANCE, INT8_TOLERANCE = 1e-3, 0.3


def shows(scores: F32, logits: F32, int8: bool) -> str:
    """Say what the scores of all documents but the last are, and whether the last is cut where the model cuts it."""
    near = INT8_TOLERANCE if int8 else TOLERANCE
    for what, function in SHOWN.items():
        apart = np.abs(scores - function(logits[: len(scores)]))
        if apart[: len(logits) - 1].max() <= near:
            return what if apart[-1] <= near else f"{what}; cuts a long document elsewhere"
    n = len(logits) - 1
    same = np.array_equal(np.argsort(-scores[:n]), np.argsort(-logits[:n]))
    return "other scores in the same order" if same else "other scores in another order"


def tries(model: Path | None, pythons: list[str], timeout: int) -> Iterator[Row]:
    """Yield a row for each try in each environment."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        if model is None:
            cosine_start(
                texts=[f"{text} {n}" for text in DOCUMENTS for n in range(8)], layers=[4, 5], max_length=64
            ).save(folder / "model")
        else:
            shutil.copytree(model, folder / "model")
        scorer = rd.CrossEncoder.from_pretrained(folder / "model")
        for dtype in ("float32", "int8"):
            export_model(scorer.model, scorer.fingerprint(), folder / "model", "onnx", dtype)
        complete_files(folder / "model")
        (folder / "pairs.json").write_text(json.dumps({"query": QUERY, "documents": DOCUMENTS}), encoding="utf-8")
        logits = scorer.predict([(QUERY, document) for document in DOCUMENTS])
        for python in pythons:
            for row in _by(python, folder, timeout):
                if "error" in row:
                    row["error"] = row["error"].replace(f"{folder}/", "")
                yield _shown(row, logits)


def _by(python: str, folder: Path, timeout: int) -> Iterator[dict[str, Any]]:
    """Run the tries by one Python and yield what each printed; what is not done in time is left out."""
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "PYTHONPATH": ""}
    command = [python, str(Path(neighbours_tries.__file__)), str(folder)]
    try:
        printed = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=timeout).stdout
    except subprocess.TimeoutExpired as expired:
        printed = (expired.stdout or b"").decode()
        print(f"{python} was stopped after {timeout} seconds", file=sys.stderr)
    for line in printed.splitlines():
        if line.startswith("TRY "):
            yield json.loads(line.removeprefix("TRY "))


def _shown(row: dict[str, Any], logits: F32) -> Row:
    if "scores" in row:
        said = shows(np.array(row["scores"], np.float32), logits, "int8" in row["reads"])
        said += f"; a long document fails: {row['error'][:80]}" if "error" in row else ""
    else:
        said = f"fails: {row['error'][:120]}"
    return {
        "package": row["version"],
        "transformers": row["transformers"] or "",
        "call": row["call"],
        "reads": row["reads"],
        "shows": said,
    }


def main(
    *,
    model: Annotated[
        Path | None,
        Parameter(help="Folder of a model of one logit. [default: a start from the cosine, 64 tokens]"),
    ] = None,
    pythons: Annotated[list[str] | None, Parameter(help="Pythons of the environments with the packages.")] = None,
    timeout: Annotated[int, Parameter(help="Seconds for all tries of one environment.")] = 1800,
    name: str = "neighbours",
    quick: Annotated[bool, Parameter(help=f"What {QUICK_SECONDS} seconds are enough for.")] = False,
) -> None:
    """Try the model in all packages that are installed, and write the table."""
    given = tries(model, pythons or [sys.executable], QUICK_SECONDS if quick else timeout)
    study(name, given, packages=PACKAGES, folder=QUICK if quick else FOLDER)


if __name__ == "__main__":
    run(main)

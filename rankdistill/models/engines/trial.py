"""Try an engine's library in a process of its own, so that one that ends its process does not end this one."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch

from rankdistill.errors import DataError
from rankdistill.models.engines import outside
from rankdistill.models.engines.export import export_model, exported_file, format_of
from rankdistill.models.engines.trace import random_batch, write_onnx
from rankdistill.models.precision import has_bfloat16

SECONDS = 600
"""After which an engine counts as one that does not end."""
SHAPES = ((1, 4), (8, 40))


def try_apart(engine: str, dtype: str, model: Any, folder: Path | None, fingerprint: str) -> None:
    """Convert, load and run a model by an engine in another process; raise `DataError` where that fails or dies.

    engine: "onnx" or "openvino". It takes about a second, as that process imports the engine and nothing of ours.
    """
    with tempfile.TemporaryDirectory() as scratch:
        file = exported_file(folder, fingerprint, engine, dtype)
        if file is None and (engine, dtype) == ("onnx", "int8"):
            file = export_model(model, fingerprint, scratch, engine, dtype)
        elif file is None and format_of(engine, dtype).calibrated:
            raise DataError(f"{dtype} of {engine} is calibrated on pairs, and has not been exported")
        elif file is None:
            write_onnx(model, file := Path(scratch, "model.onnx"))
        batches = Path(scratch, "batches.npz")
        arrays: dict[str, Any] = {}
        for number, shape in enumerate(SHAPES):
            drawn = random_batch(model, *shape)
            arrays.update({f"{number}/{name}": values for name, values in drawn.items()})
        np.savez(batches, **arrays)
        low = dtype == "bfloat16" or (dtype == "int8" and has_bfloat16(torch.device("cpu")))
        run_apart([engine, str(file), "bf16" if low else "f32", str(torch.get_num_threads()), str(batches)])


def run_apart(arguments: list[str]) -> None:
    """Run `outside.main` in another process; raise `DataError`, which says how it ended, where that is not well.

    The process finds the packages that this one finds.
    """
    path = os.pathsep.join(place for place in sys.path if place)
    try:
        done = subprocess.run(
            [sys.executable, "-P", str(outside.__file__), *arguments],
            env={**os.environ, "PYTHONPATH": path},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise DataError(f"it did not end within {SECONDS} seconds in a process of its own") from error
    except OSError as error:
        raise DataError(f"it cannot be tried in a process of its own ({error})") from error
    if done.returncode:
        how = f"signal {-done.returncode}" if done.returncode < 0 else f"exit code {done.returncode}"
        said = (done.stderr.strip().splitlines() or ["without a word"])[-1]
        raise DataError(f"its process ended with {how} ({said[:200]})")

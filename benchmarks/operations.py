"""Where an exported model's time goes: milliseconds of each kind of operation, by OpenVINO's own counters.

Run in the project's root: python -m benchmarks.operations
Models are the default base's layers; a batch has 16 texts of 64 tokens and is computed by one thread. "Of the peak" is
what the products of layers reach beside the product of two large float32 matrices on the same core; int8 could reach
four times that on a processor with VNNI.
"""

from __future__ import annotations

import itertools
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
from cyclopts import Parameter

import rankdistill as rd
from benchmarks.results import FOLDER, QUICK, Row, run, study
from benchmarks.scoring_speed import peak_gflops
from rankdistill.models.engines.export import export_model
from rankdistill.models.engines.trace import random_batch

LAYERS = {2: [0, 5], 4: [0, 2, 4, 5]}
ROWS, LENGTH, WARM_UP = 16, 64, 5
KINDS = {"FullyConnected": "products by weights", "Subgraph": "attention", "MatMul": "the last layer's attention"}
"""OpenVINO's kinds of operations -> what they are here; the others are told by their own name."""
PACKAGES = ("rankdistill", "openvino", "nncf", "torch")


def rows(layers: tuple[int, ...], rounds: int) -> Iterator[Row]:
    """Run each model, without and with counters."""
    torch.set_num_threads(1)
    peak = peak_gflops(torch.float32)
    for n_layers, dtype in itertools.product(layers, ("float32", "int8")):
        model = rd.CrossEncoder.from_base(layers=LAYERS[n_layers], max_length=LENGTH)
        batch = {name: np.repeat(values[:1], ROWS, 0) for name, values in random_batch(model.model, 1, LENGTH).items()}
        took, spent = measured(model, dtype, batch, rounds)
        whole = sum(spent.values())
        for kind, milliseconds in spent.most_common(8):
            int8 = "in int8" in kind
            row: Row = {"layers": n_layers, "dtype": dtype, "batch, ms": round(took, 2), "operation": kind}
            row |= {"ms": round(milliseconds, 2), "share": round(milliseconds / whole, 3)}
            if kind.startswith(KINDS["FullyConnected"]) and (int8 or dtype == "float32"):
                shape = model.model.config
                weights = 4 * shape.hidden_size**2 + 2 * shape.hidden_size * shape.intermediate_size
                flops = 2 * (n_layers - 1) * weights * ROWS * LENGTH
                row["of the float32 peak"] = round(flops / milliseconds / 1e6 / peak, 2)
            yield row


def measured(model: rd.CrossEncoder, dtype: str, batch: dict[str, Any], rounds: int) -> tuple[float, Counter[str]]:
    """Milliseconds of a batch, and of each kind of operation."""
    import openvino

    settings = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": "1", "NUM_STREAMS": "1"}
    spent, taken = Counter[str](), list[float]()
    with tempfile.TemporaryDirectory() as folder:
        calibration = [batch] if dtype == "int8" else []
        file = export_model(model.model, model.fingerprint(), Path(folder), "openvino", dtype, calibration)
        for counts in ("NO", "YES"):
            request = openvino.Core().compile_model(str(file), "CPU", settings | {"PERF_COUNT": counts})
            request = request.create_infer_request()
            for nth in range(WARM_UP + rounds):
                started = time.perf_counter()
                request.infer(batch, share_inputs=True)
                if nth >= WARM_UP and counts == "NO":
                    taken.append(1000 * (time.perf_counter() - started))
                elif nth >= WARM_UP:
                    for each in request.profiling_info:
                        kind = KINDS.get(each.node_type, each.node_type)
                        kind += " in int8" if each.exec_type.endswith("I8") and each.node_type in KINDS else ""
                        spent[kind] += 1000 * each.real_time.total_seconds() / rounds
    return statistics.median(taken), spent


def main(
    *,
    layers: Annotated[tuple[int, ...], Parameter(help="Numbers of layers.")] = tuple(LAYERS),
    rounds: Annotated[int, Parameter(help="Batches.")] = 50,
    quick: Annotated[bool, Parameter(help="Two layers, five batches.")] = False,
) -> None:
    """Count, print the table and write the result."""
    given = rows((2,), 5) if quick else rows(layers, rounds)
    study("operations", given, [0], PACKAGES, folder=QUICK if quick else FOLDER)


if __name__ == "__main__":
    run(main)

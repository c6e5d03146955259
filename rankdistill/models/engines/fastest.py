"""The fastest engine for a model on this machine: measured once for a few seconds, and then remembered."""

from __future__ import annotations

import importlib.util
import os
import time
from collections import deque
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from rankdistill.errors import DataError
from rankdistill.files.cache import cache_folder
from rankdistill.files.facts import digest, read_sealed_facts, write_facts
from rankdistill.models.engines.check import CHECK, longest, processor
from rankdistill.models.engines.exported import PACKAGES as EXPORTED
from rankdistill.models.engines.stored import WRITERS, versions
from rankdistill.models.engines.threads import computed
from rankdistill.models.engines.trace import random_batch
from rankdistill.models.precision import default_device, resolve_dtype
from rankdistill.progress import say

PACKAGES = {"torch": "torch", **EXPORTED}
CANDIDATES = {"float32": ("torch", "onnx", "openvino"), "bfloat16": ("torch", "openvino"), "int8": ("onnx", "openvino")}
"""Precision -> engines that compute in it; they rank alike, so that only their speed is in question."""
PAIRS, LENGTH, REPEATS = 32, 96, 3
Make = Callable[[str, str], Any]


def fastest(make: Make, try_first: Make, model: Any, fingerprint: str, dtype: str | None) -> Any:
    """Make the engine that scores pairs fastest in a precision, of those whose packages are installed.

    make: from an engine's name and dtype to the engine. try_first: raises `DataError` where an engine's library, run in
    a process of its own, fails or ends that process; it is then left out. dtype: None (float32), "auto" (bfloat16 where
    the processor has it) or a precision. The measurement is reported, and kept in the cache folder for these weights,
    versions, threads and this processor, so that a repeated command takes the same engine. On a GPU it is torch.
    """
    device = default_device()
    precision = dtype if dtype in CANDIDATES else resolve_dtype(dtype, device)
    names = [name for name in CANDIDATES[precision] if importlib.util.find_spec(PACKAGES[name])]
    if device.type != "cpu" or names in ([], ["torch"]):
        return make(names[0] if names else CANDIDATES[precision][0], precision)
    file = cache_folder() / "engines" / f"{digest(_facts(fingerprint, precision, names))}.json"
    known = read_sealed_facts(file).get("engine")
    if known in names:
        try:
            return make(known, precision)
        except Exception as error:  # it is measured again, without what fails
            say(f"engine {known} does not run this model: {error}")
    engines, speeds, failed = {}, {}, {}
    batch = _batch(model)
    for name in names:
        try:
            if name != "torch":  # which runs in this process already
                try_first(name, precision)
            engines[name] = make(name, precision)
            speeds[name] = _pairs_per_second(engines[name], batch)
        except OSError:  # a full disk, say, is no fault of the engine's
            raise
        except Exception as error:  # another engine can still score
            failed[name] = str(error)
            say(f"engine {name} does not run this model: {error}")
    if not speeds:
        raise DataError(f"none of the engines {', '.join(names)} runs this model in {precision}, see above")
    best = max(speeds, key=lambda name: speeds[name])
    measured = ", ".join(f"{name} {speed:,.0f}" for name, speed in speeds.items())
    say(f"engine: {best}, the fastest in {precision} here ({measured} pairs/s)")
    try:
        write_facts(file, {"engine": best, "pairs_per_second": speeds, "left_out": failed}, sealed=True)
    except OSError as error:
        say(f"the choice of an engine is not remembered: {error}")
    return engines[best]


def _facts(fingerprint: str, precision: str, names: list[str]) -> list[Any]:
    """All that a choice depends on."""
    packages = versions(tuple(dict.fromkeys((*WRITERS, *(PACKAGES[name] for name in names)))))
    return [fingerprint, precision, names, packages, CHECK, processor(), torch.get_num_threads(), os.cpu_count()]


def _batch(model: Any) -> dict[str, NDArray[np.int64]]:
    """Pairs of random tokens, of the length of many passages."""
    batch = random_batch(model, PAIRS, min(LENGTH, longest(model, None)))
    return {name: np.ones_like(values) if name == "attention_mask" else values for name, values in batch.items()}


def _pairs_per_second(engine: Any, batch: dict[str, NDArray[np.int64]]) -> float:
    """The best of a few runs after one that warms up, in each of which every thread computes the batch once."""
    batches = [(np.arange(PAIRS), batch)] * max(engine.n_threads, 1)
    seconds = []
    for _ in range(1 + REPEATS):
        started = time.perf_counter()
        deque(computed(engine, batches), maxlen=0)
        seconds.append(time.perf_counter() - started)
    return PAIRS * len(batches) / min(seconds[1:])

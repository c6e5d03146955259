"""The fastest engine for a model on this machine: measured once for a few seconds, and then remembered."""

from __future__ import annotations

import importlib.util
import inspect
import os
import platform
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from rankdistill.errors import DataError
from rankdistill.files.cache import cache_folder
from rankdistill.files.facts import digest, read_facts, write_facts
from rankdistill.models.precision import default_device, resolve_dtype
from rankdistill.progress import say

PACKAGES = {"torch": "torch", "onnx": "onnxruntime", "openvino": "openvino"}
CANDIDATES = {"float32": ("torch", "onnx", "openvino"), "bfloat16": ("torch", "openvino"), "int8": ("onnx", "openvino")}
"""Precision -> engines that compute in it; they rank alike, so that only their speed is in question."""
PAIRS, LENGTH, REPEATS = 32, 96, 3
Make = Callable[[str, str], Any]


def fastest(make: Make, model: Any, fingerprint: str, dtype: str | None) -> Any:
    """Make the engine that scores pairs fastest in a precision, of those whose packages are installed.

    make: from an engine's name and dtype to the engine. dtype: None (float32), "auto" (bfloat16 where the processor has
    it) or a precision. The measurement is reported, and kept in the cache folder for these weights, packages and
    threads, so that a repeated command takes the same engine. On a GPU it is torch.
    """
    device = default_device()
    precision = dtype if dtype in CANDIDATES else resolve_dtype(dtype, device)
    names = [name for name in CANDIDATES[precision] if importlib.util.find_spec(PACKAGES[name])]
    if device.type != "cpu" or len(names) < 2:
        return make(names[0] if names else CANDIDATES[precision][0], precision)
    file = _file(fingerprint, precision, names)
    try:
        return make(read_facts(file)["engine"], precision)
    except (OSError, ValueError, KeyError):
        pass
    engines, speeds = {}, {}
    batch = _batch(model)
    for name in names:
        try:
            engines[name] = make(name, precision)
            speeds[name] = _pairs_per_second(engines[name], batch)
        except Exception as error:  # another engine can still score
            say(f"engine {name} does not run this model: {error}")
    if not speeds:
        raise DataError(f"none of the engines {', '.join(names)} runs this model in {precision}, see above")
    best = max(speeds, key=lambda name: speeds[name])
    measured = ", ".join(f"{name} {speed:,.0f}" for name, speed in speeds.items())
    say(f"engine: {best}, the fastest in {precision} here ({measured} pairs/s)")
    if len(speeds) == len(names):  # what failed may run another time
        write_facts(file, {"engine": best, "pairs_per_second": speeds})
    return engines[best]


def _file(fingerprint: str, precision: str, names: list[str]) -> Path:
    versions = [f"{name} {version(PACKAGES[name])}" for name in names]
    facts = [fingerprint, precision, versions, platform.processor(), torch.get_num_threads(), os.cpu_count()]
    return cache_folder() / "engines" / f"{digest(facts)}.json"


def _batch(model: Any) -> dict[str, NDArray[np.int64]]:
    """Pairs of random tokens, of the length of many passages."""
    length = min(LENGTH, getattr(model.config, "max_position_embeddings", LENGTH) - 2)
    ids = np.random.default_rng(0).integers(0, model.config.vocab_size, (PAIRS, length))
    given = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
    return {name: values for name, values in given.items() if name in inspect.signature(model.forward).parameters}


def _pairs_per_second(engine: Any, batch: dict[str, NDArray[np.int64]]) -> float:
    """The best of a few runs after one that warms up."""
    engine.logits(batch)
    seconds = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        engine.logits(batch)
        seconds.append(time.perf_counter() - started)
    return PAIRS / min(seconds)

"""The check of an exported model against torch: batches of many shapes, before any score of it is used.

Some models export without an error to a graph that is right for one shape of batch alone; some engines round logits, or
give a pair other scores in other company.
"""

from __future__ import annotations

import platform
from functools import cache
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch

from rankdistill.arrays import F32
from rankdistill.errors import DataError
from rankdistill.models.engines.by_torch import TorchEngine
from rankdistill.models.engines.outside import Batch
from rankdistill.models.engines.stored import note_check, passed, sums_of, versions
from rankdistill.models.engines.trace import random_batch
from rankdistill.models.families import family_of

CHECK = 1
"""The number of this check; what passed another is checked again."""
TOLERANCES = {"float32": 1e-3, "bfloat16": 0.1, "int8": 0.5}
"""Difference of a logit from torch's in float32, as a share of the logits' size: the greatest, in int8 the median."""
COMPANY = {"float32": 1e-3, "bfloat16": 0.1, "int8": 0.05}
"""Greatest difference of a text's logit alone from its logit in a batch, as a share of the logits' size."""
MANY, LONGEST, UNKNOWN = 32, 1024, 512
"""Texts in the largest batch; tokens of the longest text, and where the model states no limit."""
TIED = 0.9
"""Share of torch's distinct logits that an engine must have."""


class RefusedExport(DataError):
    """An exported model that does not compute as torch does."""


class Runs(Protocol):
    """An engine, as much of it as is checked."""

    name: str
    dtype: str

    @property
    def identity(self) -> str: ...

    def logits(self, batch: Batch) -> F32: ...


def check_once(engine: Runs, model: Any, file: Path | None, max_length: int | None = None) -> None:
    """Check an engine against torch, unless the exported file passed before under the same conditions.

    file: None where the exported model is not kept. What passes is noted beside it with the engine's and the libraries'
    versions, the processor and the checksums. Raises `RefusedExport`, see `check_export`.
    """
    key = {
        "check": CHECK,
        "engine": engine.identity,
        "versions": versions(("rankdistill", "torch", "transformers")),
        "processor": processor(),
        "length": longest(model, max_length),
        "files": None if file is None else sums_of(file),
    }
    if file is not None and passed(file, key):
        return
    found = check_export(engine, model, max_length)
    if file is not None:
        note_check(file, key, found)


def check_export(engine: Runs, model: Any, max_length: int | None = None) -> dict[str, float]:
    """Compare an engine's logits with torch's on random texts, and its logits with each other; return what was found.

    Texts are of 2 tokens to the greatest length, alone, few and many, of one length and of several, in two orders.
    Raises `RefusedExport`, which names the model's family and the shape, where logits differ by more than `TOLERANCES`,
    where a text's logits depend on its batch by more than `COMPANY`, or where they are rounded to 8 bits.
    """
    reference = TorchEngine(model)
    random = np.random.default_rng(0)
    limit = longest(model, max_length)
    shapes = [(1, min(2, limit)), (1, min(5, limit)), (1, limit), (3, max(limit // 2, 2)), (MANY, min(24, limit))]
    batches = [random_batch(model, rows, length, random) for rows, length in shapes]
    batches[1] = {name: values for name, values in batches[1].items() if name == "input_ids"}  # the rest is optional
    expected = [_by_torch(reference, batch) for batch in batches]
    given = [_by(engine, model, batch) for batch in batches]
    scale = max(0.1, max(float(np.abs(logits).max()) for logits in expected))
    what = f"{family_of(model).name} exported for {engine.name} in {engine.dtype}"
    remedy = "score it with engine 'torch'" if engine.dtype == "float32" else "take dtype float32, or engine 'torch'"
    worst = 0.0
    for (rows, length), logits, ours in zip(shapes, given, expected, strict=True):
        if logits.shape != ours.shape:
            raise RefusedExport(
                f"{what} gives logits of shape {logits.shape} for {rows} texts of {length} tokens, torch {ours.shape}: "
                f"{remedy}"
            )
        apart = np.abs(logits - ours)
        apart_by = float(np.median(apart) if engine.dtype == "int8" else apart.max())
        worst = max(worst, apart_by / scale)
        if not apart_by <= TOLERANCES[engine.dtype] * scale:
            raise RefusedExport(
                f"{what} gives other logits than torch, {apart_by:.3g} apart where they are of size {scale:.3g}, on "
                f"{rows} texts of {length} tokens: {remedy}"
            )
    company = _company(engine, model, batches[-1], given[-1]) / scale
    own = 0.0 if company <= COMPANY[engine.dtype] else _company(reference, model, batches[-1], expected[-1]) / scale
    if not company <= COMPANY[engine.dtype] + own:  # a few models read their padding in torch, too
        raise RefusedExport(
            f"{what} gives a text logits that depend on the batch it is in: they differ by {company * scale:.3g} where "
            f"they are of size {scale:.3g}: {remedy}"
        )
    one, other = (np.concatenate([each.ravel() for each in logits]) for logits in (given, expected))
    if is_rounded(one) and not is_rounded(other):
        raise RefusedExport(f"{what} rounds logits to 8 bits, which ties candidates that are not equal: {remedy}")
    if len(np.unique(one)) < TIED * len(np.unique(other)):
        raise RefusedExport(
            f"{what} gives {len(np.unique(one))} different logits for {len(one)} where torch gives "
            f"{len(np.unique(other))}, so that candidates tie that are not equal: {remedy}"
        )
    return {"from torch": worst, "by company": company}


def longest(model: Any, max_length: int | None) -> int:
    """Tokens of the longest text that is checked: all that are scored, where that is no more than `LONGEST`."""
    if max_length is None:
        stated = getattr(model.config, "max_position_embeddings", None)
        max_length = max(stated - 2, 2) if isinstance(stated, int) and stated > 0 else UNKNOWN
    return min(max_length, LONGEST)


def is_rounded(logits: F32) -> bool:
    """Whether all logits are numbers of 8 significant bits (bfloat16), as good as never so by chance."""
    return bool(len(logits)) and not np.any(np.ascontiguousarray(logits, np.float32).view(np.uint32) & 0xFFFF)


@cache
def processor() -> str:
    """Name the processor and what torch can use of it: kernels, and so rounding, are chosen by them."""
    name = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        name = next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        pass  # other systems have no such file
    return f"{name} {torch.backends.cpu.get_cpu_capability()}"


def _by_torch(reference: TorchEngine, batch: Batch) -> F32:
    """Torch's logits; `DataError` where the model itself takes no such texts."""
    try:
        return reference.logits(batch)
    except Exception as error:
        rows, length = batch["input_ids"].shape
        raise DataError(
            f"{family_of(reference.model).name} does not run on {rows} texts of {length} random tokens in torch "
            f"({_first_line(error)}), so that an exported model cannot be compared: score it with engine 'torch'"
        ) from error


def _by(engine: Runs, model: Any, batch: Batch) -> F32:
    """The engine's logits; `RefusedExport` where it fails."""
    try:
        return engine.logits(batch)
    except Exception as error:
        rows, length = batch["input_ids"].shape
        raise RefusedExport(
            f"{family_of(model).name} exported for {engine.name} does not run on {rows} texts of {length} tokens "
            f"({_first_line(error)}): score it with engine 'torch'"
        ) from error


def _company(engine: Runs, model: Any, batch: Batch, logits: F32) -> float:
    """Greatest difference of a text's logits from those in other company: alone without padding, in reverse order."""
    backwards = _by(engine, model, {name: np.ascontiguousarray(values[::-1]) for name, values in batch.items()})[::-1]
    apart = float(np.abs(backwards - logits).max())
    mask = batch.get("attention_mask")
    for row in range(0, len(logits), max(len(logits) // 3, 1)):
        n_tokens = int(mask[row].sum()) if mask is not None else batch["input_ids"].shape[1]
        alone = {name: np.ascontiguousarray(values[row : row + 1, :n_tokens]) for name, values in batch.items()}
        apart = max(apart, float(np.abs(_by(engine, model, alone)[0] - logits[row]).max()))
    return apart


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]

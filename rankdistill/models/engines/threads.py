"""Batches computed by one-thread workers at once, instead of one after the other by all threads together.

Threads that share a batch wait for each other at every product: where another process takes a core, all wait for the
one that lost it. A worker that loses its core delays its own batch alone, and the others take the next ones. Each
batch is computed by one thread whatever their number, so that neither it nor the company changes a score's bits.
"""

from __future__ import annotations

import os
import sys
import threading
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import AbstractContextManager
from functools import cache
from typing import Protocol

from rankdistill.arrays import F32, I64

Batch = Mapping[str, I64]
CPU_BATCH_TOKENS = 4096
"""Of a batch that all threads compute together."""
THREAD_BATCH_TOKENS = 1024
"""Of a batch that one thread computes: what lies between two products then stays in a core's own cache."""
GPU_BATCH_TOKENS = 131_072
AHEAD = 2
"""Batches for each thread that are computed or wait at one time."""
PARTS, LEAST_TOKENS = 8, 512
"""A list is cut into about this many batches, so that threads end together; each has room for that many tokens, or
what an engine says."""


class Engine(Protocol):
    """What turns padded batches into logits."""

    @property
    def identity(self) -> str:
        """All of the engine that can change a score's bits."""

    @property
    def n_threads(self) -> int:
        """Threads that compute batches at once unless another number is asked for; 0 where a GPU computes."""

    @property
    def least_tokens(self) -> int:
        """Tokens of a batch that has enough work for one thread, so that a list is not cut into smaller ones."""

    def shared(self) -> AbstractContextManager[None]:
        """What is entered before several threads compute at once."""

    def logits(self, batch: Batch) -> F32:
        """Compute logits float32 (B, n_logits) of int64 (B, length) arrays."""


def computed(
    engine: Engine, batches: Iterable[tuple[I64, Batch]], n_threads: int | None = None
) -> Iterator[tuple[I64, Batch, F32]]:
    """Yield items, batch and logits float32 (B, n_logits) of each of the batches, in their order.

    batches: items int64 (B,) and what the engine takes of them; a few are taken ahead. n_threads: that compute (None:
    the engine's own number); it changes no bit. An error of the engine is raised when its batch's turn has come.
    """
    if not engine.n_threads:
        for items, batch in batches:
            yield items, batch, engine.logits(batch)
        return
    n = n_threads or engine.n_threads
    pool = _pool(n, "torch" in sys.modules)
    pending: deque[tuple[I64, Batch, Future[F32]]] = deque()
    with engine.shared():
        try:
            for items, batch in batches:
                pending.append((items, batch, pool.submit(engine.logits, batch)))
                if len(pending) >= AHEAD * n:
                    yield _done(*pending.popleft())
            while pending:
                yield _done(*pending.popleft())
        finally:  # nothing computes any more when the model may be changed
            rest = [future for _, _, future in pending]
            wait([future for future in rest if not future.cancel()])


def default_budget(on_gpu: bool, large: bool) -> int:
    """Padded tokens of a batch unless asked otherwise. large: whether a batch has work that is done once for it."""
    if on_gpu:
        return GPU_BATCH_TOKENS
    return CPU_BATCH_TOKENS if large else THREAD_BATCH_TOKENS


def batch_budget(engine: Engine, lengths: I64, batch_tokens: int) -> int:
    """Tokens of a batch such that a list is cut into about `PARTS` batches, at most ``batch_tokens``.

    lengths: int64 (N,), tokens of the list's pairs. The number of threads changes nothing, as a score's last bits
    depend on the batch.
    """
    if not engine.n_threads or not len(lengths):
        return batch_tokens
    pair = -(-int(lengths.sum()) // len(lengths))
    part = pair * -(-len(lengths) // PARTS)  # in whole pairs, so that none are left over for one batch more
    return min(batch_tokens, max(engine.least_tokens, part))


def _done(items: I64, batch: Batch, future: Future[F32]) -> tuple[I64, Batch, F32]:
    return items, batch, future.result()


@cache
def _pool(n_threads: int, by_torch: bool) -> ThreadPoolExecutor:
    """Threads that live as long as the process, in each of which torch, where it is loaded, computes with one thread.

    Torch's number belongs to a thread, but the last one set is that of threads to come: it is set back.
    """
    if not by_torch:
        return ThreadPoolExecutor(n_threads, "computing")
    import torch

    before = torch.get_num_threads()
    ready = threading.Barrier(n_threads + 1)

    def start() -> None:
        torch.get_num_threads()  # what asks first in a thread sets it to the process's number
        torch.set_num_threads(1)
        ready.wait()

    pool = ThreadPoolExecutor(n_threads, "computing", initializer=start)
    for _ in range(n_threads):  # one more thread is started for each while the others wait
        pool.submit(int)
    ready.wait()
    torch.set_num_threads(before)
    return pool


if hasattr(os, "register_at_fork"):  # a process that is forked off has none of the threads
    os.register_at_fork(after_in_child=_pool.cache_clear)

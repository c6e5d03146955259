"""parallel: compile a kernel for all cores without changing PyTorch's number of threads."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from typing import ParamSpec, TypeVar

import numba

P = ParamSpec("P")
T = TypeVar("T")


def parallel(kernel: Callable[P, T]) -> Callable[P, T]:
    """Compile ``kernel``, whose ``prange`` loops run on Numba's threads; the machine code is cached on disk."""
    compiled = numba.njit(parallel=True, cache=True)(kernel)

    @functools.wraps(kernel)
    def call(*args: P.args, **kwargs: P.kwargs) -> T:
        _start_threads()
        result: T = compiled(*args, **kwargs)
        return result

    return call


@functools.cache
def _start_threads() -> None:
    """Start Numba's threads from a short-lived thread.

    Starting them sets OpenMP's number of threads for the thread that does it, which overrides PyTorch's own setting
    there (numba/numba#9387).
    """
    thread = threading.Thread(target=numba.get_num_threads)
    thread.start()
    thread.join()

"""parallel: compile a kernel for all cores, leaving PyTorch's number of threads as it is."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from typing import ParamSpec, TypeVar

import numba

P = ParamSpec("P")
T = TypeVar("T")


def parallel(kernel: Callable[P, T]) -> Callable[P, T]:
    """Compile ``kernel``, whose ``prange`` loops are shared among Numba's threads; machine code is kept on disk."""
    compiled = numba.njit(parallel=True, cache=True)(kernel)

    @functools.wraps(kernel)
    def call(*args: P.args, **kwargs: P.kwargs) -> T:
        _start_threads()
        made: T = compiled(*args, **kwargs)
        return made

    return call


@functools.cache
def _start_threads() -> None:
    """Let a thread that ends here start Numba's threads.

    Starting them sets the number of OpenMP's threads for the thread that does so, and PyTorch computes there with
    that many from then on, whatever was asked of it (numba/numba#9387).
    """
    thread = threading.Thread(target=numba.get_num_threads)
    thread.start()
    thread.join()

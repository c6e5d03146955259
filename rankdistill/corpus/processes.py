"""Processes: apply a function to many items in several processes, which Python starts anew."""

from __future__ import annotations

import multiprocessing
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

from rankdistill.errors import UsageError

In = TypeVar("In")
Out = TypeVar("Out")
_GUARD = (
    "Python starts a process by running the main script again: put what the script does under "
    '`if __name__ == "__main__":`, or give processes=1'
)


def check_guarded(processes: int) -> None:
    """Raise `UsageError` in a process that is being started, and runs a script without a guard again.

    processes: that would be started; one alone starts none. A process that has started may start others of its own.
    """
    # What the standard library itself looks at before it starts a process; it is gone when the main module has run.
    if processes > 1 and getattr(multiprocessing.current_process(), "_inheriting", False):
        raise UsageError(f"this process is being started, and would start others. {_GUARD}")


def in_order(function: Callable[[In], Out], items: Iterable[In], processes: int) -> Iterator[Out]:
    """Apply a function in some processes and yield its results in the order of the items, a few of them ahead.

    Raises `UsageError` where no process can start, as of a script without ``if __name__ == "__main__":``.
    """
    if processes == 1:
        yield from map(function, items)
        return
    check_guarded(processes)
    context = multiprocessing.get_context("spawn")
    started = context.Event()
    with ProcessPoolExecutor(processes, context, initializer=started.set) as pool:
        waiting: deque[Future[Out]] = deque()
        try:
            for item in items:
                waiting.append(pool.submit(function, item))
                if len(waiting) > 2 * processes:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        except BrokenProcessPool as error:
            if started.is_set():  # one was killed at work, of which the caller keeps what is done
                raise
            raise UsageError(f"no process could start; what they print says why. {_GUARD}") from error

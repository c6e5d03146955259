"""LRUCache: what was computed of the keys that were asked for last."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from threading import Lock
from typing import Generic, TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")


class LRUCache(Generic[Key, Value]):
    """The values of at most so many keys; those that were not asked for longest are dropped first.

    Threads may use it at once.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._known: OrderedDict[Key, Value] = OrderedDict()
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._known)

    def of(self, keys: Sequence[Key]) -> list[Value | None]:
        """The value of each key, None for one that is not known."""
        with self._lock:
            for key in keys:
                if key in self._known:
                    self._known.move_to_end(key)
            return [self._known.get(key) for key in keys]

    def keep(self, keys: Iterable[Key], values: Iterable[Value]) -> None:
        """Keep the values of as many keys."""
        with self._lock:
            self._known.update(zip(keys, values, strict=True))
            while len(self._known) > self._most:
                self._known.popitem(last=False)

"""KeptStates: what an LSTM made of the texts that it read last, so that a document of many queries is read once."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from threading import Lock

import torch
from torch import Tensor


class KeptStates:
    """The states of at most so many texts, by their tokens; those that were not asked for longest are dropped first.

    Threads may use it at once.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._known: OrderedDict[bytes, Tensor] = OrderedDict()
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._known)

    def of(self, texts: Sequence[bytes]) -> list[Tensor | None]:
        """The states (W,) of each text, None for one that is not known."""
        with self._lock:
            for text in texts:
                if text in self._known:
                    self._known.move_to_end(text)
            return [self._known.get(text) for text in texts]

    def keep(self, texts: Sequence[bytes], states: Tensor) -> None:
        """Keep the states (N, W) of texts, each in memory of its own, so that a dropped one gives it back."""
        with self._lock:
            for text, state in zip(texts, torch.unbind(states), strict=True):
                self._known[text] = state.clone()
            while len(self._known) > self._most:
                self._known.popitem(last=False)

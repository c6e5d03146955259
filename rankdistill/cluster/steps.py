"""Steps: work on a part as reading, making and writing, so that three parts can be worked on at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Steps:
    """Work on parts in three steps; called, it does all three for one part.

    Reading and writing run in threads of their own and therefore call no parallel kernel of Numba.
    """

    read: Callable[[Path], Any]
    """Reads what belongs to a part: file -> what `make` takes."""
    make: Callable[[Path, Any], tuple[Any, Counter[str]]]
    """File of the part, what was read -> what `write` takes, and what was counted."""
    write: Callable[[Any, Path], None]
    """Writes the new part, whole or not at all."""

    def __call__(self, part: Path, store: Path, out: Path) -> Counter[str]:
        """Do one part; see `rankdistill.cluster.work.DoPart`."""
        made, counts = self.make(part, self.read(part))
        self.write(made, out)
        return counts

    def overlapping(self, parts: Sequence[Path], out: Path) -> Iterator[Counter[str]]:
        """Write parts into the folder ``out`` and yield each one's counts when it is written.

        While a part is made, the next one is read and the one before is written; these three are in memory.
        """
        with ThreadPoolExecutor(1) as reader, ThreadPoolExecutor(1) as writer:
            reading: Future[Any] = reader.submit(self.read, parts[0])
            writing: tuple[Future[None], Counter[str]] | None = None
            for number, part in enumerate(parts, 1):
                given = reading.result()
                if number < len(parts):
                    reading = reader.submit(self.read, parts[number])
                made, counts = self.make(part, given)
                del given
                if writing:
                    writing[0].result()
                    yield writing[1]
                writing = writer.submit(self.write, made, out / part.name), counts
            if writing:
                writing[0].result()
                yield writing[1]

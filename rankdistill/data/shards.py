"""Files that are the numbered parts of one: ``NAME-00000-of-00003.parquet``."""

from __future__ import annotations

import re
from pathlib import Path

from rankdistill.errors import DataError

SHARD = re.compile(r"(.*?)-(\d{5})-of-(\d{5})(\..*)")


def check_shards(files: list[Path]) -> None:
    """Raise `DataError` where files are numbered, ``NAME-00000-of-00003``, and one is missing."""
    numbered: dict[tuple[str, str, int, Path], set[int]] = {}
    for path in files:
        if found := SHARD.fullmatch(path.name):
            stem, number, n, suffix = found.groups()
            numbered.setdefault((stem, suffix, int(n), path.parent), set()).add(int(number))
    for (stem, suffix, n, folder), numbers in numbered.items():
        if lacking := sorted(set(range(n)) - numbers):
            name = f"{stem}-{lacking[0]:05}-of-{n:05}{suffix}"
            raise DataError(f"{folder} lacks {len(lacking)} of its {n} files, the first is {name}: fetch it again")

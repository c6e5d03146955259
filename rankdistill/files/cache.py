"""The cache folder, for files that can be computed again."""

from __future__ import annotations

import os
from pathlib import Path


def cache_folder() -> Path:
    """Get the cache folder: RANKDISTILL_CACHE, or ``rankdistill`` in the user's cache folder."""
    chosen = os.environ.get("RANKDISTILL_CACHE")
    if chosen:
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "rankdistill"

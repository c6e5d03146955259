"""Write files so that neither a kill nor a full disk leaves an incomplete file under its final name."""

from __future__ import annotations

import errno
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Yield a temporary name beside ``path``, of a file or folder; rename it to ``path`` when the block succeeds.

    The temporary name keeps every suffix of ``path``, for writers that depend on ``.gz`` or ``.parquet``. An existing
    file or folder at ``path`` is replaced only at the end; on an exception the temporary one is removed.
    """
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OSError(error.errno, f"cannot create the folder ({error.strerror})", str(path.parent)) from error
    temporary = path.with_name(f".tmp-{uuid.uuid4().hex[:8]}-{path.name}")
    try:
        yield temporary
        if temporary.is_dir() and path.is_dir():
            retired = path.with_name(f".old-{uuid.uuid4().hex[:8]}-{path.name}")
            os.rename(path, retired)
            os.rename(temporary, path)
            shutil.rmtree(retired)
        elif path.is_dir():
            raise IsADirectoryError(errno.EISDIR, "is a folder, expected the name of a file", str(path))
        else:
            os.replace(temporary, path)
    finally:
        if temporary.is_dir():
            shutil.rmtree(temporary)
        else:
            temporary.unlink(missing_ok=True)

"""The runs that a study's trainings left, in one file beside its table: what it measures, without the models.

A study that finds its runs there trains nothing for them, so that one begun on a machine goes on on another. Delete the
file to train all of it anew.
"""

from __future__ import annotations

import gzip
import io
import tarfile
from pathlib import Path

from benchmarks.results import FOLDER
from rankdistill.files.atomic import atomic_path

RUN = "run.trec.gz"


def runs_path(name: str, folder: Path = FOLDER) -> Path:
    """The file of a study's runs."""
    return folder / "runs" / f"{name}.tar.xz"


def keep_runs(trained: Path, path: Path) -> None:
    """Write every run under a folder of trainings to one file; the same runs make the same bytes."""
    with atomic_path(path) as temporary, tarfile.open(temporary, "w:xz", preset=9) as archive:
        for run in sorted(trained.rglob(RUN)):
            content = gzip.decompress(run.read_bytes())
            entry = tarfile.TarInfo(str(run.relative_to(trained).with_suffix("")))
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))


def restore_runs(trained: Path, path: Path) -> int:
    """Write the runs of a file that the folder of trainings lacks; return how many were written."""
    if not path.is_file():
        return 0
    written = 0
    with tarfile.open(path) as archive:
        for entry in archive:
            run = trained / f"{entry.name}.gz"
            if run.is_file():
                continue
            content = archive.extractfile(entry)
            assert content is not None
            with atomic_path(run) as temporary:
                temporary.write_bytes(gzip.compress(content.read(), mtime=0))
            written += 1
    return written

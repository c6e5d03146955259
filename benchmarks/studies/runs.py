"""The runs that a study's trainings left, in one file beside its table: what it measures, without the models.

A study that finds its runs there trains nothing for them, so that one begun on a machine goes on on another. Delete the
file to train all of it anew.
"""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

from benchmarks.results import FOLDER
from rankdistill.errors import UsageError
from rankdistill.files.atomic import atomic_path
from rankdistill.files.facts import claim, differing

RUN, SETTINGS = "run.trec.gz", "settings.json"
AGAIN = "again"
"""Folder of a model that was trained again beside its restored run, for what it teaches; its own run is not kept."""


@contextmanager
def kept_runs(trained: Path, name: str, settings: Mapping[str, Any], place: Path = FOLDER) -> Iterator[None]:
    """Restore a study's runs into its folder of trainings, and keep all that are there when the block ends or fails.

    settings: of the trainings, as JSON holds them. Raises `UsageError` where the folder or the file has runs of others.
    """
    path = place / "runs" / f"{name}.tar.xz"
    claim(trained, "trainings", settings, SETTINGS)
    restore_runs(trained, path, settings)
    try:
        yield
    finally:
        keep_runs(trained, path, settings)


def keep_runs(trained: Path, path: Path, settings: Mapping[str, Any]) -> None:
    """Write every run under a folder of trainings, and their settings, to one file; the same make the same bytes."""
    runs = [run for run in sorted(trained.rglob(RUN)) if AGAIN not in run.parts]
    contents = {str(run.relative_to(trained).with_suffix("")): gzip.decompress(run.read_bytes()) for run in runs}
    contents[SETTINGS] = json.dumps(settings, sort_keys=True, indent=1).encode()
    with atomic_path(path) as temporary, tarfile.open(temporary, "w:xz", preset=9) as archive:
        for name, content in contents.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))


def restore_runs(trained: Path, path: Path, settings: Mapping[str, Any]) -> int:
    """Write the runs of a file that the folder of trainings lacks; return how many were written.

    Raises `UsageError` where they are of other settings.
    """
    if not path.is_file():
        return 0
    written = 0
    with tarfile.open(path) as archive:
        known = json.loads(_content(archive, SETTINGS))
        if found := differing(json.loads(json.dumps(settings)), known):
            raise UsageError(
                f"{path} holds runs with other {', '.join(found)}: delete it, and all of the study is trained anew"
            )
        for name in archive.getnames():
            run = trained / f"{name}.gz"
            if name == SETTINGS or run.is_file():
                continue
            with atomic_path(run) as temporary:
                temporary.write_bytes(gzip.compress(_content(archive, name), mtime=0))
            written += 1
    return written


def chosen(settings: Any) -> dict[str, Any]:
    """The fields of a dataclass whose values are no defaults, so that an option that is added changes no settings."""
    values = {field.name: getattr(settings, field.name) for field in fields(settings)}
    nested = {name: chosen(value) if is_dataclass(value) else value for name, value in values.items()}
    return {field.name: nested[field.name] for field in fields(settings) if values[field.name] != field.default}


def model_of(out: Path, train: Callable[[Path], object]) -> Path:
    """The model whose run is in a folder; trained in a folder inside it where the run alone was restored.

    train: trains it in the folder that it is given.
    """
    place = out / AGAIN if (out / RUN).is_file() and not (out / "model").is_dir() else out
    if not (place / "model").is_dir():
        train(place)
    return place / "model"


def _content(archive: tarfile.TarFile, name: str) -> bytes:
    content = archive.extractfile(name)
    assert content is not None
    return content.read()

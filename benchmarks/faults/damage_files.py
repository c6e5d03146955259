"""Damage every kind of file that is stored, and see that none is used in silence.

Run in the project's root: python -m benchmarks.faults.damage_files [--seed 0] [--quick] [--only KIND]
A command that makes a file is followed by one that uses it. Before the second, the file is emptied, cut in half, or one
of its bits is flipped. The second command must then end as without the damage, since the file was made anew, or with
exit code 1 or 2 and a message that names the file. The exit code is 1 where something else came out, also where the
damage happened to change no result. Collection, runs and models are made on the spot.
"""

from __future__ import annotations

import gzip
import json
import random
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from benchmarks.faults.made import Made, make
from benchmarks.faults.started import HANGS, ended, finished, kill, printed, start
from benchmarks.results import Row, run, study

LIMIT = 900.0
SHOWN = 80
"""Characters of a message in the table."""
ANEW, REFUSED = "made anew", "refused"
Words = Sequence[str]
Damage = Callable[[bytes], bytes]


@dataclass(frozen=True)
class Stored:
    """Files of a kind: how they are made, and what uses them."""

    kind: str
    files: str
    """Pattern of the files that are damaged, one at a time, relative to the folder that commands run in."""
    use: Words
    """Arguments of the command that uses them; also of the one that makes them, unless ``made_by`` does."""
    made_by: Words | None = None
    prepare: Callable[[Path], object] | None = None
    """Puts into the empty folder what the commands are given there."""
    until: str = ""
    """Pattern: the command that makes the files is killed when such a file is there."""
    removed: tuple[str, ...] = ()
    """Results of the first command that the second makes again."""
    compared: tuple[str, ...] = ()
    """Patterns of the results; what is printed is compared where there are none."""
    same_again: bool = True
    """Whether a file that is made anew gives the same results; a measurement of speed does not."""


def stored(made: Made) -> Iterator[Stored]:
    """Every kind of stored file."""
    source = ["--collection", str(made.collection)]
    texts, out = ["--run", str(made.run)], ["--out", "out.trec"]
    scored = ["score", "--model", str(made.model), *source]
    result = {"removed": ("out.trec",), "compared": ("out.trec",)}

    def with_model(folder: Path) -> None:
        shutil.copytree(made.model, folder / "model")

    def with_gzipped_run(folder: Path) -> None:
        (folder / "run.trec.gz").write_bytes(gzip.compress(made.run.read_bytes(), mtime=0))

    yield Stored("store of scores", "out.trec.scores/*", [*scored, *texts, *out], **result)
    in_parts = [*scored, "--run", str(made.parts), "--out", "out"]
    for files in ("out/00003.parquet", "out/.00003.parquet.checksum", "out/parts.json"):
        yield Stored("parts that were written", files, in_parts, compared=("out/*.parquet",))
    split = ["parts", *texts, "--queries", "30", "--out", "in"]
    measured = ["evaluate", "--qrels", str(made.qrels), "--json", "--runs"]
    for files in ("in/00002.parquet", "in/.00002.parquet.checksum", "in/parts.json"):
        yield Stored("parts that are read", files, [*measured, "in"], split)
    again = [*scored, "--run", "in", "--out", "out"]
    yield Stored("parts that are scored", "in/00002.parquet", again, split, compared=("out/*.parquet",))
    yield Stored("gzipped run", "run.trec.gz", [*measured, "run.trec.gz"], prepare=with_gzipped_run)
    yield Stored("BM25 index", "cache/bm25/*/*", ["search", "how to sort a long list", *source, "--json"])
    own = ["--model", "model", *source, *texts]
    yield Stored("model", "model/*", ["score", *own, *out], prepare=with_model, **result)
    for engine, packages in (("onnx", ("onnx", "onnxruntime")), ("openvino", ("openvino",))):
        if all(map(find_spec, packages)):
            exported = ["export", *own, "--engine", engine, "--queries", "3"]
            use = ["score", *own, *out, "--engine", engine]
            yield Stored(f"model for {engine}", f"model/{engine}/*", use, exported, with_model, **result)
    auto = [*scored, *texts, *out, "--engine", "auto"]
    yield Stored(
        "fastest engine", "cache/engines/*", auto, removed=("out.trec*",), compared=("out.trec",), same_again=False
    )
    trained = ["finetune", *source, *texts, "--base", str(made.encoder), "--start", "plain", "--max-length", "32"]
    trained += ["--epochs", "100", "--max-steps", "60", "--save-steps", "5", "--list-size", "4", "--out", "out"]
    yield Stored(
        "checkpoint", "out/**/checkpoint-*/*", trained, until="out/**/checkpoint-10/*", compared=("out/model/*",)
    )
    yield Stored("pydocs", "cache/pydocs/**/*", ["stats", "pydocs", "--json"])


def cases(each: Stored, folder: Path, damages: dict[str, Damage]) -> Iterator[Row]:
    """Damage each file of a kind in each way: a row of the table for each file."""
    first = folder / "made"
    shutil.rmtree(folder, ignore_errors=True)
    first.mkdir(parents=True)
    if each.prepare:
        each.prepare(first)
    _make(each, first)
    for pattern in each.removed:
        for file in first.glob(pattern):
            shutil.rmtree(file) if file.is_dir() else file.unlink()
    code, expected, told = _used(each, first, folder / "expected")
    if code:
        raise SystemExit(f"{each.kind}: undamaged, it ends with exit code {code}: {told}")
    for file in sorted(path for path in first.glob(each.files) if path.is_file() and path.stat().st_size):
        name = file.relative_to(first)
        row: Row = {"kind": each.kind, "file": re.sub("[0-9a-f]{32}", "…", name.as_posix())}
        for what, change in damages.items():
            place = folder / "damaged"

            def damage(copy: Path, name: Path = name, change: Damage = change) -> None:
                (copy / name).write_bytes(change((copy / name).read_bytes()))

            code, found, told = _used(each, first, place, damage)
            mended = not (place / name).is_file() or (place / name).read_bytes() == file.read_bytes()
            row[what] = verdict(code, found == expected or not each.same_again, mended, told, name)
        yield row


def _make(each: Stored, place: Path) -> None:
    """Run the command that makes the files, and kill it when they are there where that is asked for."""
    words = each.made_by or each.use
    if not each.until:
        code = finished(words, place, LIMIT)
    else:
        process = start(words, place)
        while (code := ended(process, 0.01)) is None:
            if any(place.glob(each.until)):
                time.sleep(0.3)  # for the other files of the same checkpoint
                kill(process)
                return
        code = code or HANGS  # it ended before it was killed
    if code:
        raise SystemExit(f"{each.kind}: making it ends with exit code {code}: {_told(place)}")


def _used(
    each: Stored, first: Path, place: Path, damage: Callable[[Path], None] | None = None
) -> tuple[int, dict[str, bytes], str]:
    """Use the files in a copy of the folder: exit code, results, and what was said."""
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(first, place, symlinks=True)
    if damage:
        damage(place)
    code = finished(each.use, place, LIMIT)
    results = {
        file.relative_to(place).as_posix(): file.read_bytes()
        for pattern in each.compared
        for file in place.glob(pattern)
        if file.is_file()
    }
    return code, results or {"": printed(place, "out").read_bytes()}, _told(place)


def _told(place: Path) -> str:
    return printed(place, "err").read_text(errors="replace").strip()


def verdict(code: int, same: bool, mended: bool, told: str, name: Path) -> str:
    """Say what came of the damage; what is wrong is in capitals."""
    if code == HANGS:
        return "HANGS"
    if "Traceback" in told or code not in (0, 1, 2):
        return f"EXIT CODE {code}: {told.splitlines()[-1][:SHOWN] if told else ''}"
    if code:
        named = name.name in told or name.parent.name in told.split("error:")[-1]
        return REFUSED if named else f"NOT NAMED: {told[-SHOWN:]}"
    if not same:
        return "USED IN SILENCE"
    of = name.name.removeprefix(".").removesuffix(".checksum")  # the checksums are a file's, which is named instead
    return ANEW if mended else "told" if of in told else "NOT NOTICED"


def ways(seed: int) -> dict[str, Damage]:
    """Every way to damage a file, by name."""
    draw = random.Random(seed)

    def flip(data: bytes) -> bytes:
        at = draw.randrange(len(data))
        return data[:at] + bytes([data[at] ^ 1 << draw.randrange(8)]) + data[at + 1 :]

    return {"emptied": lambda data: b"", "cut": lambda data: data[: len(data) // 2], "a bit": flip, "another bit": flip}


def main(
    *,
    seed: int = 0,
    quick: Annotated[bool, Parameter(help="Flip one bit of each file, and write no result.")] = False,
    only: Annotated[str, Parameter(help="Kinds whose names contain this; no result is written.")] = "",
) -> None:
    """Damage, use, compare."""
    damages = {name: way for name, way in ways(seed).items() if not quick or name == "a bit"}
    with tempfile.TemporaryDirectory() as folder:
        made = make(Path(folder) / "made")
        kinds = [each for each in stored(made) if only in each.kind]
        rows = (row for each in kinds for row in cases(each, Path(folder) / "used", damages))
        if quick or only:
            seen = []
            for row in rows:
                print(json.dumps(row, ensure_ascii=False), flush=True)
                seen.append(row)
        else:
            seen = study("damage_files", rows, [seed])
    n_damaged = len(seen) * len(damages)
    if wrong := [f"{row['file']}, {what}" for row in seen for what in damages if row[what] != row[what].lower()]:
        raise SystemExit(f"of {n_damaged} damaged files {len(wrong)} came out wrong: {'; '.join(wrong)}")
    print(f"{n_damaged} damaged files: each was made anew or refused by name")


if __name__ == "__main__":
    run(main)

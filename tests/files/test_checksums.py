"""Checksums: every change of a stored file is noticed."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rankdistill.errors import DataError
from rankdistill.files.atomic import atomic_path
from rankdistill.files.checksums import check_undamaged, checksums_path, damage, is_sealed


def sealed_file(folder: Path, data: bytes = b"scores") -> Path:
    with atomic_path(folder / "part.parquet", sealed=True) as path:
        path.write_bytes(data)
    return folder / "part.parquet"


def sealed_folder(folder: Path) -> Path:
    with atomic_path(folder / "index", sealed=True) as path:
        (path / "sub").mkdir(parents=True)
        (path / "a").write_bytes(b"aa")
        (path / "sub" / "b").write_bytes(b"")
    return folder / "index"


@pytest.mark.parametrize("make", [sealed_file, sealed_folder])
def test_what_was_written_is_undamaged(tmp_path: Path, make) -> None:
    path = make(tmp_path)
    assert is_sealed(path)
    assert damage(path) is None
    assert damage(path.rename(tmp_path / path.name)) is None


@given(data=st.binary(min_size=1, max_size=50), bit=st.integers(min_value=0))
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_flipped_bit_is_noticed(tmp_path: Path, data: bytes, bit: int) -> None:
    path = sealed_file(tmp_path, data)
    flipped = bytearray(data)
    flipped[bit // 8 % len(data)] ^= 1 << bit % 8
    path.write_bytes(flipped)
    assert "its checksum is another" in str(damage(path))


@pytest.mark.parametrize("left", [0, 3])
def test_a_cut_file_is_noticed_by_its_length(tmp_path: Path, left: int) -> None:
    path = sealed_file(tmp_path)
    path.write_bytes(b"scores"[:left])
    assert f"has {left} bytes, 6 were written" in str(damage(path))


@pytest.mark.parametrize("text", ["", "{", "{}", "[]", "3", '{"part.parquet": {"bytes": 6}}', '{"part.parquet": 6}'])
def test_damaged_checksums_are_damage(tmp_path: Path, text: str) -> None:
    path = sealed_file(tmp_path)
    checksums_path(path).write_text(text)
    assert "is missing or damaged" in str(damage(path))


@pytest.mark.parametrize("file", ["a", "sub/b"])
def test_a_missing_or_changed_file_of_a_folder_is_named_and_an_added_one_is_not_looked_at(
    tmp_path: Path, file: str
) -> None:
    folder = sealed_folder(tmp_path)
    (folder / "added").touch()
    assert damage(folder) is None
    (folder / file).write_bytes(b"longer")
    assert str(folder / file) in str(damage(folder))
    (folder / file).unlink()
    assert str(folder / file) in str(damage(folder))


def test_the_error_says_what_is_damaged_and_what_to_do(tmp_path: Path) -> None:
    path = sealed_file(tmp_path)
    check_undamaged(path, "the part", "delete it")
    path.write_bytes(b"")
    with pytest.raises(
        DataError, match=r"the part .*part.parquet is damaged: .* has 0 bytes, 6 were written; delete it"
    ):
        check_undamaged(path, "the part", "delete it")


def test_files_without_checksums_are_told_apart(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert not is_sealed(tmp_path / "file")
    assert "is missing or damaged" in str(damage(tmp_path / "file"))
    assert "there is no" in str(damage(tmp_path / "absent"))

"""Atomic writes: the final name holds the whole new file, or what it held before."""

import pytest

from rankdistill.files.atomic import atomic_path


def test_a_file_appears_under_its_name_only_when_the_block_succeeds(tmp_path):
    target = tmp_path / "sub" / "run.trec.gz"
    with atomic_path(target) as temporary:
        temporary.write_text("new")
        assert temporary.suffixes == [".trec", ".gz"]
        assert not target.exists()
    assert target.read_text() == "new"
    assert list(target.parent.iterdir()) == [target]


def test_a_failure_leaves_what_was_there_and_no_rest(tmp_path):
    target = tmp_path / "file"
    target.write_text("old")
    with pytest.raises(OSError, match="full"), atomic_path(target) as temporary:  # noqa: PT012
        temporary.write_text("half")
        raise OSError("disk full")
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_folder_replaces_a_folder_as_a_whole(tmp_path):
    target = tmp_path / "model"
    target.mkdir()
    (target / "stale").touch()
    with atomic_path(target) as temporary:
        temporary.mkdir()
        (temporary / "weights").write_text("w")
    assert [path.name for path in target.iterdir()] == ["weights"]
    assert list(tmp_path.iterdir()) == [target]


def test_a_failing_folder_leaves_the_old_one(tmp_path):
    target = tmp_path / "model"
    target.mkdir()
    (target / "weights").touch()
    with pytest.raises(RuntimeError), atomic_path(target) as temporary:  # noqa: PT012
        temporary.mkdir()
        (temporary / "half").touch()
        raise RuntimeError
    assert [path.name for path in target.iterdir()] == ["weights"]
    assert list(tmp_path.iterdir()) == [target]

"""Locks of folders."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from filelock import FileLock

from rankdistill.errors import UsageError
from rankdistill.files.lock import locked

HOLD = """
import os, signal, sys
from rankdistill.files.lock import locked
with locked(sys.argv[1]):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_folder_is_one_processs_until_that_ends_or_is_killed(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path / "out")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        with pytest.raises(UsageError, match=r"another process writes into .*out: wait until it is done"):
            locked(tmp_path / "out").__enter__()
        other.kill()
    with locked(tmp_path / "out"):
        pass
    with locked(tmp_path / "out"):
        pass


def test_a_file_system_without_locks_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unsupported(lock: FileLock, **settings: object) -> None:
        raise NotImplementedError("FileSystem does not appear to support flock")

    monkeypatch.setattr(FileLock, "acquire", unsupported)
    with (
        pytest.warns(UserWarning, match="has no locks: see to it that no other command writes there"),
        locked(tmp_path),
    ):
        pass


@pytest.mark.parametrize(
    ("there", "written", "left"), [(False, False, False), (True, False, True), (False, True, True)]
)
def test_a_failure_that_wrote_nothing_leaves_no_new_folder(
    tmp_path: Path, there: bool, written: bool, left: bool
) -> None:
    out = tmp_path / "out"
    if there:
        out.mkdir()
    with pytest.raises(RuntimeError), locked(out):  # noqa: PT012
        if written:
            (out / "file").touch()
        raise RuntimeError
    assert out.exists() == left

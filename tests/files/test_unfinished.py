"""Unfinished work: kept by a block that fails, used by the same facts alone, deleted by one that succeeds."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest

from rankdistill.errors import UsageError
from rankdistill.files.unfinished import remove_work, unfinished, work_folder


def known(out: Path, facts: dict[str, object]) -> bool:
    """Begin and fail; whether the work of an earlier call was there."""
    with suppress(KeyboardInterrupt), unfinished(out, facts) as work:
        made = work / "inner" / "made"
        was_there = made.is_file()
        made.parent.mkdir(exist_ok=True)
        made.touch()
        raise KeyboardInterrupt
    return was_there


def test_work_is_of_its_facts_and_ends_with_the_block(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    assert [known(out, {"of": n}) for n in (1, 1, 2, 1)] == [False, True, False, False]
    assert capsys.readouterr().err.count("resuming: unfinished work of") == 1
    with unfinished(out, {"of": 1}) as work:
        assert (work, (work / "inner" / "made").is_file()) == (work_folder(out), True)
        with pytest.raises(UsageError, match="another process writes"):
            known(out, {"of": 1})
    assert list(tmp_path.iterdir()) == []
    remove_work(work)

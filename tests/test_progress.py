"""Notes of long work, plain lines on standard error; and bars of work that lasts."""

from __future__ import annotations

import subprocess
import sys

import pytest
from rich.console import Console
from rich.text import Text

from rankdistill import progress as module
from rankdistill.progress import progress, say


def test_a_note_is_printed_as_it_is_on_standard_error_and_by_the_first_process_alone() -> None:
    script = "from rankdistill.progress import say; say('[bold]of 3[/bold] [x]')"
    shown = [
        subprocess.run(
            [sys.executable, "-c", script], env={"RANK": rank, "PYTHONPATH": ":".join(sys.path)}, capture_output=True
        )
        for rank in ("0", "1")
    ]
    assert [(done.stdout, done.stderr) for done in shown] == [(b"", b"[bold]of 3[/bold] [x]\n"), (b"", b"")]


@pytest.mark.parametrize(
    "text", ["plain", "[bold]no markup[/bold]", "é 東京", "a\x07b\x08c\rd\x0be\x0cf", "two\nlines", ""]
)
def test_a_note_is_what_rich_prints(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    say(text)
    Console(stderr=False, soft_wrap=True).print(Text(text))
    told = capsys.readouterr()
    assert told.err == told.out


def test_work_that_ends_soon_shows_no_bar(capsys: pytest.CaptureFixture[str]) -> None:
    with progress("short", 3) as advance:
        advance(2)
    assert capsys.readouterr().err == ""


def test_work_that_lasts_shows_its_bar_and_the_work_inside_below_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SECONDS_BEFORE_BAR", 0)
    with progress("outer", 10, unit="queries") as outer, progress("inner", 5) as inner:
        inner(2)
        outer(4)
        inner(1)
        say("a note")
    lines = capsys.readouterr().err.splitlines()
    assert "a note" in lines
    shown = [line for line in lines if line.startswith(("outer", "inner"))][-2:]
    assert [line.split()[0] for line in shown] == ["outer", "inner"]
    assert "4/10 queries" in " ".join(shown[0].split())
    assert "3/5 pairs" in " ".join(shown[1].split())
    with progress("next", 2) as advance:
        advance(1)
    assert "next" in capsys.readouterr().err

"""Notes of long work: plain lines on standard error."""

from __future__ import annotations

import subprocess
import sys


def test_a_note_is_printed_as_it_is_on_standard_error_and_by_the_first_process_alone() -> None:
    script = "from rankdistill.progress import say; say('[bold]of 3[/bold] [x]')"
    shown = [
        subprocess.run(
            [sys.executable, "-c", script], env={"RANK": rank, "PYTHONPATH": ":".join(sys.path)}, capture_output=True
        )
        for rank in ("0", "1")
    ]
    assert [(done.stdout, done.stderr) for done in shown] == [(b"", b"[bold]of 3[/bold] [x]\n"), (b"", b"")]

"""main: run a command, report errors without a traceback, and return the exit code."""

from __future__ import annotations

import errno
import os
import shlex
import sys
import traceback
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import TextIOWrapper
from typing import Any

from rankdistill.cli.output import say
from rankdistill.cli.quick import run_quickly
from rankdistill.errors import RankDistillError, UsageError

DONE, FAILED, WRONG_USE, INTERNAL_ERROR, INTERRUPTED = 0, 1, 2, 70, 130  # 70: EX_SOFTWARE of sysexits.h
DEBUG = "--debug"
FULL_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
AFTER_FULL_DISK = "no file is half-written: make room and run the same command again"
LESS_MEMORY = (
    "a smaller --batch-tokens needs less for models, and a run in parts (`rankdistill parts`) less for candidates"
)
AFTER_INTERRUPT = (
    "interrupted: no file is half-written, and the scores and checkpoints so far are saved; "
    "run the same command again to resume"
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command line (None: this process's) and return its exit code.

    ``--debug``, anywhere before a bare ``--``, prints the traceback of whatever error ends the command.

    0: done. 1: failed, a `RankDistillError`, an `OSError` or a lack of memory, which is reported on standard error
    without a traceback. 2: wrong use, a `UsageError`, an option that cannot be parsed, or no command. 70: an error that
    is no user's, reported in one line with where to report it. 130: interrupted from the keyboard.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # names of files need not be text, nor the terminal's encoding UTF-8
            stream.reconfigure(errors="surrogateescape" if stream.encoding.lower() == "utf-8" else "backslashreplace")
    tokens, debug = without_debug(sys.argv[1:] if arguments is None else arguments)
    try:
        with warnings_as_notes():
            code = run(tokens)
        sys.stdout.flush()
        return code
    except BrokenPipeError:  # the reader of our output, such as `head`, has stopped reading
        _drop_output()
        return FAILED
    except KeyboardInterrupt:
        say(AFTER_INTERRUPT)
        return INTERRUPTED
    except SystemExit:
        raise
    except BaseException as error:  # a panic in a library in Rust is no Exception
        if debug:
            traceback.print_exc()
        return _report(error, tokens)


def _report(error: BaseException, tokens: Sequence[str]) -> int:
    """Print an error in one line and return the exit code."""
    from cyclopts import CycloptsError

    if isinstance(error, CycloptsError | UsageError):
        say(f"error: {error}")
        return WRONG_USE
    if isinstance(error, RankDistillError):
        say(f"error: {error}")
        return FAILED
    if isinstance(error, OSError):
        say(f"error: {_os_message(error)}")
        _drop_output()
        return FAILED
    if _lacks_memory(error):
        say(f"error: out of memory ({_one_line(error)}): {LESS_MEMORY}")
        return FAILED
    file, line, *_ = traceback.extract_tb(error.__traceback__)[-1]
    say(
        f"error: {type(error).__name__}: {_one_line(error)} ({file}:{line}). This should not happen: it is a fault of "
        "rankdistill or of a library that it calls. Please report it to rankdistill's issue tracker, "
        f"with what this prints: rankdistill {shlex.join([*tokens, DEBUG])}"
    )
    return INTERNAL_ERROR


def without_debug(arguments: Sequence[str]) -> tuple[list[str], bool]:
    """Take ``--debug``, which every command has, out of the arguments; tell whether it was there."""
    end = arguments.index("--") if "--" in arguments else len(arguments)
    kept = [each for each in arguments[:end] if each != DEBUG]
    return [*kept, *arguments[end:]], len(kept) < end


def run(tokens: Sequence[str]) -> int:
    """Run the command that the tokens name; without one, show the help and return `WRONG_USE`."""
    if run_quickly(tokens):
        return DONE
    from rankdistill.cli.app import build_app, chosen_command  # it imports the parser of options

    app = build_app(chosen_command(tokens))
    if not tokens:
        app.help_print(console=app.error_console)
        return WRONG_USE
    app(tokens, exit_on_error=False, print_error=False)
    return DONE


@contextmanager
def warnings_as_notes() -> Iterator[None]:
    """Show warnings for users (`UserWarning` and its subclasses) in one line each, every time."""

    def show(message: Warning | str, category: type[Warning], *place: Any, **settings: Any) -> None:
        if issubclass(category, UserWarning):
            say(f"note: {message}")
        else:
            show_otherwise(message, category, *place, **settings)

    with warnings.catch_warnings():
        show_otherwise = warnings.showwarning
        warnings.showwarning = show
        warnings.simplefilter("always", UserWarning)
        yield


def _os_message(error: OSError) -> str:
    """Say what failed, and on which file."""
    reason = error.strerror or str(error) or type(error).__name__
    said = f"{error.filename}: {reason}" if error.filename else reason
    return f"{said}; {AFTER_FULL_DISK}" if error.errno in FULL_DISK else said


def _lacks_memory(error: BaseException) -> bool:
    """Tell whether it is Python, NumPy, Arrow, PyTorch (on a GPU or the CPU) or Ray that lacks memory."""
    named = {kind.__name__ for kind in type(error).__mro__}
    return bool(named & {"MemoryError", "OutOfMemoryError"}) or "can't allocate memory" in str(error)


def _one_line(error: BaseException) -> str:
    """The message of an error in one line; of one that has another process's traceback in it, the last line."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    return lines[-1] if "Traceback" in str(error) else " ".join(lines)


def _drop_output() -> None:
    """Discard output that standard output cannot take, which Python would try to write again when it exits."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

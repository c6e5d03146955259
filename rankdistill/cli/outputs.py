"""Options that say where results go: each is checked when it is parsed, before anything is read.

An option is annotated with one of the parameters here, and a test holds every command to that.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

from cyclopts import App, ArgumentCollection, Parameter

from rankdistill.errors import UsageError
from rankdistill.files.outputs import check_output_file, check_output_folder, check_output_run
from rankdistill.scoring.settings import ScoringSettings


def page_file(path: Path) -> Path:
    """Return the file of a page that is named by itself or by its folder."""
    return path if path.suffix else path / "index.html"


def _each(check: Callable[[Path], None]) -> Callable[[Any, Any], None]:
    """Make a validator, as cyclopts calls it, of an option that has a path, several of them, or none."""

    def validate(type_: Any, value: Path | tuple[Path, ...] | None) -> None:
        for path in value if isinstance(value, tuple) else (value,):
            if path is not None:
                check(path)

    return validate


def _check_new_parts(folder: Path) -> None:
    from rankdistill.data.parts import check_parts_folder  # it loads Arrow, which --help does without

    check_parts_folder(folder)


def _check_store(type_: Any, settings: ScoringSettings) -> None:
    if settings.store is not None:
        check_output_folder(settings.store)


OUTPUT_FILE = Parameter(validator=_each(check_output_file))
OUTPUT_FOLDER = Parameter(validator=_each(check_output_folder))
NEW_PARTS = Parameter(validator=_each(_check_new_parts))
OUTPUT_RUN = Parameter(validator=_each(check_output_run))
OUTPUT_PAGE = Parameter(validator=_each(lambda path: check_output_file(page_file(path))))
SCORE_STORE = Parameter(validator=_check_store)
OUTPUTS = (OUTPUT_FILE, OUTPUT_FOLDER, NEW_PARTS, OUTPUT_RUN, OUTPUT_PAGE)


def refuse_empty_paths(app: App, commands: tuple[str, ...], arguments: ArgumentCollection) -> None:
    """Raise `UsageError` for a path that is the empty text, which would be the working folder; cyclopts calls this."""
    for argument in arguments:
        if _is_path(argument.hint) and any(token.value == "" for token in argument.tokens):
            raise UsageError(f"the value of {argument.name} is empty, expected a path")


def _is_path(hint: Any) -> bool:
    return hint is Path or any(map(_is_path, get_args(hint)))

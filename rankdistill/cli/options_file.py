"""Options from a YAML file, ``--config FILE``, by the same names as on the command line, which wins."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, ArgumentCollection, Parameter
from cyclopts.config import Dict

from rankdistill.errors import DataError, FileFormatError, UnknownNameError

EXPECTED = "a YAML mapping of option names to values, such as 'measures: [nDCG@10, RR@10]'"
Config = Annotated[
    Path | None, Parameter(help="YAML file with options of this command by name; the command line wins.")
]


def with_options_file(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the option ``--config``, of which its function need not know: `options_from_yaml` reads it."""
    signature = inspect.signature(command, eval_str=True)
    config = inspect.Parameter("config", inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Config)

    @wraps(command)
    def run(*arguments: Any, config: Path | None = None, **options: Any) -> None:
        command(*arguments, **options)

    run.__signature__ = signature.replace(parameters=[*signature.parameters.values(), config])  # type: ignore[attr-defined]
    return run


def options_from_yaml(app: App, commands: tuple[str, ...], arguments: ArgumentCollection) -> None:
    """Read from the file of ``--config`` the options that the command line does not give; cyclopts calls this.

    Raises `UnknownNameError` for a key that is not an option of the command, and what `read_options` raises.
    """
    named = {argument.name[2:]: argument for argument in arguments if argument.name.startswith("--")}
    config = named.pop("config", None)
    if config is None or not config.tokens:
        return
    path = Path(config.tokens[-1].value)
    options = {str(key).replace("_", "-"): value for key, value in read_options(path).items()}
    for key in options:
        if key not in named:
            raise UnknownNameError(f"option of {' '.join(commands)} in {path}", key, named)
    given = {key: value for key, value in options.items() if value is not None}
    Dict(given, source=str(path), use_commands_as_keys=False)(app, commands, arguments)


def read_options(path: Path) -> dict[Any, Any]:
    """Read a YAML file that holds a mapping, by the safe loader; an empty file is an empty mapping.

    Raises `FileFormatError` with the line that is not YAML, or for anything but a mapping; `DataError` for no file.
    """
    import yaml  # here, so that commands without a file do not wait for it

    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise DataError(f"there is no file {path}") from error
    except UnicodeDecodeError as error:
        raise FileFormatError(path, 1, f"byte {error.start}, which is not UTF-8", "text in UTF-8") from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or str(error)
        raise FileFormatError(path, mark.line + 1 if mark else 1, problem, EXPECTED) from error
    except (ValueError, RecursionError) as error:  # a number of thousands of digits, a date that there is not
        raise FileFormatError(path, 1, str(error).partition(";")[0], f"{EXPECTED}, with values that can be") from error
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise FileFormatError(path, 1, f"a {type(content).__name__}", EXPECTED)
    return content

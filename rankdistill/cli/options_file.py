"""Options from a YAML file, ``--config FILE``, by the same names as on the command line, which wins."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, get_args

from cyclopts import App, ArgumentCollection, Parameter
from cyclopts.config import Dict

from rankdistill.errors import FileFormatError, UnknownNameError
from rankdistill.files.reading import read_bytes

EXPECTED = "a YAML mapping of option names to values, such as 'measures: [nDCG@10, RR@10]'"
YAML = "tag:yaml.org,2002:"
PLAIN = tuple(YAML + kind for kind in ("str", "int", "float", "bool", "null", "timestamp", "value", "merge"))
NULL, BOOL, FLOAT = YAML + "null", YAML + "bool", YAML + "float"
WHOLE = re.compile(r"[+-]?(\d{1,18}|0x[0-9a-f]{1,15})", re.I)
TRUE = ("true", "yes", "on")
Value = str | None
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


@dataclass(frozen=True)
class Option:
    """What a file says of an option: the texts of its values, and the line. A list that is no list has one value."""

    values: list[Value]
    is_list: bool
    line: int


def options_from_yaml(app: App, commands: tuple[str, ...], arguments: ArgumentCollection) -> None:
    """Read from the file of ``--config`` the options that the command line does not give; cyclopts calls this.

    A value counts as it is written, as on the command line: ``no`` and ``010`` are no number and no truth value where
    the option takes text. Raises `UnknownNameError` for a key that is not an option of the command, `FileFormatError`
    for a list where one value goes, and what `read_options` raises.
    """
    named = {argument.name[2:]: argument for argument in arguments if argument.name.startswith("--")}
    config = named.pop("config", None)
    if config is None or not config.tokens:
        return
    path = Path(config.tokens[-1].value)
    for key, option in read_options(path).items():
        if key not in named:
            raise UnknownNameError(f"option of {' '.join(commands)} in {path}:{option.line}", key, named)
        argument = named[key]
        takes_many = argument.token_count()[1]
        if option.is_list and not takes_many:
            got = f"a list of {len(option.values)} values for {key}"
            raise FileFormatError(path, option.line, got, f"one value: '{key}: VALUE'")
        if not option.is_list and option.values == [None]:
            continue  # an option without a value is an option that is not given
        if None in option.values:
            raise FileFormatError(path, option.line, f"null in the list {key}", "a value, or no entry")
        if _takes_whole_numbers(argument.hint):
            for value in option.values:
                if not WHOLE.fullmatch(str(value)):  # cyclopts rounds 3.7 to 4
                    raise FileFormatError(path, option.line, f"{_cut(str(value))} for {key}", "a whole number")
        values = [_as_typed(value, argument.is_flag()) for value in option.values]
        given = {key: values if option.is_list else values[0]}
        Dict(given, source=f"{path}:{option.line}", use_commands_as_keys=False)(app, commands, arguments)


def read_options(path: Path) -> dict[str, Option]:
    """Read a YAML file that holds a mapping of option names, written with hyphens, to values and lists of values.

    ``scoring: {dtype: int8}`` is read as ``scoring.dtype: int8``. An empty file is an empty mapping. Raises
    `FileFormatError` with the line that is not YAML, has an option twice or holds anything else; `DataError` for no
    file.
    """
    import yaml  # here, so that commands without a file do not wait for it

    data = read_bytes(path)
    try:
        text = data.decode()
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except UnicodeDecodeError as error:
        line = 1 + data.count(b"\n", 0, error.start)
        raise FileFormatError(path, line, f"byte {error.start}, which is not UTF-8", "text in UTF-8") from error
    except yaml.reader.ReaderError as error:
        line = 1 + text.count("\n", 0, error.position)
        raise FileFormatError(path, line, f"the character {error.character:#x}", "text without it") from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or str(error)
        raise FileFormatError(path, mark.line + 1 if mark else 1, problem, EXPECTED) from error
    except RecursionError as error:
        raise FileFormatError(path, 1, "lists or mappings nested hundreds deep", EXPECTED) from error
    options: dict[str, Option] = {}
    for key, option in _mapping(path, root, "") if root is not None else ():
        if key in options:
            expected = f"each option once (line {options[key].line} has it)"
            raise FileFormatError(path, option.line, f"{key} again", expected)
        options[key] = option
    return options


def _mapping(path: Path, node: Any, prefix: str) -> Iterator[tuple[str, Option]]:
    """Yield the options of a mapping, and those of mappings in it under the key, a dot and their names."""
    import yaml

    if not isinstance(node, yaml.MappingNode) or node.tag != YAML + "map":
        raise FileFormatError(path, node.start_mark.line + 1, _shown(node), EXPECTED)
    for key_node, value in node.value:
        line = key_node.start_mark.line + 1
        if not isinstance(key_node, yaml.ScalarNode) or key_node.tag not in PLAIN:
            raise FileFormatError(
                path, line, f"{_shown(key_node)} as a name", "the name of an option, a colon, a value"
            )
        key = prefix + key_node.value.replace("_", "-")
        if isinstance(value, yaml.MappingNode) and not prefix:
            yield from _mapping(path, value, f"{key}.")
        elif isinstance(value, yaml.SequenceNode) and value.tag == YAML + "seq":
            yield key, Option([_scalar(path, key, item) for item in value.value], True, line)
        else:
            yield key, Option([_scalar(path, key, value)], False, line)


def _scalar(path: Path, key: str, node: Any) -> Value:
    """Take a value as it is written; null is None, and what YAML takes as true or false keeps its meaning beside it."""
    import yaml

    if not isinstance(node, yaml.ScalarNode) or node.tag not in PLAIN:
        line = node.start_mark.line + 1
        raise FileFormatError(path, line, f"{_shown(node)} in {key}", f"'{key}: VALUE' or '{key}: [VALUE, VALUE]'")
    if node.tag == NULL:
        return None
    written: str = node.value
    if node.tag == FLOAT and written.lower().lstrip("+-") in (".inf", ".nan"):
        return written.replace(".", "")
    return Truth(written) if node.tag == BOOL else written


class Truth(str):
    """A value that YAML takes as true or false, as it is written."""


def _takes_whole_numbers(hint: Any) -> bool:
    kinds = get_args(hint)
    return hint is int or (any(map(_takes_whole_numbers, kinds)) and not set(kinds) & {float, str})


def _as_typed(value: Value, is_flag: bool) -> str:
    """Write a value as the command line would have it."""
    text = str(value)
    if is_flag and isinstance(value, Truth):
        return "true" if text.lower() in TRUE else "false"
    return text


def _cut(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:40]}... ({len(text):,} characters)"


def _shown(node: Any) -> str:
    kind = {"scalar": "the value", "sequence": "a list", "mapping": "a mapping"}[node.id]
    shown = f"{kind} {node.value!r}" if node.id == "scalar" else kind
    known = node.tag in (*PLAIN, YAML + "seq", YAML + "map")
    return shown if known else f"{shown} with the tag {node.tag.removeprefix(YAML)!r}"

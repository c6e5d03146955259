"""Names of tasks on the command line, and options that are given task by task."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from pathlib import Path

from rankdistill.errors import UnknownNameError, UsageError
from rankdistill.tasks.names import check_task_names

NAMED = re.compile(r"([A-Za-z0-9][\w.-]*)=(.+)", re.DOTALL)


def named_tasks(words: Sequence[str]) -> dict[str, str]:
    """Name the tasks that were given, ``NAME=SOURCE`` or ``SOURCE`` -> name -> source string.

    A source without a name has GLUE's, or that of its folder. Raises `UsageError` where two names are the same, in any
    case of their letters, as they are folders, where a source is given twice without a name, and for a name that is no
    folder's.
    """
    names, sources = [], []
    for word in words:
        given = None if Path(word).exists() else NAMED.fullmatch(word)
        name, source = given.groups() if given else (own_name(word), word)
        names.append(name)
        sources.append(source)
    twice = next((word for word in words if words.count(word) > 1), None)
    if twice is not None:
        raise UsageError(f"the task {twice} is given twice: leave one out")
    check_task_names(names, sources)
    return dict(zip(names, sources, strict=True))


def own_name(source: str) -> str:
    """The name of a source string: GLUE's task, a folder's last part, or an id of ir_datasets with hyphens."""
    prefix, colon, argument = source.partition(":")
    if not colon:
        prefix, argument = "", source
    if prefix == "glue":
        argument = argument.partition("@")[0]
    elif prefix != "irds":
        argument = Path(argument.partition("#")[0]).name
    return re.sub(r"[^\w.-]+", "-", argument).strip("-.")


def by_task(words: Sequence[str], tasks: Collection[str], option: str) -> dict[str, list[str]]:
    """Read values that are given for tasks, ``NAME=VALUE`` -> name -> values, in the order given.

    option: for messages. Raises `UsageError` for a value without a name, `UnknownNameError` for a name that is no task.
    """
    values: dict[str, list[str]] = {}
    for word in words:
        given = NAMED.fullmatch(word)
        if given is None:
            raise UsageError(f"{option} says for which task: got {word!r}, expected NAME={word}")
        name, value = given.groups()
        if name not in tasks:
            raise UnknownNameError("task", name, tasks)
        values.setdefault(name, []).append(value)
    return values

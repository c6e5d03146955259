"""Names of tasks on the command line, and options that are given task by task."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

from rankdistill.errors import UnknownNameError, UsageError
from rankdistill.tasks.names import check_task_names
from rankdistill.tasks.splits import Splits

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


@dataclass(frozen=True)
class TaskSplits:
    """Names of splits by purpose, as `Splits`: each is of all tasks, or NAME=SPLIT of one."""

    train_split: tuple[str, ...] = ()
    """Split to train on: SPLIT of all tasks, NAME=SPLIT of one. [default: train]"""
    dev_split: tuple[str, ...] = ()
    """Split to choose the best weights on, with eval_steps: SPLIT of all tasks, NAME=SPLIT of one. [default: dev; of
    MNLI, which has none, dev_matched]"""
    test_split: tuple[str, ...] = ()
    """Split to measure on: SPLIT of all tasks, NAME=SPLIT of one. [default: test; of GLUE's tasks dev, as the labels
    of test are hidden]"""

    def by_task(self, tasks: Collection[str]) -> dict[str, Splits]:
        """The splits of each task: NAME=SPLIT wins over SPLIT, which wins over the defaults.

        Raises `UsageError` for two splits of one task and purpose, `UnknownNameError` for a name that is no task.
        """
        splits: dict[str, dict[str, str]] = {name: {} for name in tasks}
        for purpose in fields(self):
            words, option = getattr(self, purpose.name), f"--{purpose.name.replace('_', '-')}"
            named = by_task([word for word in words if NAMED.fullmatch(word)], tasks, option)
            of_all = [word for word in words if not NAMED.fullmatch(word)]
            for whose, given in {"all tasks": of_all, **named}.items():
                if len(given) > 1:
                    raise UsageError(f"{option} names {len(given)} splits of {whose}, {', '.join(given)}: name one")
            for name in tasks:
                for split in named.get(name, of_all):
                    splits[name][purpose.name] = split
        return {name: Splits(**given) for name, given in splits.items()}

"""Names of several tasks that are worked on together: each is a folder's, and no two are the same."""

from __future__ import annotations

import re
from collections.abc import Sequence

from rankdistill.errors import UsageError

NAME = re.compile(r"[A-Za-z0-9][\w.-]{0,79}")


def check_task_names(names: Sequence[str], sources: Sequence[str] = ()) -> None:
    """Raise `UsageError` for a name that is no folder's, and for two that differ in capitals at most.

    sources: what each task was given as, for the messages.
    """
    given = list(sources) or list(names)
    seen: dict[str, str] = {}
    for name, source in zip(names, given, strict=True):
        if not NAME.fullmatch(name):
            raise UsageError(
                f"{name!r} cannot name the folder of the task {source}: give it a name of its own, NAME=SOURCE, of "
                "letters, digits and . _ -, 80 at most"
            )
        other = seen.get(name.casefold())
        if other is not None:
            raise UsageError(
                f"the tasks {other} and {source} are both called {name!r}: give each a name of its own, NAME=SOURCE"
            )
        seen[name.casefold()] = source

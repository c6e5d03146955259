"""claim: a folder says how what is in it is made, so that nothing made otherwise goes on from it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rankdistill.errors import UsageError
from rankdistill.files.atomic import atomic_path


def claim(folder: str | Path, what: str, facts: Mapping[str, Any], name: str = "facts.json") -> None:
    """Write the facts into a folder, unless they stand there; `UsageError` where others do, naming which differ.

    what: is in the folder, for the message. facts: values that JSON can hold. name: of the file.
    """
    file = Path(folder) / name
    mine = json.loads(json.dumps(facts))
    if file.is_file():
        known = json.loads(file.read_text(encoding="utf-8"))
        if differing := [fact for fact in {**mine, **known} if mine.get(fact) != known.get(fact)]:
            raise UsageError(
                f"{folder} holds {what} with other {', '.join(differing)}, see {file}: delete it to begin anew, or "
                "give another folder"
            )
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(file) as path:
        path.write_text(json.dumps(mine, indent=1) + "\n", encoding="utf-8")

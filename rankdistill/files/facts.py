"""Facts: all that shapes a result, as JSON; two results are the same where their facts are.

One canonical text of the facts names files (`digest`), and one file of facts in a folder keeps results apart that were
made in different ways (`claim`).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rankdistill.errors import UsageError
from rankdistill.files.atomic import atomic_path


def canonical(facts: Any) -> str:
    """Write facts, values that JSON can hold, as text: the same for equal facts, whatever the order of their keys."""
    return json.dumps(facts, sort_keys=True, indent=1)


def digest(facts: Any) -> str:
    """Hash facts to 32 hexadecimal digits, for the name of a file or folder (BLAKE2b of the canonical text)."""
    return hashlib.blake2b(canonical(facts).encode(), digest_size=16).hexdigest()


def same(one: Any, other: Any) -> bool:
    """Compare facts as JSON holds them, where a tuple is a list and a key is text."""
    return canonical(one) == canonical(other)


def read_facts(file: str | Path) -> dict[str, Any]:
    """Read a file of facts; empty where there is none, or none that is a JSON object."""
    try:
        facts = json.loads(Path(file).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return facts if isinstance(facts, dict) else {}


def write_facts(file: str | Path, facts: Mapping[str, Any]) -> None:
    """Write facts as a JSON object, keys in the order given; folders are created, a file there is replaced."""
    with atomic_path(file) as path:
        path.write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")


def claim(folder: str | Path, what: str, facts: Mapping[str, Any], name: str = "facts.json") -> None:
    """Write the facts into a folder unless it has the same ones; raise `UsageError` where it has others.

    what: the result in the folder, for the message, which names the facts that differ. name: of the file.
    """
    file = Path(folder) / name
    if not file.is_file():
        write_facts(file, facts)
        return
    given, known = json.loads(json.dumps(facts)), json.loads(file.read_text(encoding="utf-8"))
    if differing := [fact for fact in {**given, **known} if given.get(fact) != known.get(fact)]:
        raise UsageError(
            f"{folder} holds {what} with other {', '.join(differing)}, see {file}: delete it to start again, or "
            "give another folder"
        )

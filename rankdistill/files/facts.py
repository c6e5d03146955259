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

from rankdistill.errors import DataError, UsageError
from rankdistill.files.atomic import atomic_path
from rankdistill.files.checksums import check_undamaged, damage, is_sealed
from rankdistill.progress import say


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


def read_sealed_facts(file: str | Path) -> dict[str, Any]:
    """Read a file of facts that was written with checksums; one that is damaged is reported, and empty."""
    if not Path(file).is_file():
        return {}
    if found := damage(file):
        say(f"damaged, and not used: {found}")
        return {}
    return read_facts(file)


def write_facts(file: str | Path, facts: Mapping[str, Any], sealed: bool = False) -> None:
    """Write facts as a JSON object, keys in the order given; folders are created, a file there is replaced.

    sealed: write checksums as well, see `rankdistill.files.checksums`.
    """
    with atomic_path(file, sealed) as path:
        path.write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")


def claim(folder: str | Path, what: str, facts: Mapping[str, Any], name: str = "facts.json") -> None:
    """Write the facts into a folder unless it has the same ones; raise `UsageError` where it has others.

    what: the result in the folder, for the message, which names the facts that differ, those in mappings as
    ``settings.seed``. name: of the file, which is written with checksums. Raises `DataError` where it is damaged.
    """
    file = Path(folder) / name
    if not file.is_file():
        write_facts(file, facts, sealed=True)
        return
    again = f"delete {folder} to start again, or give another folder"
    if is_sealed(file):
        check_undamaged(file, f"the file that says what {folder} holds,", again)
    given, known = json.loads(json.dumps(facts)), read_facts(file)
    if not known:
        raise DataError(f"{file} does not say what {folder} holds, expected a JSON object: {again}")
    if found := differing(given, known):
        raise UsageError(f"{folder} holds {what} with other {', '.join(found)}, see {file}: {again}")


def differing(given: Mapping[str, Any], known: Mapping[str, Any], inside: str = "") -> list[str]:
    """Name the facts that differ between two mappings as JSON holds them, of mappings in them only what differs."""
    names = []
    for fact in {**given, **known}:
        one, other = given.get(fact), known.get(fact)
        if isinstance(one, dict) and isinstance(other, dict):
            names += differing(one, other, f"{inside}{fact}.")
        elif one != other:
            names.append(f"{inside}{fact}")
    return names

"""Exported files in a folder: whose weights they hold, whether they are whole, and what was checked of them.

Beside the files of an engine lies ``rankdistill.json``: for each exported model the fingerprint of its weights, the
versions that wrote it, the checksums of all its files, and the checks that it passed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from rankdistill.files.checksums import checksum, damage
from rankdistill.files.facts import canonical, read_facts, read_sealed_facts, write_facts

FACTS = "rankdistill.json"
WRITERS = ("rankdistill", "torch", "transformers", "onnx", "openvino", "nncf")
"""Packages whose versions shape an exported file."""


def versions(packages: Sequence[str] = WRITERS) -> dict[str, str]:
    """The versions of packages, of those that are installed."""
    found = {}
    for package in packages:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def note(file: Path, fingerprint: str) -> None:
    """Note whose weights an exported model holds, who wrote it, and the checksums of all files in its folder.

    file: in a folder of its own, which holds what belongs to it and nothing else.
    """
    sums = {part.name: checksum(part) for part in sorted(file.parent.iterdir())}
    entry = {"weights": fingerprint, "written by": versions(), "files": sums, "checks": []}
    write_facts(file.parent / FACTS, {file.name: entry}, sealed=True)


def fault_of(file: Path, fingerprint: str) -> str | None:
    """Say why an exported file is not to be used for the weights of this fingerprint; None where it is.

    Every byte of its files is read.
    """
    if (file.parent / FACTS).is_file() and (found := damage(file.parent / FACTS)):
        return found
    entry = read_facts(file.parent / FACTS).get(file.name)
    try:
        weights, files = entry["weights"], dict(entry["files"])  # type: ignore[index]
        sums = {str(name): (int(each["bytes"]), str(each["sha256"])) for name, each in files.items()}
    except (TypeError, KeyError, ValueError, AttributeError):
        return f"{file.parent / FACTS} does not say whose weights it holds"
    if weights != fingerprint:
        return "it was exported from other weights, tokenizer, length or score contract"
    if file.name not in sums:
        return f"{file.parent / FACTS} has no checksum of it"
    for name, (length, hashed) in sums.items():
        part = file.with_name(name)
        if not part.is_file():
            return f"{part} is missing"
        if part.stat().st_size != length:
            return f"{part} has {part.stat().st_size:,} bytes, {length:,} were written"
        if checksum(part)["sha256"] != hashed:
            return f"{part} was changed after it was written: its checksum is another"
    return None


def files_of(file: Path) -> list[str]:
    """Names of the files that an exported model consists of, the one that is loaded last."""
    names = read_facts(file.parent / FACTS)[file.name]["files"]
    return sorted(names, key=lambda name: (name == file.name, name))


def sums_of(file: Path) -> Any:
    """The checksums of an exported model's files, as they were written."""
    return read_facts(file.parent / FACTS).get(file.name, {}).get("files")


def passed(file: Path, key: Mapping[str, Any]) -> bool:
    """Tell whether an exported model passed a check under the same conditions."""
    entry = read_facts(file.parent / FACTS).get(file.name)
    checks = entry.get("checks") if isinstance(entry, dict) else None
    return isinstance(checks, list) and any(
        isinstance(each, dict) and canonical(each.get("of")) == canonical(key) for each in checks
    )


def note_check(file: Path, key: Mapping[str, Any], result: Mapping[str, Any]) -> None:
    """Note beside an exported model that it passed a check, if the folder can be written."""
    facts = read_sealed_facts(file.parent / FACTS)
    entry = facts.get(file.name)
    if not isinstance(entry, dict):
        return
    known = entry.get("checks")
    checks = [each for each in known if isinstance(each, dict)] if isinstance(known, list) else []
    entry["checks"] = [*(each for each in checks if each.get("of") != key), {"of": dict(key), "found": dict(result)}]
    try:
        write_facts(file.parent / FACTS, facts, sealed=True)
    except OSError:  # it is checked again next time
        return

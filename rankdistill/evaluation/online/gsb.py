"""GSB (good, same, bad): the share of queries on which one system's list is better than another's."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from rankdistill.errors import DataError, FileFormatError, UsageError
from rankdistill.evaluation.online.gain import Gain, gain
from rankdistill.files.reading import read_bytes

OUTCOMES = {"good": 1, "same": 0, "bad": -1}


def gsb_gain(preferences: Mapping[str, int], confidence: float = 0.95) -> Gain:
    """Compute ΔGSB = (#good - #bad) / (#good + #same + #bad) from {query id: 1, 0 or -1}. Source: PILE §4.3
    (docs/papers.md)."""
    return gain(list(preferences.values()), list(preferences), 1.0, confidence)


def preferences_by_measure(
    per_query_a: Mapping[str, float], per_query_b: Mapping[str, float], margin: float = 0.0
) -> dict[str, int]:
    """Judge each query by a measure: {query id: 1 where A's value exceeds B's by more than ``margin``, -1, or 0}."""
    if margin < 0:
        raise UsageError(f"the margin must be at least 0, got {margin}")
    if odd := per_query_a.keys() ^ per_query_b.keys():
        raise DataError(f"{len(odd)} queries are measured on one side only, such as {min(odd)!r}: use the same qrels")
    deltas = {query: value - per_query_b[query] for query, value in per_query_a.items()}
    return {query: (delta > margin) - (delta < -margin) for query, delta in deltas.items()}


def read_preferences(path: str | Path) -> dict[str, int]:
    """Read lines ``query good|same|bad``, judgments of A's list against B's: {query id: 1, 0 or -1}.

    The letters g, s and b are accepted. Raises `FileFormatError` with file and line for a malformed line or a duplicate
    query.
    """
    path = Path(path)
    letters = {name[0]: outcome for name, outcome in OUTCOMES.items()} | OUTCOMES
    preferences: dict[str, int] = {}
    for number, raw in enumerate(read_bytes(path).splitlines(), start=1):
        try:
            line = raw.decode()
        except UnicodeDecodeError:
            raise FileFormatError(path, number, raw.decode(errors="backslashreplace"), "text in UTF-8") from None
        fields = line.split()
        if not fields or fields[0].startswith("#"):
            continue
        if len(fields) != 2 or fields[1].lower() not in letters:
            raise FileFormatError(path, number, line, "a query id and good, same or bad")
        if fields[0] in preferences:
            raise FileFormatError(path, number, f"query {fields[0]} again", "each query once")
        preferences[fields[0]] = letters[fields[1].lower()]
    if not preferences:
        raise FileFormatError(path, 1, "a file without lines", "lines of a query id and good, same or bad")
    return preferences

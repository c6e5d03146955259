"""Survey JSON lines without parsing them: what a parser written in C should never be given is found by its bytes."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from rankdistill.arrays import U8


class Survey(NamedTuple):
    """What the bytes of JSON lines say before they are parsed."""

    n_lines: int
    """Lines that are not blank."""
    all_objects: bool
    """Whether each of them begins with ``{`` and ends with ``}``."""
    most_brackets: int
    """The most opening brackets and braces in a line, which its nesting cannot exceed."""


def survey(data: bytes) -> Survey:
    """Survey the lines of a file; blank are those of nothing but blanks, tabs and carriage returns."""
    return Survey(*_survey(np.frombuffer(data, np.uint8)))


def deepest(data: bytes) -> int:
    """Find how deep brackets and braces outside of strings are nested in any line, up to a parser's first error."""
    return int(_deepest(np.frombuffer(data, np.uint8)))


@njit(cache=True)
def _deepest(data: U8) -> int:
    depth, most, inside, escaped = 0, 0, False, False
    for byte in data:
        if byte == 10:  # no string holds a line end
            depth, inside, escaped = 0, False, False
        elif inside:
            if escaped:
                escaped = False
            elif byte == 92:
                escaped = True
            elif byte == 34:
                inside = False
        elif byte == 34:
            inside = True
        elif byte == 91 or byte == 123:
            depth += 1
            most = max(most, depth)
        elif byte == 93 or byte == 125:
            depth -= 1
    return most


@njit(cache=True)
def _survey(data: U8) -> tuple[int, bool, int]:
    n_lines, all_objects, most = 0, True, 0
    first, last, brackets = (
        np.int64(-1),
        np.int64(-1),
        0,
    )  # of the line so far: its first and last byte that is no blank
    for at in range(len(data) + 1):
        byte = np.int64(data[at]) if at < len(data) else np.int64(10)
        if byte == 10:
            if first >= 0:
                n_lines += 1
                all_objects &= first == 123 and last == 125
                most = max(most, brackets)
            first, last, brackets = np.int64(-1), np.int64(-1), 0
        elif byte != 32 and byte != 9 and byte != 13:
            first = byte if first < 0 else first
            last = byte
            brackets += byte == 91 or byte == 123
    return n_lines, all_objects, most

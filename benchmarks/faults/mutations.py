"""Mutations of files: what editors, transfers, spreadsheets and killed writers do to the bytes and lines of a file."""

from __future__ import annotations

import gzip
import random
import re
from collections.abc import Callable

Mutation = Callable[[bytes, random.Random], bytes]

ODD_TEXT = (
    "\ufeff",
    "\u200b",
    "\u00a0",
    "\u2028",
    "\u0085",
    "\u0301",
    "\U0001f600",
    "\u202e",
    "\x0b",
    "\x0c",
    "\x1c",
    "\0",
)
ODD_BYTES = (b"\xff", b"\xc3", b"\xed\xa0\x80", b"\xe2\x82", b"\x80", b"\xf4\x90\x80\x80")
ODD_NUMBERS = (
    *("0", "-0", "+1", "1.0", "0.5", "-1", "1e3", "1e999", "-1e999", "1e-400", "nan", "inf", "-inf", "0x10", "1_000"),
    *(
        "1,5",
        "007",
        "3.4028236e38",
        "16777217",
        "9" * 30,
        "9" * 400,
        "9" * 5000,
        "0." + "3" * 5000,
        "٣",
        "½",
        "--1",
        "1-",
    ),
)
SEPARATORS = (b"\t", b" ", b"\t\t", b"  ", b",", b";", b" \t ", b"\xc2\xa0", b"|", b"\x0b")
ODD_LINES = (
    b"",
    b" ",
    b"\t",
    b"# a comment",
    b"null",
    b"[]",
    b"{}",
    b"---",
    b"\xe2\x80\xa8",
    b"\r",
    b"qid docid score",
)
ODD_JSON = (b"null", b"true", b"3", b"1.5", b'""', b"[]", b"{}", b'"\\ud83d"', b"NaN", b"[" * 2000 + b"]" * 2000)
LONG = 70_000


def mutated(data: bytes, draw: random.Random) -> bytes:
    """Mutate a file's bytes one to three times."""
    for _ in range(draw.randint(1, 3)):
        data = draw.choice(MUTATIONS)(data, draw)
    return data


def mutated_gzip(data: bytes, draw: random.Random) -> bytes:
    """Mutate a file, then gzip it, or damage its gzipped bytes."""
    if draw.random() < 0.5:
        return gzip.compress(mutated(data, draw), mtime=0)
    whole = gzip.compress(data, mtime=0)
    half = data.find(b"\n", len(data) // 2) + 1
    damages: list[Callable[[], bytes]] = [
        lambda: damaged(whole, draw),
        lambda: b"",
        lambda: data,
        lambda: whole + draw.choice([b"\0" * 20, b"junk", whole[:15]]),
        lambda: gzip.compress(data[:half], mtime=0) + gzip.compress(data[half:], mtime=0),
    ]
    return draw.choice(damages)()


def damaged(data: bytes, draw: random.Random) -> bytes:
    """Flip, cut, or drop some bytes."""
    return draw.choice((flip, flip, cut_end, cut_middle, cut_start))(data, draw)


# -- bytes -------------------------------------------------------------------------------------------------------------


def flip(data: bytes, draw: random.Random) -> bytes:
    """Flip a bit, or overwrite a byte."""
    if not data:
        return data
    at = draw.randrange(len(data))
    byte = data[at] ^ (1 << draw.randrange(8)) if draw.random() < 0.7 else draw.randrange(256)
    return data[:at] + bytes([byte]) + data[at + 1 :]


def cut_end(data: bytes, draw: random.Random) -> bytes:
    return data[: draw.randrange(len(data) + 1)]


def cut_start(data: bytes, draw: random.Random) -> bytes:
    return data[draw.randrange(len(data) + 1) :]


def cut_middle(data: bytes, draw: random.Random) -> bytes:
    at = draw.randrange(len(data) + 1)
    return data[:at] + data[at + draw.randint(1, 12) :]


def insert_odd_text(data: bytes, draw: random.Random) -> bytes:
    at = draw.choice([0, len(data), draw.randrange(len(data) + 1)])
    odd = draw.choice(ODD_TEXT).encode() if draw.random() < 0.7 else draw.choice(ODD_BYTES)
    return data[:at] + odd + data[at:]


def replace_number(data: bytes, draw: random.Random) -> bytes:
    found = list(re.finditer(rb"-?\d+(\.\d+)?", data))
    if not found:
        return data
    number = draw.choice(found)
    return data[: number.start()] + draw.choice(ODD_NUMBERS).encode() + data[number.end() :]


def change_line_ends(data: bytes, draw: random.Random) -> bytes:
    return data.replace(b"\n", draw.choice([b"\r\n", b"\r", b"\n\n", b"\r\r\n", b" \n"]))


def remove_last_line_end(data: bytes, draw: random.Random) -> bytes:
    return data.rstrip(b"\r\n")


# -- lines -------------------------------------------------------------------------------------------------------------


def on_lines(change: Callable[[list[bytes], random.Random], None]) -> Mutation:
    """Make a mutation of a change of the lines, without their ends."""

    def mutate(data: bytes, draw: random.Random) -> bytes:
        lines = data.split(b"\n")
        change(lines, draw)
        return b"\n".join(lines)

    return mutate


def duplicate_line(lines: list[bytes], draw: random.Random) -> None:
    lines.insert(draw.randint(0, len(lines)), draw.choice(lines))


def delete_line(lines: list[bytes], draw: random.Random) -> None:
    del lines[draw.randrange(len(lines))]


def join_lines(lines: list[bytes], draw: random.Random) -> None:
    at = draw.randrange(len(lines))
    lines[at : at + 2] = [draw.choice([b"", b" ", b"\r", b"\t"]).join(lines[at : at + 2])]


def swap_lines(lines: list[bytes], draw: random.Random) -> None:
    one, other = draw.randrange(len(lines)), draw.randrange(len(lines))
    lines[one], lines[other] = lines[other], lines[one]


def insert_odd_line(lines: list[bytes], draw: random.Random) -> None:
    lines.insert(draw.choice([0, draw.randint(0, len(lines))]), draw.choice(ODD_LINES))


def on_fields(change: Callable[[list[bytes], random.Random], None]) -> Mutation:
    """Make a mutation of a change of one line's fields, at tabs where it has some, else at blanks."""

    def mutate(lines: list[bytes], draw: random.Random) -> None:
        at = draw.randrange(len(lines))
        separator = b"\t" if b"\t" in lines[at] else b" "
        fields = lines[at].split(separator)
        change(fields, draw)
        lines[at] = separator.join(fields)

    return on_lines(mutate)


def change_separators(lines: list[bytes], draw: random.Random) -> None:
    old, new = (b"\t" if b"\t" in b"".join(lines) else b" "), draw.choice(SEPARATORS)
    if draw.random() < 0.5:
        lines[:] = [line.replace(old, new) for line in lines]
    else:
        at = draw.randrange(len(lines))
        lines[at] = lines[at].replace(old, new, draw.randint(1, 3))


def swap_fields(fields: list[bytes], draw: random.Random) -> None:
    one, other = draw.randrange(len(fields)), draw.randrange(len(fields))
    fields[one], fields[other] = fields[other], fields[one]


def drop_field(fields: list[bytes], draw: random.Random) -> None:
    del fields[draw.randrange(len(fields))]


def repeat_field(fields: list[bytes], draw: random.Random) -> None:
    fields.insert(draw.randint(0, len(fields)), draw.choice(fields))


def quote_field(fields: list[bytes], draw: random.Random) -> None:
    at = draw.randrange(len(fields))
    fields[at] = draw.choice([b'"%b"', b"'%b'", b'"%b', b'%b"']) % fields[at]


def empty_field(fields: list[bytes], draw: random.Random) -> None:
    fields[draw.randrange(len(fields))] = b""


def lengthen_field(fields: list[bytes], draw: random.Random) -> None:
    at = draw.randrange(len(fields))
    fields[at] += b"x" * LONG


# -- JSON and YAML -----------------------------------------------------------------------------------------------------


def replace_value(data: bytes, draw: random.Random) -> bytes:
    """Replace what stands between a colon and the next comma or brace."""
    found = list(re.finditer(rb": ?([^,{}\n]+)", data))
    if not found:
        return data
    start, end = draw.choice(found).span(1)
    return data[:start] + draw.choice(ODD_JSON) + data[end:]


def repeat_entry(data: bytes, draw: random.Random) -> bytes:
    """Repeat a key with its value, or a line that begins with one."""
    found = list(re.finditer(rb'"[^"\n]+": ?[^,{}\n]+', data))
    if not found:
        return data
    entry = draw.choice(found)
    return data[: entry.start()] + entry.group() + b", " + data[entry.start() :]


MUTATIONS: tuple[Mutation, ...] = (
    flip,
    flip,
    cut_end,
    cut_start,
    cut_middle,
    insert_odd_text,
    replace_number,
    change_line_ends,
    remove_last_line_end,
    *map(on_lines, (duplicate_line, delete_line, join_lines, swap_lines, insert_odd_line, change_separators)),
    *map(on_fields, (swap_fields, drop_field, repeat_field, quote_field, empty_field, lengthen_field)),
    replace_value,
    repeat_entry,
)

"""Parse lines of fields inside kernels, directly from the bytes of a file, pieces of it in parallel.

A span is the position of a field, packed into one int64: the offset of its first byte times `WIDEST`, plus its length.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from numba import njit, prange

from rankdistill.arrays import F64, I64, U8, Floats
from rankdistill.data.kernels.ids import copy_id, same_id
from rankdistill.data.trec.forms import OVERFLOW, WIDEST
from rankdistill.files.reading import FileBytes
from rankdistill.parallel import parallel

DIGITS = 18  # the most that an int64 always holds
LARGEST_POWER = 64
FREE = np.int64(-1)


def powers_of_ten() -> tuple[F64, F64]:
    """Compute 10^e for e from -64 to 64, each as a sum of two doubles with a relative error of at most 2^-106."""
    exact = [Fraction(10) ** e for e in range(-LARGEST_POWER, LARGEST_POWER + 1)]
    high = [float(power) for power in exact]
    low = [float(power - Fraction(double)) for power, double in zip(exact, high, strict=True)]
    return np.array(high), np.array(low)


POWER, POWER_REST = powers_of_ten()


def pieces(data: FileBytes, start: int, size: int) -> I64:
    """Cut ``data[start:]`` after line ends into pieces of about ``size`` bytes: their bounds, int64."""
    bounds = [start]
    while bounds[-1] < len(data):
        bounds.append(data.find(b"\n", bounds[-1] + size - 1) + 1 or len(data))
    return np.array(bounds, np.int64)


@parallel
def count_lines(data: U8, bounds: I64) -> tuple[I64, np.bool_]:
    """Count the line ends of each piece, int64, one per piece, and tell whether any byte is not ASCII."""
    n_pieces = len(bounds) - 1
    counts, beyond_ascii = np.zeros(n_pieces, np.int64), np.zeros(n_pieces, np.bool_)
    for piece in prange(n_pieces):
        count, high = 0, np.uint8(0)
        for byte in data[bounds[piece] : bounds[piece + 1]]:
            count += byte == 10
            high |= byte
        counts[piece], beyond_ascii[piece] = count, high >= 128
    return counts, beyond_ascii.any()


@parallel
def parse_lines(
    data: U8,
    bounds: I64,
    first_rows: I64,
    n_fields: int,
    document: int,
    value: int,
    tabs: bool,
    queries: I64,
    documents: I64,
    values: Floats,
) -> I64:
    """Parse each piece's lines of ``n_fields`` fields; blank lines and comments give no row.

    bounds, first_rows: the bytes of each piece, and the first row that it writes. queries: span of the query id in rows
    whose query differs from the previous row's, else -1. documents: span of field ``document``. values: field
    ``value``; NaN where Python must parse the line, because it is malformed or its number is too long for this kernel,
    and the row's span in ``documents`` is then that of the line's first byte. tabs: whether fields are separated by
    single tabs, and may hold blanks, instead of by white space. Returns the end of each piece's rows.
    """
    ends = np.zeros(len(bounds) - 1, np.int64)
    for piece in prange(len(ends)):
        row, line_start, end = first_rows[piece], bounds[piece], bounds[piece + 1]
        blanks = find_blanks(data, line_start, end)
        field_starts, field_ends = np.zeros(n_fields, np.int64), np.zeros(n_fields, np.int64)
        query_start, query_end = line_start, line_start
        nth = 0
        while line_start < end:
            if tabs:
                nth, n, sound = split_at_tabs(data, line_start, blanks, nth, field_starts, field_ends)
            else:
                nth, n, sound = split_line(data, line_start, blanks, nth, field_starts, field_ends)
            this_start, line_start = line_start, blanks[nth - 1] + 1
            if n == 0 or data[field_starts[0]] == 35:
                continue
            first, last = field_starts[0], field_ends[0]
            start, length = field_starts[document], field_ends[document] - field_starts[document]
            number = np.nan
            if sound and n == n_fields and 0 < last - first < WIDEST and 0 < length < WIDEST:
                number = parse_number(data, field_starts[value], field_ends[value])
            if row > first_rows[piece] and same_id(data, query_start, query_end, data, first, last):
                queries[row] = FREE
            else:
                query_start, query_end = first, last
                queries[row] = first * WIDEST + min(last - first, WIDEST - 1)
            if abs(number) < OVERFLOW:
                documents[row], values[row] = start * WIDEST + length, number
            else:
                documents[row], values[row] = this_start * WIDEST, np.nan
            row += 1
        ends[piece] = row
    return ends


@njit(cache=True)
def find_blanks(data: U8, start: int, end: int) -> I64:
    """Find the bytes up to 32 in ``data[start:end]``: their positions and, at the end, ``end``, int64.

    The loop has no branch, as a processor could not predict one where fields vary in length.
    """
    blanks = np.empty(end - start + 1, np.int64)
    n = np.uint64(0)  # an unsigned index needs no check for counting from the end
    for at in range(np.uint64(start), np.uint64(end)):
        blanks[n] = at
        n += np.uint64(data[at] <= 32)
    blanks[n] = end
    return blanks[: np.int64(n) + 1]


@njit(cache=True)
def split_line(
    data: U8, start: int, blanks: I64, nth: int, field_starts: I64, field_ends: I64
) -> tuple[int, int, bool]:
    """Split the line at ``start``, whose first blank is ``blanks[nth]``, into fields, and fill their starts and ends.

    Returns the index of the first blank after the line, the number of fields (also of those beyond the arrays), and
    whether the line is free of NUL.
    """
    n, sound = 0, True
    while True:
        at = blanks[nth]
        nth += 1
        over = nth == len(blanks)
        if not over and not is_blank(data[at]):
            sound &= data[at] != 0
            continue
        if at > start:
            if n < len(field_starts):
                field_starts[n], field_ends[n] = start, at
            n += 1
        start = at + 1
        if over or data[at] == 10:
            return nth, n, sound


@njit(cache=True)
def split_at_tabs(
    data: U8, start: int, blanks: I64, nth: int, field_starts: I64, field_ends: I64
) -> tuple[int, int, bool]:
    """Split as `split_line` does, but at each tab, and cut the blanks around each field; a field may be empty.

    A line of nothing but white space has no field.
    """
    n, sound, filled = 0, True, False
    while True:
        at = blanks[nth]
        nth += 1
        over = nth == len(blanks)
        if not over and data[at] != 9 and data[at] != 10:
            sound &= data[at] != 0
            continue
        end = at
        while start < end and is_blank(data[start]):
            start += 1
        while start < end and is_blank(data[end - 1]):
            end -= 1
        if n < len(field_starts):
            field_starts[n], field_ends[n] = start, end
        n += 1
        filled |= end > start
        start = at + 1
        if over or data[at] == 10:
            return nth, n if filled else 0, sound


@njit(cache=True)
def is_blank(byte: int) -> bool:
    """Tell whether a byte is white space: blank, tab, line end, vertical tab, form feed, carriage return."""
    return byte == 32 or 9 <= byte <= 13


@njit(cache=True)
def parse_number(data: U8, start: int | np.int64, end: int | np.int64) -> float:
    """Parse the number in ``data[start:end]``, correctly rounded to a double; NaN where Python must parse it.

    Accepts an optional sign, digits with an optional point, and an optional exponent. digits · 10^e is computed in two
    doubles; the first is the result unless the two ends of their error bound round differently.
    """
    negative = start < end and data[start] == 45
    at = start + 1 if negative or (start < end and data[start] == 43) else start
    digits, n_digits, exponent = np.int64(0), np.int64(0), np.int64(0)
    seen, point = False, False
    while at < end:
        byte = data[at]
        if 48 <= byte <= 57:
            seen = True
            if n_digits == DIGITS:
                return np.nan
            digits = digits * 10 + np.int64(byte - 48)
            n_digits += digits > 0
            exponent -= point
        elif byte == 46 and not point:
            point = True
        else:
            break
        at += 1
    if not seen:
        return np.nan
    if at < end:
        if data[at] != 101 and data[at] != 69:
            return np.nan
        at += 1
        below = at < end and data[at] == 45
        if below or (at < end and data[at] == 43):
            at += 1
        if at == end or end - at > 3:
            return np.nan
        power = np.int64(0)
        while at < end:
            if not 48 <= data[at] <= 57:
                return np.nan
            power = power * 10 + np.int64(data[at] - 48)
            at += 1
        exponent += -power if below else power
    value = 0.0 if digits == 0 else scale(digits, exponent)
    return -value if negative else value


@njit(cache=True)
def scale(digits: np.int64, exponent: np.int64) -> float:
    """Compute digits · 10^exponent as the nearest double, for digits from 1 to 10^18 - 1; NaN where uncertain."""
    if digits < 1 << 53 and 0 <= exponent <= 22:
        return float(digits) * POWER[exponent + LARGEST_POWER]
    if digits < 1 << 53 and -22 <= exponent < 0:
        return float(digits) / POWER[LARGEST_POWER - exponent]
    if not -LARGEST_POWER <= exponent <= LARGEST_POWER:
        return np.nan
    a, b = float(digits), POWER[exponent + LARGEST_POWER]
    a_rest = float(digits - np.int64(a))
    product = a * b
    a_high, b_high = upper_half(a), upper_half(b)
    a_low, b_low = a - a_high, b - b_high
    rest = ((a_high * b_high - product) + a_high * b_low + a_low * b_high) + a_low * b_low
    rest += a * POWER_REST[exponent + LARGEST_POWER] + a_rest * b
    doubt = abs(product) * 2.0**-98
    lower, upper = product + (rest - doubt), product + (rest + doubt)
    return lower if lower == upper else np.nan


@njit(cache=True)
def upper_half(x: float) -> float:
    """Cut x to 26 bits, so that products of such halves are exact. Source: Dekker 1971 (docs/papers.md)."""
    shifted = x * 134217729.0
    return shifted - (shifted - x)


@parallel
def copy_spans(data: U8, spans: I64) -> tuple[I64, U8]:
    """Copy the bytes of spans (n,), concatenated: their starts, int64 (n+1,), and the bytes."""
    starts = np.empty(len(spans) + 1, np.int64)
    starts[0] = 0
    for row in range(len(spans)):
        starts[row + 1] = starts[row] + (spans[row] & (WIDEST - 1))
    text = np.empty(starts[-1], np.uint8)
    for row in prange(len(spans)):
        copy_id(data, spans[row] // WIDEST, text, starts[row], starts[row + 1])
    return starts, text

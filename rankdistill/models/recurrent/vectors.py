"""Read word vectors: GloVe's text, word2vec's text and word2vec's binary files, plain or gzipped, word by word."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from rankdistill.arrays import F32
from rankdistill.errors import FileFormatError
from rankdistill.files.reading import open_bytes

MOST_NUMBERS = 10_000
"""Numbers of a vector, at most; a first line that promises more is no header."""
TEXT = "a word, blanks and {} numbers, as in all lines"
NUMBER = re.compile(rb"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")
PART = 1 << 18
"""Bytes of a binary file that are read at once; no word is as long."""
SEEN = 1 << 13
"""Bytes after the header that tell text from binary."""
Row = tuple[bytes, int, bytes | list[bytes]]
"""A word, its line or number, and its vector: bytes of float32, or numbers as text."""


@dataclass(frozen=True, eq=False)
class WordVectors:
    """Words and their vectors, float32 (W, D), in the order of the file."""

    words: list[str]
    vectors: F32
    n_repeated: int = 0
    """Words that the file has again, of which the first vector is taken."""
    n_undecoded: int = 0
    """Words that are not UTF-8, which are left out."""


def read_vectors(path: str | Path, first: int | None = None, wanted: Collection[str] = ()) -> WordVectors:
    """Read a file of word vectors, of which no more than what is kept is in memory.

    first: keep its first words (None: all), which are the most frequent ones in published files, and beside them those
    ``wanted``. A first line of two numbers is word2vec's header, and what follows is text or binary; without it the
    file is GloVe's. Between a word and its numbers may be any number of blanks. A word may hold blanks, where what
    follows them is no number: the numbers are counted from the right. Raises `FileFormatError`, with file and line (in
    a binary file: the number of the word), for a vector of another width, for what is no finite number and for a file
    that ends early; `DataError` where the file cannot be read.
    """
    path, wanted = Path(path), frozenset(wanted)
    words: list[str] = []
    vectors: list[F32] = []
    known: set[str] = set()
    n_repeated = n_undecoded = 0
    with open_bytes(path) as file:
        for place, (spelled, line, values) in enumerate(_rows(path, file)):
            try:
                word = spelled.decode()
            except UnicodeDecodeError:
                n_undecoded += 1
                continue
            if first is not None and place >= first and word not in wanted:
                continue
            if word in known:
                n_repeated += 1
                continue
            vectors.append(_numbers(path, line, values))
            known.add(word)
            words.append(word)
    stacked = np.stack(vectors) if vectors else np.zeros((0, 1), np.float32)
    return WordVectors(words, stacked, n_repeated, n_undecoded)


def _rows(path: Path, file: BinaryIO) -> Iterator[Row]:
    """Yield all rows of a file of any of the three forms."""
    top = file.readline()
    header = top.split()
    if not header:
        raise FileFormatError(path, 1, "nothing", "word vectors: GloVe's text, or word2vec's text or binary file")
    if len(header) != 2 or not all(part.isdigit() for part in header) or not 0 < int(header[1]) <= MOST_NUMBERS:
        yield from _text(path, _lines(file, top), 1, len(header) - 1, None)
        return
    n_words, width = int(header[0]), int(header[1])
    if _is_binary(file.peek(SEEN), width):  # type: ignore[attr-defined]
        yield from _binary(path, file, n_words, width)
    else:
        yield from _text(path, _lines(file), 2, width, n_words)


def _lines(file: BinaryIO, first: bytes | None = None) -> Iterator[bytes]:
    if first is not None:
        yield first
    yield from file


def _text(path: Path, lines: Iterator[bytes], line: int, width: int, n_words: int | None) -> Iterator[Row]:
    """Yield the rows of lines of text. width: of every vector."""
    n_read = 0
    for text in lines:
        row = text.strip()
        if width < 1:
            raise FileFormatError(path, line, _shown(row), "a word, blanks and its numbers")
        if not row:
            if any(rest.strip() for rest in lines):
                raise FileFormatError(path, line, "an empty line", TEXT.format(width))
            break
        word, *numbers = row.rsplit(None, width)
        *before, last = word.split()
        if len(numbers) != width or (before and NUMBER.fullmatch(last)):
            raise FileFormatError(path, line, f"{len(row.split()) - 1} numbers", TEXT.format(width))
        yield word, line, numbers
        line, n_read = line + 1, n_read + 1
    if n_words is not None and n_read != n_words:
        raise FileFormatError(path, line - 1, f"{n_read:,} words", f"the {n_words:,} of the first line: copy it again")


def _binary(path: Path, file: BinaryIO, n_words: int, width: int) -> Iterator[Row]:
    """Yield the rows of word2vec's binary file, after its header."""
    data, start = b"", 0
    for number in range(1, n_words + 1):
        while True:
            blank = data.find(b" ", start)
            stop = blank + 1 + 4 * width
            if blank >= 0 and stop <= len(data):
                break
            part = file.read(PART) if blank >= 0 or len(data) - start < PART else b""
            if not part:
                got = f"the end of the file in word {number:,} of {n_words:,}"
                raise FileFormatError(path, number, got, "a whole file of word2vec: copy it again")
            data, start = data[start:] + part, 0
        yield data[start:blank].lstrip(b"\n"), number, data[blank + 1 : stop]
        start = stop


def _is_binary(data: bytes, width: int) -> bool:
    """Whether what follows the header, of which ``data`` is the start, is no line of a word and numbers written out."""
    parts = data.partition(b"\n")[0].rsplit(None, width)
    if len(parts) == width + 1 and all(map(_is_number, parts[1:])):
        return False
    numbers = data.partition(b" ")[2][: 4 * width]
    return any((byte < 32 and byte not in b"\t\r\n") or byte > 126 for byte in numbers)


def _numbers(path: Path, line: int, values: bytes | list[bytes]) -> F32:
    """Turn the bytes of a vector, or its numbers as text, into float32 (D,)."""
    if isinstance(values, bytes):
        vector = np.frombuffer(values, "<f4").astype(np.float32)
    else:
        try:
            vector = np.array([float(value) for value in values], np.float32)
        except ValueError:
            odd = next(value for value in values if not _is_number(value))
            raise FileFormatError(path, line, _shown(odd), "a number") from None
    if not np.isfinite(vector).all():
        raise FileFormatError(path, line, "a value that is infinite or undefined in float32", "finite numbers")
    return vector


def _is_number(text: bytes) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _shown(text: bytes) -> str:
    return text.decode(errors="replace").strip()

"""Read word vectors: GloVe's text, word2vec's text and word2vec's binary files, plain or gzipped."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rankdistill.arrays import F32
from rankdistill.errors import FileFormatError
from rankdistill.files.reading import BYTE_ORDER_MARK, FileBytes, map_bytes

MOST_NUMBERS = 10_000
"""Numbers of a vector, at most; a first line that promises more is no header."""
TEXT = "a word, blanks and {} numbers, as in all lines"


@dataclass(frozen=True, eq=False)
class WordVectors:
    """Words and their vectors, float32 (W, D), in the order of the file."""

    words: list[str]
    vectors: F32
    n_repeated: int = 0
    """Words that the file has again, of which the first vector is taken."""


def read_vectors(path: str | Path, first: int | None = None, wanted: Collection[str] = ()) -> WordVectors:
    """Read a file of word vectors.

    first: keep its first words (None: all), which are the most frequent ones in published files, and beside them those
    ``wanted``. A first line of two numbers is word2vec's header, and what follows is text or binary; without it the
    file is GloVe's. A word may hold blanks: the numbers are counted from the right. Raises `FileFormatError`, with file
    and line (in a binary file: the number of the word), for a vector of another width, for what is no finite number and
    for a file that ends early; `DataError` where the file cannot be read.
    """
    path = Path(path)
    data = map_bytes(path)
    start = len(BYTE_ORDER_MARK) if data[:3] == BYTE_ORDER_MARK else 0
    end = data.find(b"\n", start)
    header = data[start : end if end >= 0 else len(data)].split()
    if not header:
        raise FileFormatError(path, 1, "nothing", "word vectors: GloVe's text, or word2vec's text or binary file")
    wanted = frozenset(wanted)
    if len(header) == 2 and all(part.isdigit() for part in header) and 0 < int(header[1]) <= MOST_NUMBERS:
        n_words, width = int(header[0]), int(header[1])
        if _is_binary(data, end + 1, width):
            rows = _binary(path, data, end + 1, n_words, width)
        else:
            rows = _text(path, data, end + 1, 2, width, n_words)
    else:
        rows = _text(path, data, start, 1, len(header) - 1, None)
    words: list[str] = []
    vectors: list[F32] = []
    known: set[str] = set()
    n_repeated = 0
    for place, (word, line, values) in enumerate(rows):
        if first is not None and place >= first and word not in wanted:
            continue
        if word in known:
            n_repeated += 1
            continue
        vector = _numbers(path, line, values)
        known.add(word)
        words.append(word)
        vectors.append(vector)
    return WordVectors(words, np.stack(vectors) if vectors else np.zeros((0, 1), np.float32), n_repeated)


def _text(
    path: Path, data: FileBytes, start: int, line: int, width: int, n_words: int | None
) -> Iterator[tuple[str, int, bytes | list[bytes]]]:
    """Yield each line's word, its number and its numbers as text. width: of every vector."""
    if width < 1:
        raise FileFormatError(path, line, _shown(bytes(data[start : start + 80])), "a word, blanks and its numbers")
    n_read = 0
    while start < len(data):
        end = data.find(b"\n", start)
        end = len(data) if end < 0 else end
        row = bytes(data[start:end]).rstrip(b" \r\t")
        if not row:
            if bytes(data[end:]).strip():
                raise FileFormatError(path, line, "an empty line", TEXT.format(width))
            break
        parts = row.replace(b"\t", b" ").rsplit(b" ", width)
        if len(parts) != width + 1 or not parts[0].strip():
            raise FileFormatError(path, line, f"{len(row.split()) - 1} numbers", TEXT.format(width))
        word = parts[0]
        last = word.rpartition(b" ")[2]
        if last != word and b"." in last and _is_number(last):
            raise FileFormatError(path, line, f"{len(row.split()) - 1} numbers", TEXT.format(width))
        yield _word(path, line, word), line, parts[1:]
        start, line, n_read = end + 1, line + 1, n_read + 1
    if n_words is not None and n_read != n_words:
        raise FileFormatError(path, line - 1, f"{n_read:,} words", f"the {n_words:,} of the first line: copy it again")


def _binary(
    path: Path, data: FileBytes, start: int, n_words: int, width: int
) -> Iterator[tuple[str, int, bytes | list[bytes]]]:
    """Yield each word of word2vec's binary file, its number and the bytes of its numbers."""
    for number in range(1, n_words + 1):
        blank = data.find(b" ", start)
        stop = blank + 1 + 4 * width
        if blank < 0 or stop > len(data):
            got = f"the end of the file in word {number:,} of {n_words:,}"
            raise FileFormatError(path, number, got, "a whole file of word2vec: copy it again")
        yield _word(path, number, bytes(data[start:blank]).lstrip(b"\n")), number, bytes(data[blank + 1 : stop])
        start = stop


def _is_binary(data: FileBytes, start: int, width: int) -> bool:
    """Whether what follows the header is no line of a word and numbers written out."""
    end = data.find(b"\n", start)
    row = bytes(data[start : end if end >= 0 else len(data)])
    parts = row.rsplit(None, width)
    if len(parts) == width + 1 and all(map(_is_number, parts[1:])):
        return False
    return any((byte < 32 and byte not in b"\t\r\n") or byte > 126 for byte in row[: 8 * width])


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


def _word(path: Path, line: int, word: bytes) -> str:
    try:
        return word.decode()
    except UnicodeDecodeError as error:
        raise FileFormatError(
            path, line, f"byte {error.start} of the word, which is not UTF-8", "text in UTF-8"
        ) from error


def _is_number(text: bytes) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _shown(text: bytes) -> str:
    return text.decode(errors="replace").strip()

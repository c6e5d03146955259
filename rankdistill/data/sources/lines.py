"""Read ids and texts from JSON lines and tab-separated files into Arrow arrays; errors name file and line."""

from __future__ import annotations

import io
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json

from rankdistill.data.candidates import as_ids
from rankdistill.data.kernels.json_lines import survey
from rankdistill.data.sources.rows import Names, json_rows, tsv_rows
from rankdistill.files.reading import read_bytes

IdsAndTexts = tuple[pa.Array, pa.Array]
BLOCK = 1 << 24
MOST_BRACKETS = 500
"""Python's parser nests deeper than this; a line with more opening brackets is its own, not Arrow's."""


def read_jsonl(path: Path, names: Names) -> IdsAndTexts:
    """Read a JSON object a line, with an id, a text and an optional ``title``; blank lines are skipped.

    The text is title and text joined by a space and trimmed. Arrow parses the whole file where each line looks like an
    object; else, or where it rejects a line, the file is parsed line by line. Raises `FileFormatError` with file and
    line for a line that is no such object.
    """
    data = read_bytes(path)
    columns = _parse_whole(data, names) or json_rows(path, data, names)
    ids, titles, texts = (as_ids(column) for column in columns)
    return ids, pc.utf8_trim_whitespace(pc.binary_join_element_wise(titles, texts, pa.scalar(" ", pa.large_string())))


def read_tsv(path: Path, names: Names) -> IdsAndTexts:
    """Read lines ``id``, tab, ``text`` as Arrow arrays; see `tsv_rows`."""
    ids, texts = tsv_rows(path, read_bytes(path), names)
    return as_ids(ids), as_ids(texts)


def _parse_whole(data: bytes, names: Names) -> tuple[pa.Array, ...] | None:
    """Parse ids, titles and texts with Arrow; None for anything but lines of one well-formed object of strings.

    What Arrow's parser takes otherwise than Python's (two objects in a line, a line that is null, text that is not
    UTF-8 in a field that nobody reads), or what is deeply nested, it is not given, or its result is not taken.
    """
    seen = survey(data)
    if not seen.n_lines or not seen.all_objects or seen.most_brackets > MOST_BRACKETS:
        return None
    schema = pa.schema([(name, pa.large_string()) for name in (*names.ids, "title", *names.texts)])
    try:
        whole = pa.py_buffer(data)
        ends = pa.array([0, len(data)], pa.int64()).buffers()[1]
        pa.LargeStringArray.from_buffers(1, ends, whole).validate(full=True)
        table = pa.json.read_json(
            io.BytesIO(data),
            pa.json.ReadOptions(block_size=BLOCK),
            pa.json.ParseOptions(explicit_schema=schema, unexpected_field_behavior="ignore"),
        )
        table.validate(full=True)
    except pa.ArrowException:
        return None
    ids, texts = (pc.coalesce(*(table[name] for name in each)) for each in (names.ids, names.texts))
    odd = ids.null_count or texts.null_count or pc.any(pc.equal(ids, "")).as_py()
    if odd or table.num_rows != seen.n_lines:
        return None
    return ids, pc.fill_null(table["title"], ""), texts

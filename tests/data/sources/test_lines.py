"""JSON lines and tab-separated texts: Arrow's parser and Python's give the same rows, or the same refusal."""

import json
import random

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rankdistill.data.sources import lines
from rankdistill.data.sources.lines import MOST_BRACKETS, read_jsonl, read_tsv
from rankdistill.data.sources.rows import Names, json_rows, line_of_row
from rankdistill.errors import FileFormatError

NAMES = Names(("_id", "id"), ("text", "contents"))
GOOD = '{"_id": "a", "text": "x"}'


def written(tmp_path, text, name="a.jsonl"):
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def rows(path, reader=read_jsonl):
    ids, texts = reader(path, NAMES)
    return list(zip(ids.to_pylist(), texts.to_pylist(), strict=True))


@pytest.fixture
def only_python(monkeypatch):
    """Let Arrow parse nothing."""
    monkeypatch.setattr(lines, "_parse_whole", lambda data, names: None)


ACCEPTED = {
    "two names of ids": ('{"id": "b", "text": "x"}\n{"_id": "a", "id": 3, "text": "y"}\n', [("b", "x"), ("a", "y")]),
    "numbers as ids": ('{"_id": 7, "text": "x"}\n{"_id": -0, "text": "y"}\n', [("7", "x"), ("0", "y")]),
    "a null id beside another": ('{"_id": null, "id": "b", "text": "x"}\n', [("b", "x")]),
    "no missing end of line, CRLF": (f"{GOOD}\r\n\r\n" + '{"_id": "b", "text": "y"}', [("a", "x"), ("b", "y")]),
    "blank lines": (f"\n \t\n{GOOD}\n\n", [("a", "x")]),
    "a title": ('{"_id": "a", "title": " t", "text": "x "}\n', [("a", "t x")]),
    "another name of the text": ('{"_id": "a", "contents": "x"}\n', [("a", "x")]),
    "escapes": ('{"_id": "\\u00e9", "text": "\\ud83d\\ude00\\n\\u0000|"}\n', [("é", "\U0001f600\n\0|")]),
    "a number too long to parse, in a field that nobody reads": (
        '{"_id": "a", "text": "x", "n": ' + "1" * 5000 + "}\n",
        [("a", "x")],
    ),
    "a number beyond all floats": ('{"_id": "a", "text": "x", "n": 1e999}\n', [("a", "x")]),
    "an id with blanks": ('{"_id": "a b", "text": "x"}\n', [("a b", "x")]),
    "the words of other parsers": ('{"_id": "NA", "text": "null"}\n', [("NA", "null")]),
}


@pytest.mark.parametrize(("text", "expected"), ACCEPTED.values(), ids=ACCEPTED)
def test_objects_are_read(tmp_path, text, expected):
    assert rows(written(tmp_path, text)) == expected


@pytest.mark.parametrize(("text", "expected"), ACCEPTED.values(), ids=ACCEPTED)
def test_objects_are_read_alike_line_by_line(tmp_path, only_python, text, expected):
    assert rows(written(tmp_path, text)) == expected


REFUSED = {
    "a line of null": (f"{GOOD}\nnull\n", 2),
    "a list of objects": (f"[{GOOD}]\n", 1),
    "two objects in a line": (f"{GOOD}\n{GOOD}{GOOD}\n", 2),
    "two objects and a carriage return": (f"{GOOD}\r{GOOD}\n", 1),
    "an object over two lines": ('{"_id": "a",\n"text": "x"}\n', 1),
    "an id twice": ('{"_id": "a", "_id": "b", "text": "x"}\n', 1),
    "a text twice": (GOOD + '\n{"_id": "b", "text": "x", "text": "y"}\n', 2),
    "deep nesting": ('{"_id": "a", "text": "x", "n": ' + "[" * 2000 + "]" * 2000 + "}\n", 1),
    "an id that is null": ('{"_id": null, "text": "x"}\n', 1),
    "an id that is half a number": ('{"_id": 1.5, "text": "x"}\n', 1),
    "an id that is true": ('{"_id": true, "text": "x"}\n', 1),
    "an id too long to parse": ('{"_id": ' + "1" * 5000 + ', "text": "x"}\n', 1),
    "half a character": ('{"_id": "\\ud83d", "text": "x"}\n', 1),
    "bytes that are no UTF-8": (GOOD.encode() + b'\n{"_id": "b", "text": "\xff"}\n', 2),
    "bytes that are no UTF-8 where nobody reads": (GOOD.encode() + b'\n{"_id": "b", "text": "y", "n": "\xff"}\n', 2),
    "a NUL between lines": (f"{GOOD}\n\0\n", 2),
    "a comment": (f"# a\n{GOOD}\n", 1),
}


@pytest.mark.parametrize(("text", "line"), REFUSED.values(), ids=REFUSED)
def test_other_lines_are_named(tmp_path, text, line):
    with pytest.raises(FileFormatError, match=r"a\.jsonl:\d+: got .*expected") as caught:
        rows(written(tmp_path, text))
    assert caught.value.line == line


@pytest.mark.parametrize("first", ["3", '"x"', "[1]", "x", "} {"])
def test_a_file_with_a_line_that_is_no_object_never_reaches_arrow(tmp_path, monkeypatch, first):
    monkeypatch.setattr(pa.json, "read_json", lambda *given, **settings: pytest.fail("Arrow got the file"))
    for text in (f"{first}\n{GOOD}\n", f"{GOOD}\n{first}\n", f"\n  {first}"):
        with pytest.raises(FileFormatError):
            rows(written(tmp_path, text))


def test_a_line_with_many_brackets_never_reaches_arrow(tmp_path, monkeypatch):
    monkeypatch.setattr(pa.json, "read_json", lambda *given, **settings: pytest.fail("Arrow got the file"))
    text = "[" * (MOST_BRACKETS + 1)
    assert rows(written(tmp_path, json.dumps({"_id": "a", "text": text}))) == [("a", text)]


@settings(max_examples=50)
@given(st.integers(0, 10**6))
def test_arrow_and_python_read_damaged_lines_alike(tmp_path_factory, seed):
    chosen = random.Random(seed)
    text = "".join(json.dumps({"_id": f"d{i}", "title": "t", "text": f"wörd {i}"}) + "\n" for i in range(4))
    for _ in range(chosen.randint(0, 3)):
        at = chosen.randrange(len(text))
        text = text[:at] + chosen.choice(["", "{", "}", '"', "\\", ",", "[", "\n", "\r", " ", "0"]) + text[at + 1 :]
    path = written(tmp_path_factory.mktemp("lines"), text)

    def outcome(columns):
        return [list(column) for column in columns]

    whole = lines._parse_whole(text.encode(), NAMES)
    if whole is not None:
        by_line = json_rows(path, text.encode(), NAMES)
        assert outcome(column.to_pylist() for column in whole) == outcome(by_line)


TABLES = {
    "ids with blanks, quotes, no end of line": ('q 1\t"one\nq2 \t two"', [("q 1", '"one'), ("q2", 'two"')]),
    "CRLF and blank lines": ("q1\tone\r\n\r\nq2\ttwo\r\n", [("q1", "one"), ("q2", "two")]),
    "a header": ("ID\tText\nq1\tone\n", [("q1", "one")]),
    "a header with a title, in another order": ("text\ttitle\tid\nx\ty\ta\n", [("a", "y x")]),
    "words that are missing values elsewhere": ("NA\tnull\n", [("NA", "null")]),
}


@pytest.mark.parametrize(("text", "expected"), TABLES.values(), ids=TABLES)
def test_tables_are_read_without_quoting(tmp_path, text, expected):
    assert rows(written(tmp_path, text, "a.tsv"), read_tsv) == expected


@pytest.mark.parametrize(
    ("text", "line"),
    [("q1 one\n", 1), ("q1\tone\n\nq2\ta\tb\n", 3), ("id\ttext\nq1\n", 2), (" \tone\n", 1), ("q1\tone\rq2\ttwo\n", 1)],
)
def test_lines_that_are_no_rows_are_named(tmp_path, text, line):
    with pytest.raises(FileFormatError, match=r"a\.tsv:\d+") as caught:
        rows(written(tmp_path, text, "a.tsv"), read_tsv)
    assert caught.value.line == line


def test_the_line_of_a_row_counts_blank_lines_and_the_header(tmp_path):
    path = written(tmp_path, f"\n{GOOD}\n\n{GOOD}\n")
    assert [line_of_row(path, row, NAMES) for row in (0, 1)] == [2, 4]
    path = written(tmp_path, "id\ttext\n\na\tx\nb\ty\n", "a.tsv")
    assert [line_of_row(path, row, NAMES) for row in (0, 1)] == [3, 4]

"""Tables of text: what readers take, and what they refuse with file and line."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rankdistill.data.sources.pairs.tables import column_names, read_table
from rankdistill.errors import DataError, FileFormatError

FIELDS = st.text(st.characters(exclude_characters="\t\n", exclude_categories=["Cs"]), max_size=12)


@given(
    rows=st.lists(st.tuples(FIELDS, FIELDS.map(lambda text: text.rstrip("\r") + ".")), max_size=8), crlf=st.booleans()
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_row_of_a_tsv_is_read_as_it_is(tmp_path: Path, rows: list[tuple[str, str]], crlf: bool) -> None:
    end = "\r\n" if crlf else "\n"
    text = "".join(f"{first}\t{second}{end}" for first, second in [("one", "two"), *rows])
    (tmp_path / "t.tsv").write_bytes(text.encode())
    table = read_table(tmp_path / "t.tsv", ["two", "one"])
    assert list(zip(table.columns["one"], table.columns["two"], strict=True)) == rows
    assert table.lines == list(range(2, len(rows) + 2))


@pytest.mark.parametrize("value", ['a "quote', '"', "null", "NA", "none", "#", "a  b", "\u00a0x", "=1+1"])
def test_quotes_and_words_for_nothing_are_text(tmp_path: Path, value: str) -> None:
    (tmp_path / "t.tsv").write_text(f"text\tlabel\n{value}\t1\nplain\t0\n")
    assert read_table(tmp_path / "t.tsv", ["text"]).columns["text"] == [value, "plain"]


def write_parquet(path: Path) -> None:
    pq.write_table(pa.table({"text": ["x", "y,\n"], "label": [1, 0]}), path)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("t.tsv", b"\xef\xbb\xbftext\tlabel\nx\t1\ny,\t0\n"),
        ("t.tsv.gz", gzip.compress(b"text\tlabel\nx\t1\ny,\t0", mtime=0)),
        ("t.csv", b'text,label\nx,1\n"y,",0\n'),
        ("t.jsonl", b'{"text": "x", "label": 1}\n\n{"label": 0, "text": "y,"}\n'),
    ],
)
def test_formats_give_the_same_columns(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    assert read_table(tmp_path / name, ["text"], ["label", "other"]).columns == {
        "text": ["x", "y,"],
        "label": ["1", "0"],
    }


def test_parquet_gives_text_columns(tmp_path: Path) -> None:
    write_parquet(tmp_path / "t.parquet")
    table = read_table(tmp_path / "t.parquet", ["text"], ["label"])
    assert table.columns == {"text": ["x", "y,\n"], "label": ["1", "0"]}


def test_null_is_refused_with_its_row_where_a_text_is_needed(tmp_path: Path) -> None:
    pq.write_table(pa.table({"text": ["x", None]}), tmp_path / "t.parquet")
    with pytest.raises(DataError, match=r"t\.parquet, row 2: 'text' is null"):
        read_table(tmp_path / "t.parquet", ["text"])


def test_a_column_of_lists_is_refused_where_texts_are_needed(tmp_path: Path) -> None:
    pq.write_table(pa.table({"text": [["x"]]}), tmp_path / "t.parquet")
    with pytest.raises(DataError, match=r"t\.parquet: column 'text' is of type list"):
        read_table(tmp_path / "t.parquet", ["text"])


LABELS = st.one_of(st.none(), st.booleans(), st.integers(-1, 3), st.sampled_from(["yes", "no", ""]))
HELD = st.dictionaries(st.just("label"), LABELS)  # a label, null or none at all


@given(st.lists(HELD, min_size=1, max_size=6))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_json_lines_have_the_columns_of_all_lines_and_nothing_is_empty(tmp_path: Path, held: list[dict]) -> None:
    (tmp_path / "t.jsonl").write_text("".join(json.dumps({"text": "x", **entry}) + "\n" for entry in held))
    labels = [entry.get("label") for entry in held]
    written = ["" if label is None else str(label).lower() for label in labels]
    expected = {"text": ["x"] * len(held), **({"label": written} if any(held) else {})}
    assert read_table(tmp_path / "t.jsonl", ["text"], ["label"]).columns == expected
    assert column_names(tmp_path / "t.jsonl") == list(expected)


@pytest.mark.parametrize("labels", [[1, None, 0], [None, None, None], [True, None, False], ["a", None, ""]])
def test_null_is_empty_in_parquet_where_a_value_may_be_lacking(tmp_path: Path, labels: list) -> None:
    pq.write_table(pa.table({"text": ["x", "y", "z"], "label": labels}), tmp_path / "t.parquet")
    expected = ["" if label is None else str(label).lower() for label in labels]
    assert read_table(tmp_path / "t.parquet", ["text"], ["label"]).columns["label"] == expected


def test_rows_that_are_picked_are_numbered_anew(tmp_path: Path) -> None:
    (tmp_path / "t.tsv").write_text("text\na\nb\nc\n")
    picked = read_table(tmp_path / "t.tsv", ["text"]).rows(np.array([0, 2]))
    assert (picked.columns, picked.lines, picked.numbers) == ({"text": ["a", "c"]}, [2, 4], [0, 1])


UNUSED = [{"text": "x", "votes": ["a", "b"], "vector": [0.5], "more": None}, {"text": "y", "votes": [], "vector": None}]


def test_columns_that_are_not_read_may_hold_anything(tmp_path: Path) -> None:
    pq.write_table(pa.Table.from_pylist(UNUSED), tmp_path / "t.parquet")
    (tmp_path / "t.jsonl").write_text("".join(json.dumps(row) + "\n" for row in UNUSED))
    for name in ("t.parquet", "t.jsonl"):
        assert read_table(tmp_path / name, ["text"]).columns == {"text": ["x", "y"]}


@given(st.lists(FIELDS.map(lambda text: re.sub('[",\r]', "", text) + "."), max_size=8), st.booleans())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_lines_of_a_csv_end_at_line_feeds_alone(tmp_path: Path, texts: list[str], crlf: bool) -> None:
    rows = ["text,label", *(f"{text},1" for text in [*texts, "a\u2028b", "a\x85b", "a\x0cb", "a\x1eb"])]
    (tmp_path / "t.csv").write_bytes((("\r\n" if crlf else "\n").join(rows)).encode())
    table = read_table(tmp_path / "t.csv", ["text"])
    assert table.columns["text"] == [row[:-2] for row in rows[1:]]
    assert table.lines == list(range(2, len(rows) + 1))


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("t.tsv", b"text\tlabel\nx\n", r"t\.tsv:2: got '1 fields: x', expected 2 fields between tabs: text, label"),
        ("t.tsv", b"text\tlabel\nx\t1\t2\n", r"t\.tsv:2: got '3 fields"),
        ("t.tsv", b"text\tlabel\n\nx\t1\n", r"t\.tsv:2: got '1 fields"),
        ("t.tsv", b"text\tlabel\nx\t\xff\n", r"t\.tsv:2: .*expected text in UTF-8"),
        ("t.tsv", b"label\tx\n", r"has no column 'text'; its columns are label, x"),
        ("t.csv", b"text,label\nx\n", r"t\.csv:2: .*expected 2 fields between commas"),
        ("t.csv", b'text,label\n"x,1\n', r"t\.csv:\d: "),
        ("t.csv", b'"text,label\n', r"t\.csv:\d: "),
        ("t.csv", b"text,label\nx\ry,1\n", r"t\.csv:2: "),
        ("t.jsonl", b'{"text": "x"}\n[]\n', r"t\.jsonl:2: got '\[\]', expected a JSON object"),
        ("t.jsonl", b'{"text": "x"}\n{"text": null}\n', r"t\.jsonl:2: .*a text or number under 'text'"),
        ("t.jsonl", b'{"label": 1}\n{"text": "x"}\n', r"t\.jsonl:1: .*a text or number under 'text'"),
        ("t.jsonl", b'{"text": "x"}\n{"text"\n', r"t\.jsonl:2"),
        ("t.jsonl", b'{"text": "x"}\n{"text": "\\ud800"}\n', r"t\.jsonl:2: .*a text or number under 'text'.*surrogate"),
        ("t.jsonl", b'{"text": "x", "text": "y"}\n', r"t\.jsonl:1: .*'text' once"),
        ("t.parquet", b"PAR1", r"t\.parquet is not a Parquet file"),
        ("t.xlsx", b"", "none of the known suffixes"),
    ],
)
def test_malformed_tables_are_refused_with_their_line(tmp_path: Path, name: str, content: bytes, said: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises((DataError, FileFormatError), match=said):
        read_table(tmp_path / name, ["text"])

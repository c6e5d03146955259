"""The survey of JSON lines, against the same question asked line by line."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rankdistill.data.kernels.json_lines import Survey, survey

PIECES = ["{", "}", "[", "]", " ", "\t", "\r", "\n", "null", '"{"', "x", "\0", "\x0c", "é"]


def by_line(data: bytes) -> Survey:
    lines = [line.strip(b" \t\r") for line in data.split(b"\n")]
    lines = [line for line in lines if line]
    objects = all(line.startswith(b"{") and line.endswith(b"}") for line in lines)
    return Survey(len(lines), objects, max((line.count(b"{") + line.count(b"[") for line in lines), default=0))


@given(st.lists(st.sampled_from(PIECES)).map("".join))
def test_lines_are_counted_and_those_that_are_no_objects_are_seen(text):
    assert survey(text.encode()) == by_line(text.encode())


@pytest.mark.parametrize(
    ("text", "all_objects"), [("", True), ("{}\n\n {} \r\n", True), ("3\n{}\n", False), ("{}\n{} 3", False)]
)
def test_a_file_of_objects_is_told_from_others(text, all_objects):
    assert survey(text.encode()).all_objects == all_objects

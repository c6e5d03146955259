"""Parsing in kernels: numbers as Python reads them, pieces whose borders do not show."""

import itertools
import math
import struct

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from rankdistill.data import read_run
from rankdistill.data.trec import lines as trec_lines
from rankdistill.data.trec.kernels import parse_number, pieces


def parsed(text):
    data = np.frombuffer(text.encode(), np.uint8)
    return parse_number(data, 0, len(data))


DOUBLES = (
    st.integers(0, 2**64 - 1).map(lambda bits: struct.unpack("d", struct.pack("Q", bits))[0]).filter(math.isfinite)
)
DECIMALS = st.from_regex(r"[+-]?([0-9]{1,19}\.?[0-9]{0,6}|\.[0-9]{1,18})([eE][+-]?[0-9]{1,3})?", fullmatch=True)


@settings(max_examples=2000)
@given(DOUBLES.map(repr) | st.floats(1e-6, 1e6).map(repr) | DECIMALS)
@example("9007199254740993")  # half way between two doubles: to be left to others, or right
@example("0.1e-20")
@example("123456789012345678e-40")
def test_a_number_is_the_nearest_double_or_left_for_a_closer_look(text):
    value = parsed(text)
    assert math.isnan(value) or (value == float(text) and math.copysign(1, value) == math.copysign(1, float(text)))


@given(st.floats(1e-9, 1e9))
def test_scores_of_usual_size_need_no_closer_look(score):
    assert parsed(repr(score)) == score
    assert parsed(f"{score:.6f}") == float(f"{score:.6f}")


@pytest.mark.parametrize("text", ["", "+", "-", ".", "e5", "1e", "1e+", "1.2.3", "nan", "inf", "0x1", "1_0", "1e5.0"])
def test_what_is_no_number_is_left_for_a_closer_look(text):
    assert math.isnan(parsed(text))


@given(st.binary(max_size=80), st.integers(1, 9))
def test_pieces_end_behind_line_ends_and_leave_nothing_out(data, size):
    bounds = pieces(data, 0, size).tolist()
    assert bounds[0] == 0
    assert bounds[-1] == len(data)
    assert all(a < b for a, b in itertools.pairwise(bounds))
    assert all(data[end - 1] == 10 for end in bounds[1:-1])


@pytest.mark.parametrize("size", [1, 7, 40, 1 << 18])
def test_the_size_of_pieces_does_not_show(tmp_path, monkeypatch, size):
    rng = np.random.default_rng(0)
    lines = [
        f"{q}{' ' * rng.integers(1, 3)}Q0\td{d} {d} {rng.normal():.{rng.integers(0, 19)}f} t{chr(13) * (d % 2)}\n"
        for q, d in zip(rng.integers(0, 5, 300), rng.permutation(300), strict=True)
    ]
    for at in (5, 5, 90):
        lines.insert(at, "# a remark\n" if at == 90 else "\n")
    path = tmp_path / "run.trec"
    path.write_text("".join(lines), newline="")
    expected = {}
    for line in lines:
        fields = line.split()
        if len(fields) == 6:
            expected.setdefault(fields[0], {})[fields[2]] = float(np.float32(float(fields[4])))
    monkeypatch.setattr(trec_lines, "PIECE", size)
    run = read_run(path)
    lists = {q.query_id: dict(zip(q.doc_ids, q.columns["score"].tolist(), strict=True)) for q in run.queries()}
    assert lists == expected
    assert run.query_ids.to_pylist() == list(expected)


def test_a_line_beyond_the_kernel_is_read_all_the_same(tmp_path):
    path = tmp_path / "run.trec"
    path.write_text("\ufeffq Q0 é 1 0.12345678901234567890123 t\nq Q0 b 2 1e-300 t\nq Q0 c 3 -0 t\n", encoding="utf-8")
    run = read_run(path)
    assert run.doc_ids.to_pylist() == ["é", "c", "b"]
    assert run["score"].tolist() == [np.float32(0.12345678901234568), 0.0, 0.0]

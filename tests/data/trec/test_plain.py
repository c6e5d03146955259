"""Small files read in plain Python are what the reader by kernels makes of them, or are left to it."""

from __future__ import annotations

import gzip
import tempfile
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rankdistill.data.candidates import Candidates
from rankdistill.data.offsets import offsets_of
from rankdistill.data.trec import plain
from rankdistill.data.trec.forms import QRELS, RUNS
from rankdistill.data.trec.plain import PlainIds, PlainLists, read_plain
from rankdistill.data.trec.read import read_qrels, read_run

NUMBERS = ["0", "1", "2", "-1", "1.0", "+2.5", "1e3", "-.5", "7.", "1e-60", "123456789012345678901", "16777216"]
ODD = ["nan", "inf", "1e39", "1_0", "0x1", "", "x", "16777217", "0.5", "3.4028235677973366e38", "\0"]
IDS = ["a", "b", "c", "q1", "10", "9", "é", "#x", '"a"', "Q0", "pos_score", "neg_score", "\udce9"]
ids = st.sampled_from(IDS[:6]) | st.sampled_from(IDS)
numbers = st.sampled_from(NUMBERS) | st.sampled_from(NUMBERS + ODD)
breaks = st.sampled_from(["\n", "\n", "\n", "\r\n", "\n\n", " \n", "\n# said\n"])


@st.composite
def files(draw: st.DrawFn, shapes: tuple[tuple[str, ...], ...]) -> bytes:
    """Lines of mostly one shape, whose fields are ids (i), numbers (n) or as they are."""
    shape = draw(st.sampled_from(shapes))
    blank = draw(st.sampled_from([" ", " ", "\t", "  "]))
    lines = [draw(st.sampled_from(["", "", "", "\ufeff", "# qid docid score\n", "query-id\tcorpus-id\tscore\n"]))]
    for _ in range(draw(st.integers(0, 8))):
        parts = [draw(ids) if part == "i" else draw(numbers) if part == "n" else part for part in shape]
        if draw(st.integers(0, 30)) == 0:
            parts = parts[:-1]
        lines.append(blank.join(parts) + draw(breaks))
    return "".join(lines).encode(errors="surrogateescape")


def same(read: PlainLists, path: Path, column: str) -> None:
    """The other reader gives the same, and has nothing to say."""
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        other = read_run(path) if column == "score" else read_qrels(path)
    ranked = read.ranked(column) if column == "score" else read
    assert ranked.query_ids == other.query_ids.to_pylist()
    assert ranked.offsets.tolist() == other.offsets.tolist()
    assert [doc.decode() for doc in ranked.doc_ids] == other.doc_ids.to_pylist()
    assert ranked[column].tobytes() == other[column].tobytes()
    assert not told or "rise down its lists" in str(told[0].message)


@given(files((("i", "Q0", "i", "1", "n", "t"), ("i", "i", "1", "n"), ("i", "i", "n"), ("n", "n", "i", "i", "i"))))
def test_a_small_run_is_read_as_the_kernels_read_it(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run"
        path.write_bytes(data)
        read = read_plain(path, RUNS, "score")
        if read is not None:
            same(read, path, "score")


@given(files((("i", "0", "i", "n"), ("i", "i", "n"))))
def test_small_judgments_are_read_as_the_kernels_read_them(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "qrels"
        path.write_bytes(data)
        read = read_plain(path, QRELS, "label")
        if read is not None:
            same(read, path, "label")


def test_an_ordinary_file_is_read_plain_or_gzipped(tmp_path: Path) -> None:
    text = b"q1 Q0 d1 1 2.5 t\nq2 Q0 d1 1 1 t\nq1 Q0 d2 2 2.5 t\n"
    (tmp_path / "run.trec").write_bytes(text)
    (tmp_path / "run.trec.gz").write_bytes(gzip.compress(text))
    for path in tmp_path.iterdir():
        read = read_plain(path, RUNS, "score")
        assert read is not None
        same(read, path, "score")
        assert read.ranked("score").doc_ids == [b"d2", b"d1", b"d1"]


@pytest.mark.parametrize(
    "text",
    [
        "q1 d1 1\nq1 d2 2\n",  # ranks, in the form of MS MARCO
        "q1 Q0 d1 1 2.5 t\nq1 Q0 d1 2 2 t\n",  # a document twice
        "q1 Q0 d1 1 2.5 t\nq1 Q0 d2 2 x t\n",
        "q1\tQ0\ta document\t1\t2.5\tt\n",
        '{"q1": {"d1": 1.0}}\n',
        "",
    ],
)
def test_what_is_not_ordinary_is_left_to_the_other_reader(tmp_path: Path, text: str) -> None:
    (tmp_path / "run").write_text(text)
    assert read_plain(tmp_path / "run", RUNS, "score") is None


def test_large_files_and_folders_are_left_to_the_other_reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "run").write_text("q1 Q0 d1 1 2.5 t\n")
    assert read_plain(tmp_path / "run", RUNS, "score") is not None
    assert read_plain(tmp_path, RUNS, "score") is None
    assert read_plain(tmp_path / "none", RUNS, "score") is None
    monkeypatch.setattr(plain, "SMALL", 10)
    assert read_plain(tmp_path / "run", RUNS, "score") is None


lists = st.dictionaries(
    st.sampled_from(["q1", "q2", "q3"]),
    st.dictionaries(st.sampled_from(["a", "b", "10", "9", "é"]), st.integers(-2, 2).map(float), min_size=1),
)


def plain_lists(given_lists: dict[str, dict[str, float]], column: str) -> PlainLists:
    values = np.array([value for each in given_lists.values() for value in each.values()], np.float32)
    doc_ids = [doc.encode() for each in given_lists.values() for doc in each]
    offsets = offsets_of([len(each) for each in given_lists.values()])
    return PlainLists(PlainIds(given_lists), offsets, doc_ids, {column: values})


def content(of: PlainLists | Candidates) -> list[object]:
    found = of.to_candidates() if isinstance(of, PlainLists) else of
    columns = {name: values.tobytes() for name, values in found.columns.items()}
    return [found.query_ids.to_pylist(), found.offsets.tolist(), found.doc_ids.to_pylist(), columns]


@given(lists, lists, st.integers(1, 4))
def test_lists_are_ranked_cut_and_joined_as_candidates_are(
    one: dict[str, dict[str, float]], other: dict[str, dict[str, float]], k: int
) -> None:
    run, qrels = plain_lists(one, "score"), plain_lists(other, "label")
    in_arrow = run.to_candidates()
    assert content(run.ranked("score")) == content(in_arrow.ranked("score"))
    assert content(run.top_k(k, "score")) == content(in_arrow.top_k(k, "score"))
    joined, expected = (lists["label"] for lists in (run.join(qrels, "label"), in_arrow.join(qrels.to_candidates())))
    np.testing.assert_array_equal(joined, expected)
    (ids, rows), (arrow_ids, arrow_rows) = run.distinct_documents(), in_arrow.distinct_documents()
    assert (ids, rows.tolist()) == (arrow_ids.to_pylist(), arrow_rows.tolist())

"""Candidates as Parquet: the round trip is exact, groups end where queries end, and other files are explained."""

import math

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rankdistill.data import Candidates, read_candidates, read_run, write_candidates
from rankdistill.errors import DataError, UsageError
from rankdistill.files.atomic import atomic_path

ids = st.text(min_size=1, max_size=4).filter(lambda text: text.isprintable())
values = st.floats(width=32)
lists = st.dictionaries(ids, st.dictionaries(ids, values, min_size=1, max_size=5), max_size=5)


def assert_equal(one, other):
    assert one.query_ids.equals(other.query_ids)
    assert one.doc_ids.equals(other.doc_ids)
    assert one.offsets.tolist() == other.offsets.tolist()
    assert list(one.columns) == list(other.columns)
    for name in one.columns:
        np.testing.assert_array_equal(one[name], other[name])


@given(lists=lists, rows_per_group=st.integers(1, 8))
def test_candidates_read_back_exactly_whatever_the_size_of_row_groups(tmp_path_factory, lists, rows_per_group):
    path = tmp_path_factory.mktemp("table") / "c.parquet"
    made = Candidates.from_dict(lists, "v")
    made = made.with_columns(w=np.arange(len(made)), bm25=np.full(len(made), np.nan))
    write_candidates(made, path, rows_per_group=rows_per_group)
    assert_equal(read_candidates(path), made)
    groups = [set(pq.ParquetFile(path).read_row_group(i)["query_id"].to_pylist()) for i in range(_n_groups(path))]
    assert sum(map(len, groups)) == made.n_queries


def _n_groups(path):
    return pq.ParquetFile(path).num_row_groups


def test_a_real_run_survives(shared_data, tmp_path):
    run = read_run(shared_data / "cranfield" / "runs" / "bm25.depth100.trec.gz", column="bm25")
    write_candidates(run, tmp_path / "run.parquet", rows_per_group=1000)
    assert_equal(read_candidates(tmp_path / "run.parquet"), run)
    assert _n_groups(tmp_path / "run.parquet") > 1


def test_queries_without_candidates_do_not_come_back(tmp_path):
    made = Candidates(["p", "q", "r"], np.array([0, 0, 2, 2]), ["a", "b"], {"v": np.array([1.0, 2.0])})
    for rows_per_group in (1, 100):
        write_candidates(made, tmp_path / "c.parquet", rows_per_group)
        back = read_candidates(tmp_path / "c.parquet")
        assert (back.query_ids.to_pylist(), back.doc_ids.to_pylist()) == (["q"], ["a", "b"])


def test_tables_of_other_tools_are_read_grouped_with_nulls_as_nan(tmp_path):
    columns = {"query_id": ["q", "r", "q"], "doc_id": ["a", "a", "b"], "label": [1, None, 3], "s": [0.5, 1.5, None]}
    pq.write_table(pa.table(columns), tmp_path / "t.parquet")
    back = read_candidates(tmp_path / "t.parquet")
    assert back.doc_ids.to_pylist() == ["a", "b", "a"]
    assert back["label"].tolist()[:2] == [1.0, 3.0]
    assert math.isnan(back["label"][2])
    assert math.isnan(back["s"][1])


@pytest.mark.parametrize(
    ("columns", "says"),
    [
        ({"query_id": ["q"], "document": ["a"]}, "no 'doc_id'"),
        ({"query_id": ["q"], "doc_id": ["a"], "text": ["word"]}, "'text' is of type string"),
        ({"query_id": ["q", "q"], "doc_id": ["a", "a"]}, "duplicate document in a list: query 'q', document 'a'"),
        ({"query_id": ["q", None], "doc_id": ["a", "b"]}, "without an id"),
    ],
)
def test_tables_that_are_no_candidates_are_explained_with_their_path(tmp_path, columns, says):
    pq.write_table(pa.table(columns), tmp_path / "t.parquet")
    with pytest.raises(DataError, match=says) as caught:
        read_candidates(tmp_path / "t.parquet")
    assert str(tmp_path / "t.parquet") in str(caught.value)


def test_missing_and_foreign_files_are_explained(tmp_path):
    with pytest.raises(DataError, match="no file"):
        read_candidates(tmp_path / "none.parquet")
    (tmp_path / "t.parquet").write_text("q Q0 a 1 1 t\n")
    with pytest.raises(DataError, match="not a Parquet file"):
        read_candidates(tmp_path / "t.parquet")


def test_a_column_named_as_the_ids_is_refused(tmp_path):
    with pytest.raises(UsageError, match="doc_id"):
        write_candidates(Candidates.from_dict({"q": {"a": 1.0}}, "doc_id"), tmp_path / "t.parquet")


def test_a_flipped_byte_of_the_rows_is_noticed(tmp_path):
    path = tmp_path / "c.parquet"
    write_candidates(Candidates.from_dict({"q": {f"d{i}": i / 7 for i in range(50)}}, "score"), path)
    whole = path.read_bytes()
    column = pq.ParquetFile(path).metadata.row_group(0).column(1)
    at = column.data_page_offset + column.total_compressed_size - 9
    path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
    with pytest.raises(
        DataError, match=r"c\.parquet is not a Parquet file, or is damaged: .*; write or fetch it again"
    ):
        read_candidates(path)


def test_a_flipped_name_of_a_column_is_noticed(tmp_path):
    path = tmp_path / "c.parquet"
    write_candidates(Candidates.from_dict({"q": {"d": 1.0}}, "score"), path)
    path.write_bytes(path.read_bytes().replace(b"score", b"scope", 1))
    with pytest.raises(DataError, match=r"c\.parquet is not a Parquet file, or is damaged: the columns are .*sco.e"):
        read_candidates(path)


def test_a_file_with_checksums_is_compared_with_them(tmp_path):
    path = tmp_path / "c.parquet"
    with atomic_path(path, sealed=True) as temporary:
        write_candidates(Candidates.from_dict({"q": {"d": 1.0}}, "score"), temporary)
    assert read_candidates(path)["score"].tolist() == [1.0]
    write_candidates(Candidates.from_dict({"q": {"d": 2.0}}, "score"), path)
    with pytest.raises(DataError, match=r"the Parquet file .*c\.parquet is damaged"):
        read_candidates(path)

"""Rows of a mapped table: those that Arrow takes, without a copy of the table."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from rankdistill.textbook.rows import take_rows

BATCHES = st.lists(st.lists(st.text(max_size=3), max_size=5), min_size=1, max_size=6).filter(any)


@given(BATCHES, st.data())
def test_rows_are_those_that_arrow_takes(batches: list[list[str]], data: st.DataObject) -> None:
    texts = [pa.array(batch, pa.large_string()) for batch in batches]
    lists = [pa.array([[text] for text in batch], pa.list_(pa.large_string())) for batch in batches]
    table = pa.table({"text": pa.chunked_array(texts), "list": pa.chunked_array(lists)})
    rows = np.array(data.draw(st.lists(st.integers(0, len(table) - 1))), np.int64)
    assert take_rows(table, rows).equals(table.take(pa.array(rows)))


def test_a_few_rows_of_a_mapped_file_take_the_memory_of_these(tmp_path: Path) -> None:
    schema = pa.schema([("text", pa.large_string())])
    with pa.ipc.new_file(str(tmp_path / "texts.arrow"), schema) as file:
        for batch in range(16):
            file.write_batch(pa.record_batch([pa.array([f"{batch}" * 999] * 1000, pa.large_string())], schema=schema))
    table = pa.ipc.open_file(pa.memory_map(str(tmp_path / "texts.arrow"))).read_all()
    usual, counting = pa.default_memory_pool(), pa.proxy_memory_pool(pa.default_memory_pool())
    pa.set_memory_pool(counting)
    try:
        beginnings = [text[:2] for text in take_rows(table, np.array([15_999, 3, 7_000]))["text"].to_pylist()]
    finally:
        pa.set_memory_pool(usual)
    assert beginnings == ["15", "00", "77"]
    assert counting.max_memory() < 100_000

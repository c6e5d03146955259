"""Rows of a table that is mapped from a file of many batches."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from rankdistill.arrays import I64
from rankdistill.data.offsets import offsets_of


def take_rows(table: pa.Table, rows: I64) -> pa.Table:
    """Take rows, int64 (M,), in this order; what is in memory is these rows, whatever the table's size.

    They are gathered batch by batch, as Arrow's own `take` first copies all batches of a column into one.
    """
    batches = table.to_batches()
    starts = offsets_of([len(batch) for batch in batches])
    order = np.argsort(rows, kind="stable")
    rising = rows[order]
    bounds = np.searchsorted(rising, starts)
    found = [
        batch.take(pa.array(rising[first:end] - start))
        for batch, start, first, end in zip(batches, starts, bounds, bounds[1:], strict=False)
        if end > first
    ]
    back = np.empty(len(rows), np.int64)
    back[order] = np.arange(len(rows))
    return pa.Table.from_batches(found, table.schema).combine_chunks().take(pa.array(back))

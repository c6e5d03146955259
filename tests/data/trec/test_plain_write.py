"""Runs written in plain Python are, byte for byte, what the writer by Arrow makes of them."""

from __future__ import annotations

import tempfile
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from rankdistill.data.offsets import offsets_of
from rankdistill.data.trec import plain_write
from rankdistill.data.trec.plain import PlainIds, PlainLists
from rankdistill.data.trec.plain_write import write_plain_run
from rankdistill.data.trec.write import write_run
from rankdistill.errors import DataError

IDS = ["a", "b", "10", "9", "é", "東京", "#x", "a b", "\u00a0", "\u2028x", "", "\x1c", "d1"]
ids = st.sampled_from(IDS[:6]) | st.sampled_from(IDS)
scores = st.floats(width=32, allow_nan=False, allow_infinity=False) | st.floats(-30, 30, width=32)


@given(
    st.dictionaries(ids, st.dictionaries(ids, scores, min_size=1, max_size=4), max_size=3),
    st.sampled_from(["run", "run.gz"]),
)
def test_the_bytes_are_those_of_the_writer_by_arrow(lists: dict[str, dict[str, float]], name: str) -> None:
    sizes = offsets_of([len(each) for each in lists.values()])
    values = np.array([value for each in lists.values() for value in each.values()], np.float32)
    doc_ids = [doc.encode() for each in lists.values() for doc in each]
    given_lists = PlainLists(PlainIds(lists), sizes, doc_ids, {"score": values})
    written, said = [], []
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings(record=True):
        warnings.simplefilter("always")
        for write, what in ((write_plain_run, given_lists), (write_run, given_lists.to_candidates())):
            try:
                write(what, Path(folder) / name, "score")  # type: ignore[operator]
                written.append((Path(folder) / name).read_bytes())
            except DataError as error:
                said.append(str(error))
    assert len(written) + len(said) == 2
    assert written[1:] == written[:1]
    assert said[1:] == said[:1]


@pytest.mark.parametrize("spread", [1e-3, 1, 1e5])
def test_ordinary_scores_are_written_here_as_arrow_writes_them(spread: float, tmp_path: Path) -> None:
    values: NDArray[np.float32] = (np.random.default_rng(0).normal(0, spread, 20_000)).astype(np.float32)
    values = np.unique(values[np.abs(values) >= plain_write.SMALLEST])
    doc_ids = [f"d{n}".encode() for n in range(len(values))]
    lists = PlainLists(PlainIds(["q"]), offsets_of([len(values)]), doc_ids, {"score": values})
    assert plain_write._texts_of(values) is not None
    write_plain_run(lists, tmp_path / "one", "score")
    write_run(lists.to_candidates(), tmp_path / "other", "score")
    assert (tmp_path / "one").read_bytes() == (tmp_path / "other").read_bytes()

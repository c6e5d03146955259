"""Labels joined to candidates: what happens to the unjudged is chosen, and said."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from rankdistill.data import Candidates, Collection
from rankdistill.errors import DataError, UnknownNameError
from rankdistill.recipes import with_labels


def test_unjudged_candidates_are_irrelevant_or_missing_as_told(
    collection: Collection, run: Candidates, capsys: pytest.CaptureFixture[str]
) -> None:
    irrelevant, missing = (with_labels(run, collection, how)["label"] for how in ("irrelevant", "missing"))
    judged = ~np.isnan(missing)
    assert 0 < judged.sum() <= run.n_queries
    assert set(missing[judged]) == {3.0}
    np.testing.assert_array_equal(irrelevant, np.nan_to_num(missing))
    said = capsys.readouterr().err
    assert f"{(~judged).sum():,} of {len(run):,} candidates are unjudged and count as irrelevant" in said
    assert "are left out" in said


def test_labels_that_cannot_be_had_are_told(collection: Collection, run: Candidates) -> None:
    with pytest.raises(DataError, match="tiny has no qrels"):
        with_labels(run, dataclasses.replace(collection, qrels=None))
    strange = Candidates.from_rows(["q1", "q2"], ["x", "y"])
    with pytest.raises(DataError, match="none of the 2 candidates has a judgment"):
        with_labels(strange, collection)
    with pytest.raises(UnknownNameError, match=r"irrelevnt.*did you mean.*irrelevant"):
        with_labels(run, collection, "irrelevnt")  # type: ignore[arg-type]

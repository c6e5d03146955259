"""Labels as GLUE takes them: each at its pair's place in its split's file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pair_tasks import write_glue

from rankdistill.data import Collection, load_collection
from rankdistill.data.candidates import Candidates
from rankdistill.data.collection import own_candidates
from rankdistill.data.sources.pairs.submission import places_in_split, write_submission
from rankdistill.errors import DataError, UsageError


@pytest.fixture(scope="module")
def rte(tmp_path_factory: pytest.TempPathFactory) -> Collection:
    return load_collection(f"glue:rte@{write_glue(tmp_path_factory.mktemp('glue'))}")


@given(rows=st.permutations(range(20)), kept=st.integers(1, 20))
def test_places_are_those_of_the_splits_file_whatever_the_order_and_part(
    rte: Collection, rows: list[int], kept: int
) -> None:
    dev = rte.in_split(own_candidates(rte), "dev")
    split, places = places_in_split(dev.take_queries(np.array(rows[:kept])), rte)
    assert split == "dev"
    assert places.tolist() == rows[:kept]


def test_labels_are_written_in_the_order_of_the_file(rte: Collection, tmp_path: Path) -> None:
    assert rte.scored_pairs is not None
    write_submission(np.array([1, 0, 1], np.float32), np.array([7, 2, 0]), rte.scored_pairs, tmp_path / "RTE.tsv")
    expected = "index\tprediction\n0\tnot_entailment\n2\tentailment\n7\tnot_entailment\n"
    assert (tmp_path / "RTE.tsv").read_text() == expected


def test_pairs_of_several_splits_are_refused(rte: Collection) -> None:
    with pytest.raises(UsageError, match="these pairs are of train, dev: choose one by --split"):
        places_in_split(own_candidates(rte), rte)


def test_pairs_of_two_rows_are_refused(rte: Collection) -> None:
    with pytest.raises(DataError, match="query 'dev-0', document 'dev-1' is no pair of glue:rte"):
        places_in_split(Candidates.from_rows(["dev-0"], ["dev-1"]), rte)

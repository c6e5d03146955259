"""Three-column runs: whether the third column is a rank or a score is told by the data, by the file, or asked."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rankdistill.data import read_ranking, read_run
from rankdistill.errors import FileFormatError, UsageError

RANKS = {
    "counted from 1": [[1, 2, 3], [1, 2]],
    "counted from 0, as PyTerrier does": [[0, 1, 2], [0, 1]],
    "a list of one candidate": [[1, 2, 3], [1]],
    "lists of one candidate alone": [[1], [1]],
    "written as decimals": [["1.0", "2.0"], ["1.0", "2.0", "3.0"]],
}
SCORES = {
    "whole, best first": [[98, 85, 40], [91, 66]],
    "whole, in no order": [[40, 98, 85], [66, 91, 7]],
    "fractions": [[0.5, 0.25], [0.75, 0.125]],
    "fractions, worst first": [[0.25, 0.5], [0.125, 0.75]],
    "below 0": [[-1, -2], [-3, -5]],
    "grades of a judge": [[3, 0, 2, 2, 0], [0, 0, 3, 1, 2], [1, 1, 0, 2, 1]],
    "one list that counts by chance": [[9, 4, 4], [8, 2, 6], [1, 2]],
    "a whole one among fractions": [[0.5, 0.25, 1], [1, 2]],
    "one candidate each": [[57], [3]],
    "all the same": [[1, 1, 1], [0, 0]],
    "beyond the digits of a kernel": [["0.12345678901234567890123", "1e-300"], ["123456789012345678901", "5"]],
}
EITHER = {
    "with a gap": [[1, 2, 4], [1, 2, 3]],
    "with gaps everywhere": [[1, 3, 7], [2, 4]],
    "ranks out of order, or Borda's points": [[2, 1, 3], [3, 1, 2]],
    "falling to 1": [[3, 2, 1], [2, 1]],
    "with ties": [[1, 1, 3], [1, 2, 2]],
    "from another number": [[11, 12, 13], [11, 12]],
    "of two lists, one after the other": [[1, 2, 3, 1, 2, 3], [1, 2, 1, 2]],
    "one list that no ranks could make": [[1, 2, 3], [1, 2, 3, 4], [7, 3]],
    "one fraction among ranks": [[1, 2, 3], [1, 2, 3], [1, 2.5, 3]],
    "1 2 and 1 1": [[1, 2], [1, 1]],
}


def written(tmp_path, lists, head=""):
    path = tmp_path / "run.tsv"
    lines = [f"q{q}\td{d}\t{value}\n" for q, values in enumerate(lists) for d, value in enumerate(values)]
    path.write_text(head + "".join(lines))
    return path


def as_lists(run):
    naive = [dict(zip(q.doc_ids, q.columns["score"].tolist(), strict=True)) for q in run.queries()]
    return [[scores[f"d{d}"] for d in range(len(scores))] for scores in naive]


def as_float32(lists, sign=1):
    return [[float(np.float32(sign * float(value))) for value in values] for values in lists]


@pytest.mark.parametrize("lists", RANKS.values(), ids=RANKS)
def test_numbers_that_count_up_in_every_list_are_ranks(tmp_path, lists):
    assert as_lists(read_run(written(tmp_path, lists))) == as_float32(lists, -1)


@pytest.mark.parametrize("lists", SCORES.values(), ids=SCORES)
def test_numbers_that_cannot_be_ranks_are_scores(tmp_path, lists):
    path = written(tmp_path, lists)
    assert as_lists(read_run(path)) == as_float32(lists)
    assert read_ranking(path).query_ids.to_pylist() == [f"q{q}" for q in range(len(lists))]


@pytest.mark.parametrize("lists", EITHER.values(), ids=EITHER)
def test_what_may_be_either_is_asked_for_and_what_is_said_is_done(tmp_path, lists):
    path = written(tmp_path, lists)
    with pytest.raises(
        FileFormatError, match=r"run\.tsv:\d+: got .* in the list of 'q\d'.*--third-column rank or score"
    ):
        read_run(path)
    assert as_lists(read_run(path, third_column="score")) == as_float32(lists)
    if all(isinstance(value, int) for values in lists for value in values):
        assert as_lists(read_run(path, third_column="rank")) == as_float32(lists, -1)
    else:
        with pytest.raises(FileFormatError, match="expected an integer rank"):
            read_run(path, third_column="rank")


@pytest.mark.parametrize("head", ["# qid docid {}\n", "qid\tdocid\t{}\n", "\n#query-id corpus-id {}\n", "QID PID {}\n"])
def test_a_first_line_that_names_the_columns_decides(tmp_path, head):
    lists = EITHER["falling to 1"]
    assert as_lists(read_run(written(tmp_path, lists, head.format("score")))) == as_float32(lists)
    assert as_lists(read_run(written(tmp_path, lists, head.format("rank")))) == as_float32(lists, -1)


def test_a_remark_of_three_words_decides_nothing(tmp_path):
    path = written(tmp_path, RANKS["counted from 1"], "# sorted by score\n")
    assert as_lists(read_run(path)) == as_float32(RANKS["counted from 1"], -1)


def test_the_message_names_the_first_list_that_differs_and_its_line(tmp_path):
    with pytest.raises(FileFormatError, match=r":4: got \"1, 2, 4 in the list of 'q1', while in 1 of 2 lists"):
        read_run(written(tmp_path, [[1, 2, 3], [1, 2, 4]]).rename(tmp_path / "other"))


def test_another_third_column_is_refused(tmp_path):
    with pytest.raises(UsageError, match="third column 'ranks'; did you mean 'rank'"):
        read_run(written(tmp_path, [[1]]), third_column="ranks")


@given(st.lists(st.lists(st.integers(-3, 6), min_size=2, max_size=5), min_size=1, max_size=4))
def test_no_list_is_ever_turned_over_unless_every_list_counts_up(tmp_path_factory, lists):
    path = written(tmp_path_factory.mktemp("any"), lists)
    counts = any(all(v == list(range(base, base + len(v))) for v in lists) for base in (0, 1))
    try:
        read = as_lists(read_run(path))
    except FileFormatError:
        assert not counts
        return
    assert read == as_float32(lists, -1 if counts else 1)

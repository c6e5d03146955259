"""Candidates: every operation against a reference of dicts, written to be obviously right."""

import math

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rankdistill.data import Candidates, concatenate
from rankdistill.errors import DataError, UnknownNameError, UsageError

ids = st.text("abcé0", min_size=1, max_size=2)
values = st.sampled_from([0.0, 1.0, 2.0, -1.5, math.nan]) | st.floats(width=32, allow_nan=False)
lists = st.dictionaries(ids, st.dictionaries(ids, values, min_size=1, max_size=6), max_size=5)
some_lists = st.dictionaries(ids, st.dictionaries(ids, values, min_size=1, max_size=6), min_size=1, max_size=5)


def as_lists(candidates, column="v"):
    """[(query, [(document, value)])] with NaN as None, so that it can be compared."""
    return [
        (
            query.query_id,
            [
                (d, None if math.isnan(v) else v)
                for d, v in zip(query.doc_ids, query.columns[column].tolist(), strict=True)
            ],
        )
        for query in candidates.queries()
    ]


def from_lists(lists):
    return [
        (query, [(d, None if math.isnan(v) else v) for d, v in documents.items()])
        for query, documents in lists.items()
        if documents
    ]


def naive_ranking(documents):
    """Falling value, then falling document id as bytes; missing values last, falling document id too."""
    return sorted(
        documents,
        key=lambda pair: (pair[1] is not None, 0 if pair[1] is None else pair[1], pair[0].encode()),
        reverse=True,
    )


@given(lists=lists, seed=st.integers(0, 5))
def test_rows_are_grouped_by_query_in_order_of_appearance_and_keep_their_order(lists, seed):
    rows = [(q, d, v) for q, documents in lists.items() for d, v in documents.items()]
    np.random.default_rng(seed).shuffle(rows)
    expected: dict = {}
    for query, document, value in rows:
        expected.setdefault(query, {})[document] = float(value)
    made = Candidates.from_rows([r[0] for r in rows], [r[1] for r in rows], {"v": [float(r[2]) for r in rows]})
    assert as_lists(made) == from_lists(expected)
    assert made.row_query_ids.to_pylist() == [q for q, documents in expected.items() for _ in documents]


@given(lists=lists)
def test_ranking_is_by_falling_value_then_falling_id_with_missing_last(lists):
    ranked = Candidates.from_dict(lists, "v").ranked("v")
    assert as_lists(ranked) == [(q, naive_ranking(documents)) for q, documents in from_lists(lists)]


@given(lists=lists, k=st.integers(1, 4))
def test_top_k_is_the_head_of_the_ranking(lists, k):
    top = Candidates.from_dict(lists, "v").top_k(k, by="v")
    assert as_lists(top) == [(q, naive_ranking(documents)[:k]) for q, documents in from_lists(lists)]


@given(lists=lists, others=lists)
def test_join_adds_the_value_of_the_same_pair_and_nan_elsewhere(lists, others):
    joined = Candidates.from_dict(lists, "v").join(Candidates.from_dict(others, "w"))
    assert as_lists(joined, "v") == from_lists(lists)
    expected = {q: {d: others.get(q, {}).get(d, math.nan) for d in documents} for q, documents in lists.items()}
    assert as_lists(joined, "w") == from_lists(expected)


@given(lists=lists, data=st.data())
def test_take_rows_keeps_the_rows_of_a_mask_or_of_indices_in_the_order_given(lists, data):
    made = Candidates.from_dict(lists, "v")
    rows = [(q, pair) for q, documents in from_lists(lists) for pair in documents]
    kept = data.draw(st.permutations(range(len(rows))))[: data.draw(st.integers(0, len(rows)))]

    def naive(order):
        return [
            (q, [rows[i][1] for i in order if rows[i][0] == q]) for q in lists if any(rows[i][0] == q for i in order)
        ]

    assert as_lists(made.take_rows(np.array(kept, np.int64))) == naive(kept)
    mask = np.isin(np.arange(len(rows)), kept)
    assert as_lists(made.take_rows(mask)) == naive(sorted(kept))


@given(lists=some_lists, data=st.data())
def test_take_queries_takes_ids_indices_or_a_mask(lists, data):
    made = Candidates.from_dict(lists, "v")
    kept = data.draw(st.permutations(list(lists)))[: data.draw(st.integers(0, len(lists)))]
    expected = from_lists({q: lists[q] for q in kept})
    assert as_lists(made.take_queries(kept)) == expected
    assert as_lists(made.take_queries(pa.array(kept, pa.large_string()))) == expected
    assert as_lists(made.take_queries(np.array([list(lists).index(q) for q in kept], np.int64))) == expected
    mask = np.array([q in kept for q in lists], bool)
    assert as_lists(made.take_queries(mask)) == from_lists({q: d for q, d in lists.items() if q in kept})


@given(lists=some_lists, cut=st.integers(0, 5))
def test_concatenating_the_parts_gives_the_whole(lists, cut):
    made = Candidates.from_dict(lists, "v")
    queries = list(lists)
    parts = [made.take_queries(queries[:cut]), made.take_queries(queries[cut:])]
    assert as_lists(concatenate(parts)) == from_lists(lists)


def test_a_query_in_two_parts_cannot_be_concatenated():
    made = Candidates.from_dict({"q": {"a": 1.0}}, "v")
    with pytest.raises(DataError, match="more than one"):
        concatenate([made, made])


def test_a_document_twice_in_a_list_is_named():
    with pytest.raises(DataError, match="duplicate document in a list: query 'q2', document 'a' \\(1 duplicates"):
        Candidates.from_rows(["q1", "q2", "q2"], ["a", "a", "a"], {})


def test_columns_are_shared_and_never_changed_in_place():
    made = Candidates.from_dict({"q": {"a": 1.0, "b": 2.0}}, "v")
    more = made.with_columns(w=[3, 4])
    assert more["v"] is made["v"]
    assert list(made.columns) == ["v"]
    assert list(more.only_columns("w").columns) == ["w"]
    assert more["w"].dtype == np.float32


def test_an_unknown_column_a_wrong_length_and_wrong_offsets_are_explained():
    made = Candidates.from_dict({"q": {"a": 1.0, "b": 2.0}}, "score")
    with pytest.raises(UnknownNameError, match="did you mean 'score'"):
        made["scores"]
    with pytest.raises(UsageError, match="one value a candidate"):
        made.with_columns(w=[1.0])
    with pytest.raises(UsageError, match="offsets"):
        Candidates(["q"], np.array([0, 3]), ["a", "b"])
    with pytest.raises(UsageError, match="k must be"):
        made.top_k(0, by="score")
    with pytest.raises(DataError, match="'r'"):
        made.take_queries(["q", "r"])


def test_equal_infinities_are_ties_too():
    made = Candidates.from_dict({"q": {"a": math.inf, "c": math.inf, "b": -math.inf, "d": -math.inf}}, "v")
    assert made.ranked("v").doc_ids.to_pylist() == ["c", "a", "d", "b"]


def test_taking_nothing_gives_no_candidates():
    made = Candidates.from_dict({"q": {"a": 1.0}}, "v")
    assert len(made.take_rows([])) == made.take_rows([]).n_queries == 0
    with pytest.raises(UsageError, match="at least one"):
        concatenate([])


def test_queries_without_candidates_keep_their_place_until_rows_are_taken():
    made = Candidates(["p", "q", "r"], np.array([0, 0, 2, 2]), ["a", "b"], {"v": np.array([1.0, 2.0])})
    assert made.n_queries == 3
    assert [len(query) for query in made.queries()] == [0, 2, 0]
    assert made.ranked("v").doc_ids.to_pylist() == ["b", "a"]
    assert made.take_queries(["r", "q"]).offsets.tolist() == [0, 0, 2]


def test_candidates_cannot_be_iterated_as_their_length_counts_rows() -> None:
    lists = Candidates.from_dict({"q1": {"a": 1.0, "b": 2.0}, "q2": {"a": 1.0}}, "score")
    with pytest.raises(TypeError, match="not iterable"):
        list(lists)  # type: ignore[call-overload]
    assert (len(lists), [query.query_id for query in lists.queries()]) == (3, ["q1", "q2"])


@pytest.mark.parametrize(
    ("row", "pair"), [(0, "query 'q1', document 'a'"), (1, "query 'q1', document 'b'"), (2, "query 'q3', document 'a'")]
)
def test_a_row_is_named_by_its_query_and_document(row: int, pair: str) -> None:
    assert Candidates(["q1", "q2", "q3"], np.array([0, 2, 2, 3]), ["a", "b", "a"]).pair_at(row) == pair


def test_the_column_of_scores_is_the_only_one_or_must_be_chosen() -> None:
    lists = Candidates.from_dict({"q": {"a": 1.0}}, "bm25")
    assert lists.score_column() == "bm25"
    with pytest.raises(UsageError, match=r"got bm25, model: choose one by its name"):
        lists.with_columns(model=[1.0]).score_column()
    with pytest.raises(UsageError, match="got none"):
        lists.only_columns().score_column()
    assert lists.score_column("another") == "another"


def test_rows_named_by_dictionaries_are_grouped_as_rows_named_by_strings() -> None:
    """Grouped rows or not, dictionaries in order or not, with values that no row has, and of several chunks."""
    for queries in (["b", "b", "a"], ["b", "a", "b"], ["a"], []):
        for dictionary in (["b", "a"], ["a", "b"], ["c", "b", "a"]):
            indices = pa.array([dictionary.index(query) for query in queries], pa.int32())
            encoded = pa.DictionaryArray.from_arrays(indices, pa.array(dictionary))
            documents = [f"d{n}" for n in range(len(queries))]
            expected = Candidates.from_rows(queries, documents)
            for ids in (encoded, pa.chunked_array([encoded[:1], encoded[1:]], encoded.type)):
                found = Candidates.from_rows(ids, documents)
                assert found.query_ids.to_pylist() == expected.query_ids.to_pylist()
                assert found.doc_ids.to_pylist() == expected.doc_ids.to_pylist()
                assert found.offsets.tolist() == expected.offsets.tolist()

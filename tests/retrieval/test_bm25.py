"""BM25: scores against a naive float64 reference on real text, ties, queries that find nothing, saved indexes."""

import math
import warnings
from collections import Counter

import numpy as np
import pytest

from rankdistill.data import Collection, Texts, load_collection
from rankdistill.errors import DataError, UnknownNameError, UsageError
from rankdistill.retrieval import RETRIEVERS, retriever
from rankdistill.retrieval.bm25 import BM25Index, bm25
from rankdistill.retrieval.terms import terms


def texts(pairs):
    return Texts.from_pairs(list(pairs), list(pairs.values()))


def collection(queries, documents):
    return Collection("made", texts(queries), texts(documents))


def naive_bm25(query, documents, k1, b):
    """{doc_id: score} of the documents that share a term with the query, in float64, term by term."""
    bags = {doc_id: Counter(terms(text)) for doc_id, text in documents}
    mean = sum(bag.total() for bag in bags.values()) / len(bags)
    scores = {}
    for term in terms(query):
        n = sum(term in bag for bag in bags.values())
        idf = math.log(1 + (len(bags) - n + 0.5) / (n + 0.5))
        for doc_id, bag in bags.items():
            if term in bag:
                part = idf * bag[term] / (bag[term] + k1 * (1 - b + b * bag.total() / mean))
                scores[doc_id] = scores.get(doc_id, 0.0) + part
    return scores


@pytest.fixture(scope="module")
def cranfield(shared_data):
    return load_collection(str(shared_data / "cranfield"))


def ndcg_at_10(collection, run):
    queries = collection.qrels.queries()
    judged = {q.query_id: dict(zip(q.doc_ids, q.columns["label"].tolist(), strict=True)) for q in queries}
    found = {q.query_id: q.doc_ids for q in run.queries()}
    values = []
    for query, grades in judged.items():
        gains = [grades.get(doc_id, 0.0) for doc_id in found.get(query, [])[:10]]
        ideal = sorted(grades.values(), reverse=True)[:10]
        best = sum(g / math.log2(i + 2) for i, g in enumerate(ideal))
        if best > 0:
            values.append(sum(g / math.log2(i + 2) for i, g in enumerate(gains)) / best)
    return sum(values) / len(values)


@pytest.mark.parametrize(("k1", "b"), [(1.2, 0.75), (0.9, 0.4), (2.0, 0.0), (0.0, 1.0)])
def test_scores_equal_a_naive_reference_on_real_text(cranfield, k1, b):
    queries = cranfield.queries.ids.to_pylist()[:4]
    found = bm25(cranfield, queries, k=50, k1=k1, b=b)
    for query in found.queries():
        expected = naive_bm25(cranfield.queries[query.query_id], cranfield.documents, k1, b)
        ranked = sorted(expected, key=expected.get, reverse=True)
        np.testing.assert_allclose(query.columns["bm25"], [expected[d] for d in query.doc_ids], rtol=2e-6)
        np.testing.assert_allclose(query.columns["bm25"], [expected[d] for d in ranked[:50]], rtol=2e-6)


@pytest.mark.parametrize(("name", "published"), [("cranfield", 0.3389), ("vaswani", 0.3588)])
def test_effectiveness_is_at_least_that_of_a_plain_bm25(shared_data, name, published):
    real = load_collection(str(shared_data / name))
    assert published - 0.005 < ndcg_at_10(real, bm25(real, k=10)) < published + 0.06


def test_lists_are_ranked_cut_at_k_and_in_the_order_of_the_queries_asked_for(cranfield):
    asked = ["7", "3", "11"]
    found = bm25(cranfield, asked, k=20)
    assert found.query_ids.to_pylist() == asked
    assert np.diff(found.offsets).tolist() == [20, 20, 20]
    assert list(found.columns) == ["bm25"]
    assert found.ranked("bm25").doc_ids.equals(found.doc_ids)
    assert bm25(cranfield, asked, k=5).doc_ids.equals(found.top_k(5, "bm25").doc_ids)


def test_equal_scores_rank_the_larger_document_id_first_also_at_the_cut():
    documents = dict.fromkeys(("b", "d", "a", "e", "c"), "same words") | {"z": "other text"}
    found = bm25(collection({"q": "same words"}, documents), k=3)
    assert found.doc_ids.to_pylist() == ["e", "d", "c"]


def test_order_of_the_documents_does_not_matter(cranfield):
    ids = cranfield.documents.ids.to_pylist()[::-1]
    turned = Texts.from_pairs(ids, cranfield.documents.take(ids))
    one = BM25Index.build(cranfield.documents).search(cranfield.queries, 30)
    two = BM25Index.build(turned).search(cranfield.queries, 30)
    assert one.doc_ids.equals(two.doc_ids)
    np.testing.assert_array_equal(one["bm25"], two["bm25"])


def test_only_documents_that_share_a_term_are_found():
    found = bm25(collection({"q": "red fox"}, {"1": "red hen", "2": "blue hen", "3": "", "4": "the fox"}))
    assert sorted(found.doc_ids.to_pylist()) == ["1", "4"]


def test_queries_that_find_nothing_keep_an_empty_list_and_are_counted():
    queries = {"known": "hen", "unknown": "xyzzy", "stop": "the of", "mark": "?"}
    with pytest.warns(UserWarning, match=r"no document for 3 of 4 queries, the first is 'unknown'"):
        found = bm25(collection(queries, {"1": "red hen", "2": "blue"}))
    assert found.query_ids.to_pylist() == list(queries)
    assert np.diff(found.offsets).tolist() == [1, 0, 0, 0]


def test_queries_without_a_word_are_told_from_those_with_unknown_words():
    with pytest.warns(UserWarning, match=r"2 of 3 queries, the first is 'unknown'; 1 of them have no word to search"):
        bm25(collection({"known": "hen", "unknown": "xyzzy", "mark": "\u0301 ☕"}, {"1": "red hen"}))


def test_documents_without_a_word_are_counted_and_never_found():
    documents = {"1": "red hen", "empty": "", "marks": "\u0301\u094d", "signs": "?! 🙂", "stop": "the of"}
    with pytest.warns(UserWarning, match="4 of 5 documents have no word to index.*one is 'empty'"):
        found = bm25(collection({"q": "hen the \u0301"}, documents))
    assert found.doc_ids.to_pylist() == ["1"]


@pytest.mark.parametrize(
    ("query", "documents"),
    [
        ("猫", ["我喜欢猫。", "狗在睡觉。"]),
        ("図書館", ["昨日、図書館へ行った。", "館の図は書かない。"]),
        ("หนังสือ", ["ฉันอ่านหนังสือทุกวัน", "เขากินข้าว"]),
        ("សៀវភៅ", ["ខ្ញុំអានសៀវភៅ", "ឆ្កែ"]),
        ("စာအုပ်", ["ကျွန်တော်စာအုပ်ဖတ်တယ်", "ခွေး"]),
        ("학교", ["나는 학교에서 공부한다", "개가 잔다"]),
        ("पुस्तक", ["एक पुस्तक है", "पत्र कल"]),
        ("STRASSE", ["die lange Straße", "der Stra ein"]),
    ],
)
def test_a_word_is_found_in_scripts_with_and_without_blanks(query, documents):
    found = bm25(collection({"q": query}, {str(i): text for i, text in enumerate(documents)}))
    assert found.doc_ids.to_pylist()[0] == "0"


def test_text_that_is_not_segmented_is_said_where_it_is_common():
    english = {f"e{i}": "an english hen" for i in range(30)}
    with pytest.warns(UserWarning, match="1 of 2 documents have text without blanks between words .*Thai"):
        BM25Index.build(texts({"1": "ฉันอ่านหนังสือ", "2": "hen"}))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        BM25Index.build(texts(english | {"1": "the sign 猫"}))


def test_repeated_query_terms_count_as_often_as_they_stand_there():
    made = collection({"once": "hen", "twice": "hen hen"}, {"1": "red hen", "2": "blue"})
    once, twice = bm25(made)["bm25"]
    assert twice == pytest.approx(2 * once)


def test_saved_index_finds_the_same(cranfield, tmp_path):
    index = BM25Index.build(cranfield.documents, k1=0.9, b=0.4)
    index.save(tmp_path / "index")
    index.save(tmp_path / "index")
    again = BM25Index.load(tmp_path / "index")
    one, two = (bm25(cranfield, k=25, index=i) for i in (index, again))
    assert one.doc_ids.equals(two.doc_ids)
    np.testing.assert_array_equal(one["bm25"], two["bm25"])
    assert [path.name for path in tmp_path.iterdir()] == ["index"]


def test_a_folder_that_is_no_index_is_refused(tmp_path):
    with pytest.raises(DataError, match="nothing"):
        BM25Index.load(tmp_path / "nothing")
    (tmp_path / "format.json").write_text('{"bm25": 0}')
    with pytest.raises(DataError, match=r"of format \{'bm25': 0\}, expected \{'bm25': 3.*build it again"):
        BM25Index.load(tmp_path)


def test_wrong_use_is_refused_with_what_was_expected():
    made = collection({"q": "hen"}, {"1": "hen"})
    with pytest.raises(UsageError, match="k must be at least 1"):
        bm25(made, k=0)
    with pytest.raises(UsageError, match="b=2"):
        bm25(made, b=2)
    with pytest.raises(DataError, match="'nobody'"):
        bm25(made, ["nobody"])
    with pytest.raises(DataError, match="none of the 1 documents has a word"):
        bm25(collection({"q": "hen"}, {"1": "?"}))
    with pytest.raises(DataError, match="no documents"):
        BM25Index.build(texts({}))


def test_retrievers_are_found_by_name():
    made = collection({"q": "hen"}, {"1": "red hen", "2": "blue"})
    assert retriever("bm25")(made).doc_ids.to_pylist() == ["1"]
    assert set(RETRIEVERS) == {"bm25", "dense", "lucene"}
    with pytest.raises(UnknownNameError, match="did you mean 'bm25'"):
        retriever("bm52")

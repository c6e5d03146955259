"""Lucene: BM25 of the real Anserini where the extra [lucene] is installed."""

from importlib.util import find_spec

import numpy as np
import pytest

from rankdistill.data import Collection, Texts, load_collection
from rankdistill.errors import DataError, MissingExtraError, UnknownNameError, UsageError
from rankdistill.retrieval.bm25 import bm25
from rankdistill.retrieval.lucene import LuceneIndex, lucene

installed = find_spec("pyserini") is not None and find_spec("jnius_config") is not None
needs_lucene = pytest.mark.skipif(not installed, reason="the extra [lucene] (pyserini, pyjnius) is not installed")


def collection(queries, documents):
    return Collection("made", *(Texts.from_pairs(list(p), list(p.values())) for p in (queries, documents)))


@needs_lucene
def test_lists_agree_with_our_bm25_on_real_text(shared_data):
    real = load_collection(str(shared_data / "cranfield"))
    found = lucene(real, k=50, k1=1.2, b=0.75)
    assert list(found.columns) == ["lucene"]
    assert found.query_ids.equals(real.queries.ids)
    assert found.ranked("lucene").doc_ids.equals(found.doc_ids)
    ours = bm25(real, k=50)
    pairs = zip(found.queries(), ours.queries(), strict=True)
    shared = [len({*a.doc_ids[:10]} & {*b.doc_ids[:10]}) / 10 for a, b in pairs]
    assert np.mean(shared) > 0.7, "they differ in stemming only"


@needs_lucene
def test_equal_scores_rank_the_larger_document_id_first_also_at_the_cut():
    documents = dict.fromkeys(("b", "d", "a", "e", "c"), "same words") | {"z": "other text", "empty": " "}
    found = lucene(collection({"q": "same words"}, documents), k=3)
    assert found.doc_ids.to_pylist() == ["e", "d", "c"]


@needs_lucene
def test_query_syntax_is_text_and_queries_that_find_nothing_are_counted():
    queries = {"syntax": '+hen AND -("red"^2 OR [a TO z])~ \\', "stop": "the of", "unknown": "xyzzy"}
    with pytest.warns(UserWarning, match=r"no document for 2 of 3 queries, the first is 'stop'"):
        found = lucene(collection(queries, {"1": "red hen", "2": "blue", "ünï/çødé 3": 'a "quoted"\then'}))
    assert sorted(found.query(0).doc_ids) == ["1", "ünï/çødé 3"]
    assert np.diff(found.offsets).tolist() == [2, 0, 0]


@needs_lucene
def test_kept_index_is_loaded_and_finds_the_same(shared_data, tmp_path):
    real = load_collection(str(shared_data / "cranfield"))
    asked = ["9", "4"]
    index = LuceneIndex.build(real.documents, tmp_path / "index")
    one, two = (lucene(real, asked, k=10, index=i) for i in (index, LuceneIndex.load(tmp_path / "index")))
    assert one.query_ids.to_pylist() == asked
    assert one.doc_ids.equals(two.doc_ids)
    np.testing.assert_array_equal(one["lucene"], two["lucene"])
    assert [path.name for path in tmp_path.iterdir()] == ["index"]


@needs_lucene
def test_a_damaged_index_is_refused(tmp_path):
    made = collection({"q": "hen"}, {"1": "red hen", "2": "blue"})
    LuceneIndex.build(made.documents, tmp_path / "index")
    largest = max((tmp_path / "index" / "index").iterdir(), key=lambda path: path.stat().st_size)
    largest.write_bytes(largest.read_bytes()[:-1])
    with pytest.raises(DataError, match=rf"index is damaged: .*{largest.name} has .*build it again"):
        LuceneIndex.load(tmp_path / "index")


def test_a_folder_that_is_no_index_is_refused(tmp_path):
    with pytest.raises(DataError, match="nothing"):
        LuceneIndex.load(tmp_path / "nothing")


@needs_lucene
def test_text_of_another_language_is_read_as_told_or_said():
    made = collection({"q": "图书"}, {"1": "昨天我去图书馆。", "2": "书图"})
    with pytest.warns(UserWarning, match="2 of 2 documents have text without blanks .*Give the language"):
        assert sorted(lucene(made).doc_ids.to_pylist()) == ["1", "2"]
    assert lucene(made, language="zh").doc_ids.to_pylist() == ["1"]
    with pytest.raises(UnknownNameError, match=r"unknown language of Anserini 'zhh'; did you mean 'zh'"):
        lucene(made, language="zhh")


@needs_lucene
def test_k_below_one_is_refused():
    with pytest.raises(UsageError, match="k must be at least 1"):
        lucene(collection({"q": "hen"}, {"1": "hen"}), k=0)


@pytest.mark.skipif(installed, reason="the extra [lucene] is installed")
def test_without_pyserini_the_extra_is_named():
    with pytest.raises(MissingExtraError, match=r"rankdistill\[lucene\]"):
        lucene(collection({"q": "hen"}, {"1": "hen"}))

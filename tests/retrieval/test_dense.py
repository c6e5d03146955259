"""Dense retrieval: exact nearest neighbours, ties, saved indexes, faulty encoders."""

import sys

import numpy as np
import pytest

from rankdistill.data import Collection, Texts
from rankdistill.errors import DataError, MissingExtraError, UsageError
from rankdistill.retrieval.dense import DenseIndex, dense

pytest.importorskip("faiss", reason="the extra [dense] is not installed")

WORDS = ["red", "blue", "fox", "hen", "runs", "sleeps"]


def count_words(texts):
    """Encode a text as its counts of six words: small, deterministic, and with exact ties."""
    return np.array([[text.split().count(word) for word in WORDS] for text in texts], dtype=np.float32)


def random_vectors(texts):
    """Encode a text, which is a number, as unit vectors drawn from that seed."""
    vectors = np.stack([np.random.default_rng(int(text)).standard_normal(16) for text in texts])
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def collection(queries, documents):
    return Collection("made", *(Texts.from_pairs(list(p), list(p.values())) for p in (queries, documents)))


@pytest.fixture
def numbers():
    return collection({f"q{i}": str(10_000 + i) for i in range(20)}, {f"d{i}": str(i) for i in range(3000)})


def test_nearest_documents_are_those_of_a_full_comparison(numbers):
    found = dense(numbers, k=40, encode=random_vectors)
    documents = random_vectors([text for _, text in numbers.documents]).astype(np.float64)
    ids = np.array(numbers.documents.ids.to_pylist())
    for query in found.queries():
        scores = documents @ random_vectors([numbers.queries[query.query_id]])[0]
        assert query.doc_ids == ids[np.argsort(-scores)[:40]].tolist()
        np.testing.assert_allclose(query.columns["dense"], np.sort(scores)[::-1][:40], atol=1e-6)


def test_equal_scores_rank_the_larger_document_id_first_also_at_the_cut():
    documents = {f"d{i}": "red hen" for i in range(9)} | {"z": "blue"}
    found = dense(collection({"q": "hen", "none": "fox"}, documents), k=3, encode=count_words)
    assert found.query(0).doc_ids == ["d8", "d7", "d6"]
    assert found.query(1).doc_ids == ["z", "d8", "d7"]


def test_fewer_documents_than_k_are_all_found():
    found = dense(collection({"q": "hen"}, {"1": "hen", "2": "fox"}), k=100, encode=count_words)
    assert found.doc_ids.to_pylist() == ["1", "2"]
    assert found["dense"].tolist() == [1.0, 0.0]


def test_saved_index_finds_the_same(numbers, tmp_path):
    index = DenseIndex.build(numbers.documents, random_vectors)
    index.save(tmp_path / "index")
    asked = ["q3", "q1"]
    one = dense(numbers, asked, encode=random_vectors, index=index)
    two = dense(numbers, asked, encode=random_vectors, index=DenseIndex.load(tmp_path / "index"))
    assert one.query_ids.to_pylist() == asked
    assert one.doc_ids.equals(two.doc_ids)
    np.testing.assert_array_equal(one["dense"], two["dense"])
    with pytest.raises(DataError, match="missing"):
        DenseIndex.load(tmp_path / "missing")


@pytest.mark.parametrize("name", ["vectors.faiss", "doc_ids.arrow", "format.json", "checksums.json"])
def test_a_damaged_index_is_refused(numbers, tmp_path, name):
    DenseIndex.build(numbers.documents, random_vectors).save(tmp_path / "index")
    data = bytearray((tmp_path / "index" / name).read_bytes())
    data[len(data) // 2] ^= 0x80
    (tmp_path / "index" / name).write_bytes(data)
    with pytest.raises(DataError, match=r"damaged|not the folder of an index"):
        DenseIndex.load(tmp_path / "index")


def test_faulty_encoders_are_named():
    made = collection({"q": "hen"}, {"1": "hen", "2": "fox"})
    with pytest.raises(DataError, match=r"shape \(1, 6\) for 2 texts"):
        dense(made, encode=lambda texts: count_words(texts[:1]))
    with pytest.raises(DataError, match="NaN or infinity, the first for the text 'fox'"):
        dense(made, encode=lambda texts: np.array([[1.0] if text == "hen" else [np.nan] for text in texts]))
    index = DenseIndex.build(made.documents, count_words)
    with pytest.raises(UsageError, match="gives 16 numbers per text, the index holds 6"):
        index.search(Texts.from_pairs(["q"], ["5"]), random_vectors)


def test_without_faiss_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "faiss", None)
    with pytest.raises(MissingExtraError, match=r"rankdistill\[dense\]"):
        dense(collection({"q": "hen"}, {"1": "hen"}), encode=count_words)

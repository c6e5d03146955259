"""Long documents: windows that leave nothing out, scored each as a text of its own."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny import make_candidates, make_collection, make_model, make_tokenizer

from rankdistill.errors import UnknownNameError, UsageError
from rankdistill.inputs.tokens import TokenizedTexts
from rankdistill.inputs.windows import Windows
from rankdistill.models import CrossEncoder
from rankdistill.scoring import score
from rankdistill.scoring.score import score_with_report


def tokenized(lengths):
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    return TokenizedTexts(np.arange(offsets[-1], dtype=np.int32), offsets, np.array(lengths, np.int64))


@given(st.lists(st.integers(0, 40), min_size=1, max_size=6), st.integers(1, 12), st.data())
def test_windows_cover_every_token_in_order_and_are_full(lengths, size, data):
    stride = data.draw(st.integers(1, size))
    documents = tokenized(lengths)
    windows = Windows.over(documents, size, stride)
    for d, n in enumerate(lengths):
        rows = range(windows.firsts[d], windows.firsts[d + 1])
        parts = [documents.ids[windows.offsets[w] : windows.offsets[w] + windows.lengths[w]].tolist() for w in rows]
        assert sorted({token for part in parts for token in part}) == documents[d].tolist()
        assert all(len(part) == min(n, size) for part in parts)
        starts = [windows.offsets[w] - documents.offsets[d] for w in rows]
        assert all(0 < b - a <= stride for a, b in itertools.pairwise(starts))
        assert len(parts) == 1 + max(0, -(-(n - size) // stride))


def test_windows_of_documents_are_found_in_their_order():
    windows = Windows.over(tokenized([3, 9, 0]), 4, 2)
    rows, starts = windows.of(np.array([1, 0, 2, 1]))
    assert rows.tolist() == [1, 2, 3, 4, 0, 5, 1, 2, 3, 4]
    assert starts.tolist() == [0, 4, 5, 6]
    with pytest.raises(UsageError, match="stride from 1 to 4, got 5"):
        Windows.over(tokenized([3]), 4, 5)


MODEL = CrossEncoder(make_model(), make_tokenizer(), max_length=24)
COLLECTION = make_collection(4)
RUN = make_candidates(COLLECTION, 12)


@pytest.mark.parametrize(("passages", "combine"), [("max", max), ("mean", lambda scores: sum(scores) / len(scores))])
def test_a_document_takes_the_score_of_its_windows(passages, combine):
    tokenizer = MODEL.tokenizer
    size = (24 - 3) * 3 // 4
    expected = []
    for query in RUN.queries():
        text = COLLECTION.queries[query.query_id]
        for document in query.doc_ids:
            words = tokenizer(COLLECTION.documents[document], add_special_tokens=False)["input_ids"]
            starts = [0]
            while starts[-1] + size < len(words):
                starts.append(min(starts[-1] + size // 2, len(words) - size))
            parts = [tokenizer.decode(words[start : start + size]) for start in starts]
            expected.append(combine(MODEL.predict([(text, part) for part in parts]).tolist()))
    np.testing.assert_allclose(score(MODEL, RUN, COLLECTION, passages=passages), expected, atol=1e-5)


def test_short_documents_score_as_ever_and_chunks_do_not_show(tmp_path):
    short = CrossEncoder(make_model(), make_tokenizer(), max_length=24)
    lengths = {d: len(short.tokenizer(t, add_special_tokens=False)["input_ids"]) for d, t in COLLECTION.documents}
    few = RUN.take_rows(np.array([lengths[d] <= 12 for d in RUN.doc_ids.to_pylist()]))
    np.testing.assert_allclose(score(short, few, COLLECTION, passages="max"), score(short, few, COLLECTION), atol=1e-5)
    whole, report = score_with_report(MODEL, RUN, COLLECTION, passages="mean")
    cut, _ = score_with_report(MODEL, RUN, COLLECTION, passages="mean", chunk_pairs=5, store=tmp_path)
    np.testing.assert_allclose(whole, cut, atol=1e-5)
    assert report.n_pairs == len(RUN)
    first = score(MODEL, RUN, COLLECTION, store=tmp_path)
    assert not np.allclose(first, whole), "the store keeps ways of scoring apart"
    again, resumed = score_with_report(MODEL, RUN, COLLECTION, passages="mean", chunk_pairs=5, store=tmp_path)
    np.testing.assert_array_equal(again, cut)
    assert resumed.n_resumed == len(RUN)


def test_the_share_of_truncated_pairs_is_told_and_an_unknown_way_refused():
    _, report = score_with_report(MODEL, RUN, COLLECTION)
    assert f"{report.n_truncated:,} truncated ({report.n_truncated / len(RUN):.0%})" in str(report)
    with pytest.raises(UnknownNameError, match="'maximum'; did you mean 'max'"):
        score(MODEL, RUN, COLLECTION, passages="maximum")

"""The texts of pairs: what names a store of scores."""

from __future__ import annotations

import hashlib

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from rankdistill.data.candidates import Candidates
from rankdistill.data.collection import Collection
from rankdistill.data.texts import Texts
from rankdistill.inputs.texts import PairTexts

texts = st.text(st.characters(codec="utf-8"), max_size=5)


@given(st.lists(texts, min_size=1, max_size=4), st.lists(st.integers(0, 3), min_size=1, max_size=4, unique=True))
def test_the_hash_of_pairs_is_that_of_arrows_columns_of_their_texts(documents: list[str], taken: list[int]) -> None:
    """Stores of scores are named by this hash: another one would lose what was scored."""
    names = [f"d{row}" for row in range(len(documents))]
    collection = Collection("c", Texts.from_pairs(["q"], ["a query"]), Texts.from_pairs(names, documents))
    rows = [row for row in taken if row < len(documents)] or [0]
    pairs = PairTexts(Candidates.from_rows(["q"] * len(rows), [names[row] for row in rows]), collection)
    digest = hashlib.blake2b(digest_size=20)
    for column in (["a query"], [documents[row] for row in rows]):
        _, starts, text = pa.array(column, pa.large_string()).buffers()
        digest.update(starts)
        digest.update(text or b"")
    for of_rows in (np.zeros(len(rows), np.int64), np.arange(len(rows))):
        digest.update(of_rows.tobytes())
    assert pairs.digest() == digest.hexdigest()

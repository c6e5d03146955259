"""Digests of texts follow their content, not how they are stored."""

from __future__ import annotations

from pathlib import Path

import pytest

from rankdistill.data import Texts
from rankdistill.data.digest import texts_digest

IDS, TEXTS = ["a", "b", "c"], ["one", "", "drei é"]


def test_the_same_texts_have_the_same_digest_however_they_are_stored(tmp_path: Path) -> None:
    texts = Texts.from_pairs(IDS, TEXTS)
    texts.save(tmp_path / "texts.arrow")
    longer = Texts.from_pairs(["x", *IDS, "y"], ["before", *TEXTS, "after"])
    sliced = Texts(longer.ids.slice(1, 3), longer.texts.slice(1, 3))
    assert len({texts_digest(each) for each in (texts, Texts.open(tmp_path / "texts.arrow"), sliced)}) == 1


@pytest.mark.parametrize(
    ("ids", "texts"),
    [
        (["a", "b", "d"], TEXTS),
        (IDS, ["one", "", "drei"]),
        (IDS, ["on", "e", "drei é"]),
        (["b", "a", "c"], ["", "one", "drei é"]),
        (["a", "b"], ["one", ""]),
        ([], []),
    ],
)
def test_other_texts_have_another_digest(ids: list[str], texts: list[str]) -> None:
    assert texts_digest(Texts.from_pairs(ids, texts)) != texts_digest(Texts.from_pairs(IDS, TEXTS))

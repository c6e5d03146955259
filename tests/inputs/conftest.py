"""Tokenizers of several templates, and one of byte-level BPE, made on the spot."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

SPECIAL = [("<s>", 0), ("</s>", 2)]
SINGLE = {"bert": "<s>:0 $A:0 </s>:0", "roberta": "<s> $A </s>", "none": "$A"}
PAIR = {"bert": "<s>:0 $A:0 </s>:0 $B:1 </s>:1", "roberta": "<s> $A </s> </s> $B </s>", "none": "$A $B:1"}


def letters_tokenizer(template: str = "bert", *, side: str = "right", pad: bool = True) -> PreTrainedTokenizerFast:
    """A tokenizer of single letters whose texts look like BERT's or RoBERTa's, or have no special tokens."""
    vocabulary = {token: i for i, token in enumerate(["<s>", "<pad>", "</s>", "<unk>", *"abcdefghijklmnopqrstuvwxyz"])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Whitespace(), pre_tokenizers.Split("", "isolated")]
    )
    tokenizer.post_processor = processors.TemplateProcessing(
        single=SINGLE[template], pair=PAIR[template], special_tokens=SPECIAL
    )
    segments = [] if template == "roberta" else ["token_type_ids"]
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        unk_token="<unk>",
        padding_side=side,
        model_input_names=["input_ids", *segments, "attention_mask"],
        **({"pad_token": "<pad>"} if pad else {}),
    )


@cache
def _bpe() -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    corpus = ["the cat wrote a long book about the dog", "Query:\nthe cat\nDocument:\nthe long book", "answer: yes"]
    trainer = trainers.BpeTrainer(
        vocab_size=330,
        special_tokens=["<|start|>", "<|end|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(corpus * 4, trainer)
    return tokenizer


def bpe_tokenizer(*, side: str = "left", pad: bool = False) -> PreTrainedTokenizerFast:
    """A byte-level BPE tokenizer as causal models have it: no template, padding on the left, no token for it."""
    return PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer.from_str(_bpe().to_str()),
        eos_token="<|end|>",
        padding_side=side,
        model_input_names=["input_ids", "attention_mask"],
        **({"pad_token": "<|start|>"} if pad else {}),
    )


@pytest.fixture
def letters() -> Any:
    return letters_tokenizer


@pytest.fixture
def bpe() -> Any:
    return bpe_tokenizer

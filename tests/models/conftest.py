"""Tiny models of several families with their tokenizers, made from configs: no download, milliseconds to run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import AutoConfig, AutoModelForSequenceClassification, PreTrainedTokenizerFast

from rankdistill.models import CrossEncoder

WORDS = ["a", "book", "cat", "dog", "first", "how", "is", "list", "long", "of", "sort", "the", "to", "what", "wrote"]
SHAPE = {
    "vocab_size": 64,
    "hidden_size": 32,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "intermediate_size": 64,
    "max_position_embeddings": 66,
    "pad_token_id": 0,
    "num_labels": 1,
}
FAMILIES: dict[str, dict[str, Any]] = {
    "bert": {},
    "roberta": {"pad_token_id": 1, "type_vocab_size": 1},
    "electra": {"embedding_size": 16},
    "distilbert": {"dim": 32, "hidden_dim": 64, "n_layers": 4, "n_heads": 4},
}


def make_tokenizer() -> PreTrainedTokenizerFast:
    """A word-piece tokenizer of two dozen words and single letters, with BERT's template."""
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    letters = [f"##{c}" for c in "abcdefghijklmnopqrstuvwxyz"]
    vocabulary = {token: i for i, token in enumerate([*special, *WORDS, *letters][: SHAPE["vocab_size"]])}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        mask_token="[MASK]",
        model_max_length=64,
        model_input_names=["input_ids", "token_type_ids", "attention_mask"],
    )


def make_model(family: str = "bert", **settings: Any) -> Any:
    """A classification model of random weights, the same at every call."""
    known = AutoConfig.for_model(family)
    wanted = {**SHAPE, **FAMILIES[family], **settings}
    if family == "distilbert":
        wanted = {k: v for k, v in wanted.items() if k not in ("hidden_size", "num_hidden_layers")}
        wanted = {k: v for k, v in wanted.items() if k not in ("num_attention_heads", "intermediate_size")}
    config = type(known)(**wanted)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        return AutoModelForSequenceClassification.from_config(config).eval()


@pytest.fixture
def tiny_tokenizer() -> PreTrainedTokenizerFast:
    return make_tokenizer()


@pytest.fixture
def tiny_model() -> Callable[..., Any]:
    return make_model


@pytest.fixture
def tiny() -> CrossEncoder:
    """A one-logit BERT cross-encoder of four layers."""
    return CrossEncoder(make_model(), make_tokenizer())


@pytest.fixture
def pairs() -> list[tuple[str, str]]:
    """Pairs of many lengths, one over-long, one with an empty document."""
    documents = ["a dog", "the cat wrote a book", "sort the list", "", "long " * 90, "what is a dog?"]
    return [(query, document) for query in ("what is a dog", "how to sort a list") for document in documents]

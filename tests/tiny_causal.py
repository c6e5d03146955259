"""Tokenizers of causal language models, trained on the spot: byte-level BPE of two kinds, and SentencePiece's BPE."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import torch
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, PreTrainedTokenizerFast

SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<bos>", "<unk>"]
CORPUS = [
    "the a the a\nthe\na\nthe\nyes\nno\nYes\nNo\nyes\nno",
    "what is a dog? the cat wrote a long book about the dog.\nyes or no, true or false: 0 or 1.\n\n",
    "<Instruct>: given a web search query\n<Query>: how to sort a list\n<Document>: sorted(x) returns a new list",
    "query: the dog \ndocument: a book. \nYou judge. Relevance: system user assistant yes no Yes No",
    "Judge whether the Document meets the requirements. A: what\nB: that\nAnswer: yes",
]
OF_QWEN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


@cache
def _trained(kind: str) -> str:
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True) if kind in SENTENCEPIECE else models.BPE())
    if kind == "gpt2":
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        tokenizer.post_processor = processors.ByteLevel(trim_offsets=True)
    elif kind == "qwen":
        split = pre_tokenizers.Split(Regex(OF_QWEN), "isolated")
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
            [split, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
        )
    if kind in SENTENCEPIECE:  # learns no token across words and lines, but takes a text as one piece afterwards
        lines = pre_tokenizers.Split(Regex(r"\n+"), "isolated")
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence([lines, pre_tokenizers.Metaspace(prepend_scheme="never")])
        tokenizer.post_processor = processors.TemplateProcessing(
            single="<bos> $A", pair="<bos> $A $B", special_tokens=[("<bos>", 3)]
        )
        tokenizer.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    else:
        tokenizer.decoder = decoders.ByteLevel()
    alphabet = [] if kind in SENTENCEPIECE else pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=420, special_tokens=SPECIAL, initial_alphabet=alphabet, show_progress=False, max_token_length=12
    )
    tokenizer.train_from_iterator(CORPUS * 8, trainer)
    if kind == "gemma":
        tokenizer.pre_tokenizer, tokenizer.normalizer = None, normalizers.Replace(" ", "▁")
    if kind == "llama":
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always", split=False)
    return str(tokenizer.to_str())


SENTENCEPIECE = ("gemma", "llama")
KINDS = ("qwen", "gpt2", *SENTENCEPIECE)


def causal_tokenizer(kind: str = "qwen", *, side: str = "left", pad: str | None = "<|endoftext|>") -> Any:
    """A tokenizer as a kind of causal model has it; SentencePiece kinds put <bos> before every text."""
    return PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer.from_str(_trained(kind)),
        eos_token="<|im_end|>",
        padding_side=side,
        model_input_names=["input_ids", "attention_mask"],
        **({"pad_token": pad} if pad else {}),
        **({"bos_token": "<bos>"} if kind in SENTENCEPIECE else {}),
    )


SHAPE = {
    "vocab_size": 420,
    "hidden_size": 32,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "intermediate_size": 64,
    "max_position_embeddings": 600,
    "initializer_range": 0.3,
    "bos_token_id": 3,
    "eos_token_id": 2,
    "pad_token_id": None,
}
FAMILIES: dict[str, tuple[str, dict[str, Any]]] = {
    "qwen3": ("qwen", {"head_dim": 8}),
    "qwen2": ("qwen", {"tie_word_embeddings": True}),
    "llama": ("llama", {}),
    "mistral": ("gpt2", {"head_dim": 8}),
    "gemma": ("gemma", {"head_dim": 8, "tie_word_embeddings": True}),
}
"""Model type -> kind of its tokenizer, and settings of its tiny model."""
GUESSED: dict[str, tuple[str, dict[str, Any]]] = {
    "gemma3_text": ("qwen", {"head_dim": 8, "sliding_window": 16, "query_pre_attn_scalar": 8}),
    "phi3": ("qwen", {"pad_token_id": 0}),
    "smollm3": ("qwen", {}),
    "qwen3_moe": ("qwen", {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 16, "head_dim": 8}),
}
"""The same of families that have no row in the project's table."""
QWEN3 = (
    "<|im_start|>system\nJudge whether the Document meets the requirements based on the Query and the Instruct "
    'provided. Note that the answer can only be "yes" or "no".<|im_end|>\n<|im_start|>user\n<Instruct>: {instruction}\n'
    "<Query>: {query}\n<Document>: {document}<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n"
)


def causal_model(family: str = "qwen3", **settings: Any) -> Any:
    """A causal language model of random weights, the same at every call."""
    config = type(AutoConfig.for_model(family))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        its = {**FAMILIES, **GUESSED}[family][1]
        return AutoModelForCausalLM.from_config(config(**{**SHAPE, **its, **settings})).eval()


def write_causal(folder: Path, family: str = "qwen3", *, dtype: torch.dtype = torch.float32, **tokenizer: Any) -> Path:
    """Write a causal model and its tokenizer, as transformers does."""
    causal_model(family).to(dtype).save_pretrained(folder)
    causal_tokenizer({**FAMILIES, **GUESSED}[family][0], **tokenizer).save_pretrained(folder)
    return folder


@cache
def _loaded(folder: Path) -> tuple[Any, Any]:
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    return model, AutoTokenizer.from_pretrained(folder)


def token_logits(folder: Path, text: str, tokens: tuple[str, ...]) -> list[float]:
    """The logits of tokens after a text, by transformers, in float32."""
    model, tokenizer = _loaded(folder)
    with torch.no_grad():
        logits = model(**tokenizer(text, return_tensors="pt")).logits[0, -1]
    return [float(logits[tokenizer(token, add_special_tokens=False)["input_ids"][-1]]) for token in tokens]

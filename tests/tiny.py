"""Tiny models of several families and a small collection, made on the spot: no download, milliseconds to run."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import AutoConfig, AutoModelForSequenceClassification, PreTrainedTokenizerFast

from rankdistill.data import Candidates, Collection, Texts, write_qrels

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
    "xlm-roberta": {"pad_token_id": 1, "type_vocab_size": 1},
    "camembert": {"pad_token_id": 1, "type_vocab_size": 1},
    "electra": {"embedding_size": 16},
    "distilbert": {"dim": 32, "hidden_dim": 64, "n_layers": 4, "n_heads": 4},
    "mpnet": {"pad_token_id": 1},
    "deberta-v2": {
        "relative_attention": True,
        "pos_att_type": ["p2c", "c2p"],
        "share_att_key": True,
        "position_biased_input": False,
        "max_relative_positions": 16,
    },
    "modernbert": {"global_attn_every_n_layers": 2, "local_attention": 16},
    "qwen3": {"num_key_value_heads": 2, "head_dim": 8, "max_window_layers": 4},
    "qwen2": {"num_key_value_heads": 2},
    "llama": {"num_key_value_heads": 2},
    "mistral": {"num_key_value_heads": 2, "head_dim": 8},
    "gemma": {"num_key_value_heads": 2, "head_dim": 8},
    "gpt2": {"n_positions": 66, "n_embd": 32, "n_layer": 4, "n_head": 4},
}
"""Model type -> settings of its tiny model: every row of `rankdistill.models.families.FAMILIES`, and GPT-2, which has
none and is guessed."""
MARKERS = {"bos_token_id": 2, "eos_token_id": 3, "cls_token_id": 2, "sep_token_id": 3}
OWN_NAMES = ("hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size")


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
    config = type(AutoConfig.for_model(family))
    wanted = {**SHAPE, **MARKERS, **FAMILIES.get(family, {}), **settings}
    if family in ("distilbert", "gpt2"):  # their configs have other names for the shape
        wanted = {name: value for name, value in wanted.items() if name not in OWN_NAMES}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        return AutoModelForSequenceClassification.from_config(config(**wanted)).eval()


def lively(family: str, **settings: Any) -> Any:
    """A tiny model whose layers change the states much, and whose logits differ."""
    model = make_model(family, **settings)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if weight.ndim == 2 and "embed" not in name:
                weight.mul_(5)
    return model


def changed(texts: Texts, **changes: str | None) -> Texts:
    """The texts with some replaced, or left out where the change is None."""
    known = {**dict(texts), **changes}
    kept = {text_id: text for text_id, text in known.items() if text is not None}
    return Texts.from_pairs(list(kept), list(kept.values()))


def make_collection(n_queries: int = 6, n_documents: int = 40) -> SimpleNamespace:
    """Queries and documents, which is all that scoring needs of a collection; documents of 1 to 83 words."""
    words = WORDS
    queries = {f"q{i}": " ".join(words[(i + j) % len(words)] for j in range(2 + i % 4)) for i in range(n_queries)}
    documents = {
        f"d{i}": " ".join(words[(i * 7 + j * j) % len(words)] for j in range(1 + i * 5 % 83))
        for i in range(n_documents)
    }
    return SimpleNamespace(
        scored_pairs=None,
        is_of_pairs=False,
        queries=Texts.from_pairs(list(queries), list(queries.values())),
        documents=Texts.from_pairs(list(documents), list(documents.values())),
    )


def make_candidates(collection: SimpleNamespace, size: int = 10) -> Candidates:
    documents = collection.documents.ids.to_pylist()
    rows = [
        (query, documents[(i * 3 + j) % len(documents)])
        for i, query in enumerate(collection.queries.ids.to_pylist())
        for j in range(size)
    ]
    return Candidates.from_rows([q for q, _ in rows], [d for _, d in rows])


def labelled(collection: SimpleNamespace, size: int = 10) -> Candidates:
    """Candidates whose labels say whether the document has the word "dog", with a teacher that says so too."""
    candidates = make_candidates(collection, size)
    texts = collection.documents.take(candidates.doc_ids)
    labels = np.array(["dog" in text.split() for text in texts], np.float32)
    return candidates.with_columns(label=labels, t1=4 * labels - 2)


def judged_collection(n_queries: int = 60, n_documents: int = 80) -> Collection:
    """A collection for known-item search: query i is the first words of document i, which is relevant to grade 3."""
    random = np.random.default_rng(0)
    documents = [" ".join(random.choice(WORDS, 8 + i % 9)) + f" {i:02d}" for i in range(n_documents)]
    ids = [f"d{i}" for i in range(n_documents)]
    queries = {f"q{i}": " ".join(documents[i].split()[:4] + documents[i].split()[-1:]) for i in range(n_queries)}
    qrels = Candidates.from_rows(list(queries), ids[:n_queries], {"label": [3.0] * n_queries})
    return Collection(
        "tiny", Texts.from_pairs(list(queries), list(queries.values())), Texts.from_pairs(ids, documents), qrels
    )


def write_collection(collection: Collection, folder: Path) -> Path:
    """Write a judged collection as a new folder that `load_collection` reads; return the folder."""
    folder.mkdir()
    for name, texts in (("corpus", collection.documents), ("queries", collection.queries)):
        lines = (json.dumps({"_id": text_id, "text": text}) for text_id, text in texts)
        (folder / f"{name}.jsonl").write_text("\n".join(lines) + "\n")
    assert collection.qrels is not None
    write_qrels(collection.qrels, folder / "qrels.txt")
    return folder

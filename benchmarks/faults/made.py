"""Make what commands are given when faults are injected: a judged collection, runs, a cross-encoder and an encoder.

Everything is made on the spot from a fixed seed: models of a few layers with random weights, texts of a few words.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

WORDS = ["a", "book", "cat", "dog", "first", "how", "is", "list", "long", "of", "sort", "the", "to", "what", "wrote"]
LONGEST = 64


@dataclass(frozen=True)
class Made:
    """Absolute paths of what was made."""

    collection: Path
    qrels: Path
    run: Path
    """BM25's run of all queries."""
    teacher: Path
    """A run of the same candidates with other scores."""
    parts: Path
    teacher_parts: Path
    runs: Path
    """Folder of both runs."""
    model: Path
    encoder: Path
    text: Path
    """A file of documents, of several sentences each."""
    pairs: Path
    """Pairs of sentences in parts."""
    lists: Path
    """The queries' ten best candidates of BM25 with their texts, in parts."""
    glue: Path
    """A folder with the files of RTE."""
    classifier: Path
    """An expert of three classes."""


def make(folder: Path, n_queries: int = 120, n_documents: int = 400, k: int = 50) -> Made:
    """Make everything in a folder."""
    from rankdistill.data import load_collection, read_run, write_run
    from rankdistill.data.parts import write_parts
    from rankdistill.data.query_lists import write_lists
    from rankdistill.retrieval.bm25 import bm25

    folder = folder.absolute()
    make_collection(folder / "collection", n_queries, n_documents)
    make_models(folder)
    collection = load_collection(folder / "collection")
    run = bm25(collection, k=k)
    write_lists(run.top_k(10, "bm25"), collection, folder / "lists", queries_per_part=n_queries // 4)
    noise = np.random.default_rng(1).normal(size=len(run))
    (folder / "runs").mkdir()
    for name, scores in (("bm25", run["bm25"]), ("teacher", run["bm25"] + noise)):
        write_run(run.only_columns().with_columns(score=scores), folder / "runs" / f"{name}.trec", "score")
        write_parts(read_run(folder / "runs" / f"{name}.trec"), folder / f"{name}.parts", n_queries // 8)
    return Made(
        folder / "collection",
        folder / "collection" / "qrels.txt",
        folder / "runs" / "bm25.trec",
        folder / "runs" / "teacher.trec",
        folder / "bm25.parts",
        folder / "teacher.parts",
        folder / "runs",
        folder / "model",
        folder / "encoder",
        make_text(folder / "text.txt", n_documents),
        make_pairs(folder / "pairs", n_documents),
        folder / "lists",
        make_glue(folder / "glue"),
        folder / "classifier",
    )


def make_collection(folder: Path, n_queries: int, n_documents: int) -> None:
    """Write a folder in the BEIR layout; query i is the first words of document i, which is relevant to it."""
    draw = np.random.default_rng(0)
    documents = [" ".join(draw.choice(WORDS, 8 + i % 9)) + f" {i:03d}" for i in range(n_documents)]
    queries = [" ".join(text.split()[:4] + text.split()[-1:]) for text in documents[:n_queries]]
    folder.mkdir(parents=True)
    for name, prefix, texts in (("corpus", "d", documents), ("queries", "q", queries)):
        lines = (json.dumps({"_id": f"{prefix}{i}", "text": text}) for i, text in enumerate(texts))
        (folder / f"{name}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    judged = (f"q{i} 0 d{i} 3\nq{i} 0 d{(i + 1) % n_documents} 0\n" for i in range(n_queries))
    (folder / "qrels.txt").write_text("".join(judged), encoding="utf-8")


def make_text(file: Path, n_documents: int) -> Path:
    """Write documents of six sentences, some of which are repeated."""
    draw = np.random.default_rng(2)
    documents = []
    for number in range(n_documents):
        sentences = [" ".join(draw.choice(WORDS, 9)).capitalize() for _ in range(6)]
        documents.append(" ".join(f"{sentence} in {number % (n_documents // 2)}." for sentence in sentences))
    file.write_text("\n\n".join(documents) + "\n", encoding="utf-8")
    return file


def make_pairs(folder: Path, n_pairs: int) -> Path:
    """Write pairs of sentences in four parts."""
    import pyarrow as pa

    from rankdistill.data.pair_parts import SCHEMA, pair_ids, write_pair_part

    draw = np.random.default_rng(3)
    texts = [[" ".join(draw.choice(WORDS, 7)) for _ in range(n_pairs)] for _ in range(2)]
    table = pa.table([pair_ids(0, n_pairs), *map(pa.array, texts)], SCHEMA.names).cast(SCHEMA)
    folder.mkdir()
    size = -(-n_pairs // 4)
    for part in range(4):
        write_pair_part(table.slice(part * size, size), folder / f"{part:05}.parquet")
    return folder


def make_glue(folder: Path) -> Path:
    """Write RTE's files, 60 pairs to train on and 20 to measure on: two different animals are not entailed."""
    draw = np.random.default_rng(4)
    (folder / "RTE").mkdir(parents=True)
    for split, rows in (("train", 60), ("dev", 20)):
        lines = ["index\tsentence1\tsentence2\tlabel"]
        for row in range(rows):
            same = draw.random() < 0.5
            other = "cat" if same else "dog"
            lines.append(f"{row}\tthe cat is a list\tthe {other} is a list\t{'' if same else 'not_'}entailment")
        (folder / "RTE" / f"{split}.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


def make_models(folder: Path) -> None:
    """Save a BERT cross-encoder of four small layers, its encoder alone, and a classifier of three classes."""
    import torch
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import AutoModelForSequenceClassification, BertConfig, PreTrainedTokenizerFast

    from rankdistill.models import CrossEncoder, ScoreContract

    special = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    pieces = [*special.values(), "[MASK]", *WORDS, *(f"##{c}" for c in "abcdefghijklmnopqrstuvwxyz0123456789"), "0"]
    splitter = Tokenizer(models.WordPiece({piece: i for i, piece in enumerate(pieces)}, unk_token="[UNK]"))
    splitter.normalizer = normalizers.BertNormalizer(lowercase=True)
    splitter.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    splitter.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    names = ["input_ids", "token_type_ids", "attention_mask"]
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=splitter, mask_token="[MASK]", model_max_length=LONGEST, model_input_names=names, **special
    )
    config = BertConfig(
        vocab_size=len(pieces),
        hidden_size=32,
        num_hidden_layers=4,
        num_attention_heads=4,
        intermediate_size=64,
        max_position_embeddings=LONGEST + 2,
        num_labels=1,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        model = AutoModelForSequenceClassification.from_config(config).eval()
        of_classes = BertConfig(**{**config.to_dict(), "num_labels": 3, "id2label": None, "label2id": None})
        classifier = AutoModelForSequenceClassification.from_config(of_classes).eval()
    contract = ScoreContract("classes", n_classes=3)
    CrossEncoder(classifier, tokenizer, contract, max_length=LONGEST).save(folder / "classifier")
    CrossEncoder(model, tokenizer, max_length=LONGEST).save(folder / "model")
    model.bert.save_pretrained(folder / "encoder")
    tokenizer.save_pretrained(folder / "encoder")

"""Kill finetune and distill at random moments, and compare all that they leave with uninterrupted runs.

The data are made here: a small collection for known-item search, and tiny models of random weights.

    python -m benchmarks.faults.kill_training
    python -m benchmarks.faults.kill_training --kills 4 --quick
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
from cyclopts import Parameter
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import AutoModelForSequenceClassification, BertConfig, PreTrainedTokenizerFast

from benchmarks.faults.kills import Killed, kill_until_done
from benchmarks.results import Row, run, study
from rankdistill.data import load_collection, write_run
from rankdistill.models import CrossEncoder
from rankdistill.retrieval.bm25 import bm25

WORDS = ["a", "book", "cat", "dog", "first", "how", "is", "list", "long", "of", "sort", "the", "to", "what", "wrote"]
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
TRAINING = ["--list-size", "4", "--lists-per-batch", "4", "--max-length", "64", "--start", "plain"]
TRAINING += ["--save-steps", "4", "--logging-steps", "3", "--json"]


def main(
    *,
    kills: Annotated[int, Parameter(help="Kills of each command.")] = 20,
    seed: Annotated[int, Parameter(help="Seed of the moments.")] = 0,
    quick: Annotated[bool, Parameter(help="A collection of a third of the size.")] = False,
    folder: Annotated[Path, Parameter(help="Where commands run; what is in it is deleted.")] = Path("runs/kills"),
) -> None:
    """Kill every command until it has been killed so often, and write the table; exit with 1 where anything differs."""
    place = folder.absolute() / "training"

    def rows() -> Iterator[Row]:
        for command in commands(make_inputs(place / "inputs", 60 if quick else 180)):
            yield kill_until_done(command, place / command.name, kills, seed)

    if any(row["wrong"] for row in study("kill_training", rows(), [seed])):
        raise SystemExit(1)


def commands(inputs: Path) -> list[Killed]:
    """The commands, each with a dev set or an imitation, so that every step of a training is there to be killed in."""
    shared = ["--collection", str(inputs / "data"), "--run", str(inputs / "bm25.trec"), *TRAINING, "--out", "out"]
    teachers = ["--teachers", str(inputs / "teacher"), str(inputs / "bm25.trec"), "--normalize", "zscore"]
    reduced = {
        "out/log.json": without_times,
        "out/metrics.json": without_times,
        "standard output": without_times,
    }
    return [
        Killed(
            "finetune",
            ["finetune", *shared, "--base", str(inputs / "base"), "--eval-steps", "5", "--epochs", "2"],
            reduced=reduced,
        ),
        Killed(
            "distill",
            ["distill", *shared, "--student", str(inputs / "base"), "--layers", "0", "2", *teachers],
            reduced=reduced,
        ),
    ]


def without_times(content: bytes) -> bytes:
    """Take out of JSON what says how long something took."""
    return re.sub(rb'"(train_runtime|\w*per_second)": [\d.e+-]+', rb'"\1": 0', content)


def make_inputs(folder: Path, n_queries: int) -> Path:
    """Write a collection, its BM25 run, a base and a teacher, the same at every call; return the folder."""
    data = folder / "data"
    data.mkdir(parents=True, exist_ok=True)
    draw = np.random.default_rng(0)
    texts = [" ".join(draw.choice(WORDS, 8 + i % 9)) + f" {i:03d}" for i in range(n_queries + 60)]
    queries = [" ".join([*text.split()[:4], text.split()[-1]]) for text in texts[:n_queries]]
    _write_lines(data / "corpus.jsonl", ({"_id": f"d{i}", "text": text} for i, text in enumerate(texts)))
    _write_lines(data / "queries.jsonl", ({"_id": f"q{i}", "text": text} for i, text in enumerate(queries)))
    (data / "qrels.txt").write_text("".join(f"q{i} 0 d{i} 3\n" for i in range(n_queries)))
    write_run(bm25(load_collection(str(data)), k=10), folder / "bm25.trec", by="bm25")
    for name, scale in (("base", 1.0), ("teacher", 1.3)):
        CrossEncoder(_model(scale), _tokenizer(), max_length=64).save(folder / name)
    return folder


def _write_lines(path: Path, objects: Iterator[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(each) + "\n" for each in objects), encoding="utf-8")


def _model(scale: float) -> Any:
    torch.manual_seed(3)
    config = BertConfig(
        vocab_size=64,
        hidden_size=32,
        num_hidden_layers=4,
        num_attention_heads=4,
        intermediate_size=64,
        max_position_embeddings=66,
        pad_token_id=0,
        num_labels=1,
    )
    model = AutoModelForSequenceClassification.from_config(config).eval()
    with torch.no_grad():
        for weight in model.parameters():
            weight.mul_(scale)
    return model


def _tokenizer() -> PreTrainedTokenizerFast:
    pieces = [*SPECIAL, *WORDS, *(f"##{letter}" for letter in "abcdefghijklmnopqrstuvwxyz")]
    tokenizer = Tokenizer(models.WordPiece({piece: i for i, piece in enumerate(pieces)}, unk_token="[UNK]"))
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


if __name__ == "__main__":
    run(main)

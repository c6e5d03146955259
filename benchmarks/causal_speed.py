"""Score MS MARCO candidates by models of today's shapes, side by side with sentence-transformers and transformers.

Run in the project's root: python -m benchmarks.causal_speed
Six layers of width 384: a causal language model behind the prompt of Qwen3-Reranker, and XLM-R and ModernBERT
classifiers, these in int8, too. All score BM25's 100 best for queries of DL 2019 with the same weights and texts, from
strings to an array. The XLM-R is the start from the cosine of a BERT in other names, so that it ranks without any
training, and its table has nDCG@10. The other two have random weights, and a byte-level BPE tokenizer trained on the
collection's passages. These rank nothing: of them the table tells speed, and how far scores and their order are apart.
"""

from __future__ import annotations

import itertools
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
from cyclopts import Parameter
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    PreTrainedTokenizerFast,
)

import rankdistill as rd
from benchmarks.default_student import student
from benchmarks.precision import DTYPES, ENGINES
from benchmarks.results import FOLDER, QUICK, run, study
from benchmarks.scoring_speed import exported, int8_as_exported, ours, peer
from benchmarks.studies.marco import V1
from rankdistill.data import Candidates, Collection
from rankdistill.evaluation import evaluate
from rankdistill.models.causal.presets import PRESETS
from rankdistill.scoring.export_check import mean_tau

PACKAGES = ("rankdistill", "sentence-transformers", "torch", "transformers", "openvino")
WORDS = r"[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
BATCH, VOCABULARY, TRAINING_TEXTS, LENGTH, LAYERS = 32, 30_000, 20_000, 512, 6
SHAPE = {"num_hidden_layers": LAYERS, "hidden_size": 384, "intermediate_size": 1536, "num_attention_heads": 6}
SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<s>", "</s>")
RANDOM: dict[str, dict[str, Any]] = {
    "qwen3": {"num_key_value_heads": 2, "head_dim": 64, "max_position_embeddings": 2048, "eos_token_id": 2},
    "modernbert": {"max_position_embeddings": 2048, "global_attn_every_n_layers": 3, "local_attention": 128},
}
"""Model type -> what is its own, beside `SHAPE`, of models with random weights."""
RANKS = "xlm-roberta"
"""The model type that ranks."""
PEER = "sentence-transformers"
SHAPES = ("qwen3", RANKS, "modernbert")


def trained_tokenizer(texts: list[str], *, classifier: bool) -> Any:
    """A byte-level BPE tokenizer of these texts; a classifier's puts special tokens around a pair."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex(WORDS), "isolated"), pre_tokenizers.ByteLevel(False, use_regex=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=list(SPECIAL),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator([*texts, "yes\nno\nyes\nno"], trainer)
    names = ["input_ids", "attention_mask"]
    if not classifier:
        return PreTrainedTokenizerFast(
            tokenizer_object=tokenizer, pad_token=SPECIAL[0], eos_token=SPECIAL[2], model_input_names=names
        )
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>", special_tokens=[("<s>", 3), ("</s>", 4)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token=SPECIAL[1], sep_token="</s>", model_input_names=names
    )


def as_xlm_roberta(encoder: rd.CrossEncoder, folder: Path) -> Path:
    """Write a BERT classifier of one logit as XLM-R, which gives the same scores.

    XLM-R's classifier is BERT's in other names. Its positions are counted from the padding token's number on, and it
    has token types where its config says so.
    """
    bert, tokenizer = encoder.model, encoder.tokenizer
    padding = tokenizer.pad_token_id
    names = (
        "hidden_size",
        "num_hidden_layers",
        "num_attention_heads",
        "intermediate_size",
        "hidden_act",
        "layer_norm_eps",
        "type_vocab_size",
        "vocab_size",
    )
    shape = {name: getattr(bert.config, name) for name in names}
    shape["max_position_embeddings"] = bert.config.max_position_embeddings + padding + 1
    ids = {"pad_token_id": padding, "bos_token_id": tokenizer.cls_token_id, "eos_token_id": tokenizer.sep_token_id}
    model = AutoModelForSequenceClassification.from_config(AutoConfig.for_model(RANKS, num_labels=1, **shape, **ids))
    renamed = {"bert.pooler.dense.": "classifier.dense.", "classifier.": "classifier.out_proj.", "bert.": "roberta."}
    weights = {}
    for name, weight in bert.state_dict().items():
        begin = next(begin for begin in renamed if name.startswith(begin))
        weights[renamed[begin] + name.removeprefix(begin)] = weight
    positions = "roberta.embeddings.position_embeddings.weight"
    weights[positions] = torch.cat([torch.zeros(padding + 1, shape["hidden_size"]), weights[positions]])
    model.load_state_dict(weights)
    model.save_pretrained(folder)
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer.backend_tokenizer,
        pad_token=tokenizer.pad_token,
        cls_token=tokenizer.cls_token,
        sep_token=tokenizer.sep_token,
        unk_token=tokenizer.unk_token,
        model_input_names=["input_ids", "token_type_ids", "attention_mask"],
        model_max_length=encoder.max_length,
    ).save_pretrained(folder)
    return folder


def made(kind: str, texts: list[str], folder: Path) -> Path:
    """Write a model of random weights and its tokenizer."""
    causal = kind == "qwen3"
    tokenizer = trained_tokenizer(texts, classifier=not causal)
    tokenizer.model_max_length = LENGTH
    settings = {**SHAPE, **RANDOM[kind], "vocab_size": len(tokenizer), "initializer_range": 0.05}
    settings |= {} if causal else {"num_labels": 1, "bos_token_id": 3}
    settings.setdefault("pad_token_id", tokenizer.pad_token_id)
    config = AutoConfig.for_model(kind, **settings)
    torch.manual_seed(0)
    model: Any = (AutoModelForCausalLM if causal else AutoModelForSequenceClassification).from_config(config)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def by_transformers(folder: Path, candidates: Candidates, collection: Collection) -> np.ndarray:
    """From texts to scores of a causal model by transformers alone: batches as they come, padded on the left."""
    contract = PRESETS["qwen3-reranker"].contract
    prompt = contract.asked()
    assert prompt is not None
    model, tokenizer = AutoModelForCausalLM.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    tokenizer.padding_side = "left"
    yes, no = (tokenizer.convert_tokens_to_ids(token) for token in ("yes", "no"))
    queries = collection.queries.take(candidates.query_ids.take(candidates.query_of_row))
    documents = collection.documents.take(candidates.doc_ids)
    scores = []
    for start in range(0, len(queries), BATCH):
        part = slice(start, start + BATCH)
        texts = [prompt.format(*pair) for pair in zip(queries[part], documents[part], strict=True)]
        inputs = tokenizer(texts, padding=True, return_tensors="pt")
        with torch.inference_mode():
            logits = model(**inputs, logits_to_keep=1).logits[:, -1]
        scores.append((logits[:, yes] - logits[:, no]).numpy())
    return np.concatenate(scores)


def systems_of(
    kind: str, folder: Path, scratch: Path, candidates: Candidates, collection: Collection
) -> dict[str, Callable[[], np.ndarray]]:
    """Name -> what scores the candidates by the model in a folder: ours in each engine and precision, and peers."""
    from sentence_transformers import CrossEncoder

    read = folder
    systems: dict[str, Callable[[], np.ndarray]] = {}
    if kind == "qwen3":
        asking = {"prompt": "qwen3-reranker"}
        read = rd.CrossEncoder.from_pretrained(folder, **asking).save(scratch / "classifier")
        systems["transformers, causal"] = lambda: by_transformers(folder, candidates, collection)
        engines = itertools.product(("torch", "openvino"), DTYPES)
        models = {
            f"{engine} {dtype}": rd.CrossEncoder.from_pretrained(folder, engine, dtype, **asking)
            for engine, dtype in engines
        }
    else:
        saved = exported(rd.CrossEncoder.from_pretrained(folder), str(scratch / "exported"), collection)
        models = {f"{engine} {dtype}": saved.with_engine(engine, dtype) for engine, dtype in ENGINES}
        if found := int8_as_exported(saved, tempfile.mkdtemp(dir=scratch), collection):
            models[f"openvino int8, {found[0]}"] = found[1]
    theirs = CrossEncoder(str(read), device="cpu")
    systems[PEER] = lambda: peer(theirs, candidates, collection)
    for name, model in models.items():
        systems[f"rankdistill {name}"] = lambda model=model: ours(model, candidates, collection)
    return systems


def rows_of(
    kind: str, candidates: Candidates, collection: Collection, qrels: Candidates, texts: list[str], repeats: int
) -> Iterator[dict[str, Any]]:
    """Time every system on one shape."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch, "model")
        if kind == RANKS:
            as_xlm_roberta(student(None, collection, layers=LAYERS, max_length=LENGTH), folder)
        else:
            made(kind, texts, folder)
        systems = systems_of(kind, folder, Path(scratch), candidates, collection)
        seconds: dict[str, list[float]] = {system: [] for system in systems}
        scores = {}
        for repeat in range(repeats + 1):  # the first warms up
            for system, work in systems.items():
                started = time.perf_counter()
                scores[system] = work()
                if repeat:
                    seconds[system].append(time.perf_counter() - started)
    slowest, expected = statistics.median(seconds[PEER]), scores[PEER]
    for system, found in scores.items():
        took = statistics.median(seconds[system])
        apart = float(np.abs(found - expected).max()) / float(expected.std())
        row = {
            "shape": kind,
            "system": system,
            "pairs/s": round(len(candidates) / took),
            "ratio": round(slowest / took, 2),
            "greatest difference / deviation": float(f"{apart:.1e}"),
            "τ": round(mean_tau(expected, found, candidates.offsets) or 0.0, 4),
        }
        if kind == RANKS:
            values = evaluate(qrels, candidates.with_columns(s=found), ["nDCG@10"], by="s")
            row["nDCG@10"] = round(values["nDCG@10"], 4)
        yield row


def main(
    *,
    queries: Annotated[int, Parameter(help="Queries of DL 2019 that are scored.")] = 10,
    repeats: Annotated[int, Parameter(help="Timed rounds, after one that warms up.")] = 3,
    quick: Annotated[bool, Parameter(help="One query, one shape, one round.")] = False,
    shapes: Annotated[tuple[str, ...], Parameter(help=f"Of {', '.join(SHAPES)}.")] = SHAPES,
) -> None:
    """Time all systems and write the table."""
    if quick:
        queries, repeats, shapes = 1, 1, shapes[:1]
    collection = rd.load_collection(str(V1))
    candidates = rd.read_run(V1 / "runs" / "dl19.bm25.trec.gz", column="bm25").top_k(100, by="bm25")
    candidates = candidates.take_queries(np.arange(candidates.n_queries) < queries)
    qrels = rd.read_qrels(V1 / "qrels.dl19.txt").take_queries(candidates.query_ids.to_pylist())
    texts = [text for _, text in islice(collection.documents, TRAINING_TEXTS // (10 if quick else 1))]
    rows = (row for kind in shapes for row in rows_of(kind, candidates, collection, qrels, texts, repeats))
    study("causal_speed", rows, [0], PACKAGES, folder=QUICK if quick else FOLDER)


if __name__ == "__main__":
    run(main)

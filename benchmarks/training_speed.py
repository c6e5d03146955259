"""Train the same model on the same pairs, loss, batch and dtype as `CrossEncoderTrainer`, and compare speed and nDCG.

Run in the project's root: python -m benchmarks.training_speed
Pairs are BM25's candidates for judged queries of DL 2020 with their labels, relevant or not, under binary cross
entropy; both are measured on BM25's 100 best of DL 2019 afterwards. Texts are strings at the start: tokenising counts.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Sequence
from typing import Annotated, Any

import numpy as np
import torch
from cyclopts import Parameter

import rankdistill as rd
from benchmarks.precision import DTYPES
from benchmarks.results import FOLDER, QUICK, Row, run, study
from benchmarks.studies.marco import V1
from rankdistill.data import Candidates, Collection
from rankdistill.evaluation import evaluate
from rankdistill.training import draw_candidates

LENGTH, LISTS, LIST_SIZE, RATE = 256, 8, 8, 3e-5
PACKAGES = ("rankdistill", "sentence-transformers", "torch", "transformers")
Trained = tuple[rd.CrossEncoder, float]


def pairs() -> tuple[Candidates, Collection]:
    """Lists of judged candidates, "label" 1 from grade 2 on."""
    run = rd.read_run(V1 / "runs" / "dl20.bm25.trec.gz", column="bm25")
    run = run.join(rd.read_qrels(V1 / "qrels.dl20.txt"), "label")
    run = run.take_rows(np.isfinite(run["label"]))
    return run.with_columns(label=(run["label"] >= 2).astype(np.float32)), rd.load_collection(V1)


def ours(start: rd.CrossEncoder, lists: Candidates, collection: Collection, epochs: int, dtype: str) -> Trained:
    """By `fit`; each epoch draws other candidates of every query."""
    settings = rd.TrainingSettings(
        epochs=epochs, list_size=LIST_SIZE, lists_per_batch=LISTS, learning_rate=RATE, dtype=dtype
    )
    started = time.perf_counter()
    trained = rd.fit(start, lists, collection, "bce(label)", settings)
    return trained, time.perf_counter() - started


def peer(start: rd.CrossEncoder, lists: Candidates, collection: Collection, epochs: int, dtype: str) -> Trained:
    """By `CrossEncoderTrainer`, over what `fit` draws in each epoch."""
    from datasets import Dataset
    from sentence_transformers import CrossEncoder
    from sentence_transformers.cross_encoder import CrossEncoderTrainer, CrossEncoderTrainingArguments
    from sentence_transformers.cross_encoder.losses import BinaryCrossEntropyLoss

    drawn = [draw_candidates(lists, LIST_SIZE, seed, "label") for seed in range(epochs)]
    rows: dict[str, list[Any]] = {"query": [], "document": [], "label": []}
    for part in drawn:
        rows["query"] += collection.queries.take(part.query_ids.take(part.query_of_row))
        rows["document"] += collection.documents.take(part.doc_ids)
        rows["label"] += part["label"].tolist()
    with tempfile.TemporaryDirectory() as folder:
        start.save(folder)
        model = CrossEncoder(folder, device="cpu", max_length=start.max_length)
        arguments = CrossEncoderTrainingArguments(
            output_dir=folder,
            num_train_epochs=1,
            per_device_train_batch_size=LISTS * LIST_SIZE,
            learning_rate=RATE,
            warmup_steps=0.1,
            weight_decay=0.01,
            bf16=dtype == "bfloat16",
            use_cpu=True,
            save_strategy="no",
            report_to=[],
            disable_tqdm=True,
            dataloader_pin_memory=False,
        )
        data = Dataset.from_dict(rows)
        trainer = CrossEncoderTrainer(
            model=model, args=arguments, train_dataset=data, loss=BinaryCrossEntropyLoss(model)
        )
        started = time.perf_counter()
        trainer.train()
        seconds = time.perf_counter() - started
        trained = start.with_model(model.model if hasattr(model, "model") else model[0].auto_model)
    trained.model.eval()
    return trained, seconds


def rows(
    epochs: int, n_train: int | None = None, n_test: int | None = None, dtypes: Sequence[str] = DTYPES
) -> Iterator[Row]:
    """Train by both in each dtype. n_train, n_test: queries (None: all)."""
    lists, collection = pairs()
    lists = lists.take_queries(slice(0, n_train))
    test = rd.read_run(V1 / "runs" / "dl19.bm25.trec.gz", column="bm25").take_queries(slice(0, n_test))
    qrels = rd.read_qrels(V1 / "qrels.dl19.txt")
    for dtype in dtypes:
        slow = 0.0
        for name, train in (("CrossEncoderTrainer", peer), ("rankdistill", ours)):
            torch.manual_seed(0)
            start = rd.start_model(collection, max_length=LENGTH, seed=0)
            drawn = sum(len(draw_candidates(lists, LIST_SIZE, seed, "label")) for seed in range(epochs))
            trained, seconds = train(start, lists, collection, epochs, dtype)
            slow = slow or seconds
            scores = rd.score(trained, test, collection, dtype="auto")
            value = evaluate(qrels, test.with_columns(s=scores), ["nDCG@10"], by="s")["nDCG@10"]
            row = {"system": name, "dtype": dtype, "pairs/s": round(drawn / seconds, 1)}
            yield row | {"ratio": round(slow / seconds, 2), "nDCG@10 DL 2019": round(value, 4)}


def main(
    *,
    epochs: Annotated[int, Parameter(help="Lists drawn of every query.")] = 2,
    quick: Annotated[bool, Parameter(help="In float32, 8 queries to train on, once, and 1 to measure on.")] = False,
) -> None:
    """Train both in each dtype, print the table as it grows and write the result."""
    given = rows(1, 8, 1, DTYPES[:1]) if quick else rows(epochs)
    study("training_speed", given, [0], PACKAGES, folder=QUICK if quick else FOLDER)


if __name__ == "__main__":
    run(main)

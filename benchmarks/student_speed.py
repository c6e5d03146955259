"""Size and speed of students beside teachers, each by its best engine: SST-2's sentences, and query-passage pairs.

Run in the project's root: python -m benchmarks.student_speed   (--quick: under a minute, whose numbers say nothing)
The thesis's tables 3.2 and 4.4. Weights are random or a base's, as speed does not depend on them. Engines in float32
and bfloat16 are tried on a few of the texts. The fastest then scores them all, from strings to labels or scores, or as
many as it manages in two minutes, evenly spread (column "texts"); systems are compared by their seconds for a text.
All queries rank the same 100 candidates, which are read anew each time, or once by a BiLSTM that keeps texts. The last
rows train a BiLSTM on SST-2's sentences by the project's trainer, and by a plain loop over `nn.LSTM` and padded
batches, of the same sizes and optimizer. The goals: the BiLSTM 60 times as fast as BERT-base and 15 times MiniLM-L6 on
pairs, 100 candidates in 5 ms, and 3 times the plain loop.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Annotated, Any

import numpy as np
import torch
from cyclopts import Parameter
from transformers import BertConfig, BertForSequenceClassification

import rankdistill as rd
from benchmarks.precision import ENGINES
from benchmarks.results import FOLDER, QUICK, Row, run, study
from benchmarks.studies.marco import DATA
from rankdistill.data import Candidates, Collection
from rankdistill.data.collection import own_candidates
from rankdistill.errors import RankDistillError
from rankdistill.models import DEFAULT_BASE, CrossEncoder, ScoreContract
from rankdistill.models.labels import name_logits
from rankdistill.recipes.start import pair_head
from rankdistill.recipes.student_settings import STUDENTS, StudentSettings
from rankdistill.recipes.students import make_student
from rankdistill.scoring import score_with_report
from rankdistill.training import TrainingSettings, fit

FLOATS = tuple((engine, dtype) for engine, dtype in ENGINES if dtype != "int8")
"""int8 is left out: its scores differ."""
TRIED = 256
"""Pairs that engines are tried on."""
LIMIT = 120.0
"""Seconds; of a system that needs longer for all texts only as many are scored as it manages in that time."""
LENGTH, CANDIDATES, ROUNDS = 128, 100, 50
LEAST_ROUNDS, ROUNDS_LIMIT = 5, 60.0
"""A slow system ranks fewer queries than `ROUNDS`: as many as it manages in so many seconds, but at least a few."""
PACKAGES = ("rankdistill", "torch", "transformers", "onnxruntime", "openvino")
BERT, MINILM, BILSTM = "BERT-base shape", "MiniLM-L6", "bilstm"
PEERS = {BERT: "BERT-base", MINILM: "MiniLM-L6"}
SYSTEMS = (BERT, MINILM, "transformer:3x768", "biattentive", BILSTM)
LATENCY_PAIRS = 2000
"""Whose queries are ranked for where the time of 100 candidates is all that is measured."""
Data = tuple[Collection, Candidates]


def sentences(n: int) -> Data:
    """The first training sentences of SST-2, at most 67,349."""
    collection = rd.load_collection(f"glue:sst2@{DATA / 'glue'}")
    return collection, collection.in_split(own_candidates(collection), "train").take_queries(slice(0, n))


def pairs_of(n: int) -> Data:
    """BM25's 20 best sentences for the first questions of squad-sentences."""
    folder = DATA / "squad-sentences"
    lists = rd.read_run(folder / "runs" / "bm25.part1.depth20.trec.gz", column="bm25")
    return rd.load_collection(folder), lists.take_rows(np.arange(len(lists)) < n)


def made(name: str, data: Data) -> CrossEncoder:
    """A model of the task's head; three layers of BERT-base's width start at random."""
    collection, lists = data
    scored = collection.scored_pairs
    head: dict[str, Any] = pair_head(scored) if scored else {"contract": ScoreContract("logit"), "n_logits": 1}
    if name == MINILM:
        return CrossEncoder.from_base(DEFAULT_BASE, max_length=LENGTH, **head)
    if name != BERT:
        settings = StudentSettings(embeddings="random" if name.startswith("transformer") else "")
        return make_student(name, collection, lists, settings, max_length=LENGTH)
    tokenizer = made(MINILM, data).tokenizer
    network = BertForSequenceClassification(BertConfig(num_labels=head["n_logits"])).eval()
    name_logits(network.config, head.get("labels", ["LABEL_0"]))
    n_texts = scored.n_texts if scored else 2
    return CrossEncoder(network, tokenizer, head["contract"], max_length=LENGTH, n_texts=n_texts)


def seconds(work: Callable[[], Any]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def by_best_engine(model: CrossEncoder, data: Data) -> tuple[str, CrossEncoder, float]:
    """The fastest of the engines that run a model, on a few of its texts, and its texts a second.

    Engines that do not run it are named.
    """
    collection, lists = data
    some = lists.take_rows(spread(len(lists), TRIED))
    speeds: dict[tuple[str, str], float] = {}
    for engine, dtype in FLOATS:
        other = model.with_engine(engine, dtype)
        try:
            score_with_report(other, some, collection)  # warms up, and exports
            speeds[engine, dtype] = len(some) / seconds(lambda other=other: score_with_report(other, some, collection))  # type: ignore[misc]
        except (RankDistillError, ImportError) as error:
            print(f"{engine} {dtype} does not run {model.model.config.model_type}: {str(error).splitlines()[0][:120]}")
    engine, dtype = max(speeds, key=lambda each: speeds[each])
    return f"{engine} {dtype}", model.with_engine(engine, dtype), speeds[engine, dtype]


def spread(n: int, most: int) -> Any:
    """Which of n texts are taken where at most so many are, bool (n,): evenly spread, as the first ones are longer."""
    taken = np.zeros(n, bool)
    taken[np.linspace(0, n - 1, min(n, most)).astype(np.int64)] = True
    return taken


def latency(model: CrossEncoder, data: Data, rounds: int) -> float:
    """Median milliseconds to rank 100 candidates of a query."""
    collection, lists = data
    queries = collection.queries.take(lists.query_ids)
    documents = collection.documents.take(lists.doc_ids)[:CANDIDATES]
    for query in queries[:3]:  # warm up
        model.rank(query, documents)
    taken: list[float] = []
    while len(taken) < min(rounds, LEAST_ROUNDS) or (len(taken) < rounds and sum(taken) < ROUNDS_LIMIT):
        query = queries[(3 + len(taken)) % len(queries)]
        taken.append(seconds(lambda query=query: model.rank(query, documents)))  # type: ignore[misc]
    return round(1000 * float(np.median(taken)), 2)


def latencies(model: CrossEncoder, data: Data, rounds: int) -> Row:
    """The median time of 100 candidates, and of those that a model keeps texts of."""
    row: Row = {"p50 of 100, ms": latency(model, data, rounds)}
    if model.keep_texts(CANDIDATES + rounds):
        row["p50 of 100 kept, ms"] = latency(model, data, rounds)
    return row


def latency_rows(data: Data, rounds: int, systems: tuple[str, ...] = (MINILM, "biattentive", BILSTM)) -> Iterator[Row]:
    """The median time alone of small systems, and how many times as fast as MiniLM-L6 they are."""
    slow = 0.0
    for name in systems:
        engine, best, _ = by_best_engine(made(name, data), data)
        row = latencies(best, data, rounds)
        fastest = min(row.values())
        slow = slow or fastest
        yield {"system": name, "engine": engine, **row, "times MiniLM-L6": round(slow / fastest, 1)}


def scoring_rows(what: str, data: Data, rounds: int, systems: tuple[str, ...]) -> Iterator[Row]:
    """Systems on one set of texts, and how many times as fast as the two transformers they are."""
    took: dict[str, float] = {}
    for name in systems:
        model = made(name, data)
        engine, best, speed = by_best_engine(model, data)
        lists = data[1].take_rows(spread(len(data[1]), max(TRIED, int(LIMIT * speed))))
        taken = seconds(lambda best=best, lists=lists: score_with_report(best, lists, data[0]))  # type: ignore[misc]
        took[name] = taken / len(lists)
        n_embeddings = sum(weight.numel() for key, weight in model.model.named_parameters() if "embeddings" in key)
        row: Row = {"what": what, "system": name, "parameters": model.n_parameters}
        row |= {"without embeddings": model.n_parameters - n_embeddings, "engine": engine}
        row |= {"texts": len(lists), "seconds": round(taken, 2), "per second": round(1 / took[name])}
        row |= {f"times {short}": round(took[of] / took[name], 1) for of, short in PEERS.items() if of in took}
        if data[0].scored_pairs is None:
            row |= latencies(best, data, rounds)
        yield row


class Plain(torch.nn.Module):
    """Embeddings, `nn.LSTM` over padded rows, a layer with ReLU and the logits: of a BiLSTM student's sizes."""

    def __init__(self, shape: Any) -> None:
        super().__init__()
        self.embeddings = torch.nn.Embedding(shape.vocab_size, shape.embedding_size)
        self.lstm = torch.nn.LSTM(shape.embedding_size, shape.lstm_size, batch_first=True, bidirectional=True)
        self.dense = torch.nn.Linear(2 * shape.lstm_size, shape.dense_size)
        self.classifier = torch.nn.Linear(shape.dense_size, shape.num_labels)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        """Logits (B, n_logits) of padded tokens (B, L)."""
        _, (last, _) = self.lstm(self.embeddings(ids))
        logits: torch.Tensor = self.classifier(torch.relu(self.dense(torch.cat([last[0], last[1]], dim=-1))))
        return logits


def plain_loop(student: CrossEncoder, texts: list[str], targets: torch.Tensor, settings: TrainingSettings) -> None:
    """One epoch over shuffled texts, each batch padded to its longest."""
    network = Plain(student.model.config)
    optimizer = torch.optim.Adadelta(network.parameters(), lr=settings.learning_rate, rho=settings.adadelta_rho)
    order = torch.randperm(len(texts)).tolist()
    ids = student.tokenizer(texts, truncation=True, max_length=LENGTH)["input_ids"]
    for first in range(0, len(order), settings.lists_per_batch):
        rows = order[first : first + settings.lists_per_batch]
        batch = torch.nn.utils.rnn.pad_sequence([torch.tensor(ids[row]) for row in rows], batch_first=True)
        loss = torch.nn.functional.mse_loss(network(batch), targets[rows])
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), settings.max_grad_norm)
        optimizer.step()


def training_rows(data: Data) -> Iterator[Row]:
    """One epoch of a BiLSTM on a teacher's logits, by the plain loop and by the project's trainer."""
    collection, lists = data
    torch.manual_seed(0)
    targets = torch.randn(len(lists), 2)
    settings = TrainingSettings(**{**STUDENTS[BILSTM].training, "epochs": 1, "dtype": "float32"})
    lists = lists.with_columns({f"target.{place}": targets[:, place].numpy() for place in range(2)})
    texts = collection.queries.take(lists.query_ids)
    student = make_student(BILSTM, collection, lists, max_length=LENGTH)
    slow = seconds(lambda: plain_loop(student, texts, targets, settings))
    ours = seconds(lambda: fit(student, lists, collection, "logit_mse(target)", settings))
    for name, took in (("plain nn.LSTM loop", slow), ("rankdistill", ours)):
        row: Row = {"what": "training on sentences", "system": f"{BILSTM}, {name}", "texts": len(lists)}
        yield row | {"seconds": round(took, 2), "per second": round(len(lists) / took), "times": round(slow / took, 2)}


def rows(
    n_sentences: int, n_pairs: int, n_trained: int, rounds: int, systems: tuple[str, ...] = SYSTEMS
) -> Iterator[Row]:
    """Scoring of sentences, where there are any, and of pairs, and training."""
    if n_sentences:
        yield from scoring_rows("sentences of SST-2", sentences(n_sentences), rounds, systems)
    yield from scoring_rows("query-passage pairs", pairs_of(n_pairs), rounds, systems)
    yield from training_rows(sentences(n_trained))


def main(
    *,
    sentences: Annotated[int, Parameter(help="Of SST-2, at most.")] = 67_349,
    pairs: Annotated[int, Parameter(help="Of squad-sentences.")] = 100_000,
    trained: Annotated[int, Parameter(help="Sentences of the trainings.")] = 20_000,
    only_latency: Annotated[
        bool, Parameter(name="--latency", help="Only the time of 100 candidates, of the small systems.")
    ] = False,
    quick: Annotated[bool, Parameter(help="Two systems, 512 pairs, 100 sentences.")] = False,
) -> None:
    """Measure all, print the table as it grows and write the result."""
    if only_latency:
        study("student_latency", latency_rows(pairs_of(LATENCY_PAIRS), ROUNDS), [0], PACKAGES)
        return
    given = rows(0, 512, 100, 5, (MINILM, BILSTM)) if quick else rows(sentences, pairs, trained, ROUNDS)
    study("student_speed", given, [0], PACKAGES, folder=QUICK if quick else FOLDER)


if __name__ == "__main__":
    run(main)

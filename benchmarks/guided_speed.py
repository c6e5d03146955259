"""Guided pre-training (KD and MLM) side by side with `transformers.Trainer`: speed, losses and memory.

Run in the project's root: python -m benchmarks.guided_speed
The peer is what one writes first: `DataCollatorForLanguageModeling`, `AutoModelForMaskedLM` with a classification head
beside it, and the KL divergence to the teacher's logits, which the data set holds in a column. Both train the same
weights on the same pairs, teacher, batch, dtype and optimizer, in turns in one process, texts being strings at the
start. Losses are compared with dropout off, over the same order of pairs and the same masked tokens. Peak memory is
that of a process of its own, which trains with dropout.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
from cyclopts import Parameter
from torch import nn

import rankdistill as rd
from benchmarks.guided_peer import train_peer
from benchmarks.precision import DTYPES
from benchmarks.results import FOLDER, QUICK, Row, peak_memory, run, study
from benchmarks.studies.marco import DATA
from rankdistill.corpus.build import build_corpus
from rankdistill.data import Candidates, Collection
from rankdistill.inputs.masking import TokenMasker
from rankdistill.models.contract import CLASSES, ScoreContract
from rankdistill.models.masked_lm import MaskedLMHead
from rankdistill.training import Objective
from rankdistill.training.batches import Batch
from rankdistill.training.draw import plan_lists
from rankdistill.training.list_source import ListSource
from rankdistill.training.masked import Masked

TEXT = DATA / "wikipedia-en-2015-slice"
LENGTH, RATE = 128, 5e-5
PACKAGES = ("rankdistill", "torch", "transformers", "numba")
OURS, THEIRS = "rankdistill", "transformers.Trainer"


@dataclass(frozen=True)
class Case:
    """What both train on."""

    lists: Candidates
    pairs: Collection
    batch: int
    steps: int
    kd_reads: str

    @property
    def objective(self) -> str:
        return f"kl(expert) + mlm(shared={self.kd_reads == 'masked'})"

    def settings(self, dtype: str) -> rd.TrainingSettings:
        """Of one pass, a log line for each update."""
        return rd.TrainingSettings(
            lists_per_batch=self.batch,
            max_steps=self.steps,
            learning_rate=RATE,
            lr_scheduler_type="polynomial",
            weight_decay=0.0,
            dtype=dtype,
            logging_steps=1,
            save_steps=0,
        )


def case(data: Path, batch: int, steps: int, kd_reads: str) -> Case:
    """The first pairs of a folder, with the logits of an expert of two classes, drawn at random."""
    pairs = rd.load_collection(f"pairs:{data}")
    assert pairs.candidates is not None
    lists = pairs.candidates.take_rows(np.arange(len(pairs.candidates)) < batch * steps)
    if len(lists) < batch * steps:
        raise SystemExit(f"{data} has {len(lists):,} pairs, expected at least {batch * steps:,}")
    logits = np.random.default_rng(0).normal(size=(len(lists), 2)).astype(np.float32)
    columns = {f"expert.{place}": logits[:, place] for place in range(2)}
    return Case(lists.with_columns(columns), pairs, batch, steps, kd_reads)


def student(dropout: bool) -> tuple[rd.CrossEncoder, MaskedLMHead]:
    """A classifier and a head of a masked language model, the same at each call."""
    model = rd.CrossEncoder.from_base(
        n_logits=2, contract=ScoreContract(CLASSES, n_classes=2), labels=("no", "yes"), max_length=LENGTH, seed=0
    )
    torch.manual_seed(0)
    head = MaskedLMHead(model.model)
    if not dropout:
        for module in model.model.modules():
            if isinstance(module, nn.Dropout):
                module.p = 0.0
    return model, head


def train_ours(case: Case, dtype: str, dropout: bool) -> tuple[float, list[float]]:
    """Seconds, and the loss of each update."""
    model, head = student(dropout)
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        rd.fit(model, case.lists, case.pairs, case.objective, case.settings(dtype), out=folder, masked_lm=head)
        seconds = time.perf_counter() - started
        log = json.loads((Path(folder) / "log.json").read_text())
    return seconds, [entry["loss"] for entry in log if "loss" in entry]


def theirs(case: Case, dtype: str, dropout: bool, *, replay: bool = False) -> tuple[float, list[float]]:
    """Seconds, and the loss of each update. replay: on our batches, whose order and masked tokens are then the same."""
    model, head = student(dropout)
    ids = case.lists.query_ids
    texts = case.pairs.queries.take(ids), case.pairs.documents.take(case.lists.doc_ids)
    teacher = np.stack([case.lists[f"expert.{place}"] for place in range(2)], axis=1)
    batches = batches_of(model, case) if replay else []
    return train_peer(
        model, head, texts, teacher, case.settings(dtype), case.kd_reads, dropout=dropout, replayed=batches
    )


def batches_of(model: rd.CrossEncoder, case: Case) -> list[Batch]:
    """The batches that `fit` trains on."""
    settings, columns = case.settings("float32"), Objective.parse(case.objective).read_columns(case.lists.columns)
    plan = plan_lists(case.lists, settings.list_size, settings.epochs, settings.seed, compared=False)
    source = ListSource(model, case.lists, case.pairs, plan, columns, settings.lists_per_batch)
    masked = Masked(source, TokenMasker(model.tokenizer), settings.seed)
    return [masked[index] for index in range(case.steps)]


def peak_mb(options: list[str], system: str, dtype: str) -> int:
    """Peak memory of a process that trains by one system."""
    command = [sys.executable, "-m", "benchmarks.guided_speed", *options, "--alone", system, "--dtypes", dtype]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return int(json.loads(done.stdout.splitlines()[-1])["MB"])


def rows(
    case: Case, dtypes: tuple[str, ...], rounds: int, dropouts: tuple[bool, ...], options: list[str]
) -> Iterator[Row]:
    """Train by both in each dtype, with dropout and without; the first of several rounds warms up."""
    systems = {THEIRS: theirs, OURS: train_ours}
    for dtype in dtypes:
        peaks = {system: peak_mb(options, system, dtype) for system in systems}
        for dropout in dropouts:
            seconds: dict[str, list[float]] = {system: [] for system in systems}
            for _ in range(rounds + (rounds > 1)):
                for system, train in systems.items():
                    seconds[system].append(train(case, dtype, dropout)[0])
            took = {system: statistics.median(values[rounds > 1 :]) for system, values in seconds.items()}
            losses = {}
            if not dropout:
                losses = {THEIRS: theirs(case, dtype, False, replay=True)[1], OURS: train_ours(case, dtype, False)[1]}
            for system in systems:
                row: Row = {"system": system, "dtype": dtype, "dropout": "on" if dropout else "off"}
                row["pairs/s"] = round(len(case.lists) / took[system], 1)
                row["ratio"] = round(took[THEIRS] / took[system], 2)
                row["peak memory, MB"] = peaks[system]
                if losses:
                    apart = np.abs(np.subtract(losses[system], losses[THEIRS])).max()
                    row |= {"last loss": round(losses[system][-1], 4), "greatest difference": float(f"{apart:.1e}")}
                yield row


def main(
    *,
    data: Annotated[Path | None, Parameter(help="Parts of `rankdistill corpus`. [default: made of Wikipedia]")] = None,
    batch: Annotated[int, Parameter(help="Pairs between two updates.")] = 128,
    steps: Annotated[int, Parameter(help="Updates of a training.")] = 4,
    rounds: Annotated[int, Parameter(help="Trainings by each in turn, of which the median counts.")] = 3,
    dtypes: Annotated[tuple[str, ...], Parameter(help="Of the matrix products.")] = DTYPES,
    kd_reads: Annotated[
        str, Parameter(help="What the student reads for the expert's logits: plain or masked.")
    ] = "plain",
    quick: Annotated[bool, Parameter(help="Two updates of 8 pairs in one round, float32, dropout off.")] = False,
    alone: Annotated[str, Parameter(help="Train by this system alone, and print the peak of the memory.")] = "",
) -> None:
    """Train by both in turns, compare their losses and memory, print the table and write the result."""
    if quick:
        batch, steps, rounds, dtypes = 8, 2, 1, ("float32",)
    with tempfile.TemporaryDirectory() as folder:
        if data is None:
            data = Path(folder) / "pairs"
            build_corpus([TEXT / "part-00.jsonl.gz"], data, processes=1)
        both = case(data, batch, steps, kd_reads)
        if alone:
            (train_ours if alone == OURS else theirs)(both, dtypes[0], True)
            print(json.dumps({"MB": peak_memory() >> 20}))
            return
        options = ["--data", str(data), "--batch", str(batch), "--steps", "2", "--kd-reads", kd_reads]
        name = "guided_speed" if kd_reads == "plain" else f"guided_speed_{kd_reads}"
        table = rows(both, dtypes, rounds, (False,) if quick else (False, True), options)
        study(name, table, [0], PACKAGES, folder=QUICK if quick else FOLDER)


if __name__ == "__main__":
    run(main)

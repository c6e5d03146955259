"""Published baselines come out on the real files: the most frequent class, and the cosines of an encoder."""

from __future__ import annotations

import gzip
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from rankdistill.data import load_collection
from rankdistill.data.collection import own_candidates
from rankdistill.evaluation.pair_metrics import PAIR_METRICS
from rankdistill.models import DEFAULT_BASE
from rankdistill.models.encoder import Encoder
from rankdistill.tasks import Task


def glue(shared_data: Path, name: str) -> Task:
    collection = load_collection(f"glue:{name}@{shared_data / 'glue'}")
    return Task(collection, own_candidates(collection))


@pytest.mark.parametrize(
    ("name", "measure", "most_frequent", "value"),
    [
        ("cola", "matthews", 1, 0.0),
        ("sst2", "accuracy", 1, 0.509),
        ("mrpc", "accuracy", 1, 0.684),
        ("mrpc", "f1", 1, 0.812),
        ("rte", "accuracy", 0, 0.527),
        ("qnli", "accuracy", 1, 0.505),
        ("wnli", "accuracy", 0, 0.563),
    ],
)
def test_the_most_frequent_class_has_the_known_value(
    shared_data: Path, name: str, measure: str, most_frequent: int, value: float
) -> None:
    held_out = replace(glue(shared_data, name), measures=(measure,)).held_out
    answers = np.full(len(held_out.candidates), most_frequent, np.float32)
    assert held_out.evaluation(answers).values[measure] == pytest.approx(value, abs=6e-4)


@pytest.mark.slow
def test_cosines_of_minilm_have_the_published_spearman_on_sts_b(shared_data: Path) -> None:
    with gzip.open(shared_data / "glue" / "STS-B" / "test_gold.original.tsv.gz", "rt", encoding="utf-8") as file:
        rows = [line.rstrip("\n").split("\t") for line in file]
    labels, firsts, seconds = zip(*((float(row[4]), row[5], row[6]) for row in rows), strict=True)
    encoder = Encoder.from_pretrained(DEFAULT_BASE)
    cosines = (encoder.encode(firsts) * encoder.encode(seconds)).sum(axis=1).astype(np.float64)
    # the model card's and MTEB's STSBenchmark: 82.03
    assert 100 * PAIR_METRICS["spearman"](cosines, np.array(labels)) == pytest.approx(82.03, abs=0.02)

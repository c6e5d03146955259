"""Score sentence pairs by three experts at once, side by side with three runs of sentence-transformers.

Run in the project's root: python -m benchmarks.experts_speed
Experts are the default base with a new head each: two classes, three classes, and a similarity. Each way starts from
texts and ends with all logits; ours keeps them in its store. Both in turns in one process, in float32 and, where the
processor has it, in bfloat16.
10,000 pairs take some ten minutes on two cores, and a million a hundred times that; pairs/s hardly depend on it.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
from cyclopts import Parameter

import rankdistill as rd
from benchmarks.precision import DTYPES
from benchmarks.results import FOLDER, QUICK, Row, run, study
from benchmarks.studies.marco import DATA
from rankdistill.corpus.build import build_corpus
from rankdistill.data import Collection
from rankdistill.models.contract import CLASSES, ScoreContract
from rankdistill.recipes.guided import expert_columns
from rankdistill.scoring.settings import ScoringSettings

TEXT = DATA / "wikipedia-en-2015-slice"
CONTRACTS = {
    "rte": ScoreContract(CLASSES, n_classes=2),
    "mnli": ScoreContract(CLASSES, n_classes=3),
    "sts": ScoreContract("sigmoid", 5.0),
}
LENGTH = 128
PEER_BATCH = 32
"""The default of `CrossEncoder.predict`."""
PACKAGES = ("rankdistill", "sentence-transformers", "torch", "transformers")
Scored = dict[str, np.ndarray]


def experts() -> dict[str, rd.CrossEncoder]:
    """An expert of each kind."""
    return {
        name: rd.CrossEncoder.from_base(
            n_logits=contract.n_logits,
            contract=contract,
            labels=[f"class {place}" for place in range(contract.n_classes)],
            max_length=LENGTH,
            seed=seed,
        )
        for seed, (name, contract) in enumerate(CONTRACTS.items())
    }


def ours(models: dict[str, rd.CrossEncoder], pairs: Collection) -> Scored:
    """All columns, by one call, with a store."""
    with tempfile.TemporaryDirectory() as store:
        lists = expert_columns(models, pairs, ScoringSettings(store=Path(store)))
    return {name: lists[name] for name in sorted(lists.columns)}


def peer(models: dict[str, Any], texts: list[tuple[str, str]]) -> Scored:
    """The same columns, by a `predict` of each model; similarities as a sigmoid times 5."""
    columns: Scored = {}
    for name, model in models.items():
        scores = np.asarray(model.predict(texts, batch_size=PEER_BATCH, activation_fn=torch.nn.Identity()), np.float32)
        if CONTRACTS[name].form == CLASSES:
            columns |= {f"{name}.{place}": scores[:, place] for place in range(scores.shape[1])}
        else:
            columns[name] = 5 / (1 + np.exp(-scores.reshape(-1)))
    return dict(sorted(columns.items()))


def rows(data: Path, n_pairs: int, dtypes: tuple[str, ...], repeats: int) -> Iterator[Row]:
    """Both in each dtype."""
    from sentence_transformers import CrossEncoder

    whole = rd.load_collection(f"pairs:{data}")
    assert whole.candidates is not None
    lists = whole.candidates.take_rows(np.arange(len(whole.candidates)) < n_pairs)
    pairs = Collection(whole.name, whole.queries, whole.documents, candidates=lists, unjudged="missing")
    texts = list(zip(pairs.queries.take(lists.query_ids), pairs.documents.take(lists.doc_ids), strict=True))
    models = experts()
    with tempfile.TemporaryDirectory() as folder:
        for name, model in models.items():
            model.save(Path(folder) / name)
        for dtype in dtypes:
            settings = {"dtype": dtype} if dtype != "float32" else {}
            theirs = {
                name: CrossEncoder(str(Path(folder) / name), device="cpu", max_length=LENGTH, model_kwargs=settings)
                for name in models
            }
            mine = {name: model.with_dtype(dtype) for name, model in models.items()}
            systems: dict[str, Callable[[], Scored]] = {
                "three runs of sentence-transformers": lambda theirs=theirs: peer(theirs, texts),
                "rankdistill": lambda mine=mine: ours(mine, pairs),
            }
            seconds: dict[str, list[float]] = {system: [] for system in systems}
            scored: dict[str, Scored] = {}
            for _ in range(repeats):
                for system, work in systems.items():
                    started = time.perf_counter()
                    scored[system] = work()
                    seconds[system].append(time.perf_counter() - started)
            slow = statistics.median(seconds["three runs of sentence-transformers"])
            first, second = scored.values()
            apart = max(float(np.abs(first[name] - second[name]).max()) for name in first)
            for system in systems:
                took = statistics.median(seconds[system])
                row: Row = {"system": system, "dtype": dtype, "pairs": len(lists), "experts": len(models)}
                row |= {"pairs/s": round(len(lists) / took), "ratio": round(slow / took, 2)}
                yield row | {"greatest difference": float(f"{apart:.1e}")}


def main(
    *,
    data: Annotated[Path | None, Parameter(help="Parts of `rankdistill corpus`. [default: made of Wikipedia]")] = None,
    pairs: Annotated[int, Parameter(help="Scored by each way.")] = 10_000,
    dtypes: Annotated[tuple[str, ...], Parameter(help="Of the matrix products.")] = DTYPES,
    repeats: Annotated[int, Parameter(help="Of which the median counts.")] = 1,
    quick: Annotated[bool, Parameter(help="200 pairs in float32.")] = False,
) -> None:
    """Score by both in turns, compare the scores, print the table and write the result."""
    if quick:
        pairs, dtypes, repeats = 200, ("float32",), 1
    with tempfile.TemporaryDirectory() as folder:
        if data is None:
            data = Path(folder) / "pairs"
            n_parts = 1 if pairs <= 40_000 else 8
            build_corpus(sorted(TEXT.glob("part-*.jsonl.gz"))[:n_parts], data)
        study("experts_speed", rows(data, pairs, dtypes, repeats), [0], PACKAGES, folder=QUICK if quick else FOLDER)


if __name__ == "__main__":
    run(main)

"""UEGP for ranking: an expert scores unlabelled lists, its base learns the scores and the language, and is fine-tuned.

Run in the project's root: python -m benchmarks.studies.uegp_rank   (--quick: a smoke test, whose numbers say nothing)
The base, MiniLM-L6 as a start that ranks by its cosine, is fine-tuned by the hinge loss on DL 2020 and 2021 to the
expert. Unlabelled lists are BM25's best for queries of MS MARCO's dev set over the passages of DL 2019 and 2020. The
guided models are fine-tuned as the expert was, under three seeds, and all are measured on DL 2019, re-ranking BM25's
100 best. Rows: the expert; UEGP (scores and language); the scores alone; the language alone. Killed, it resumes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import numpy as np
from cyclopts import Parameter

import rankdistill as rd
from benchmarks.results import FOLDER, STUDIES, Folder, Row, run, study
from benchmarks.studies.marco import CONVENTIONS, QUERIES, STRONG, V1, V2
from benchmarks.studies.rows import PerQuery, corrected, row
from benchmarks.studies.students import SEEDS, per_query
from rankdistill.data import Candidates, Collection, Texts, concatenate
from rankdistill.data.sources.query_file import read_queries
from rankdistill.data.texts import concatenate_texts
from rankdistill.ensembling.join import join_runs
from rankdistill.models import DEFAULT_BASE
from rankdistill.recipes.guided import GuidedSettings, Terms, guide, like
from rankdistill.recipes.rekindle import finetuned, starts
from rankdistill.recipes.start import StartSettings
from rankdistill.scoring.settings import ScoringSettings
from rankdistill.tasks import Splits, Task
from rankdistill.training import TrainingSettings

WAYS: dict[str, Terms] = {"UEGP-rank": "kd+mlm", "KD only": "kd", "MLM only": "mlm"}
LENGTH = 96
"""Tokens of a pair, as the studies' teachers read."""
EXPERT = TrainingSettings(list_size=8, lists_per_batch=8, learning_rate=3e-5, epochs=10, logging_steps=20)
"""Of the expert, and of the fine-tuning of what it guided."""


@dataclass(frozen=True)
class Size:
    """How large the study is."""

    queries: int
    """Of the 6,980 of MS MARCO's dev set, evenly spaced in the file."""
    depth: int
    """BM25's best passages of a query, all of which are one list."""
    guided: GuidedSettings
    training: TrainingSettings = EXPERT
    judged: int | None = None
    """Queries of each year, and of BM25's best that are measured; None: all."""


FULL = Size(3490, 16, GuidedSettings(guided_steps=300, guided_batch=192, head_steps=200))
"""Every second query; the updates are one pass over their lists, which an hour or two on a CPU allow."""
QUICK = Size(
    queries=24,
    depth=4,
    guided=GuidedSettings(guided_steps=3, guided_batch=8, head_steps=2),
    training=replace(EXPERT, epochs=1, max_steps=2, list_size=2, lists_per_batch=4),
    judged=6,
)


# -- data --------------------------------------------------------------------------------------------------------------


def load_task(judged: int | None = None) -> Task:
    """DL 2020 and 2021 to train on, what BM25 and strong systems retrieved; and BM25's 100 best of DL 2019.

    judged: see `Size`.
    """
    if not V1.is_dir():
        raise SystemExit(f"the study reads {V1}, which is not there")
    first, second = rd.load_collection(V1), rd.load_collection(V2)
    run, few = rd.read_run(V1 / "runs" / "dl19.bm25.trec.gz", column="bm25"), slice(0, judged)
    test = (run.top_k(judged, "bm25") if judged else run).take_queries(few).only_columns()
    train = [part.take_queries(few) for part in (_pooled(V1, "dl20"), _pooled(V2, "dl21"))]
    qrels = (V1 / "qrels.dl19.txt", V1 / "qrels.dl20.txt", V2 / "qrels.dl21.txt")
    splits = {
        "train": [query for part in train for query in part.query_ids.to_pylist()],
        "test": test.query_ids.to_pylist(),
    }
    collection = Collection(
        "msmarco-dl",
        concatenate_texts([first.queries, second.queries]),
        concatenate_texts([first.documents, second.documents]),
        concatenate([rd.read_qrels(file) for file in qrels]),
        splits=splits,
    )
    return Task(
        collection,
        concatenate([*train, test]),
        measures=("PNR", "nDCG@10"),
        conventions=CONVENTIONS,
        splits=Splits("train", "train", "test"),
    )


def _pooled(folder: Path, year: str) -> Candidates:
    runs = {name: rd.read_run(folder / "runs" / f"{year}.{name}.trec.gz") for name in ("bm25", *STRONG[year])}
    return join_runs(runs).only_columns()


def unlabelled_lists(size: Size) -> Collection:
    """BM25's best for evenly spaced queries of the dev set, over the passages of DL 2019 and 2020."""
    passages, queries = rd.load_collection(V1).documents, read_queries(QUERIES)
    places = np.linspace(0, len(queries) - 1, size.queries).round().astype(int)
    sample = Texts(queries.ids.take(places), queries.texts.take(places))
    log = Collection("msmarco-dev", sample, passages, unjudged="missing")
    return replace(log, candidates=rd.bm25(log, k=size.depth).only_columns())


# -- the cycle ---------------------------------------------------------------------------------------------------------


def rows(folder: Path, size: Size) -> Iterator[Row]:
    """The expert, then each way to guide its base, compared with the expert; UEGP also with its halves."""
    task, runs = load_task(size.judged), [replace(size.training, seed=seed) for seed in SEEDS]
    test = task.held_out
    start_of = starts(task, DEFAULT_BASE, StartSettings(max_length=LENGTH), size.training, folder)

    experts = [finetuned(task, start_of(each.seed), each, folder / f"expert{each.seed}") for each in runs]
    systems: dict[str, list[PerQuery]] = {"expert": _measured(test, folder, "expert")}
    lists = unlabelled_lists(size)
    assert lists.candidates is not None
    facts = {"lists": lists.candidates.n_queries, "pairs": len(lists.candidates)}
    yield row({"system": "expert", "lists": 0, "pairs": 0, "updates": 0}, systems["expert"])
    scoring = ScoringSettings(dtype="auto", store=folder / "scores")
    for name, terms in WAYS.items():
        out, guided = folder / terms.replace("+", "-"), replace(size.guided, terms=terms)
        student = start_of(SEEDS[0])
        guide(
            DEFAULT_BASE,
            {"expert": experts[0]},
            lists,
            guided,
            size.training,
            scoring=scoring,
            student=student,
            out=out,
        )
        for each in runs:
            model = like(experts[0], out / "guided" / "model", seed=each.seed)
            finetuned(task, model, each, out / f"rekindled{each.seed}")
        against = {"expert": systems["expert"]} | ({} if name == "UEGP-rank" else {"UEGP-rank": systems["UEGP-rank"]})
        systems[name] = _measured(test, out, "rekindled")
        yield row({"system": name, **facts, "updates": guided.guided_steps}, systems[name], against)


def _measured(test: Task, folder: Path, name: str) -> list[PerQuery]:
    """What the runs that the fine-tunings left reach, query by query."""
    runs = [rd.read_run(folder / f"{name}{seed}" / "run.trec.gz", column="score") for seed in SEEDS]
    return [per_query(test, test.candidates.join(run, "score")["score"]) for run in runs]


def main(
    *,
    folder: Folder = STUDIES / "uegp_rank",
    quick: Annotated[bool, Parameter(help="A few updates on a few lists, written beside the models.")] = False,
) -> None:
    """Train what is not yet trained, print the table as it grows and write the result."""
    place = folder / "quick" if quick else folder
    place.mkdir(parents=True, exist_ok=True)
    results = place if quick else FOLDER
    study("study_uegp_rank", rows(place, QUICK if quick else FULL), SEEDS, finish=corrected, folder=results)


if __name__ == "__main__":
    run(main)

"""UEGP for ranking: an expert scores unlabelled lists, its base learns the scores and the language, and is fine-tuned.

Run in the project's root: python -m benchmarks.studies.uegp_rank   (--quick: a smoke test, whose numbers say nothing)
The base, MiniLM-L6 as a start that ranks by its cosine, is fine-tuned by the hinge loss on DL 2020 and 2021 to the
expert. Unlabelled lists are BM25's best for queries of MS MARCO's dev set over the passages of DL 2019 and 2020. The
guided models are fine-tuned as the expert was, under three seeds, and all are measured on DL 2019, re-ranking BM25's
100 best. Rows: the expert; UEGP (scores and language, both of masked text); the scores alone, of the text as it is; the
language alone. Killed, it resumes; runs that are beside the table are not made again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Annotated

import numpy as np
from cyclopts import Parameter

import rankdistill as rd
from benchmarks.results import FOLDER, STUDIES, Folder, Row, run, study
from benchmarks.results import QUICK as QUICK_RESULTS
from benchmarks.studies.marco import CONVENTIONS, QUERIES, STRONG, V1, V2
from benchmarks.studies.rows import PerQuery, corrected, row
from benchmarks.studies.runs import RUN, chosen, kept_runs, model_of
from benchmarks.studies.students import SEEDS, per_query
from rankdistill.data import Candidates, Collection, Texts, concatenate
from rankdistill.data.sources.query_file import read_queries
from rankdistill.data.texts import concatenate_texts
from rankdistill.ensembling.join import join_runs
from rankdistill.models import DEFAULT_BASE, CrossEncoder
from rankdistill.recipes.guided import guide, like
from rankdistill.recipes.guided_settings import GuidedSettings, Terms
from rankdistill.recipes.rekindle import finetuned, starts
from rankdistill.recipes.start import StartSettings
from rankdistill.scoring.settings import ScoringSettings
from rankdistill.tasks import Splits, Task
from rankdistill.training import TrainingSettings

EXPERT_NAME, UEGP = "expert", "UEGP-rank"
WAYS: dict[str, Terms] = {UEGP: "kd+mlm", "KD only": "kd", "MLM only": "mlm"}
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


FULL = Size(3490, 8, GuidedSettings(guided_steps=150, guided_batch=192, head_steps=200, kd_reads="masked"))
"""Every second query; the updates are one pass over their lists, which half an hour a way on a CPU core allows."""
QUICK = Size(
    queries=24,
    depth=4,
    guided=GuidedSettings(guided_steps=3, guided_batch=8, head_steps=2, kd_reads="masked"),
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


@dataclass(frozen=True, eq=False)
class Trainings:
    """All that the study trains, each once, in a folder."""

    folder: Path
    size: Size

    @cached_property
    def task(self) -> Task:
        """What is learned from and measured on."""
        return load_task(self.size.judged)

    @cached_property
    def lists(self) -> Collection:
        """The unlabelled lists."""
        return unlabelled_lists(self.size)

    def start(self, seed: int) -> CrossEncoder:
        """What ranks by the base's cosine; the same for all seeds."""
        return self._starts(seed)

    @cached_property
    def _starts(self) -> Callable[[int], CrossEncoder]:
        return starts(self.task, DEFAULT_BASE, StartSettings(max_length=LENGTH), self.size.training, self.folder)

    def finetune(self, start: CrossEncoder, seed: int, out: Path) -> None:
        """Fine-tune as the expert is, and re-rank the test's lists."""
        finetuned(self.task, start, replace(self.size.training, seed=seed), out)

    def expert(self) -> CrossEncoder:
        """The expert that scores the unlabelled lists; trained again where only its run is known."""
        seed = SEEDS[0]
        model = model_of(self.folder / f"{EXPERT_NAME}{seed}", lambda out: self.finetune(self.start(seed), seed, out))
        return CrossEncoder.from_pretrained(model)

    def guided(self, terms: Terms) -> Path:
        """The base guided by the expert's scores of the unlabelled lists, by their language, or both."""
        out = self.folder / terms.replace("+", "-")
        if not (out / "guided" / "model").is_dir():
            settings = self.size.guided.with_terms(terms)
            scoring = ScoringSettings(dtype="auto", store=self.folder / "scores")
            experts, student = {"expert": self.expert()}, self.start(SEEDS[0])
            guide(
                DEFAULT_BASE, experts, self.lists, settings, self.size.training,
                scoring=scoring, student=student, out=out,
            )  # fmt: skip
        return out / "guided" / "model"

    def experts(self) -> list[PerQuery]:
        """What the expert reaches under each seed."""
        outs = {seed: self.folder / f"{EXPERT_NAME}{seed}" for seed in SEEDS}
        for seed, out in outs.items():
            if not (out / RUN).is_file():
                self.finetune(self.start(seed), seed, out)
        return self.measured(outs)

    def rekindled(self, terms: Terms) -> list[PerQuery]:
        """What a guided base, fine-tuned as the expert was, reaches under each seed."""
        outs = {seed: self.folder / terms.replace("+", "-") / f"rekindled{seed}" for seed in SEEDS}
        for seed, out in outs.items():
            if not (out / RUN).is_file():
                self.finetune(like(self.expert(), self.guided(terms), seed=seed), seed, out)
        return self.measured(outs)

    def measured(self, outs: Mapping[int, Path]) -> list[PerQuery]:
        """What the runs in folders reach, query by query."""
        test = self.task.held_out
        runs = [rd.read_run(out / RUN, column="score") for out in outs.values()]
        return [per_query(test, test.candidates.join(run, "score")["score"]) for run in runs]


def rows(trainings: Trainings, ways: Sequence[str]) -> Iterator[Row]:
    """The expert, then each way to guide its base, compared with the expert; and with UEGP, where that came before."""
    systems = {EXPERT_NAME: trainings.experts()}
    yield row({"system": EXPERT_NAME, "lists": 0, "pairs": 0, "updates": 0}, systems[EXPERT_NAME])
    size = trainings.size
    facts = {"lists": size.queries, "pairs": size.queries * size.depth, "updates": size.guided.guided_steps}
    for name in ways:
        against = dict(systems)
        systems[name] = trainings.rekindled(WAYS[name])
        against = {each: values for each, values in against.items() if each in (EXPERT_NAME, UEGP)}
        yield row({"system": name, **facts}, systems[name], against)


def main(
    *,
    folder: Folder = STUDIES / "uegp_rank",
    ways: Annotated[tuple[str, ...], Parameter(help="Only these; the expert is trained in any case.")] = tuple(WAYS),
    name: Annotated[str, Parameter(help="The result's.")] = "study_uegp_rank",
    quick: Annotated[bool, Parameter(help="A few updates on a few lists.")] = False,
) -> None:
    """Train what is not yet trained, print the table as it grows and write the result."""
    size, place, results = FULL, folder, FOLDER
    if quick:
        size, place, results = QUICK, folder.with_name(f"{folder.name}-quick"), QUICK_RESULTS
    with kept_runs(place, "uegp_rank", chosen(size), results):
        study(name, rows(Trainings(place, size), ways), SEEDS, finish=corrected, folder=results)


if __name__ == "__main__":
    run(main)

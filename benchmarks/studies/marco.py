"""What the studies on MS MARCO train, choose and measure on: one year is for the end, the others for all else.

Reads `../shared/data`; see its README for what the files are. The year is DL 2019 but where a study measures on DL 2020
too, in whose place DL 2019 then is. No query or judgment of that year is in what is trained on.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

import rankdistill as rd
from rankdistill.data import Candidates, Collection, Texts, concatenate
from rankdistill.data.collection import hash_percent
from rankdistill.data.sources.lines import read_tsv
from rankdistill.data.sources.rows import QUERY_NAMES
from rankdistill.data.texts import concatenate_texts
from rankdistill.ensembling.join import join_runs
from rankdistill.ensembling.missing import lowest
from rankdistill.ensembling.normalize import normalize
from rankdistill.evaluation.conventions import Conventions
from rankdistill.tasks import Task

DATA = Path(__file__).parents[2].parent / "shared" / "data"
V1, V2 = DATA / "msmarco-passage-dl", DATA / "msmarco-v2-passage-dl"
V1_SYSTEMS = ("repllama", "splade_pp_ed", "ada2", "tasb", "splade_pp_ed+rankvicuna")
STRONG = {
    "dl19": V1_SYSTEMS,
    "dl20": V1_SYSTEMS,
    "dl21": ("splade_pp_ed",),
    "dl22": ("splade_pp_ed",),
}
QUERIES = DATA / "msmarco-passage-dev" / "queries.dev-subset.tsv.gz"
N_UNLABELLED, K_UNLABELLED = 2000, 32
DEV_PERCENT, HELD_OUT_PERCENT = 30, 50
"""Shares, by the hash of the id, of DL 2021's queries, kept from teachers and students, and of DL 2020's, that students
see but when all is chosen."""


CONVENTIONS = Conventions(unjudged="missing")


@dataclass(frozen=True)
class MsMarco:
    """Lists to learn from, and tasks to choose and to measure on, all over one collection."""

    collection: Collection
    train: Candidates
    """What BM25 or a strong system retrieved for DL 2020, 2021 (without the dev queries) and 2022, whose labels are
    missing; column "systems": the mean of the strong systems' z-scores."""
    test: Task
    """BM25's 100 best for DL 2019."""
    dev: Task
    """BM25's 100 best for the dev queries, that teachers' checkpoints are chosen on."""
    held_out: Task
    """BM25's 100 best for the dev queries and half of DL 2020's, that students' settings are chosen on."""
    unlabelled: Candidates
    """What BM25 finds among the passages of ``train`` for 2,000 other queries of MS MARCO: to imitate teachers on."""

    def not_held_out(self, lists: Candidates) -> Candidates:
        """Those of the lists whose queries are not held out."""
        held_out = set(self.held_out.candidates.query_ids.to_pylist())
        return lists.take_queries(np.array([query not in held_out for query in lists.query_ids.to_pylist()]))


def load_task(test_year: str = "dl19", n_unlabelled: int = N_UNLABELLED, wide: bool = False) -> MsMarco:
    """Read everything; `SystemExit` where the data are not there.

    test_year: "dl19" or "dl20". n_unlabelled: other queries, at most 6,980. wide: find their lists among all passages
    of both collections, not those of ``train`` alone; they have no label and no rank of a system.
    """
    if not V1.is_dir():
        raise SystemExit(f"the studies read {V1}, which is not there")
    first, second = rd.load_collection(V1), rd.load_collection(V2)
    others = Texts(*(column[:n_unlabelled] for column in read_tsv(QUERIES, QUERY_NAMES)))
    seen = {"dl19": "dl20", "dl20": "dl19"}[test_year]
    collection = Collection(
        "msmarco-dl",
        concatenate_texts([first.queries, second.queries, others]),
        concatenate_texts([first.documents, second.documents]),
    )
    parts = []
    for year in (seen, "dl21", "dl22"):
        folder, systems = V1 if year == seen else V2, STRONG[year]
        lists = pooled(folder, year, systems)
        qrels = folder / f"qrels.{year}.txt"
        if qrels.is_file():
            lists = lists.join(rd.read_qrels(qrels), "label")
        else:
            lists = lists.with_columns(label=np.full(len(lists), np.nan))
        parts.append(lists.take_queries(~_within(lists, DEV_PERCENT)) if year == "dl21" else lists)
    dev = rd.read_run(V2 / "runs" / "dl21.bm25.trec.gz", column="bm25")
    dev = dev.take_queries(_within(dev, DEV_PERCENT))
    seen_last = rd.read_run(V1 / "runs" / f"{seen}.bm25.trec.gz", column="bm25")
    seen_last = seen_last.take_queries(_within(seen_last, HELD_OUT_PERCENT))
    test = rd.read_run(V1 / "runs" / f"{test_year}.bm25.trec.gz", column="bm25")
    dev_qrels = rd.read_qrels(V2 / "qrels.dl21.txt").take_queries(dev.query_ids.to_pylist())
    seen_last_qrels = rd.read_qrels(V1 / f"qrels.{seen}.txt").take_queries(seen_last.query_ids.to_pylist())
    train = concatenate(parts)

    def task(candidates: Candidates, qrels: Candidates) -> Task:
        return Task(collection, candidates, conventions=CONVENTIONS, qrels=qrels)

    return MsMarco(
        collection,
        train,
        test=task(test, rd.read_qrels(V1 / f"qrels.{test_year}.txt")),
        dev=task(dev, dev_qrels),
        held_out=task(concatenate([dev, seen_last]), concatenate([dev_qrels, seen_last_qrels])),
        unlabelled=_unlabelled(collection, None if wide else train, others),
    )


def pooled(folder: Path, year: str, systems: tuple[str, ...]) -> Candidates:
    """What BM25 and the systems retrieved, with the mean of the systems' z-scores, a missing one being its lowest."""
    names = ("bm25", *systems)
    runs = {name: rd.read_run(folder / "runs" / f"{year}.{name}.trec.gz") for name in names}
    pooled = join_runs(runs)
    scores, _ = lowest(np.array([pooled[name] for name in systems], np.float64), pooled, systems)
    target = np.mean([normalize(row, pooled.offsets, "zscore") for row in scores], axis=0)
    return pooled.only_columns().with_columns(systems=target)


def _unlabelled(collection: Collection, train: Candidates | None, queries: Texts) -> Candidates:
    texts = collection.documents
    if train is not None:
        passages = pa.array(sorted(set(train.doc_ids.to_pylist())), pa.large_string())
        texts = Texts(passages, pa.array(collection.documents.take(passages)))
    return rd.bm25(Collection("train passages", queries, texts), queries.ids, k=K_UNLABELLED).only_columns()


def _within(candidates: Candidates, percent: int) -> np.ndarray:
    return np.array([hash_percent(query) < percent for query in candidates.query_ids.to_pylist()])

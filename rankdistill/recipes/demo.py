"""demo: BM25, three teachers, PILE of them all, two students; all measured on queries that no model has seen."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from rich.text import Text

from rankdistill.data import Candidates, Collection, read_run, write_qrels, write_run
from rankdistill.data.collection import hashed
from rankdistill.ensembling.fuse import fuse, tune_weight
from rankdistill.ensembling.settings import EnsembleSettings
from rankdistill.evaluation import Leaderboard, export, leaderboard, write_html
from rankdistill.evaluation.conventions import Conventions
from rankdistill.files.checksums import checksums_text
from rankdistill.files.facts import claim, digest, read_facts
from rankdistill.files.lock import locked
from rankdistill.files.outputs import check_output_file, check_output_folder
from rankdistill.losses.limits import Check, number, whole
from rankdistill.models import DEFAULT_BASE, CrossEncoder, Encoder, resolve_base
from rankdistill.progress import say
from rankdistill.recipes.distill import distill
from rankdistill.recipes.finetune import finetune
from rankdistill.recipes.labels import with_labels
from rankdistill.recipes.measure import measure_model
from rankdistill.recipes.start import IMITATION, start_model
from rankdistill.retrieval.bm25 import bm25
from rankdistill.scoring import cosine, score
from rankdistill.scoring.settings import ScoringSettings
from rankdistill.tasks import LABEL, Task
from rankdistill.training import TrainingSettings, draw_candidates, imitate

SHARES = {"teacher1": 1.0, "teacher2": 0.8, "teacher3": 0.8}  # of the teachers' queries, as in PILE §4.2
TRAIN_RUN = "train.trec.gz"
OBJECTIVE = "list_cross_entropy(label)"
BASE, PILE, FUSED = "student-base", "student-pile", "student-pile+bm25"
N_STEPS = 6 + len(SHARES)
CONVENTIONS = Conventions()
SCORING = ScoringSettings(dtype="auto")
"""The demo scores in bfloat16 where the processor has it, which is faster; elsewhere float32 is the default."""


@dataclass(frozen=True)
class DemoSettings:
    """How much of everything the demo does; the defaults take some ten minutes on two cores."""

    teacher_queries: int = 400
    """Training queries of the first teacher; the others see 80 % of them each."""
    student_queries: int = 1200
    """Training queries of the students, the teachers' among them."""
    dev_queries: int = 100
    """Queries on which the weight of the fused row is tuned."""
    test_queries: int = 900
    """Held-out queries that everything is measured on."""
    list_size: int = 4
    """Candidates of a query in a training list."""
    depth: int = 10
    """BM25's candidates that are re-ranked, and that training lists are drawn from."""
    max_length: int = 64
    """Tokens of a (query, document) pair."""
    student_layers: tuple[int, ...] = (0, 4, 5, 6)
    """Layers of the teachers' start that students keep; it has one more than the base encoder."""
    teacher_learning_rate: float = 2e-5
    """Highest learning rate of the teachers."""
    student_learning_rate: float = 1e-4
    """Highest learning rate of the students."""
    seed: int = 0
    """Seed of everything drawn."""

    def __post_init__(self) -> None:
        for name, check in LIMITS.items():
            check(name, getattr(self, name))
        for layer in self.student_layers:
            whole(0, 1000)("student_layers", layer)


LIMITS: dict[str, Check] = {
    **dict.fromkeys(("teacher_queries", "student_queries", "dev_queries", "test_queries"), whole(1, 1_000_000_000)),
    "list_size": whole(2, 1_000_000),
    "depth": whole(2, 1_000_000),
    "max_length": whole(8, 1_000_000),
    **dict.fromkeys(("teacher_learning_rate", "student_learning_rate"), number(0, 1, above=True)),
    "seed": whole(0, 2**32 - 1 - len(SHARES)),  # each teacher has a seed of its own
}
"""Every setting that is a number -> the values that it may have."""


def demo(
    collection: Collection, out: str | Path, settings: DemoSettings | None = None, base: str | Path = DEFAULT_BASE
) -> Leaderboard:
    """Go from a collection with judgments to a distilled re-ranker measured against its teachers.

    Models score in bfloat16 where the processor has it.

    Writes into ``out`` a folder per system with ``run.trec.gz`` (and ``model/`` and ``metrics.json`` where there is a
    model), the test queries' ``qrels.txt``, and ``leaderboard.json`` and ``.html``. What a killed call has finished is
    kept by the next one with the same settings on the same collection; `UsageError` where ``out`` holds another demo,
    or another process writes into it.
    Source: PILE §3 and §4 (docs/papers.md); the fused row, common practice.
    """
    work = _Demo(collection, Path(out), settings or DemoSettings(), base)
    work.check_outputs()
    with locked(out):
        work.claim_folder()
        work.first_stage()
        work.cosine()
        for name in SHARES:
            work.teacher(name)
        work.imitation()
        work.student_base()
        work.student_pile()
        work.fused()
        return work.leaderboard()


class _Demo:
    """The demo's steps, in the order in which they are run, and what they share."""

    def __init__(self, collection: Collection, out: Path, settings: DemoSettings, base: str | Path) -> None:
        self.collection, self.out, self.settings, self.base = collection, out, settings, base
        self.facts: dict[str, dict[str, Any]] = {}
        self.n_steps_done = 0

    def say(self, what: str) -> None:
        self.n_steps_done += 1
        say(Text.assemble((f"{self.n_steps_done}/{N_STEPS}", "bold"), f" {what}"))

    def check_outputs(self) -> None:
        """Raise, before any work, where a result could not be written."""
        for name in ("", "bm25", "cosine", *SHARES, "student-start", BASE, PILE, FUSED):
            check_output_folder(self.out / name)
        for name in ("settings.json", "qrels.txt", "leaderboard.json", "leaderboard.html"):
            check_output_file(self.out / name)

    def claim_folder(self) -> None:
        """Write down what the demo is made of; `UsageError` where the folder holds a demo of something else."""
        base = digest(checksums_text(resolve_base(self.base)))
        facts = {"collection": self.collection.name, "base": str(self.base), **asdict(self.settings)}
        facts |= {"content of the collection": _content(self.collection), "content of the base": base}
        claim(self.out, "a demo", facts, "settings.json")

    def first_stage(self) -> None:
        """Draw queries and find their candidates: ``train``, ``dev``, ``test``."""
        settings = self.settings
        self.say(f"BM25 over the {len(self.collection.documents):,} documents of {self.collection.name}")
        sizes = {"train": max(settings.student_queries, settings.teacher_queries), "dev": settings.dev_queries}
        queries = {
            split: self._queries(split, size) for split, size in {**sizes, "test": settings.test_queries}.items()
        }
        run = bm25(self.collection, [query for split in queries.values() for query in split], k=settings.depth)
        order = {query: i for i, query in enumerate(run.query_ids.to_pylist())}
        lists = {
            split: run.take_queries(np.asarray([order[q] for q in wanted if q in order], np.int64))
            for split, wanted in queries.items()
        }
        self.train, self.dev, self.test = lists["train"], lists["dev"], lists["test"]
        write_qrels(self._task(self.test).judgments, self.out / "qrels.txt")
        self._write(self.test, "bm25", "bm25")
        write_run(self.train, self.out / "bm25" / TRAIN_RUN, "bm25", tag="bm25")

    def cosine(self) -> None:
        """Rank by the base encoder as it is."""
        self.say("the base encoder's cosine, without any training")
        encoder = Encoder.from_pretrained(self.base, max_length=self.settings.max_length, dtype="auto")
        self._write(self.test.with_columns(cosine=cosine(self.test, self.collection, encoder=encoder)), "cosine")

    def teacher(self, name: str) -> None:
        """Fine-tune a teacher on its share of the labelled queries."""
        lists, share = self.train.take_queries(slice(0, self.settings.teacher_queries)), SHARES[name]
        self.say(f"{name}: fine-tuned on the labels of {share:.0%} of {lists.n_queries} queries")
        seed = self.settings.seed + list(SHARES).index(name)
        training = replace(self._training(self.settings.teacher_learning_rate, seed), lists_per_batch=8)
        self._measured(
            name,
            lambda folder: finetune(
                self.collection,
                lists,
                self.start.with_model(copy.deepcopy(self.start.model)),
                training,
                objective=OBJECTIVE,
                conventions=CONVENTIONS,
                share=share,
                sample_seed=seed,
                out=folder,
            ),
        )

    def imitation(self) -> None:
        """Make what both students start from: few layers that have learned, without labels, to do as all do."""
        self.say(f"the students' start: {len(self.settings.student_layers)} layers imitate all, without labels")
        self.student_start()

    def student_base(self) -> None:
        """Fine-tune the student on labels alone: what distillation is compared with."""
        self.say(f"{BASE}: {len(self.settings.student_layers)} layers, fine-tuned on labels alone")
        training = self._training(self.settings.student_learning_rate, self.settings.seed)
        self._measured(
            BASE,
            lambda folder: finetune(
                self.collection,
                self.drawn,
                self.student_start(),
                training,
                objective=OBJECTIVE,
                conventions=CONVENTIONS,
                out=folder,
            ),
        )

    def student_pile(self) -> None:
        """Distil the same student from the teachers' PILE ensemble, on the same lists."""
        self.say(f"{PILE}: the same student on the same lists, distilled from PILE of {len(SHARES)} teachers and BM25")
        teachers = {name: self.out / name / "model" for name in SHARES} | {"bm25": self.out / "bm25" / TRAIN_RUN}
        training = self._training(self.settings.student_learning_rate, self.settings.seed)
        self._measured(
            PILE,
            lambda folder: distill(
                self.collection,
                self.drawn,
                teachers,
                self.student_start(),
                training,
                ensembling=EnsembleSettings(normalize="zscore"),
                objective=f"{OBJECTIVE} + pointwise_mse(pile) + pairwise_mse(pile)",
                conventions=CONVENTIONS,
                scoring=SCORING,
                out=folder,
            )[0],
        )

    def fused(self) -> None:
        """Add BM25's score to the student's by the weight that is best on the dev queries."""
        self.say(f"{FUSED}: the student's score and BM25's, weighted as is best on {self.dev.n_queries} dev queries")
        model = CrossEncoder.from_pretrained(self.out / PILE / "model")
        dev = self.dev.with_columns(model=score(model, self.dev, self.collection, SCORING, description="dev"))
        tuned = tune_weight(dev, "model", "bm25", self._task(dev).judgments)
        say(str(tuned))
        run = self.test.join(read_run(self.out / PILE / "run.trec.gz", column="model"), "model")
        self._write(run.with_columns(fused=fuse(run["model"], run["bm25"], run.offsets, tuned.weight)), FUSED, "fused")
        self.facts[FUSED] = self.facts[PILE]

    def leaderboard(self) -> Leaderboard:
        """Compare everything on the test queries, and write it down."""
        systems = {name: self.out / name / "run.trec.gz" for name in ("bm25", "cosine", *self.facts)}
        board = leaderboard(
            systems,
            self._task(self.test).judgments,
            baseline="bm25",
            extra=self.facts,
            conventions=replace(CONVENTIONS, unjudged=self._task(self.test).unjudged),
        )
        export(board, self.out / "leaderboard.json")
        write_html(board, self.out / "leaderboard.html", f"rankdistill on {self.collection.name}", self.collection)
        return board

    @cached_property
    def drawn(self) -> Candidates:
        """The students' lists, labelled: the candidates that the teachers have to score."""
        lists = self.train.take_queries(slice(0, self.settings.student_queries))
        labelled = with_labels(self._task(lists))
        return draw_candidates(labelled, self.settings.list_size, self.settings.seed, labels="label")

    def _task(self, candidates: Candidates) -> Task:
        return Task(self.collection, candidates, conventions=CONVENTIONS)

    def _queries(self, split: str, size: int) -> list[str]:
        """Draw by a hash of the id, so that the draw is about the same where the collection has grown."""
        return sorted(self.collection.split(split), key=lambda query: hashed(f"{self.settings.seed}:{query}"))[:size]

    @cached_property
    def start(self) -> CrossEncoder:
        """What teachers start from."""
        settings = self.settings
        return start_model(self.collection, self.base, max_length=settings.max_length, seed=settings.seed)

    def student_start(self) -> CrossEncoder:
        """A student before it has seen a label: trained once, then read."""
        settings, folder = self.settings, self.out / "student-start"
        training = replace(self._training(IMITATION.learning_rate, settings.seed), lists_per_batch=8)
        imitate(self.start, settings.student_layers, self.drawn, self.collection, training, out=folder)
        return CrossEncoder.from_pretrained(folder / "model")

    def _training(self, learning_rate: float, seed: int) -> TrainingSettings:
        return TrainingSettings(
            list_size=self.settings.list_size, lists_per_batch=16, learning_rate=learning_rate, save_steps=50, seed=seed
        )

    def _measured(self, name: str, train: Callable[[Path], CrossEncoder]) -> None:
        """Train into a folder and measure there, unless a call before this one has."""
        folder, facts = self.out / name, ("parameters", "pairs_per_second")
        if not all(fact in read_facts(folder / "metrics.json") for fact in facts):
            measure_model(train(folder), self._task(self.test), folder, scoring=SCORING)
        metrics = read_facts(folder / "metrics.json")
        self.facts[name] = {fact: metrics[fact] for fact in facts}

    def _write(self, run: Candidates, name: str, by: str | None = None) -> None:
        write_run(run, self.out / name / "run.trec.gz", by or name, tag=name)


def _content(collection: Collection) -> str:
    """Hash a collection's texts, ids and judgments."""
    hashed = hashlib.blake2b(digest_size=16)
    for texts in (collection.documents, collection.queries):
        for columns in texts.batches():
            hashed.update(repr([column.to_pylist() for column in columns]).encode())
    if collection.qrels is not None:
        qrels = collection.qrels
        hashed.update(repr((qrels.query_ids.to_pylist(), qrels.doc_ids.to_pylist())).encode())
        for array in (qrels.offsets, qrels[LABEL]):
            hashed.update(array.tobytes())
    return hashed.hexdigest()

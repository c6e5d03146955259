"""Task: what a model is trained and measured on, one thing from the choice of queries to the value of a measure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from rankdistill.arrays import F32
from rankdistill.data.candidates import Candidates
from rankdistill.data.collection import Collection
from rankdistill.errors import DataError, UnknownNameError
from rankdistill.evaluation.conventions import Conventions, Unjudged
from rankdistill.evaluation.evaluate import Evaluation, evaluation
from rankdistill.evaluation.names import DEFAULT_MEASURES

LABEL = "label"


@dataclass(frozen=True)
class Kind:
    """What a kind of task asks of a model, and how it is learned and measured by default."""

    n_logits: int
    """Logits of the head."""
    objective: str
    """Of fine-tuning on labels."""
    distillation: str
    """Of distilling an ensemble, whose column stands for ``{target}``."""
    measures: tuple[str, ...]
    """The first one chooses checkpoints."""


KINDS: dict[str, Kind] = {
    "ranking": Kind(
        n_logits=1,
        objective="hinge(label)",
        distillation="hinge(label) + pointwise_mse({target}) + pairwise_mse({target})",
        measures=DEFAULT_MEASURES,
    ),
}


@dataclass(frozen=True)
class Splits:
    """Names of the collection's splits that a recipe trains on, chooses on and measures on."""

    train_split: str = "train"
    """Split of the collection to train on."""
    dev_split: str = "dev"
    """Split to choose the best checkpoint on, with eval_steps."""
    test_split: str = "test"
    """Split to measure on at the end."""


@dataclass(frozen=True, eq=False)
class Task:
    """A collection's texts, candidate lists over them, their judgments, and the measures that count.

    candidates: lists of the queries at hand. qrels: judgments, column "label" (None: the collection's). kind: a name of
    `KINDS`. measures: the first one chooses checkpoints (empty: the kind's).
    """

    collection: Collection
    candidates: Candidates
    kind: str = "ranking"
    measures: tuple[str, ...] = ()
    conventions: Conventions = field(default_factory=Conventions)
    qrels: Candidates | None = None

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise UnknownNameError("kind of task", self.kind, KINDS)
        if not self.measures:
            object.__setattr__(self, "measures", KINDS[self.kind].measures)

    @property
    def name(self) -> str:
        """The collection's name."""
        return self.collection.name

    # -- parts ---------------------------------------------------------------------------------------------------------

    def with_candidates(self, candidates: Candidates) -> Task:
        """The same task over other candidates."""
        return replace(self, candidates=candidates)

    def part(self, split: str) -> Task:
        """The task over the queries of a split, possibly none."""
        return self.with_candidates(self.candidates.only_queries(self.collection.split(split)))

    def required(self, split: str) -> Task:
        """`part`, raising `DataError` where the split has none of the queries."""
        kept = self.part(split)
        if not kept.candidates.n_queries:
            raise DataError(
                f"none of the {self.candidates.n_queries:,} queries of the run is in split {split!r} of {self.name}"
            )
        return kept

    def judged(self) -> Task:
        """The task over the queries that have a judgment, possibly none."""
        return self.with_candidates(self.candidates.only_queries(self._all_qrels.query_ids))

    # -- judgments -----------------------------------------------------------------------------------------------------

    @cached_property
    def judgments(self) -> Candidates:
        """The judgments of the candidates' queries, possibly none; `DataError` where there are no qrels."""
        return self._all_qrels.only_queries(self.candidates.query_ids)

    @property
    def unjudged(self) -> Unjudged:
        """What candidates without a judgment are, in training and in measures alike."""
        return self.conventions.unjudged_under(self.collection if self.qrels is None else self.qrels)

    @property
    def _all_qrels(self) -> Candidates:
        qrels = self.collection.qrels if self.qrels is None else self.qrels
        if qrels is None:
            raise DataError(f"{self.name} has no qrels; judgments are needed here")
        return qrels

    def labelled(self) -> tuple[Candidates, int]:
        """The candidates with the column "label", float32, and how many of them are unjudged.

        Unjudged candidates are NaN and count nowhere ("missing"), or 0 ("irrelevant"), as `unjudged` says. Raises
        `DataError` where none of the candidates is judged.
        """
        labels = self.candidates.join(self._all_qrels, LABEL)[LABEL]
        missing = np.isnan(labels)
        if len(labels) and missing.all():
            raise DataError(
                f"none of the {len(labels):,} candidates has a judgment in the qrels of {self.name}: "
                "do the query and document ids of the run belong to this collection?"
            )
        if self.unjudged == "irrelevant":
            labels = np.where(missing, np.float32(0), labels)
        return self.candidates.with_columns({LABEL: labels}), int(missing.sum())

    # -- measures ------------------------------------------------------------------------------------------------------

    def evaluation(self, scores: F32) -> Evaluation:
        """Measure scores of the candidates, float32 (N,), row for row."""
        run = self.candidates.only_columns().with_columns(score=scores)
        return evaluation(
            self.judgments, run, self.measures, "score", replace(self.conventions, unjudged=self.unjudged)
        )

    def facts(self) -> Mapping[str, Any]:
        """What shapes the task beside its candidates, as JSON can hold it."""
        return {"kind": self.kind, "measures": list(self.measures), "unjudged": self.unjudged}

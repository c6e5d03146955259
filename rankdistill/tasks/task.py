"""Task: what a model is trained and measured on, from the choice of queries to the value of a measure."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from rankdistill.arrays import F32
from rankdistill.data.candidates import Candidates
from rankdistill.data.collection import Collection
from rankdistill.errors import DataError, UnknownNameError
from rankdistill.evaluation.conventions import Conventions, Unjudged
from rankdistill.evaluation.evaluate import Evaluation
from rankdistill.evaluation.pair_metrics import check_metrics_installed
from rankdistill.tasks.kinds import KINDS, Kind, objectives
from rankdistill.tasks.pairs import PairEvaluation, check_given_classes, check_number_of_classes
from rankdistill.tasks.splits import Splits

LABEL = "label"


@dataclass(frozen=True, eq=False)
class Task:
    """A collection's texts, candidate lists over them, their judgments, and the measures that count.

    candidates: lists of the queries at hand. kind: a name of `KINDS` (empty: that of the collection's scored pairs,
    else "ranking"). measures: the first one chooses checkpoints (empty: the task's, or the kind's). conventions: of
    measures; its ``unjudged`` holds for training labels too. qrels: judgments, column "label" (None: the collection's).
    splits: names of the collection's splits for each purpose. Raises `UnknownNameError` for an unknown kind or measure.
    """

    collection: Collection
    candidates: Candidates
    kind: str = ""
    measures: tuple[str, ...] = ()
    conventions: Conventions = field(default_factory=Conventions)
    qrels: Candidates | None = None
    splits: Splits = field(default_factory=Splits)

    def __post_init__(self) -> None:
        scored = self.collection.scored_pairs
        object.__setattr__(self, "kind", self.kind or (scored.kind if scored else "ranking"))
        if self.kind not in KINDS:
            raise UnknownNameError("kind of task", self.kind, KINDS)
        own = scored.measures if scored else ()
        object.__setattr__(self, "measures", tuple(self.measures) or own or self.defaults.measures)
        self.defaults.check_measures(self.measures)
        if scored is not None:
            check_number_of_classes(self.measures, len(scored.classes))

    @property
    def name(self) -> str:
        """The collection's name."""
        return self.collection.name

    @property
    def defaults(self) -> Kind:
        """The row of `KINDS`: head, objectives, evaluation."""
        return KINDS[self.kind]

    @property
    def objective(self) -> str:
        """Objective of fine-tuning on labels."""
        return objectives(self.collection.scored_pairs)[0]

    @property
    def distillation(self) -> str:
        """Objective of distillation."""
        return objectives(self.collection.scored_pairs)[1]

    # -- parts ---------------------------------------------------------------------------------------------------------

    def with_candidates(self, candidates: Candidates) -> Task:
        """The same task over other candidates."""
        return replace(self, candidates=candidates)

    def with_measures(self, measures: Sequence[str]) -> Task:
        """The same task with other measures."""
        return replace(self, measures=tuple(measures))

    def part(self, split: str) -> Task:
        """The task over the queries of a split, possibly none."""
        return self.with_candidates(self.candidates.only_queries(self.collection.split(split)))

    def required(self, split: str) -> Task:
        """`part`, raising `DataError` where the split has none of the queries."""
        kept = self.part(split)
        if not kept.n_queries:
            raise DataError(f"none of the {self.n_queries:,} queries of the run is in split {split!r} of {self.name}")
        return kept

    def judged(self) -> Task:
        """The task over the queries that have a judgment, possibly none."""
        return self.with_candidates(self.candidates.only_queries(self._all_qrels.query_ids))

    @property
    def training(self) -> Task:
        """The part to train on; `DataError` where it is empty."""
        return self.required(self.splits.train_split)

    @property
    def dev_split(self) -> str:
        """Name of the split to choose checkpoints on: the one given, else dev.

        Of scored pairs without a split dev, such as MNLI's, it is the split that results are told on.
        """
        scored, splits = self.collection.scored_pairs, self.collection.splits
        has_dev = not splits or "dev" in splits
        return self.splits.dev_split or ("dev" if scored is None or has_dev else scored.measured_split)

    @property
    def dev(self) -> Task:
        """The part to choose checkpoints on, possibly empty."""
        return self.part(self.dev_split)

    @property
    def held_out(self) -> Task:
        """The part to measure on at the end, possibly empty."""
        scored = self.collection.scored_pairs
        return self.part(self.splits.test_split or (scored.measured_split if scored else "test"))

    @property
    def n_queries(self) -> int:
        """Number of queries at hand."""
        return self.candidates.n_queries

    # -- judgments -----------------------------------------------------------------------------------------------------

    @cached_property
    def judgments(self) -> Candidates:
        """The judgments of the candidates' queries, possibly none; `DataError` where there are no qrels."""
        return self._all_qrels.only_queries(self.candidates.query_ids)

    @property
    def unjudged(self) -> Unjudged:
        """What candidates without a judgment are, in training labels and in measures alike."""
        return self.conventions.unjudged_under(self.collection if self.qrels is None else self.qrels)

    @property
    def _all_qrels(self) -> Candidates:
        qrels = self.collection.qrels if self.qrels is None else self.qrels
        if qrels is None:
            raise DataError(f"{self.name} has no qrels; judgments are needed here")
        return qrels

    @property
    def is_judged(self) -> bool:
        """Whether any of the candidates has a judgment."""
        known = self.collection.qrels if self.qrels is None else self.qrels
        return known is not None and not np.isnan(self._labels).all()

    @cached_property
    def _labels(self) -> F32:
        """Each candidate's judgment, float32 (N,), NaN where it has none."""
        return self.candidates.join(self._all_qrels, LABEL)[LABEL]

    def labelled(self) -> tuple[Candidates, int]:
        """The candidates with the column "label", float32, and how many of them are unjudged.

        Unjudged candidates are NaN and count nowhere ("missing"), or 0 ("irrelevant"), as `unjudged` says. Raises
        `DataError` where none of the candidates is judged.
        """
        labels = self._labels
        missing = np.isnan(labels)
        if len(labels) and missing.all():
            raise DataError(
                f"none of the {len(labels):,} candidates has a judgment in the qrels of {self.name}: "
                "do the query and document ids of the run belong to this collection?"
            )
        if self.unjudged == "irrelevant":
            labels = np.where(missing, np.float32(0), labels)
        return self.candidates.with_columns({LABEL: labels}), int(missing.sum())

    def check_measurable(self) -> None:
        """Raise `DataError`, before any work, where nothing can be learned or nothing of the result be measured.

        Also raises as `check_installed` does.
        """
        self.check_installed()
        unit = "queries" if self.kind == "ranking" else "pairs"
        if not self.held_out.n_queries:
            raise DataError(
                f"{self.name} has no {unit} to measure on in its split: name one with labels by --test-split"
            )
        self.training.labelled()  # raises where none of them has a label
        self.held_out.labelled()

    def check_installed(self) -> None:
        """Raise `MissingExtraError` where one of the measures needs a package that is not installed."""
        if self.kind != "ranking":
            check_metrics_installed(self.measures)

    @property
    def n_examples(self) -> int:
        """What measures are means over: queries with a judgment, or pairs with a label."""
        if self.kind == "ranking":
            return self.judged().n_queries
        return int((~np.isnan(self.labelled()[0][LABEL])).sum())

    def digest(self) -> str:
        """Hash of what decides the values of the measures: candidates, judgments, measures and conventions."""
        digest = hashlib.blake2b(
            repr((self.kind, self.measures, self.unjudged, self.conventions)).encode(), digest_size=20
        )
        for lists in (self.candidates, self.judgments):
            digest.update(repr((lists.query_ids.to_pylist(), lists.doc_ids.to_pylist())).encode())
            digest.update(lists.offsets.tobytes())
        digest.update(self.judgments[LABEL].tobytes())
        return digest.hexdigest()

    # -- measures ------------------------------------------------------------------------------------------------------

    def evaluation(self, scores: F32) -> Evaluation | PairEvaluation:
        """Measure a model's scores of the candidates, float32 (N,), row for row, as the kind does.

        Of a classification they are numbers of classes; `DataError` for others.
        """
        scored = self.collection.scored_pairs
        if scored is not None and self.kind == "classification":
            check_given_classes(scores, self.candidates, scored)
        conventions = replace(self.conventions, unjudged=self.unjudged)
        return self.defaults.evaluate(self.judgments, self.candidates, scores, self.measures, conventions)

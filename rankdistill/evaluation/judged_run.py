"""JudgedRun: a run ranked once for all measures, and its judged candidates with rank, label and score."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from rankdistill.arrays import F32, I64

if TYPE_CHECKING:  # a small evaluation starts without Arrow and Numba
    from rankdistill.data.candidates import Candidates
    from rankdistill.evaluation.conventions import IdenticalIds, Unjudged


def unjudged_by(grades: F32) -> Unjudged:
    """What candidates without a judgment are, as the grades of all judgments (J,) suggest.

    Grades above 0 alone come from collections in which only the relevant documents were written down.
    """
    return "missing" if (grades <= 0).any() else "irrelevant"


@dataclass(frozen=True)
class OwnDocuments:
    """Lists, of judged queries, that hold a document of the query's own id, which may be a coincidence of numbers."""

    lists: int = 0
    first: int = 0
    """Lists whose first document it is."""
    worded: bool = False
    """Whether some such id is more than digits, or is to be dropped in any case."""

    def __add__(self, other: OwnDocuments) -> OwnDocuments:
        return OwnDocuments(self.lists + other.lists, self.first + other.first, self.worded or other.worded)

    @property
    def plainly(self) -> int:
        """Number of lists that plainly hold the query itself; 0 where numbers may be the same by chance."""
        return self.lists if self.worded or 2 * self.first >= self.lists else 0


@dataclass(frozen=True, eq=False)
class JudgedRun:
    """What a measure reads: each judged query's judged candidates, best first, and their ranks in the whole list.

    There are J judged candidates. Query i is the i-th judged query; it has no candidates where the run lacks it.
    """

    qrels: Candidates
    """The judgments, column "label" without missing values; its queries are the judged queries (Q)."""
    offsets: I64
    """int64 (Q+1,): ``offsets[i]:offsets[i+1]`` are judged query i's judged candidates."""
    ranks: I64
    """int64 (J,): rank in the whole list, from 1."""
    labels: F32
    """float32 (J,), finite."""
    scores: F32
    """float32 (J,), finite."""
    run: Candidates
    """The whole run, ranked; columns "score", and "label" with NaN for unjudged candidates."""
    lists: I64
    """int64 (Q,): index of each judged query's list in ``run``, -1 where the run lacks it."""
    unjudged: Unjudged
    """Whether unjudged candidates are in no pair of labels, or of grade 0."""
    identical_ids: IdenticalIds
    """Whether candidates that have their query's id are kept."""
    own: OwnDocuments
    """Judged queries whose list holds, or held, a document of the query's id."""

    @property
    def n_queries(self) -> int:
        return self.qrels.n_queries

    @property
    def query_ids(self) -> list[str]:
        """Ids of the judged queries, (Q,)."""
        ids: list[str] = self.qrels.query_ids.to_pylist()
        return ids

    @property
    def sizes(self) -> I64:
        """Length of each judged query's list, int64 (Q,)."""
        if not self.run.n_queries:
            return np.zeros(self.n_queries, np.int64)
        return np.where(self.lists >= 0, np.diff(self.run.offsets)[self.lists], 0)

    @property
    def missing_queries(self) -> int:
        """Number of judged queries for which the run has no candidate."""
        return int((self.sizes == 0).sum())

    @property
    def unjudged_queries(self) -> int:
        """Number of queries of the run without a judgment; they are ignored."""
        return int(self.run.n_queries - (self.lists >= 0).sum())

    @property
    def unjudged_candidates(self) -> int:
        """Number of candidates without a judgment in the lists of judged queries."""
        return int(self.sizes.sum()) - len(self.labels)

    @property
    def orders(self) -> bool | None:
        """Whether the scores of some list differ; None where no list has several candidates."""
        begins = np.zeros(len(self.run) + 1, np.bool_)
        begins[self.run.offsets] = True
        steps = np.diff(self.run["score"])[~begins[1:-1]]
        return bool(steps.any()) if len(steps) else None

    @cached_property
    def query_of(self) -> I64:
        """Judged query of each judged candidate, int64 (J,)."""
        return np.repeat(np.arange(self.n_queries), np.diff(self.offsets))

    @cached_property
    def ranks_among_judged(self) -> I64:
        """Rank in the list without unjudged candidates, from 1, int64 (J,)."""
        return np.arange(len(self.labels)) - self.offsets[:-1][self.query_of] + 1

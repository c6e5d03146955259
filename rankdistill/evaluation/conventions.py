"""Conventions: what measures do where published numbers differ; declared once for Python, commands, parts and YAML."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, get_args

from rankdistill.data.candidates import Candidates, Ties, check_ties
from rankdistill.data.collection import Collection
from rankdistill.data.parts import SCORE, check_lists_whole, is_parts, part_of, part_table, parts_of
from rankdistill.data.score_files.found import is_score_folder
from rankdistill.data.trec.forms import ThirdColumn
from rankdistill.data.trec.read import read_ranking, read_run
from rankdistill.data.trec.third_column import check_third_column
from rankdistill.errors import DataError, UnknownNameError
from rankdistill.evaluation.judged_run import unjudged_by

Unjudged = Literal["missing", "irrelevant"]
"""What a candidate without a judgment is: in no pair of labels, or of grade 0."""
UnjudgedChoice = Literal["auto", "missing", "irrelevant"]
Precision = Literal["float32", "float64"]
IdenticalIds = Literal["keep", "drop"]
"""What happens to a candidate whose id is that of its query."""


@dataclass(frozen=True)
class Reading:
    """What run files are taken for."""

    identical_ids: IdenticalIds = "keep"
    """What to do with a candidate that has its query's id, as in ArguAna and Quora, whose queries are documents: keep
    it, or drop it from the list (drop), as BEIR's evaluation does."""
    third_column: ThirdColumn = "auto"
    """What the third column of a three-column run holds: a rank, a score, or auto: what a first line '# qid docid
    score' says, else what the numbers show; an error where they may be either."""

    def __post_init__(self) -> None:
        check_third_column(self.third_column)
        if self.identical_ids not in get_args(IdenticalIds):
            raise UnknownNameError("treatment of identical ids", self.identical_ids, get_args(IdenticalIds))

    def lists(self, run: Candidates) -> Candidates:
        """Drop candidates that have their query's id, unless these conventions keep them; what is measured has none."""
        if self.identical_ids == "keep" or not (own := run.identical_ids()).any():
            return run
        return run.take_rows(~own)

    def candidates(self, path: str | Path, collection: Collection | None = None) -> Candidates:
        """Read a run, for other uses than measures, without the candidates that are to be dropped.

        collection: see `read_run`.
        """
        return self.lists(read_run(path, third_column=self.third_column, collection=collection))


@dataclass(frozen=True)
class Conventions(Reading):
    """How runs are read and measured; the defaults are trec_eval's where it has the measure."""

    unjudged: UnjudgedChoice = "auto"
    """What candidates without a judgment are: missing (in no pair of PNR), or irrelevant (grade 0). auto: as the
    collection states; else irrelevant where all judgments are above 0, missing where one is 0 or below."""
    ties: Ties = "trec"
    """What ranks first of equal scores: the larger document id (trec, as trec_eval), the smaller (docid-asc, as MS
    MARCO's script and ir_measures' RR@k), or as the run's ranks say (rank)."""
    precision: Precision = "float32"
    """What the scores in run files compare as: float32, as in trec_eval 9, or float64, as in trec_eval 10."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_ties(self.ties)
        for kind, name, valid in (
            ("treatment of unjudged candidates", self.unjudged, get_args(UnjudgedChoice)),
            ("precision of scores", self.precision, get_args(Precision)),
        ):
            if name not in valid:
                raise UnknownNameError(kind, name, valid)

    def unjudged_under(self, judgments: Candidates | Collection) -> Unjudged:
        """Decide what unjudged candidates are: as set here, else as the collection states, else as the grades suggest.

        Qrels (column "label") that hold grades above 0 alone come from collections in which only the relevant documents
        were written down: what they do not name is irrelevant. Qrels with a grade of 0 or below come from assessors who
        judged what they were shown: what they do not name is unknown. Pass the whole qrels, or the collection that they
        belong to, not the part of a split, which may lack the grade of 0 that others have. Raises `DataError` for a
        collection without qrels.
        """
        if self.unjudged != "auto":
            return self.unjudged
        if not isinstance(judgments, Candidates):
            if judgments.unjudged is not None:
                return judgments.unjudged
            if judgments.qrels is None:
                raise DataError(f"{judgments.name} has no qrels; judgments are needed here")
            judgments = judgments.qrels
        return unjudged_by(judgments["label"])

    def under(self, judgments: Candidates | Collection) -> Conventions:
        """Return these conventions with ``unjudged`` decided by `unjudged_under`, for use on parts of the judgments."""
        return replace(self, unjudged=self.unjudged_under(judgments))

    def read(self, path: str | Path, collection: Collection | None = None) -> Candidates:
        """Read a run file, or a folder of parts, into one column that ranks as these conventions compare its scores.

        collection: see `read_run`.
        """
        reader = read_ranking if self.precision == "float64" else read_run
        return reader(path, ties=self.ties, third_column=self.third_column, collection=collection)

    def parts(self, path: str | Path, collection: Collection | None = None) -> Iterable[Candidates]:
        """Read a run as `read` does, but a folder of parts one part after another, when it is asked for.

        Raises `DataError` where the list of a query is in two parts.
        """
        path = Path(path)
        if not is_parts(path) or is_score_folder(path):
            return [self.read(path, collection)]
        files = parts_of(path)
        check_lists_whole(files)
        return (part_of(part_table(file, [SCORE]), file) for file in files)

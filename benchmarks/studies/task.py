"""What a study's students learn from and are measured on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from rankdistill.data import Candidates, Collection
from rankdistill.evaluation.conventions import Unjudged


@dataclass(frozen=True)
class Task:
    """A collection, the candidates to learn from with the column "label" (NaN: unjudged), and those to re-rank."""

    collection: Collection
    train: Candidates
    test: Candidates
    test_qrels: Candidates
    unjudged: ClassVar[Unjudged] = "missing"
    """What candidates without a judgment are to measures."""

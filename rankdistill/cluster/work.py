"""PartWork: what is done to one part of a run; ScoreParts scores or re-ranks it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from rankdistill.arrays import F32, F64
from rankdistill.data.collection import Collection
from rankdistill.data.digest import documents_digest, texts_digest
from rankdistill.data.parts import SCORE, read_part, write_part
from rankdistill.data.sources import load_collection
from rankdistill.ensembling.fuse import fuse
from rankdistill.errors import UsageError
from rankdistill.scoring.fits import read_for_task
from rankdistill.scoring.score import load_model, score_with_report
from rankdistill.scoring.settings import ScoringSettings

if TYPE_CHECKING:  # torch is imported by what loads a model
    from rankdistill.models.cross_encoder import CrossEncoder

DoPart = Callable[[Path, Path, Path], Counter[str]]
"""(file of a part, folder for what is saved meanwhile, file of the new part to write) -> what was counted."""


class PartWork(Protocol):
    """Work on parts; it is sent to the process that does it."""

    def facts(self) -> dict[str, Any]:
        """Return everything that changes the result of a part, as JSON can hold it."""

    def start(self) -> DoPart:
        """Load what all parts need, and return the function that does one part.

        It writes the new part, whole or not at all. Its counts, by name, are summed over the parts.
        """


@dataclass(frozen=True)
class ScoreParts:
    """Score candidates with a cross-encoder, as the commands ``score`` and ``rerank`` do.

    model: its folder or hub id. collection: its source. settings: without a store, as finished parts are the store.
    """

    model: str
    collection: str
    settings: ScoringSettings = field(default_factory=ScoringSettings)
    top_k: int | None = None
    """Candidates of each query to keep, the first stage's best. None: all."""
    weight: float | None = None
    """Weight of the first stage's scores in a fusion. None: the model's scores alone."""

    def __post_init__(self) -> None:
        if self.settings.store is not None:
            raise UsageError("a store is for a run in one file: of a run in parts, finished parts are in the output")

    def facts(self) -> dict[str, Any]:
        """Return the settings and, by content rather than by name, the model and the texts.

        What was loaded for that is kept for `start`, in this process.
        """
        model, collection = loaded = self._load()
        self.__dict__["_loaded"] = loaded
        return {
            "model": model.fingerprint(),
            "computed by": model.engine.identity,
            "queries": texts_digest(collection.queries),
            "documents": documents_digest(collection),
            **self.settings.facts(),
            "batch_tokens": model.batch_tokens if self.settings.batch_tokens is None else self.settings.batch_tokens,
            "top_k": self.top_k,
            "weight": self.weight,
        }

    def _load(self) -> tuple[CrossEncoder, Collection]:
        collection = load_collection(self.collection)
        scored = collection.scored_pairs
        model = load_model(self.model, self.settings, as_classifier=scored is not None)
        if scored is not None:  # here, so that what is noted of the model is what the labels are of
            model = read_for_task(model, scored, collection.name, str(model.folder))
        return model, collection

    def __getstate__(self) -> dict[str, Any]:
        """Leave out what is loaded: each process loads it itself."""
        return {name: value for name, value in self.__dict__.items() if name != "_loaded"}

    def start(self) -> DoPart:
        """Load the model and open the collection."""
        model, collection = self.__dict__.pop("_loaded", None) or self._load()

        def do(part: Path, store: Path, out: Path) -> Counter[str]:
            run = read_part(part)
            if self.top_k is not None:
                run = run.top_k(self.top_k, by=SCORE)
            settings = replace(self.settings, store=store).without_asking()  # the model is loaded
            model_scores, report = score_with_report(model, run, collection, settings, description=part.stem)
            scores: F32 | F64 = model_scores
            if self.weight is not None:
                scores = fuse(model_scores, run[SCORE], run.offsets, self.weight)
            counts = Counter(
                {
                    "pairs": report.n_pairs,
                    "truncated pairs": report.n_truncated,
                    "empty documents, counted in each part that has them": report.n_empty_documents,
                }
            )
            write_part(run.only_columns().with_columns({SCORE: scores}).ranked(SCORE), out)
            return counts

        return do

"""PartWork: what is done to one part of a run: scored, re-ranked, or ensembled with the same part of other runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from rankdistill.arrays import F32, F64
from rankdistill.data.collection import Collection
from rankdistill.data.digest import documents_digest, texts_digest
from rankdistill.data.parts import SCORE, part_identities, read_part, write_part
from rankdistill.data.sources import load_collection
from rankdistill.data.trec.read import read_qrels
from rankdistill.ensembling.ensemble import ensemble
from rankdistill.ensembling.fuse import fuse
from rankdistill.ensembling.join import join_runs
from rankdistill.ensembling.settings import EnsembleSettings
from rankdistill.errors import DataError, UsageError
from rankdistill.files.checksums import checksum
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
        return load_model(self.model, self.settings), load_collection(self.collection)

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
            settings = replace(self.settings, store=store)
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


@dataclass(frozen=True)
class EnsembleParts:
    """Ensemble a part with those of the same name in other folders; see `ensemble` for the settings and the seed."""

    folders: tuple[str, ...]
    qrels: str | None = None
    settings: EnsembleSettings = field(default_factory=EnsembleSettings)
    seed: int = 0

    def facts(self) -> dict[str, Any]:
        """The settings and, by content rather than by name, the parts and the judgments."""
        return {
            "teachers": {
                f"{n}: {name}": d for n, each in enumerate(self.folders, 1) for name, d in part_identities(each).items()
            },
            "judgments": checksum(self.qrels)["sha256"] if self.qrels else None,
            **asdict(self.settings),
            "seed": self.seed,
        }

    def start(self) -> DoPart:
        """Read the judgments."""
        qrels = read_qrels(self.qrels) if self.qrels else None

        def do(part: Path, store: Path, out: Path) -> Counter[str]:
            runs = {folder: read_part(Path(folder) / part.name) for folder in self.folders}
            first, *others = runs.values()
            if any(set(other.query_ids.to_pylist()) - set(first.query_ids.to_pylist()) for other in others):
                raise DataError(
                    f"{part.name} has other queries in {' and '.join(self.folders)}: ensemble runs that were made "
                    "from the same parts"
                )
            joined = join_runs(runs)
            if qrels is not None:
                joined = joined.join(qrels, "label")
            run, report = ensemble(joined, list(self.folders), self.settings, seed=self.seed)
            counts = Counter(
                {"candidates": report.candidates, "candidates dropped for a missing score": report.dropped}
            )
            counts.update({f"scores missing in {folder}": count for folder, count in report.missing.items()})
            if report.unlabelled is not None:
                counts["candidates without a label"] = report.unlabelled
            if report.pile:
                counts["comparable pairs"] = report.pile.comparable
                counts["pairs reversed before PILE"] = report.pile.reversed_before
                counts["pairs reversed after PILE"] = report.pile.reversed_after
                counts["queries stopped at PILE's cap"] = report.pile.capped_queries
            write_part(run.only_columns().with_columns({SCORE: run[self.settings.method]}).ranked(SCORE), out)
            return counts

        return do

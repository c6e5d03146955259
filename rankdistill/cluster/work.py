"""What is done to one part of a run: scored, re-ranked, or ensembled with the same part of other runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

from rankdistill.data.candidates import Candidates
from rankdistill.data.parquet import read_candidates
from rankdistill.data.sources import load_collection
from rankdistill.data.trec.read import read_qrels
from rankdistill.ensembling.ensemble import ensemble
from rankdistill.ensembling.fuse import fuse
from rankdistill.ensembling.join import join_runs
from rankdistill.ensembling.settings import EnsembleSettings
from rankdistill.errors import DataError
from rankdistill.inputs.windows import Passages
from rankdistill.models import CrossEncoder
from rankdistill.scoring import score_with_report

Do = Callable[[Path, Path], tuple[Candidates, Counter[str]]]
SCORE = "score"


class PartWork(Protocol):
    """Something that a process does to parts; it is sent to where the process runs."""

    def facts(self) -> dict[str, Any]:
        """All that changes what is made of a part, as JSON has it."""

    def start(self) -> Do:
        """Load what all parts need; the function makes of a part's file, and a folder for what it keeps, a run.

        With it come counts of what it met, to be summed over parts: what -> how many.
        """


@dataclass(frozen=True)
class ScoreParts:
    """Score candidates with a cross-encoder. The settings are those of `score_with_report`, and of ``rerank``."""

    model: str
    collection: str
    engine: str = "torch"
    dtype: str | None = None
    batch_tokens: int | None = None
    passages: Passages = "first"
    top_k: int | None = None
    weight: float | None = None
    """Of the first stage's scores in a fusion; None for the model's scores alone."""

    def facts(self) -> dict[str, Any]:
        """The settings, and the model's fingerprint: weights may change in a folder."""
        return {**asdict(self), "model": CrossEncoder.from_pretrained(self.model).fingerprint()}

    def start(self) -> Do:
        """Load the model and open the collection."""
        model = CrossEncoder.from_pretrained(self.model, self.engine, self.dtype)
        collection = load_collection(self.collection)

        def do(part: Path, store: Path) -> tuple[Candidates, Counter[str]]:
            run = _part(part)
            if self.top_k is not None:
                run = run.top_k(self.top_k, by=SCORE)
            scores, report = score_with_report(
                model,
                run,
                collection,
                batch_tokens=self.batch_tokens,
                store=store,
                passages=self.passages,
                description=part.stem,
            )
            made: Any = scores
            if self.weight is not None:
                made = fuse(scores, run[SCORE], run.offsets, self.weight)
            met = Counter(
                {
                    "pairs": report.n_pairs,
                    "truncated": report.n_truncated,
                    "empty documents, one more for each part with it": report.n_empty_documents,
                }
            )
            return run.only_columns().with_columns({SCORE: made}).ranked(SCORE), met

        return do


@dataclass(frozen=True)
class EnsembleParts:
    """Ensemble a part with those of the same name in other folders; see `ensemble` for the settings and the seed."""

    folders: tuple[str, ...]
    qrels: str | None = None
    settings: EnsembleSettings = field(default_factory=EnsembleSettings)
    seed: int = 0

    def facts(self) -> dict[str, Any]:
        """The settings."""
        return asdict(self)

    def start(self) -> Do:
        """Read the judgments."""
        qrels = read_qrels(self.qrels) if self.qrels else None

        def do(part: Path, store: Path) -> tuple[Candidates, Counter[str]]:
            runs = {folder: _part(Path(folder) / part.name) for folder in self.folders}
            first, *others = runs.values()
            if any(set(other.query_ids.to_pylist()) - set(first.query_ids.to_pylist()) for other in others):
                raise DataError(
                    f"{part.name} has other queries in {' and '.join(self.folders)}: ensemble runs that were made "
                    "from the same parts"
                )
            joined = join_runs(runs)
            if qrels is not None:
                joined = joined.join(qrels, "label")
            made, report = ensemble(joined, list(self.folders), self.settings, seed=self.seed)
            met = Counter({"candidates": report.candidates, "dropped for want of a score": report.dropped})
            met.update({f"scores missing in {folder}": count for folder, count in report.missing.items()})
            if report.unlabelled is not None:
                met["without a label"] = report.unlabelled
            if report.pile:
                met["comparable pairs"] = report.pile.comparable
                met["of them reversed before PILE"] = report.pile.reversed_before
                met["reversed after it"] = report.pile.reversed_after
                met["queries stopped at PILE's cap"] = report.pile.capped_queries
            return made.only_columns().with_columns({SCORE: made[self.settings.method]}).ranked(SCORE), met

        return do


def _part(file: Path) -> Candidates:
    part = read_candidates(file)
    if SCORE not in part.columns:
        raise DataError(f"{file} has no column {SCORE!r}: it is no part of a run")
    return part

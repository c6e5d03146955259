"""Export a cross-encoder for another engine, and compare it with torch before it is called done."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.stats import kendalltau

from rankdistill.data import Candidates, Collection
from rankdistill.errors import DataError
from rankdistill.evaluation import evaluate
from rankdistill.inputs.texts import PairTexts
from rankdistill.models import CrossEncoder
from rankdistill.models.engines.export import export_model, format_of, publish
from rankdistill.scoring import score_with_report

TOLERANCE = 1e-3
CALIBRATION_PAIRS, CALIBRATION_BATCH = 256, 8


@dataclass(frozen=True)
class ExportCheck:
    """How an exported model's scores stand to torch's in float32, on the same pairs."""

    pairs: int
    difference: float
    """Greatest difference of a score."""
    spread: float
    """Greatest minus least score."""
    tau: float | None
    """Kendall's τ, mean over the queries of more than one candidate; None where there is none."""
    ndcg_change: float | None
    """nDCG@10 less torch's; None where none of the queries is judged."""
    pairs_per_second: float
    torch_pairs_per_second: float


def export_checked(
    model: CrossEncoder,
    folder: str | Path,
    engine: str,
    dtype: str,
    candidates: Candidates,
    collection: Collection,
    calibration: Candidates | None = None,
) -> tuple[Path, ExportCheck]:
    """Export a model into ``folder`` if it scores the candidates as torch does; return the file and the comparison.

    In float32 scores must agree to `TOLERANCE` of their range, else `DataError` and nothing is written; int8 and
    bfloat16 are the caller's to judge by what is returned. calibration: what int8 activations' ranges are taken from,
    where the engine needs them (None: the candidates themselves).
    """
    batches: list[dict[str, NDArray[np.int64]]] = []
    if format_of(engine, dtype).calibrated:
        batches = calibration_batches(model, candidates if calibration is None else calibration, collection)
    with tempfile.TemporaryDirectory() as scratch:
        export_model(model.model, model.fingerprint(), scratch, engine, dtype, batches)
        exported = model.with_engine(engine, dtype, folder=scratch)
        check = compare_engines(model.with_engine("torch"), exported, candidates, collection)
        if dtype == "float32" and check.difference > TOLERANCE * max(check.spread, 1.0):
            raise DataError(
                f"{engine} in float32 scores a pair {check.difference:.3g} apart from torch, of scores that range over "
                f"{check.spread:.3g}: the export is not this model, nothing is written"
            )
        return publish(scratch, folder, engine, dtype), check


def calibration_batches(
    model: CrossEncoder, candidates: Candidates, collection: Collection
) -> list[dict[str, NDArray[np.int64]]]:
    """Draw pairs from candidates, always the same ones, as batches of the model's inputs, int64 (B, length)."""
    drawn = np.random.default_rng(0).permutation(len(candidates))[:CALIBRATION_PAIRS]
    texts = PairTexts(candidates.take_rows(np.sort(drawn)), collection)
    assembler = model.assembler
    queries = assembler.tokenize(model.tokenizer, texts.queries())
    documents = assembler.tokenize(model.tokenizer, texts.documents())
    slices = [slice(start, start + CALIBRATION_BATCH) for start in range(0, len(drawn), CALIBRATION_BATCH)]
    return [assembler.assemble(queries, documents, texts.query_rows[s], texts.document_rows[s]) for s in slices]


def compare_engines(
    reference: CrossEncoder, other: CrossEncoder, candidates: Candidates, collection: Collection
) -> ExportCheck:
    """Score the same candidates by two engines and compare."""
    wanted, wanted_report = score_with_report(reference, candidates, collection, description="torch")
    got, report = score_with_report(other, candidates, collection, description=other.engine_name)
    both = candidates.with_columns(wanted=wanted, got=got)
    bounds = list(zip(candidates.offsets[:-1].tolist(), candidates.offsets[1:].tolist(), strict=True))
    taus = [kendalltau(wanted[a:b], got[a:b]).statistic for a, b in bounds if b - a > 1]
    judged = collection.judgments_of(candidates) if collection.qrels is not None else None
    change = None
    if judged is not None and judged.n_queries:
        reached = [evaluate(judged, both, ["nDCG@10"], by=column)["nDCG@10"] for column in ("got", "wanted")]
        change = reached[0] - reached[1]
    return ExportCheck(
        len(candidates),
        float(np.abs(got - wanted).max(initial=0.0)),
        float(np.ptp(wanted)) if len(wanted) else 0.0,
        float(np.nanmean(taus)) if taus else None,
        change,
        report.pairs_per_second,
        wanted_report.pairs_per_second,
    )

"""Export a cross-encoder for another engine, and write it only when its scores agree with torch's."""

from __future__ import annotations

import itertools
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.stats import kendalltau

from rankdistill.arrays import F32, I64
from rankdistill.data.candidates import Candidates
from rankdistill.data.collection import Collection
from rankdistill.errors import DataError
from rankdistill.evaluation.evaluate import evaluate
from rankdistill.inputs.texts import PairTexts
from rankdistill.models.cross_encoder import CrossEncoder
from rankdistill.models.engines.export import export_model, format_of, publish
from rankdistill.models.engines.int8_openvino import Int8
from rankdistill.scoring.score import score_with_report

TOLERANCE = 1e-3
CALIBRATION_PAIRS, CALIBRATION_BATCH = 256, 8
MEASURE = "nDCG@10"


@dataclass(frozen=True)
class ExportCheck:
    """An exported model's scores compared with torch's in float32, on the same pairs."""

    pairs: int
    difference: float
    """Greatest difference between two scores of a pair."""
    spread: float
    """Greatest minus least score by torch."""
    tau: float | None
    """Kendall's τ, mean over the queries with more than one candidate; None where there is none."""
    ndcg_change: float | None
    """nDCG@10 minus torch's; None where no query is judged."""
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
    how: Int8 | None = None,
) -> tuple[Path, ExportCheck]:
    """Export a model into ``folder`` if it scores the candidates as torch does; return the file and the comparison.

    calibration: candidates from which the ranges of int8 activations are taken, where the engine needs them (None: the
    candidates themselves). how: to compute in int8 there (None: the fastest way). Raises `DataError` where float32
    scores differ by more than `TOLERANCE` of their range, and writes nothing then; int8 and bfloat16 always differ, and
    the caller judges the comparison.
    """
    batches: list[dict[str, I64]] = []
    if format_of(engine, dtype).calibrated:
        batches = calibration_batches(model, candidates if calibration is None else calibration, collection)
    with tempfile.TemporaryDirectory() as scratch:
        export_model(model.model, model.fingerprint(), scratch, engine, dtype, batches, how)
        exported = model.with_engine(engine, dtype, Path(scratch))
        check = compare_engines(model.with_engine("torch"), exported, candidates, collection)
        if dtype == "float32" and check.difference > TOLERANCE * max(check.spread, 1.0):
            raise DataError(
                f"{engine} in float32 and torch differ by {check.difference:.3g} in the score of a pair, where scores "
                f"have a range of {check.spread:.3g}: the exported model is not the same model, nothing is written"
            )
        return publish(scratch, folder, engine, dtype), check


def calibration_batches(model: CrossEncoder, candidates: Candidates, collection: Collection) -> list[dict[str, I64]]:
    """Draw pairs from candidates, always the same ones, as batches of the model's inputs, int64 (B, length)."""
    rows = np.random.default_rng(0).permutation(len(candidates))[:CALIBRATION_PAIRS]
    texts = PairTexts(candidates.take_rows(np.sort(rows)), collection)
    assembler = model.assembler
    queries = assembler.tokenize_queries(model.tokenizer, texts.queries())
    documents = assembler.tokenize(model.tokenizer, texts.documents())
    slices = [slice(start, start + CALIBRATION_BATCH) for start in range(0, len(rows), CALIBRATION_BATCH)]
    return [assembler.assemble(queries, documents, texts.query_rows[s], texts.document_rows[s]) for s in slices]


def compare_engines(
    reference: CrossEncoder, other: CrossEncoder, candidates: Candidates, collection: Collection
) -> ExportCheck:
    """Score the same candidates by two engines and compare."""
    expected, expected_report = score_with_report(reference, candidates, collection, description=reference.engine_name)
    scores, report = score_with_report(other, candidates, collection, description=other.engine_name)
    run = candidates.with_columns(expected=expected, scores=scores)
    judgments = collection.judgments_of(candidates) if collection.qrels is not None else None
    change = None
    if judgments is not None and judgments.n_queries:
        value, expected_value = (evaluate(judgments, run, [MEASURE], by=by)[MEASURE] for by in ("scores", "expected"))
        change = value - expected_value
    return ExportCheck(
        pairs=len(candidates),
        difference=float(np.abs(scores - expected).max(initial=0.0)),
        spread=float(np.ptp(expected)) if len(expected) else 0.0,
        tau=mean_tau(expected, scores, candidates.offsets),
        ndcg_change=change,
        pairs_per_second=report.pairs_per_second,
        torch_pairs_per_second=expected_report.pairs_per_second,
    )


def mean_tau(expected: F32, scores: F32, offsets: I64) -> float | None:
    """Kendall's τ of two scores (N,), mean over the lists ``offsets[i]:offsets[i+1]`` of more than one candidate."""
    lists = list(itertools.pairwise(offsets.tolist()))
    taus = [kendalltau(expected[start:end], scores[start:end]).statistic for start, end in lists if end - start > 1]
    return float(np.nanmean(taus)) if taus else None

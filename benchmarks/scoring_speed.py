"""Score MS MARCO candidates by every engine, side by side with sentence-transformers, in one process.

Run in the project's root: python -m benchmarks.scoring_speed   (--model FOLDER for one of your own)
All score BM25's 100 best for the queries of DL 2019, or as many of them as ``--queries`` says, with the same weights
and texts; texts are strings at the start and scores an array at the end, so that tokenising counts. Models are exported
beforehand. OpenVINO's int8 has fixed ranges; where these agree with float32 by less than `rankdistill export` asks for,
one more row has the way of int8 that the command then chooses. Useful FLOPs are those of tokens that are no padding;
the peak is that of a large matrix product here.
"""

from __future__ import annotations

import itertools
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
from cyclopts import Parameter

import rankdistill as rd
from benchmarks.default_student import Model, student
from benchmarks.precision import DTYPES, ENGINES
from benchmarks.results import FOLDER, QUICK, markdown_table, run, typed, write_result
from benchmarks.studies.marco import V1
from rankdistill.data import Candidates, Collection
from rankdistill.evaluation import evaluate
from rankdistill.models.engines.export import FORMATS, export_model
from rankdistill.models.engines.int8_openvino import Int8
from rankdistill.models.outputs import has_first_token_shortcut
from rankdistill.scoring import score_with_report
from rankdistill.scoring.export_check import calibration_batches, mean_tau
from rankdistill.scoring.int8_choice import try_int8

PEERS = (*itertools.product(("torch",), DTYPES), ("onnx", "float32"), ("openvino", "float32"))
PEER_BATCH = 32
"""The default of `CrossEncoder.predict`."""
PACKAGES = ("rankdistill", "sentence-transformers", "torch", "transformers", "onnxruntime", "openvino")


def ours(model: rd.CrossEncoder, candidates: Candidates, collection: Collection) -> np.ndarray:
    """From texts to scores; tokenised once for each text."""
    scores, _ = score_with_report(model, candidates, collection)
    return scores


def peer(model: Any, candidates: Candidates, collection: Collection) -> np.ndarray:
    """From texts to scores by sentence-transformers, with its defaults; logits are left as they are."""
    ids = candidates.query_ids.take(candidates.query_of_row)
    pairs = list(zip(collection.queries.take(ids), collection.documents.take(candidates.doc_ids), strict=True))
    scores = model.predict(pairs, batch_size=PEER_BATCH, activation_fn=torch.nn.Identity(), show_progress_bar=False)
    return np.asarray(scores, np.float32)


def peers(folder: Path) -> dict[str, tuple[str, Any]]:
    """Name -> dtype and model: sentence-transformers' backends, those that load here, and why another does not."""
    from sentence_transformers import CrossEncoder

    models: dict[str, tuple[str, Any]] = {}
    for backend, dtype in PEERS:
        settings: dict[str, Any] = {"backend": backend, "device": "cpu"}
        if dtype != "float32":
            settings["model_kwargs"] = {"dtype": dtype}
        try:
            models[f"sentence-transformers {backend} {dtype}"] = dtype, CrossEncoder(str(folder), **settings)
        except Exception as error:
            print(f"sentence-transformers has no {backend} here: {str(error).splitlines()[0][:120]}")
    return models


def peak_gflops(dtype: torch.dtype) -> float:
    """The most that a product of two large matrices reaches."""
    a, b = (torch.randn(4096, 4096).to(dtype) for _ in range(2))
    best = min(_seconds(lambda: torch.mm(a, b)) for _ in range(5))
    return 2 * 4096**3 / best / 1e9


def useful_flops(model: rd.CrossEncoder, candidates: Candidates, collection: Collection) -> float:
    """Of all pairs' matrix products, padding left out: the layers' projections and attention.

    Of the last layer only two products of all tokens with a vector for each head count where a head reads the first
    token alone: what sentence-transformers computes beyond that counts for nothing.
    """
    ids = candidates.query_ids.take(candidates.query_of_row)
    texts = collection.queries.take(ids), collection.documents.take(candidates.doc_ids)
    encoded = model.tokenizer(*texts, truncation="longest_first", max_length=model.max_length)["input_ids"]
    lengths, shape = np.array([len(tokens) for tokens in encoded], np.float64), model.model.config
    linear = 2 * shape.hidden_size * (4 * shape.hidden_size + 2 * shape.intermediate_size) * lengths
    attention = 4 * shape.hidden_size * lengths**2
    layers = shape.num_hidden_layers * (linear + attention)
    if has_first_token_shortcut(model.model):
        of_one_token = 4 * shape.num_attention_heads * shape.hidden_size * lengths + linear / lengths
        layers -= linear + attention - of_one_token
    return float(layers.sum())


def calibration_candidates() -> Candidates:
    """Candidates that int8 is calibrated on."""
    return rd.read_run(V1 / "runs" / "dl20.bm25.trec.gz", column="bm25")


def int8_as_exported(model: rd.CrossEncoder, folder: str, collection: Collection) -> tuple[str, rd.CrossEncoder] | None:
    """OpenVINO's int8 as `rankdistill export` writes it, and what is said of it; None where fixed ranges agree."""
    engine, dtype = "openvino", "int8"
    how = try_int8(model, engine, calibration_candidates(), collection)[0].how
    if how == Int8():
        return None
    batches = calibration_batches(model, calibration_candidates(), collection)
    export_model(model.model, model.fingerprint(), folder, engine, dtype, batches, how)
    return str(how), model.with_engine(engine, dtype, Path(folder))


def exported(model: rd.CrossEncoder, folder: str, collection: Collection) -> rd.CrossEncoder:
    """Save a model in all formats of export, int8 calibrated on candidates of DL 2020; the model as it is there."""
    model.save(folder)
    calibration = calibration_candidates()
    for (engine, dtype), export_format in FORMATS.items():
        batches = calibration_batches(model, calibration, collection) if export_format.calibrated else []
        export_model(model.model, model.fingerprint(), folder, engine, dtype, batches)
    return rd.CrossEncoder.from_pretrained(folder)


def _seconds(work: Callable[[], Any]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def main(
    *,
    model: Model = None,
    max_length: Annotated[int, Parameter(help="Tokens of a pair.")] = 256,
    queries: Annotated[int, Parameter(help="Queries of DL 2019, 100 candidates each.")] = 10,
    repeats: Annotated[int, Parameter(help="Of which the median counts.")] = 5,
    name: Annotated[str, Parameter(help="Of the result.")] = "scoring_speed",
    quick: Annotated[bool, Parameter(help="One query, 64 tokens, once.")] = False,
) -> None:
    """Time all in turns, check their scores, print the table and write the result."""
    if quick:
        max_length, queries, repeats = 64, 1, 1
    collection = rd.load_collection(V1)
    candidates = rd.read_run(V1 / "runs" / "dl19.bm25.trec.gz", column="bm25")
    candidates = candidates.take_queries(np.arange(candidates.n_queries) < queries)
    qrels = rd.read_qrels(V1 / "qrels.dl19.txt").take_queries(candidates.query_ids.to_pylist())
    encoder = student(model, collection, max_length=max_length)
    peaks = {dtype: peak_gflops(getattr(torch, dtype)) for dtype in DTYPES}
    flops = useful_flops(encoder, candidates, collection)
    with tempfile.TemporaryDirectory() as scratch, tempfile.TemporaryDirectory() as apart:
        saved = exported(encoder, scratch, collection)
        systems: dict[str, tuple[str, Callable[[], np.ndarray]]] = {}
        for system, (dtype, its) in peers(Path(scratch)).items():
            systems[system] = dtype, lambda its=its: peer(its, candidates, collection)
        for engine, dtype in ENGINES:
            engine_model = saved.with_engine(engine, dtype)
            systems[f"rankdistill {engine} {dtype}"] = (
                dtype,
                lambda model=engine_model: ours(model, candidates, collection),
            )
        if not quick and (found := int8_as_exported(saved, apart, collection)):
            how, as_exported = found
            systems[f"rankdistill openvino int8, {how}"] = "int8", lambda: ours(as_exported, candidates, collection)
        exact = systems["rankdistill torch float32"][1]()
        seconds: dict[str, list[float]] = {system: [] for system in systems}
        scores: dict[str, np.ndarray] = {}
        for repeat in range(repeats + 1):  # the first warms up
            for system, (_, work) in systems.items():
                started = time.perf_counter()
                scores[system] = work()
                if repeat:
                    seconds[system].append(time.perf_counter() - started)
    slowest = statistics.median(seconds["sentence-transformers torch float32"])
    rows = []
    for system, (dtype, _) in systems.items():
        took = statistics.median(seconds[system])
        row: dict[str, Any] = {"system": system, "pairs/s": round(len(candidates) / took)}
        row["ratio"] = round(slowest / took, 2)
        if dtype in peaks:
            row["of the peak"] = f"{flops / took / 1e9 / peaks[dtype]:.0%}"
        row["greatest difference"] = float(f"{np.abs(scores[system] - exact).max():.1e}")
        row["τ"] = round(mean_tau(exact, scores[system], candidates.offsets) or 0.0, 4)
        values = evaluate(qrels, candidates.with_columns(s=scores[system]), ["nDCG@10"], by="s")
        rows.append(row | {"nDCG@10": round(values["nDCG@10"], 4)})
    print("peak: " + ", ".join(f"{peak:.0f} GFLOP/s in {dtype}" for dtype, peak in peaks.items()))
    print(f"useful: {flops / len(candidates) / 1e9:.2f} GFLOP a pair")
    print(markdown_table(rows))
    write_result(name, typed(), rows, [0], PACKAGES, QUICK if quick else FOLDER)


if __name__ == "__main__":
    run(main)

"""Score pairs with the re-rankers of other packages, each as its users call it.

This file imports nothing of rankdistill, and runs with the Python of any environment: what is not installed there is
left out. Called by `benchmarks.neighbours`:

    PYTHON benchmarks/neighbours_tries.py FOLDER

FOLDER holds `model/`, and `pairs.json`: {"query": …, "documents": […]}. A line of JSON for each try goes to standard
output: the package, its version, and the scores in the order of the documents, or the error. Where
the last document, a long one, fails, both.
"""

from __future__ import annotations

import asyncio
import importlib.util
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Try:
    """One way to score by one package."""

    name: str
    package: str
    """As pip calls it."""
    needs: tuple[str, ...]
    """Modules without which there is nothing to try."""
    reads: str
    """The file of the model that it computes with."""
    call: str
    """How a user asks for it."""
    score: Callable[[Path, str, list[str]], list[float]]


def sentence_transformers(model: Path, query: str, documents: list[str], **options: Any) -> list[float]:
    """Score by ``predict``."""
    from sentence_transformers import CrossEncoder

    scorer = CrossEncoder(str(model), device="cpu", **options)
    return [float(score) for score in scorer.predict([(query, document) for document in documents])]


def sentence_transformers_onnx(model: Path, query: str, documents: list[str]) -> list[float]:
    """Score by ``predict`` of the ONNX backend, from the file that was exported."""
    options = {"file_name": "onnx/model.onnx", "export": False}
    return sentence_transformers(model, query, documents, backend="onnx", model_kwargs=options)


def sentence_transformers_int8(model: Path, query: str, documents: list[str]) -> list[float]:
    """Score by ``predict`` of the ONNX backend, from the int8 file that was exported."""
    options = {"file_name": "onnx/model_qint8.onnx", "export": False}
    return sentence_transformers(model, query, documents, backend="onnx", model_kwargs=options)


def fastembed(model: Path, query: str, documents: list[str]) -> list[float]:
    """Score by a model of one's own, registered by its folder."""
    from fastembed.common.model_description import ModelSource
    from fastembed.rerank.cross_encoder import TextCrossEncoder

    TextCrossEncoder.add_custom_model(model="student", sources=ModelSource(hf="student"), model_file="onnx/model.onnx")
    scorer = TextCrossEncoder("student", specific_model_path=str(model))
    return [float(score) for score in scorer.rerank(query, documents)]


def flashrank(model: Path, query: str, documents: list[str]) -> list[float]:
    """Score by a model of one's own: its folder in the cache, its file in the table of files."""
    from flashrank import Ranker, RerankRequest
    from flashrank.Config import model_file_map

    model_file_map[model.name] = "onnx/model.onnx"
    scorer = Ranker(model.name, cache_dir=str(model.parent), log_level="ERROR")
    passages = [{"id": place, "text": text} for place, text in enumerate(documents)]
    found = {each["id"]: float(each["score"]) for each in scorer.rerank(RerankRequest(query, passages))}
    return [found[place] for place in range(len(documents))]


def rerankers(model: Path, query: str, documents: list[str]) -> list[float]:
    """Score by its cross-encoder in transformers."""
    from rerankers import Reranker

    scorer = Reranker(str(model), model_type="cross-encoder", device="cpu", dtype="fp32", verbose=0)
    ranked = scorer.rank(query, documents, doc_ids=list(range(len(documents))))
    found = {each.doc_id: float(each.score) for each in ranked.results}
    return [found[place] for place in range(len(documents))]


def haystack(model: Path, query: str, documents: list[str], scale: bool = True) -> list[float]:
    """Score by the ranker over sentence-transformers."""
    from haystack import Document
    from haystack_integrations.components.rankers.sentence_transformers import SentenceTransformersSimilarityRanker

    scorer = SentenceTransformersSimilarityRanker(model=str(model), scale_score=scale)
    if hasattr(scorer, "warm_up"):
        scorer.warm_up()
    given = [Document(id=str(place), content=text) for place, text in enumerate(documents)]
    ranked = scorer.run(query=query, documents=given, top_k=len(documents))["documents"]
    found = {int(each.id): float(each.score) for each in ranked}
    return [found[place] for place in range(len(documents))]


def haystack_logits(model: Path, query: str, documents: list[str]) -> list[float]:
    """Score by the same ranker without its sigmoid."""
    return haystack(model, query, documents, scale=False)


def langchain(model: Path, query: str, documents: list[str]) -> list[float]:
    """Score by the cross-encoder that its re-ranking compressor is given."""
    from langchain_community.cross_encoders import HuggingFaceCrossEncoder

    scorer = HuggingFaceCrossEncoder(model_name=str(model), model_kwargs={"device": "cpu"})
    return [float(score) for score in scorer.score([(query, document) for document in documents])]


def llama_index(model: Path, query: str, documents: list[str]) -> list[float]:
    """Score by its postprocessor over sentence-transformers."""
    from llama_index.core.schema import NodeWithScore, QueryBundle, TextNode
    from llama_index.postprocessor.sbert_rerank import SentenceTransformerRerank

    scorer = SentenceTransformerRerank(model=str(model), top_n=len(documents), device="cpu")
    nodes = [NodeWithScore(node=TextNode(text=text, id_=str(place))) for place, text in enumerate(documents)]
    ranked = scorer.postprocess_nodes(nodes, query_bundle=QueryBundle(query))
    found = {int(each.node.id_): float(each.score or 0.0) for each in ranked}
    return [found[place] for place in range(len(documents))]


def txtai(model: Path, query: str, documents: list[str], multilabel: bool | None = True) -> list[float]:
    """Score by its cross-encoding similarity."""
    from txtai.pipeline import Similarity

    scorer = Similarity(str(model), crossencode=True, gpu=False)
    found = dict(scorer(query, documents, multilabel=multilabel))
    return [float(found[place]) for place in range(len(documents))]


def txtai_logits(model: Path, query: str, documents: list[str]) -> list[float]:
    """Score by the same without its sigmoid."""
    return txtai(model, query, documents, multilabel=None)


def infinity(model: Path, query: str, documents: list[str], engine: str = "torch", raw: bool = False) -> list[float]:
    """Score by its engine, as its server does."""
    from infinity_emb import AsyncEngineArray, EngineArgs

    settings = EngineArgs(
        model_name_or_path=str(model),
        engine=engine,
        device="cpu",
        bettertransformer=False,
        model_warmup=False,
        dtype="float32",
    )

    async def ask() -> list[Any]:
        array = AsyncEngineArray.from_args([settings])
        await array.astart()
        try:
            ranked, _ = await array[0].rerank(query=query, docs=documents, raw_scores=raw)
        finally:
            await array.astop()
        return list(ranked)

    found = {each.index: float(each.relevance_score) for each in asyncio.run(ask())}
    return [found[place] for place in range(len(documents))]


def infinity_logits(model: Path, query: str, documents: list[str]) -> list[float]:
    """Score by the same without its sigmoid (``raw_scores``)."""
    return infinity(model, query, documents, raw=True)


def infinity_onnx(model: Path, query: str, documents: list[str]) -> list[float]:
    """Score by its ONNX engine, without its sigmoid."""
    return infinity(model, query, documents, engine="optimum", raw=True)


WEIGHTS, ONNX, INT8 = "model.safetensors", "onnx/model.onnx", "onnx/model_qint8.onnx"
ST, ST_ONNX = "sentence_transformers", ("sentence_transformers", "optimum.onnxruntime")
HAYSTACK = "haystack_integrations.components.rankers.sentence_transformers"
SBERT = "llama_index.postprocessor.sbert_rerank"
LANGCHAIN = ("langchain_community", ST)
OLDEST_WITH_ONNX = 5
TRIES = [
    Try("sentence-transformers", "sentence-transformers", (ST,), WEIGHTS, "predict", sentence_transformers),
    Try(
        "sentence-transformers",
        "sentence-transformers",
        ST_ONNX,
        ONNX,
        "backend onnx",
        sentence_transformers_onnx,
    ),
    Try(
        "sentence-transformers",
        "sentence-transformers",
        ST_ONNX,
        INT8,
        "backend onnx",
        sentence_transformers_int8,
    ),
    Try("fastembed", "fastembed", ("fastembed",), ONNX, "rerank", fastembed),
    Try("FlashRank", "FlashRank", ("flashrank",), ONNX, "rerank", flashrank),
    Try("rerankers", "rerankers", ("rerankers", "torch"), WEIGHTS, "model_type cross-encoder", rerankers),
    Try("Haystack", "sentence-transformers-haystack", (HAYSTACK,), WEIGHTS, "default", haystack),
    Try("Haystack", "sentence-transformers-haystack", (HAYSTACK,), WEIGHTS, "scale_score false", haystack_logits),
    Try("LangChain", "langchain-community", LANGCHAIN, WEIGHTS, "HuggingFaceCrossEncoder", langchain),
    Try(
        "LlamaIndex",
        "llama-index-postprocessor-sbert-rerank",
        (SBERT,),
        WEIGHTS,
        "SentenceTransformerRerank",
        llama_index,
    ),
    Try("txtai", "txtai", ("txtai",), WEIGHTS, "Similarity, default", txtai),
    Try("txtai", "txtai", ("txtai",), WEIGHTS, "multilabel None", txtai_logits),
    Try("infinity", "infinity-emb", ("infinity_emb",), WEIGHTS, "default", infinity),
    Try("infinity", "infinity-emb", ("infinity_emb",), WEIGHTS, "raw_scores", infinity_logits),
    Try("infinity", "infinity-emb", ("infinity_emb", "optimum.onnxruntime"), ONNX, "raw_scores", infinity_onnx),
]


def is_installed(name: str) -> bool:
    """Whether a module can be found; its parents are imported."""
    try:
        return importlib.util.find_spec(name) is not None
    except ImportError:
        return False


def version_of(package: str) -> str | None:
    """A package's version; None where it is not installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _scored(each: Try, model: Path, query: str, documents: list[str]) -> dict[str, Any]:
    """The scores of a try, or the error."""
    try:
        return {"scores": each.score(model, query, documents)}
    except Exception as error:  # whatever a package does with our folder is the result
        lines = (line.strip() for line in str(error).splitlines() if line.strip())
        return {"error": f"{type(error).__name__}: {next(lines, '')[:300]}"}


def print_tries(folder: Path) -> None:
    """Try all that is installed, and print a line of JSON for each."""
    given = json.loads((folder / "pairs.json").read_text(encoding="utf-8"))
    for each in TRIES:
        if version_of(each.package) is None or not all(is_installed(name) for name in each.needs):
            continue
        if each.needs == ST_ONNX and int(str(version_of(each.package)).partition(".")[0]) < OLDEST_WITH_ONNX:
            continue
        row: dict[str, Any] = {"name": each.name, "reads": each.reads, "call": each.call}
        row |= {"version": f"{each.package} {version_of(each.package)}", "transformers": version_of("transformers")}
        row |= _scored(each, folder / "model", given["query"], given["documents"])
        if "error" in row:
            shorter = _scored(each, folder / "model", given["query"], given["documents"][:-1])
            row = row if "error" in shorter else row | shorter
        print(f"TRY {json.dumps(row)}", flush=True)


if __name__ == "__main__":
    print_tries(Path(sys.argv[1]))

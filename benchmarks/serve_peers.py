"""Servers that one writes by hand: FastAPI around another package's re-ranker, in FastAPI's thread pool.

    PYTHON benchmarks/serve_peers.py sentence-transformers|flashrank MODEL

This file imports nothing of rankdistill, and says its address on standard error once the model is loaded.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

Scorer = Callable[[str, list[str]], list[float]]


def sentence_transformers(model: Path) -> Scorer:
    """Score by ``CrossEncoder.predict``."""
    from sentence_transformers import CrossEncoder

    encoder = CrossEncoder(str(model), device="cpu")

    def score(query: str, documents: list[str]) -> list[float]:
        return encoder.predict([(query, document) for document in documents], batch_size=32).tolist()

    return score


def flashrank(model: Path) -> Scorer:
    """Score by ``Ranker.rerank`` of the ONNX file in the model's folder."""
    from flashrank import Ranker, RerankRequest
    from flashrank.Config import model_file_map

    model_file_map[model.name] = "onnx/model.onnx"
    ranker = Ranker(model.name, cache_dir=str(model.parent), log_level="ERROR")

    def score(query: str, documents: list[str]) -> list[float]:
        passages = [{"id": place, "text": text} for place, text in enumerate(documents)]
        scores = {each["id"]: float(each["score"]) for each in ranker.rerank(RerankRequest(query, passages))}
        return [scores[place] for place in range(len(documents))]

    return score


PEERS = {"sentence-transformers": sentence_transformers, "flashrank": flashrank}


def serve(score: Scorer) -> None:
    """Serve a scorer, and say the address."""
    import uvicorn
    from fastapi import FastAPI
    from pydantic import BaseModel

    class Request(BaseModel):
        query: str
        documents: list[str]

    app = FastAPI()

    def rerank(request: Request) -> dict[str, list[dict[str, float]]]:
        scores = score(request.query, request.documents)
        order = sorted(range(len(scores)), key=lambda place: -scores[place])
        return {"results": [{"index": place, "relevance_score": scores[place]} for place in order]}

    rerank.__annotations__["request"] = Request
    app.post("/rerank")(rerank)

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[object] | None = None) -> None:
            await super().startup(sockets)
            port = self.servers[0].sockets[0].getsockname()[1]
            print(f"serving on http://127.0.0.1:{port}/rerank", file=sys.stderr, flush=True)

    Server(uvicorn.Config(app, port=0, access_log=False, log_level="warning")).run()


if __name__ == "__main__":
    serve(PEERS[sys.argv[1]](Path(sys.argv[2])))

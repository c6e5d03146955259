"""build_app: the paths of the server, and what each does."""

from __future__ import annotations

import asyncio
import math
import time
import uuid
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from fastapi import Body, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, PlainTextResponse, Response
from starlette.exceptions import HTTPException

from rankdistill import __version__
from rankdistill.arrays import F32
from rankdistill.models.contract import CONTRACTS
from rankdistill.progress import say
from rankdistill.serving.batcher import Batcher, Closed
from rankdistill.serving.guards import Guards, error_body
from rankdistill.serving.jobs import Job, make_job
from rankdistill.serving.metrics import Metrics
from rankdistill.serving.settings import ServingSettings
from rankdistill.serving.shapes import (
    ErrorBody,
    Health,
    Meta,
    Rank,
    RerankRequest,
    RerankResponse,
    Result,
    ReturnedText,
    Usage,
)

if TYPE_CHECKING:
    from rankdistill.models.ready import Scorer

PATHS = ("/rerank", "/v1/rerank", "/v2/rerank")
KINDS = {400: "validation", 404: "not_found", 405: "not_found", 413: "too_large", 422: "validation"}
NAMED = 20
"""A message names at most this many documents."""


class Refused(Exception):
    """A request that is not answered: status, message, and headers."""

    def __init__(self, status: int, message: str, kind: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.status, self.message, self.kind, self.headers = status, message, kind, headers


class Server:
    """A model that is served: what waits for it, its threads, and its counts."""

    def __init__(
        self, model: Scorer, name: str, settings: ServingSettings, batch_tokens: int, n_threads: int | None
    ) -> None:
        self.model, self.name, self.settings = model, name, settings
        self.metrics = Metrics(lambda: self.batcher.waiting + self._tokenising)
        self.batcher = Batcher(model, batch_tokens, settings.round_tokens, self.metrics.round, n_threads)
        self.is_stopping = False
        self._tokenising = 0
        self._tokeniser = ThreadPoolExecutor(1, "tokenising")

    @asynccontextmanager
    async def running(self, _: FastAPI) -> AsyncIterator[None]:
        """Warm the model up before the first request is taken; finish all that was accepted at the end."""
        with self.batcher:
            await self._logits("warm up", ["a document"] * 4 + ["a longer document " * 100] * 4, None, None)
            yield
            self.is_stopping = True
        self._tokeniser.shutdown()

    async def rank(self, asked: RerankRequest, request: Request) -> tuple[list[int], list[float], Job, list[str]]:
        """Score a request's documents: their places, best first, all scores, what was read, and warnings."""
        texts = asked.contents()
        self._check_room(len(texts))
        logits, job = await self._logits(asked.query, texts, asked.max_tokens_per_doc, request, asked.truncation)
        margins = self.model.contract.margins(logits)
        order = np.argsort(-margins, kind="stable")[: asked.top_n].tolist()
        cut = np.flatnonzero(job.truncated).tolist()
        self.metrics.truncated.inc(len(cut))
        warnings = []
        if cut:
            warnings.append(f"{_listed(cut)} cut to what the model reads, {self.model.max_length} tokens a pair")
        if asked.max_chunks_per_doc is not None:
            warnings.append("max_chunks_per_doc is not used: a document is read as one")
        return order, self._scores(margins, asked).tolist(), job, warnings

    def _scores(self, margins: F32, asked: RerankRequest) -> F32:
        raw = asked.raw_scores
        if raw is None and asked.texts is None:
            return self.model.contract.scores_of_margins(margins)
        return margins if raw else np.asarray(CONTRACTS["sigmoid"].score(margins), np.float32)

    def _check_room(self, n_documents: int) -> None:
        """Raise `Refused` for more documents than are taken, in one request or in all that wait."""
        if n_documents > self.settings.max_documents:
            most = f"{n_documents:,} documents, at most {self.settings.max_documents:,} are taken in a request"
            raise Refused(413, f"{most}: send several requests", "too_large")
        waiting = self.batcher.waiting + self._tokenising
        if waiting and waiting + n_documents > self.settings.max_waiting:
            seconds = max(1, math.ceil(self.batcher.seconds_to_wait()))
            message = f"{waiting:,} documents wait already: try again in {seconds} s"
            raise Refused(429, message, "overloaded", {"Retry-After": str(seconds)})

    async def _logits(
        self,
        query: str,
        texts: list[str],
        most_tokens: int | None,
        request: Request | None,
        truncation: bool | None = None,
    ) -> tuple[F32, Job]:
        """Tokenise in the one thread that does, then wait for the batcher; drop the job where the client is gone."""
        loop = asyncio.get_running_loop()
        self._tokenising += len(texts)
        try:
            job = await loop.run_in_executor(self._tokeniser, self._job, query, texts, most_tokens, truncation)
            self.batcher.submit(job)
        finally:
            self._tokenising -= len(texts)
        answer = asyncio.wrap_future(job.done)
        if request is None:
            return await answer, job
        gone = asyncio.ensure_future(_gone(request))
        try:
            both: list[asyncio.Future[Any]] = [answer, gone]
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            if not answer.done():
                job.abandoned = True
                raise Refused(499, "the client is gone", "gone")
            return answer.result(), job
        finally:
            gone.cancel()

    def _job(self, query: str, texts: list[str], most_tokens: int | None, truncation: bool | None) -> Job:
        for what, text in (("the query", query), *((f"document {nth}", text) for nth, text in enumerate(texts))):
            try:
                text.encode()
            except UnicodeEncodeError:
                raise Refused(
                    422, f"{what} is no Unicode text: it holds half of a surrogate pair", "validation"
                ) from None
        job = make_job(self.model, query, texts, most_tokens)
        if truncation is False and job.truncated.any():
            cut = _listed(np.flatnonzero(job.truncated).tolist())
            most = f"{self.model.max_length} tokens a pair"
            raise Refused(422, f"{cut} longer than the model reads, {most}, and truncation is false", "validation")
        return job


def build_app(
    model: Scorer,
    name: str,
    settings: ServingSettings,
    batch_tokens: int | None = None,
    n_threads: int | None = None,
) -> FastAPI:
    """Build the ASGI app that serves a model under a name.

    batch_tokens: padded tokens in a batch (None: by device). n_threads: that compute batches at once (None: the
    engine's own number). The model keeps texts from now on. Raises `UsageError` for a classifier, whose classes rank
    nothing.
    """
    model.contract.margins(np.zeros((0, model.contract.n_logits), np.float32))
    if not model.keep_texts(settings.kept_texts) and settings.kept_texts and model.reads_apart:
        say(
            f"no texts of {name} are kept (--kept-texts): that takes torch on a CPU in float32, and a vocabulary of at "
            "most 2 GiB of tokens times hidden units times 32 bytes"
        )
    server = Server(model, name, settings, batch_tokens or model.batch_tokens, n_threads)
    app = FastAPI(
        title="rankdistill",
        version=__version__,
        description=f"Re-ranking by {name}, with the requests that clients of Cohere, Jina and "
        "text-embeddings-inference send.",
        lifespan=server.running,
        responses={status: {"model": ErrorBody} for status in (401, 413, 422, 429)},
    )
    app.add_middleware(
        Guards,
        key=settings.key,
        most_bytes=int(settings.max_body * 1e6),
        refused=lambda status: server.metrics.requests.labels(status).inc(),
    )

    async def rerank(asked: Annotated[RerankRequest, Body()], request: Request) -> Response:
        """Rank documents for a query, best first."""
        started = time.perf_counter()
        order, scores, job, warnings = await server.rank(asked, request)
        content: Any = (
            _response(name, asked, order, scores, job, warnings)
            if asked.texts is None
            else _ranks(asked, order, scores)
        )
        cut = np.flatnonzero(job.truncated).tolist()
        headers = {"X-Truncated-Documents": ",".join(map(str, cut[:NAMED]))} if cut else {}
        server.metrics.seconds.observe(time.perf_counter() - started)
        server.metrics.documents.observe(len(job))
        server.metrics.tokens.inc(job.n_tokens)
        server.metrics.requests.labels(200).inc()
        return JSONResponse(content, headers=headers)

    for path in PATHS:
        app.add_api_route(
            path, rerank, methods=["POST"], response_model=RerankResponse | list[Rank], name=f"rerank {path}"
        )

    @app.get("/health", response_model=Health, responses={503: {"model": Health}})
    async def health() -> Response:
        """Tell whether requests are taken."""
        status = "stopping" if server.is_stopping else "ready"
        return JSONResponse({"status": status, "model": name}, 503 if server.is_stopping else 200)

    @app.get("/metrics", response_class=PlainTextResponse)
    async def metrics() -> Response:
        """Counts and times, for Prometheus."""
        return Response(server.metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")

    def error(status: int, message: str, kind: str, headers: dict[str, str] | None = None) -> JSONResponse:
        server.metrics.requests.labels(status).inc()
        return JSONResponse(error_body(message, kind), status, headers=headers)

    @app.exception_handler(Refused)
    async def refused(_: Request, raised: Refused) -> JSONResponse:
        return error(raised.status, raised.message, raised.kind, raised.headers)

    @app.exception_handler(Closed)
    async def closed(_: Request, raised: Closed) -> JSONResponse:
        return error(503, str(raised), "unavailable", {"Retry-After": "1"})

    @app.exception_handler(HTTPException)
    async def http(_: Request, raised: HTTPException) -> JSONResponse:
        headers = dict(raised.headers) if raised.headers else None
        return error(raised.status_code, str(raised.detail), KINDS.get(raised.status_code, "backend"), headers)

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, raised: RequestValidationError) -> JSONResponse:
        return error(422, "; ".join(map(_fault, raised.errors())), "validation")

    @app.exception_handler(Exception)
    async def failed(_: Request, raised: Exception) -> JSONResponse:
        return error(500, f"{type(raised).__name__}: {raised}", "backend")

    return app


def _response(
    name: str, asked: RerankRequest, order: list[int], scores: list[float], job: Job, warnings: list[str]
) -> dict[str, Any]:
    documents = asked.documents or []
    results = []
    for place in order:
        document = documents[place]
        returned = ReturnedText.model_validate({"text": document} if isinstance(document, str) else document)
        results.append(
            Result(index=place, relevance_score=scores[place], document=returned if asked.return_documents else None)
        )
    tokens = job.n_tokens
    answer = RerankResponse(
        id=str(uuid.uuid4()),
        model=name,
        results=results,
        usage=Usage(total_tokens=tokens, prompt_tokens=tokens),
        meta=Meta(
            api_version={"version": "2"},
            billed_units={"search_units": 1},
            tokens={"input_tokens": tokens, "output_tokens": 0},
            warnings=warnings,
        ),
        truncated=np.flatnonzero(job.truncated).tolist(),
    )
    return answer.model_dump(exclude_none=True)


def _ranks(asked: RerankRequest, order: list[int], scores: list[float]) -> list[dict[str, Any]]:
    texts = (asked.texts or []) if asked.return_text or asked.return_documents else None
    return [
        Rank(index=place, score=scores[place], text=texts[place] if texts else None).model_dump(exclude_none=True)
        for place in order
    ]


async def _gone(request: Request) -> None:
    """Wait until the client has closed the connection."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _fault(found: dict[str, Any]) -> str:
    """One fault of a request, with the place where it is."""
    place = ".".join(str(part) for part in found["loc"] if part != "body")
    message = str(found["msg"]).removeprefix("Value error, ")
    return f"{place}: {message}" if place else message


def _listed(places: list[int]) -> str:
    """Name documents by their places in the request: ``documents 3, 7 are``."""
    shown = ", ".join(map(str, places[:NAMED])) + (f" and {len(places) - NAMED:,} more" if len(places) > NAMED else "")
    return f"document {shown} is" if len(places) == 1 else f"documents {shown} are"

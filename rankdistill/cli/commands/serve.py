"""serve: a cross-encoder over HTTP, as Cohere's, Jina's and text-embeddings-inference's clients expect it."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from rankdistill.cli.options import Model
from rankdistill.cli.output import say
from rankdistill.errors import MissingExtraError
from rankdistill.scoring.score import load_scorer
from rankdistill.scoring.settings import ModelSettings
from rankdistill.serving.settings import KEY_VARIABLE, ServingSettings

PACKAGES = ("fastapi", "uvicorn", "prometheus_client")


def serve(
    *,
    model: Model,
    serving: Annotated[ServingSettings, Parameter(name="*")] = ServingSettings(),  # noqa: B008  # frozen
    scoring: Annotated[ModelSettings, Parameter(name="*")] = ModelSettings(),  # noqa: B008  # frozen
) -> None:
    """Serve a cross-encoder over HTTP: POST /rerank, with health, metrics and a page that explains it.

    Scores are those of `rankdistill rerank`. Requests of several clients are scored together. SIGTERM ends the server
    when all that it accepted is answered. For example

        rankdistill serve --model runs/student/model --engine auto --port 8080
    """
    if any(importlib.util.find_spec(package) is None for package in PACKAGES):
        raise MissingExtraError("rankdistill serve", "serve")
    from rankdistill.serving.run import bound
    from rankdistill.serving.run import serve as serve_model

    place = bound(serving)
    encoder = load_scorer(model, scoring)
    name = serving.model_name or "/".join(Path(model).absolute().parts[-2:] if Path(model).exists() else [model])
    if serving.is_open:
        say(f"note: {serving.host} is open to others without a key: set --api-key, or {KEY_VARIABLE}")

    def started(address: str) -> None:
        say(f"serving {name} on {address}/rerank ({address}/docs describes it)")

    serve_model(encoder, name, serving, scoring.batch_tokens, scoring.threads, place, started)
    say("stopped; all that was accepted is answered")

"""serve: a model on a port until the process is told to stop, which finishes what was accepted."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import uvicorn

from rankdistill.serving.app import build_app
from rankdistill.serving.settings import ServingSettings

if TYPE_CHECKING:
    from rankdistill.models.ready import Scorer

BACKLOG = 2048


class StoppableServer(uvicorn.Server):
    """Stops on SIGTERM and SIGINT with the work done, without dying of the signal; a second one ends it at once."""

    def __init__(self, config: uvicorn.Config, started: Callable[[str], None]) -> None:
        """started: is told the address once requests are taken."""
        super().__init__(config)
        self._started = started

    async def startup(self, sockets: list[Any] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            host, port = self.servers[0].sockets[0].getsockname()[:2]
            self._started(f"http://{f'[{host}]' if ':' in host else host}:{port}")

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        kinds = (signal.SIGINT, signal.SIGTERM)
        before = {kind: signal.signal(kind, self.handle_exit) for kind in kinds}
        try:
            yield
        finally:
            for kind, handler in before.items():
                signal.signal(kind, handler)


def serve(
    model: Scorer,
    name: str,
    settings: ServingSettings,
    batch_tokens: int | None,
    started: Callable[[str], None],
) -> bool:
    """Serve a model until SIGTERM or SIGINT; tell whether it was ever ready, which it is not on a port that is taken.

    batch_tokens: padded tokens in a batch (None: by device). started: is told the address.
    """
    config = uvicorn.Config(
        build_app(model, name, settings, batch_tokens),
        host=settings.host,
        port=settings.port,
        backlog=BACKLOG,
        access_log=False,
        log_level="warning",
        server_header=False,
    )
    server = StoppableServer(config, started)
    server.run()
    return server.started

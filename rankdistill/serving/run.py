"""serve: a model on a port until the process is told to stop, which finishes what was accepted."""

from __future__ import annotations

import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import uvicorn

from rankdistill.errors import DataError
from rankdistill.serving.app import build_app
from rankdistill.serving.settings import ServingSettings

if TYPE_CHECKING:
    from rankdistill.models.ready import Scorer

BACKLOG = 2048


class StoppableServer(uvicorn.Server):
    """Stops on SIGTERM and SIGINT with the work done, without dying of the signal; a second SIGINT ends it at once."""

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


def bound(settings: ServingSettings) -> socket.socket:
    """Take the port, before a model is loaded; it does not listen yet, so that clients are refused until all is ready.

    Raises `DataError` for a port or address that cannot be had.
    """
    # TCP is named, so that asyncio turns Nagle's algorithm off: else a body is sent 40 ms after its headers
    taken = socket.socket(socket.AF_INET6 if ":" in settings.host else socket.AF_INET, proto=socket.IPPROTO_TCP)
    taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        taken.bind((settings.host, settings.port))
    except OSError as error:
        taken.close()
        reason = error.strerror or str(error)
        where = f"{settings.host}:{settings.port}"
        raise DataError(f"cannot listen on {where} ({reason}): give another --host or --port") from error
    return taken


def serve(
    model: Scorer,
    name: str,
    settings: ServingSettings,
    batch_tokens: int | None,
    n_threads: int | None,
    place: socket.socket,
    started: Callable[[str], None],
) -> None:
    """Serve a model until SIGTERM or SIGINT.

    batch_tokens, n_threads: see `build_app`. place: what `bound` returned. started: is told the address.
    Raises `DataError` where the server ends before it is ready, as where the model fails on its first texts.
    """
    config = uvicorn.Config(
        build_app(model, name, settings, batch_tokens, n_threads),
        backlog=BACKLOG,
        access_log=False,
        log_level="warning",
        server_header=False,
    )
    server = StoppableServer(config, started)
    try:
        with place:
            server.run(sockets=[place])
    except SystemExit as error:  # how uvicorn ends where the start fails
        raise DataError(f"{name} cannot be served, see above") from error

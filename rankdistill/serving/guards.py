"""Guards before a request is read: its size and its key, as plain ASGI."""

from __future__ import annotations

import hmac
import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from starlette.exceptions import HTTPException

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]

OPEN = ("/health", "/metrics", "/docs", "/redoc", "/openapi.json")
"""Paths that need no key: they show nothing of requests."""


def error_body(message: str, kind: str) -> dict[str, str]:
    """What an error says, in the fields in which different clients look for it."""
    return {"message": message, "error": message, "error_type": kind}


class Guards:
    """Refuses requests without the key (401), and bodies that are too large (413) before they are all in memory."""

    def __init__(self, app: App, key: str | None, most_bytes: int, refused: Callable[[int], None]) -> None:
        """refused: is told the status of a request that is answered here."""
        self.app, self.most_bytes, self._refused = app, most_bytes, refused
        self._key = None if key is None else key.encode()

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        headers = {name.lower(): value for name, value in scope["headers"]}
        if not self._is_allowed(scope["path"], headers.get(b"authorization", b"")):
            message = "the API key is missing or wrong: send 'Authorization: Bearer KEY'"
            return await self._refuse(send, 401, message, "unauthorized", [(b"www-authenticate", b"Bearer")])
        too_large = f"the request is larger than {self.most_bytes:,} bytes: send fewer or shorter documents"
        stated = headers.get(b"content-length", b"")
        if stated.isdigit() and int(stated) > self.most_bytes:
            return await self._refuse(send, 413, too_large, "too_large", [(b"connection", b"close")])
        read = 0

        async def limited() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > self.most_bytes:  # the size that was stated need not be true, and need not be stated
                raise HTTPException(413, too_large)
            return message

        await self.app(scope, limited, send)

    def _is_allowed(self, path: str, authorization: bytes) -> bool:
        if self._key is None or path in OPEN:
            return True
        scheme, _, given = authorization.partition(b" ")
        return hmac.compare_digest(given.strip(), self._key) and scheme.lower() == b"bearer"

    async def _refuse(
        self, send: Send, status: int, message: str, kind: str, headers: list[tuple[bytes, bytes]]
    ) -> None:
        self._refused(status)
        body = json.dumps(error_body(message, kind)).encode()
        lines = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode()), *headers]
        await send({"type": "http.response.start", "status": status, "headers": lines})
        await send({"type": "http.response.body", "body": body})

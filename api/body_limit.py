"""A bound on request bodies that holds while they stream in, whether or not they say how long they are."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.problems import problem_response

LINGER_S = 5.0
"""How long what still comes after a refusal is thrown away before the connection is closed: closed at once, many clients would see a reset and no answer."""

_CLOSE = {"Connection": "close"}


class BodyLimit:
    """Middleware: a body beyond its path's limit is answered with 413 at the limit, and no more of it is kept.

    Parameters
    ----------
    limit_of : gives the most bytes a request's body may have, by method and path.
    """

    def __init__(self, app: ASGIApp, limit_of: Callable[[str, str], int]) -> None:
        self._app, self._limit_of = app, limit_of

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        limit = self._limit_of(scope["method"], scope["path"])
        body = _Bounded(receive, send, limit)
        headers = Headers(scope=scope)
        declared = headers.get("content-length", "0")
        if declared.isdecimal() and int(declared) <= limit:
            await self._app(scope, body.receive, body.send)
            return
        body.is_too_large = "expect" not in headers  # who asks before sending needs no time to stop
        await problem_response(413, f"{body.bound}, found {declared[:20]}", headers=_CLOSE)(scope, receive, body.send)


class _Bounded:
    """One request's body, and the answer to it."""

    def __init__(self, receive: Receive, send: Send, limit: int) -> None:
        self._receive, self._send, self._limit = receive, send, limit
        self._read = 0
        self.is_too_large = False
        self.bound = f"a body must have at most {limit} bytes"

    async def receive(self) -> Message:
        message = await self._receive()
        self._read += len(message.get("body", b""))
        if self._read > self._limit:
            self.is_too_large = True
            # An HTTPException passes through the form parser; anything else would become "400 bad body".
            raise HTTPException(413, self.bound, _CLOSE)
        return message

    async def send(self, message: Message) -> None:
        if self.is_too_large and message["type"] == "http.response.body" and not message.get("more_body"):
            await self._send({**message, "more_body": True})
            await self._discard()
            message = {"type": "http.response.body", "body": b""}
        await self._send(message)

    async def _discard(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(LINGER_S):
                while (await self._receive()).get("more_body"):
                    pass

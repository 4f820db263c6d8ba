"""A bound on request bodies, held while they stream in.

It does not need their declared length, and it ends those that are refused half-way.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.rest.problems import problem_response

LINGER_S = 5.0
"""How long what still comes after a refusal is thrown away before the connection is closed.

Closed at once, many clients would see a reset and no answer.
"""


class BodyLimit:
    """Middleware that answers a body beyond its path's limit with 413, and keeps no more of it.

    A refusal that does not wait for the body's end, whatever for, ends the connection: what still comes is thrown away
    for a while, and then not heard.

    Parameters
    ----------
    limit_of : gives the most bytes a request's body may have, by method and path.
    """

    def __init__(self, app: ASGIApp, limit_of: Callable[[str, str], int]) -> None:
        self._app, self._limit_of = app, limit_of

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on with its body bounded; other connections as they are."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        body = _Bounded(receive, send, self._limit_of(scope["method"], scope["path"]), headers)
        declared = headers.get("content-length", "0")
        if declared.isdecimal() and int(declared) <= body.limit:
            await self._app(scope, body.receive, body.send)
        else:
            await problem_response(413, f"{body.bound}, found {declared[:20]}")(scope, receive, body.send)


class _Bounded:
    """One request's body, and the answer to it."""

    def __init__(self, receive: Receive, send: Send, limit: int, headers: Headers) -> None:
        self._receive, self._send, self.limit = receive, send, limit
        self.bound = f"a body must have at most {limit} bytes"
        self._read = 0
        self._is_coming = headers.get("content-length", "0") != "0" or "transfer-encoding" in headers
        self._is_awaited = "expect" in headers  # the client asks before it sends
        self._is_refused = False

    async def receive(self) -> Message:
        message = await self._receive()
        self._is_awaited = False
        self._is_coming = message.get("more_body", False)
        self._read += len(message.get("body", b""))
        if self._read > self.limit:
            # An HTTPException passes through the form parser; anything else would become "400 bad body".
            raise HTTPException(413, self.bound)
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start" and message["status"] >= 400 and self._is_coming:
            self._is_refused = True
            MutableHeaders(scope=message)["Connection"] = "close"
        elif (
            message["type"] == "http.response.body"
            and not message.get("more_body")
            and self._is_refused
            and not self._is_awaited
        ):
            await self._send({**message, "more_body": True})
            await self._discard()
            message = {"type": "http.response.body", "body": b""}
        await self._send(message)

    async def _discard(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(LINGER_S):
                while (await self._receive()).get("more_body"):
                    pass

"""A bound on request bodies that holds while they stream in, whether or not they say how long they are."""

from __future__ import annotations

from collections.abc import Callable

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.problems import problem_response


class BodyLimit:
    """Middleware: a body beyond its path's limit is answered with 413 at the limit, and the rest of it is not read.

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
        detail = f"a body must have at most {limit} bytes"
        declared = Headers(scope=scope).get("content-length", "0")
        if not declared.isdecimal() or int(declared) > limit:
            await problem_response(413, f"{detail}, found {declared[:20]}", headers={"Connection": "close"})(scope, receive, send)
            return
        read = 0

        async def receive_bounded() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > limit:
                # An HTTPException passes through the form parser; anything else would become "400 bad body".
                raise HTTPException(413, detail, {"Connection": "close"})
            return message

        await self._app(scope, receive_bounded, send)

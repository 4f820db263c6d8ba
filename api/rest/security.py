"""Who may call: with a key set, every caller that shows it.

Without one, this machine alone, and pages of this origin alone.

Without a key a foreign web page in the user's browser could still reach a loopback server. Two checks close that: the
Host must be a loopback name (so a name that is made to point at 127.0.0.1 is of no use) and the Origin of what changes
anything must be this server's own.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Coroutine
from typing import Any
from urllib.parse import urlsplit

from fastapi import APIRouter, Depends
from fastapi.routing import APIRoute
from fastapi.security import APIKeyHeader
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocketClose

from api.errors import Refused
from api.key import KEY_HEADER, is_right
from api.rest.problems import problem_response
from api.settings import is_loopback

_key_scheme = APIKeyHeader(
    name=KEY_HEADER, auto_error=False, description="needed only where the server was started with API_KEY"
)

CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'self'",
        "script-src 'self'",
        "worker-src 'self' blob:",  # MapLibre's workers
        "style-src 'self' 'unsafe-inline'",  # emotion writes style elements
        "img-src 'self' data: blob:",
        "font-src 'self' data:",
        "connect-src 'self' ws: wss:",  # 'self' does not cover WebSockets in every browser
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)
_HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), payment=(), usb=()",
    "Cross-Origin-Opener-Policy": "same-origin",
}
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


def keyed_router(**options: Any) -> APIRouter:
    """Return a router whose endpoints ask for the key, where one is set, and are described so."""
    return APIRouter(route_class=_KeyedRoute, dependencies=[Depends(_key_scheme)], **options)


class _KeyedRoute(APIRoute):
    """An endpoint that looks at the key before it reads any of the body, which a dependency would not.

    The framework reads the body first.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        answer = super().get_route_handler()

        async def answer_to_key(request: Request) -> Response:
            expected: str | None = request.app.state.settings.key
            if expected is not None and not is_right(request.headers.get(KEY_HEADER), expected):
                raise Refused(401, f"this server needs the header {KEY_HEADER} with its API key")
            return await answer(request)

        return answer_to_key


class SecureOrigin:
    """Middleware: security headers on every answer and, where no key is set, a look at Host and Origin."""

    def __init__(self, app: ASGIApp, *, has_key: bool, allowed_hosts: Collection[str]) -> None:
        self._app, self._has_key, self._allowed_hosts = app, has_key, frozenset(allowed_hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a connection on, or refuse it."""
        if (
            scope["type"] == "websocket"
            and not self._has_key
            and not self._is_ours(Headers(scope=scope).get("host", ""))
        ):
            await WebSocketClose()(scope, receive, send)
            return
        if scope["type"] != "http":
            await self._app(scope, receive, send)  # a live socket's own check looks at its Origin
            return

        async def send_secured(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        reason = None if self._has_key else self._reason_to_refuse(scope["method"], Headers(scope=scope))
        if reason is not None:
            await problem_response(403, reason)(scope, receive, send_secured)
        else:
            await self._app(scope, receive, send_secured)

    def _reason_to_refuse(self, method: str, headers: Headers) -> str | None:
        host, origin = headers.get("host", ""), headers.get("origin")
        if not self._is_ours(host):
            return (
                f"this server answers to its loopback names only, found Host {host[:100]!r}; ALLOWED_HOSTS adds names"
            )
        if method not in _SAFE_METHODS and origin is not None and not self._is_ours(urlsplit(origin).netloc):
            return f"a page of another origin may not call this server, found Origin {origin[:100]!r}"
        return None

    def _is_ours(self, netloc: str) -> bool:
        try:
            name = urlsplit(f"//{netloc}").hostname or ""
        except ValueError:
            return False
        return is_loopback(name) or name in self._allowed_hosts

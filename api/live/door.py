"""Who may open a live socket: pages of this origin, pages of the origins named, programs without an origin; with the API key, if one is set."""

from __future__ import annotations

import hmac
from collections.abc import Collection
from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.websockets import WebSocket


@dataclass(frozen=True, slots=True)
class Door:
    """The rules of entry.

    Attributes
    ----------
    api_key : asked for as query parameter ``key`` or header ``X-API-Key``; no key is asked for if None.
    allowed_origins : origins of other pages that may connect, such as ``https://map.example.org``.
    """

    api_key: str | None = None
    allowed_origins: Collection[str] = ()

    def refuses(self, websocket: WebSocket) -> str | None:
        """Return why a connection is refused, None if it is welcome."""
        origin = websocket.headers.get("origin")
        if origin is not None and origin not in self.allowed_origins and urlsplit(origin).netloc != websocket.headers.get("host"):
            return f"origin {origin[:100]} is not allowed"
        if self.api_key is not None:
            given = websocket.query_params.get("key") or websocket.headers.get("x-api-key") or ""
            if not hmac.compare_digest(given.encode(), self.api_key.encode()):
                return "the API key is missing or wrong"
        return None

"""Who may open a live socket: programs and pages of this machine, or holders of the API key.

A browser lets any page open a WebSocket to any server, so Host and Origin are looked at as `api.rest.security` does for
what changes something.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.websockets import WebSocket

from api.key import KEY_HEADER, is_right
from api.settings import is_loopback


@dataclass(frozen=True, slots=True)
class Access:
    """The rules of entry.

    Attributes
    ----------
    api_key : asked for as query parameter ``key`` or header ``X-API-Key``; no key is asked for if None.
    allowed_hosts : names, besides the loopback ones, by which pages may call this server.
    """

    api_key: str | None = None
    allowed_hosts: Collection[str] = ()

    def refuses(self, websocket: WebSocket) -> str | None:
        """Return why a connection is refused, None if it is welcome."""
        host, origin = websocket.headers.get("host", ""), websocket.headers.get("origin")
        if origin is not None and urlsplit(origin).netloc != host and not self._is_ours(urlsplit(origin).netloc):
            return f"a page of another origin may not call this server, found Origin {origin[:100]!r}"
        if self.api_key is None:
            # A name that was made to point at 127.0.0.1 would be its own page's origin.
            return (
                None
                if self._is_ours(host)
                else f"this server answers to its loopback names only, found Host {host[:100]!r}"
            )
        given = websocket.query_params.get("key") or websocket.headers.get(KEY_HEADER)
        return None if is_right(given, self.api_key) else "the API key is missing or wrong"

    def _is_ours(self, netloc: str) -> bool:
        try:
            name = urlsplit(f"//{netloc}").hostname or ""
        except ValueError:
            return False
        return is_loopback(name) or name in self.allowed_hosts

"""The address of an HTTP server, as a command was given it."""

from __future__ import annotations

import re

import httpx

from engine.contract.address import HOST, HOW_TO_ENCODE, IDENTITY, without_identity
from engine.errors import InvalidInput

_HTTP = re.compile(rf"https?://{IDENTITY}{HOST}(:(?P<port>\d{{1,5}}))?(/[^\s?#@]*)?")


def checked_address(url: str) -> str:
    """Return an address without a slash at its end.

    Raises
    ------
    InvalidInput : no address of an HTTP server.
    """
    found = _HTTP.fullmatch(url)
    if found is None or int(found["port"] or 0) > 65535 or not _is_read_by_the_client(url):
        advice = f"; {HOW_TO_ENCODE}" if "@" in url else ""
        raise InvalidInput(
            f"url must be http://host:port or https://host:port, found {without_identity(url)!r}{advice}"
        )
    return url.rstrip("/")


def _is_read_by_the_client(url: str) -> bool:
    try:
        httpx.URL(url)
    except httpx.InvalidURL:
        return False
    return True

"""The one place where the client's errors become ours."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from elastic_transport import ConnectionTimeout, TransportError
from elasticsearch import ApiError

from api.errors import StoreBackpressure, StoreError, StoreUnavailable

RETRY_AFTER_S = 1.0
MAX_REASON = 300
"""Characters of a server's words that go into a message or a header."""

TOO_MANY, TOO_LARGE = 429, 413
PASSING = frozenset({TOO_MANY, 502, 503, 504})
"""Statuses of a server that may do the same thing a little later."""


def cut(text: object) -> str:
    """Return the beginning of some words of a server."""
    words = " ".join(str(text).split())
    return words if len(words) <= MAX_REASON else words[: MAX_REASON - 3] + "..."


def translated(error: TransportError | ApiError, place: str) -> StoreError:
    """Return our error for one of the client's."""
    if isinstance(error, ApiError):
        reason = cut(f"{error.status_code} {_reason(error.body) or error.message}")
        if error.status_code == TOO_MANY:
            return StoreBackpressure(f"{place} is busy: {reason}", RETRY_AFTER_S)
        return StoreUnavailable(f"{place} answers {reason}")
    if isinstance(error, ConnectionTimeout):
        return StoreUnavailable(f"{place} does not answer in time")
    return StoreUnavailable(f"{place} cannot be reached: {cut(error.message)}")


def _reason(body: object) -> str | None:
    error = body.get("error") if isinstance(body, dict) else None
    return f"{error.get('type')}: {error.get('reason')}" if isinstance(error, dict) else error


@contextmanager
def asking(place: str) -> Iterator[None]:
    """Run calls of the client.

    Raises `StoreBackpressure` or `StoreUnavailable` where they raise the client's own errors.
    """
    try:
        yield
    except (TransportError, ApiError) as error:
        raise translated(error, place) from error

"""Errors of the API. The message holds the value, the bound and the place.

ApiError
├── Refused                 an answer to the caller: status, title, detail (api.rest.problems makes problem+json of it)
├── StoreError
│   ├── StoreBackpressure       full or busy: come back after `retry_after` seconds
│   └── StoreUnavailable        cannot be reached or opened
└── BusUnavailable          Kafka did not acknowledge what was to be published
"""

from __future__ import annotations


class ApiError(Exception):
    """Base of every error that the API raises itself."""


class Refused(ApiError):
    """A request that is answered with a problem document.

    Attributes
    ----------
    status : HTTP status, 4xx or 5xx.
    detail : one sentence for a person.
    faults : one line per fault where there are several, such as the fields of a body.
    """

    def __init__(self, status: int, detail: str, faults: list[str] | None = None) -> None:
        super().__init__(detail)
        self.status, self.detail, self.faults = status, detail, faults or []

    def __reduce__(self) -> tuple[type[Refused], tuple[int, str, list[str]]]:
        return type(self), (self.status, self.detail, self.faults)


class StoreError(ApiError):
    """A store did not do what it was asked."""


class StoreBackpressure(StoreError):
    """A store is full or busy; nothing was written, and the same call may be made again.

    Attributes
    ----------
    retry_after : seconds to wait before the next attempt.
    """

    def __init__(self, detail: str, retry_after: float) -> None:
        super().__init__(detail)
        self.retry_after = retry_after

    def __reduce__(self) -> tuple[type[StoreBackpressure], tuple[str, float]]:
        return type(self), (str(self), self.retry_after)


class StoreUnavailable(StoreError):
    """A store cannot be opened or reached; the message says which and why."""


class BusUnavailable(ApiError):
    """Kafka did not acknowledge in time; the message says what was to be published."""

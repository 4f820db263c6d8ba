"""When a sink's next write begins: how long facts gather, how long the store rests. Pure; it is told the time, s of any steady clock."""

from __future__ import annotations

MAX_REST_S = 8.0
"""How long a store rests after a write at most, and so how much longer what it shows can be old."""

MANY = 10_000
"""Facts that are worth a write however short they have waited."""


class Turns:
    """Turns of one sink.

    Parameters
    ----------
    linger_s, rest, capacity : see `api.stream.sinks.Sink`.
    """

    def __init__(self, linger_s: float, rest: float, capacity: int) -> None:
        self._linger_s, self._rest, self._capacity = linger_s, rest, capacity
        self._rested_at = 0.0

    def wrote(self, now: float, took_s: float) -> None:
        """Take note of a write that has just ended."""
        self._rested_at = now + min(self._rest * took_s, MAX_REST_S)

    def is_ripe(self, now: float, waiting: int, since: float) -> bool:
        """Return whether what waits is worth a write: the store has rested, and facts have waited long enough or are many. Half full, a sink rests no more.

        Parameters
        ----------
        waiting : how many they are.
        since : when the first of them came.
        """
        has_rested, is_enough = now >= self._rested_at, now - since >= self._linger_s or waiting >= MANY
        return (has_rested and is_enough) or waiting >= self._capacity // 2

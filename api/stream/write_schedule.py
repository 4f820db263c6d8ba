"""When a sink's next write begins. Pure; callers pass the time, s of any steady clock."""

from __future__ import annotations

MAX_REST_S = 8.0
"""How long a store rests after a write at most, and so how much older what it shows can be."""

MANY = 10_000
"""Facts that are worth a write however short they have waited."""


class WriteSchedule:
    """The writes of one sink: how long facts gather, and how long the store rests.

    Parameters
    ----------
    linger_s, rest, capacity : see `api.stream.sinks.SinkTraits`.
    """

    def __init__(self, linger_s: float, rest: float, capacity: int) -> None:
        self._linger_s, self._rest, self._capacity = linger_s, rest, capacity
        self._rested_at = 0.0

    def wrote(self, now: float, took_s: float) -> None:
        """Record a write that has just ended."""
        self._rested_at = now + min(self._rest * took_s, MAX_REST_S)

    def is_ripe(self, now: float, waiting: int, since: float) -> bool:
        """Return whether what waits is worth a write.

        It is once the store has rested and facts have waited long enough or are many. A sink that is half full rests
        no more.

        Parameters
        ----------
        waiting : the number of facts that wait.
        since : when the first of them came.
        """
        has_rested, is_enough = now >= self._rested_at, now - since >= self._linger_s or waiting >= MANY
        return (has_rested and is_enough) or waiting >= self._capacity // 2

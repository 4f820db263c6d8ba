"""Back-pressure of a sink: when it holds too much to take more.

Pure; callers pass the time, s of any steady clock.
"""

from __future__ import annotations

PATIENCE_S = 3.0
"""How long a full sink's client is not polled before its partitions are paused, s.

A pause discards all that the client has fetched ahead, so after every pause the broker sends it once more; but a client
that is not polled answers no rebalance, so a client whose partitions are paused is polled again."""


class BackPressure:
    """Back-pressure of one sink, from when it exceeds its capacity until half of that is free again.

    Parameters
    ----------
    capacity : see `api.stream.sinks.SinkTraits`.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._full_since: float | None = None

    @property
    def is_full(self) -> bool:
        """Whether the sink takes no more."""
        return self._full_since is not None

    def holds(self, now: float, facts: int) -> None:
        """Record how many facts the sink holds."""
        if facts > self._capacity:
            self._full_since = now if self._full_since is None else self._full_since
        elif facts <= self._capacity // 2:
            self._full_since = None

    def is_full_for_long(self, now: float) -> bool:
        """Return whether the sink has been full for `PATIENCE_S`, so that its client has to be polled again."""
        return self._full_since is not None and now - self._full_since >= PATIENCE_S

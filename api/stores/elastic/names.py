"""What things are called in Elasticsearch.

Aliases to read, indices to write, by the time of what is in them.

An index is named for the time at which its documents happened, not for the day on which they are written. So a record
that is delivered again, on whatever day, meets its first copy in the same index and is known by its id; a data stream
or a rolled-over alias would take it a second time.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

FIRST_MS, END_MS = 946_684_800_000, 4_102_444_800_000
"""2000-01-01 and 2100-01-01 UTC as epoch ms: what did not happen between them has no index.

A wrong clock would make thousands of them.
"""


class Kind(StrEnum):
    """What an index holds."""

    POSITIONS = "positions"
    EVENTS = "events"
    DELIVERIES = "deliveries"
    REQUESTS = "requests"


class Period(StrEnum):
    """How much time one index holds."""

    HOUR = "hour"
    DAY = "day"
    MONTH = "month"


TIMED = (Kind.POSITIONS, Kind.EVENTS, Kind.REQUESTS)
"""The kinds that have an index per period; deliveries have one, for they change."""

_UNITS = {Period.HOUR: "datetime64[h]", Period.DAY: "datetime64[D]", Period.MONTH: "datetime64[M]"}


@dataclass(frozen=True, slots=True)
class Names:
    """Names that begin with one prefix."""

    prefix: str
    period: Period = Period.DAY

    def alias(self, kind: Kind) -> str:
        """Return the name under which everything of a kind is read."""
        return f"{self.prefix}-{kind}"

    def pattern(self, kind: Kind) -> str:
        """Return what matches every index of a kind.

        Years begin with a 2, prefixes that begin with ours do not.
        """
        return f"{self.prefix}-{kind}-2*" if kind in TIMED else self.deliveries

    @property
    def deliveries(self) -> str:
        """The one index of deliveries."""
        return f"{self.prefix}-{Kind.DELIVERIES}-1"

    def split(self, kind: Kind, time_ms: NDArray[np.int64]) -> dict[str, NDArray[np.int64]]:
        """Return which documents go into which index, as row numbers, by when they happened (epoch ms)."""
        periods = time_ms.astype("datetime64[ms]").astype(_UNITS[self.period])
        if not len(periods):
            return {}
        if (periods == periods[0]).all():
            return {self._index(kind, periods[0]): np.arange(len(periods))}
        return {self._index(kind, period): np.flatnonzero(periods == period) for period in np.unique(periods)}

    def _index(self, kind: Kind, period: np.datetime64) -> str:
        return f"{self.prefix}-{kind}-{re.sub('[-T]', '.', str(period))}"

    def is_timed(self, index: str) -> bool:
        """Return whether an index is one of ours that holds one period; another prefix may begin with ours."""
        return (
            re.fullmatch(rf"{re.escape(self.prefix)}-({'|'.join(TIMED)})-\d{{4}}\.\d\d(\.\d\d){{0,2}}", index)
            is not None
        )

"""Pacing: when the next tick is, and how late positions were. The time is an argument."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

BOUNDS_MS: npt.NDArray[np.float64] = np.unique(np.round(np.geomspace(1, 600_000, 200)))
"""Upper bounds of the lateness buckets, ms.

They are whole milliseconds at first, 7 % apart later, to 10 minutes; they are fixed, so that histograms add up.
"""


def delay_ms(now_ms: float, period_ms: float, phase_ms: float = 0.0) -> float:
    """Return how long to wait for the next instant ``phase + k * period``, in (0, period].

    The grid is that of the wall clock, so a tick that took long never shifts the ones after it.
    """
    return period_ms - (now_ms - phase_ms) % period_ms


@dataclass(slots=True)
class Lateness:
    """Histogram of lateness: wall time of producing minus wall time at which a position was due.

    Attributes
    ----------
    counts : int64 (len(BOUNDS_MS) + 1,); bucket i holds lateness <= BOUNDS_MS[i], the last one what is above.
    max_ms : the greatest lateness seen.
    """

    counts: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(len(BOUNDS_MS) + 1, np.int64))
    max_ms: float = 0.0

    def add(self, late_ms: npt.NDArray[np.float64], times: npt.NDArray[np.int64] | None = None) -> None:
        """Count some lateness values, ms, each once or `times` times; early ones count as 0."""
        if late_ms.size:
            self.counts += np.bincount(np.searchsorted(BOUNDS_MS, late_ms), times, minlength=len(self.counts)).astype(
                np.int64, copy=False
            )
            self.max_ms = max(self.max_ms, float(late_ms.max()))

    def plus(self, other: Lateness) -> Lateness:
        """Return the sum of both."""
        return Lateness(self.counts + other.counts, max(self.max_ms, other.max_ms))

    def since(self, earlier: Lateness) -> Lateness:
        """Return what came after an earlier state of this histogram; the maximum is that of the whole."""
        return Lateness(self.counts - earlier.counts, self.max_ms)

    def copy(self) -> Lateness:
        """Return a histogram that later counts leave alone."""
        return Lateness(self.counts.copy(), self.max_ms)

    def percentile(self, percent: float) -> float | None:
        """Return the bound, ms, under which `percent` of the positions were; None before the first.

        It is never more than the greatest lateness seen.
        """
        total = int(self.counts.sum())
        if total == 0:
            return None
        bucket = int(np.searchsorted(np.cumsum(self.counts), percent / 100 * total))
        return min(float(BOUNDS_MS[bucket]), self.max_ms) if bucket < len(BOUNDS_MS) else self.max_ms

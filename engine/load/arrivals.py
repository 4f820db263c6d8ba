"""Arrivals: the instants at which deliveries are asked for, one after the other without end.

Pure and seeded, and the same however far they are read.

A process of unit intensity (equal distances, or exponential gaps) is mapped through the inverse of the integrated
intensity, which is exact for any intensity in steps: Çinlar, Introduction to Stochastic Processes, 1975, 4.7.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate, count

from engine.chance import seeded_unit

DAY_S = 86_400.0


class Intensity:
    """Arrivals a second by time of day: equal steps over a day that repeat, or a constant.

    Parameters
    ----------
    mean_per_s : average over a day.
    relative : relative height of each step, from midnight on, not all 0.
    from_s : time of day at instant 0.
    """

    def __init__(self, mean_per_s: float, relative: Sequence[float] = (1.0,), from_s: float = 0.0) -> None:
        scale = mean_per_s * len(relative) / sum(relative)
        self._per_s = [height * scale for height in relative]
        self._step_s = DAY_S / len(relative)
        self._sums = [0.0, *accumulate(per_s * self._step_s for per_s in self._per_s)]
        self._from_s = from_s % DAY_S
        self._begun = self._since_midnight(self._from_s)

    def at(self, t_s: float) -> float:
        """Return the arrivals a second at an instant."""
        return self._per_s[min(int((self._from_s + t_s) % DAY_S / self._step_s), len(self._per_s) - 1)]

    def expected(self, t_s: float) -> float:
        """Return how many arrivals are expected from instant 0 to an instant."""
        days, rest = divmod(self._from_s + t_s, DAY_S)
        return days * self._sums[-1] + self._since_midnight(rest) - self._begun

    def instant(self, expected: float) -> float:
        """Return the first instant by which a number of arrivals is expected."""
        days, rest = divmod(expected + self._begun, self._sums[-1])
        step = min(bisect_right(self._sums, rest) - 1, len(self._per_s) - 1)
        while self._per_s[step] == 0.0:  # only by rounding
            step -= 1
        return days * DAY_S + step * self._step_s + (rest - self._sums[step]) / self._per_s[step] - self._from_s

    def _since_midnight(self, s: float) -> float:
        step = min(int(s / self._step_s), len(self._per_s) - 1)
        return self._sums[step] + (s - step * self._step_s) * self._per_s[step]


def arrival_times(intensity: Intensity, seed: int, *, random: bool) -> Iterator[float]:
    """Yield the arrivals' instants in s, ascending: a Poisson process, or equal distances.

    Equal distances begin half a distance after the beginning.
    """
    expected = 0.0
    for k in count():
        expected = expected - math.log1p(-seeded_unit(seed, "arrival", str(k))) if random else k + 0.5
        yield intensity.instant(expected)

"""Sample rates: shares of a fleet at several rates, spread evenly over the drivers' numbers.

Any part of the fleet has nearly the same mix.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

from engine.chance import seeded_unit

_GOLDEN = 0.6180339887498949
"""The golden ratio's fraction: its multiples, modulo 1, fill [0, 1) as evenly as any sequence.

The first n of them differ from a share by about log n places at most.
"""


class SamplingMix:
    """The sample periods of numbered drivers.

    Parameters
    ----------
    shares : (period in virtual ms, share >= 0 of any sum above 0).
    """

    def __init__(self, shares: Sequence[tuple[int, float]], seed: int) -> None:
        total = sum(share for _, share in shares)
        self._periods = [period for period, _ in shares]
        self._bounds = list(accumulate(share / total for _, share in shares))
        self._begin = seeded_unit(seed, "sampling")
        self.mean_hz = sum(share / total * 1000.0 / period for period, share in shares)

    def period_ms(self, driver: int) -> int:
        """Return the sample period of driver number `driver`."""
        if len(self._periods) == 1:
            return self._periods[0]
        drawn = (self._begin + driver * _GOLDEN) % 1.0
        last = max(i for i, bound in enumerate(self._bounds) if bound > (self._bounds[i - 1] if i else 0.0))
        return self._periods[next((i for i, bound in enumerate(self._bounds) if drawn < bound), last)]

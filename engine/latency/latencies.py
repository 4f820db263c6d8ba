"""Latencies at rest: the filled buckets of a histogram, as they are kept and sent."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Self

import numpy as np
import numpy.typing as npt

from engine.arrays import Ints
from engine.latency.histogram import Histogram

_MOST_NARROW = int(np.iinfo(np.uint32).max)


class Latencies:
    """The buckets of a histogram that are not empty; never changed once made.

    That of a second's latencies is about a hundredth of the full size, so it is what is kept and sent.

    Attributes
    ----------
    index : uint16, ascending, which buckets. (n,)
    counts : how many values are in each, uint32, or int64 where that is too narrow. (n,)
    """

    __slots__ = ("_hash", "counts", "index")

    def __init__(self, index: npt.NDArray[np.uint16], counts: npt.NDArray[np.uint32] | Ints) -> None:
        self.index, self.counts = index, counts
        self._hash = hash((len(index), int(counts.sum())))

    @classmethod
    def of(cls, histogram: Histogram) -> Self:
        """Return the filled buckets of a histogram."""
        index = np.flatnonzero(histogram.counts)
        counts = histogram.counts[index]
        is_narrow = not index.size or int(counts.max()) <= _MOST_NARROW
        return cls(index.astype(np.uint16), counts.astype(np.uint32) if is_narrow else counts)

    @classmethod
    def merged(cls, several: Iterable[Latencies]) -> Histogram:
        """Return the histogram of all values that several have counted."""
        whole = Histogram()
        for one in several:
            whole.counts[one.index] += one.counts
        return whole

    @property
    def total(self) -> int:
        """How many values were counted."""
        return int(self.counts.sum())

    def histogram(self) -> Histogram:
        """Return the histogram."""
        return self.merged([self])

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Latencies)
            and np.array_equal(self.index, other.index)
            and np.array_equal(self.counts, other.counts)
        )

    def __hash__(self) -> int:
        return self._hash

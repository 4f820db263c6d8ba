"""Latencies as counts: an HdrHistogram whose counts are one numpy array.

Buckets and percentiles are those of the hdrhistogram package (Gil Tene's HdrHistogram,
https://github.com/HdrHistogram): values from 1 µs to 1 h with three significant digits. Values are counted by the array
instead of one by one, and histograms of different workers are merged by adding their counts, so the merged percentiles
are exactly those that one histogram of all values would give. The encoded form is the package's own and any
HdrHistogram reader takes it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Self

import numpy as np
import numpy.typing as npt
from hdrh.histogram import HdrHistogram

from engine.errors import InvalidInput

LOWEST_US = 1
HIGHEST_US = 3_600_000_000
DIGITS = 3

_HALF_MAGNITUDE = 10  # 2048 sub-buckets resolve three digits; half of them are new in each bucket
_HALF = 1 << _HALF_MAGNITUDE
_LENGTH = HdrHistogram(LOWEST_US, HIGHEST_US, DIGITS).counts_len


class Histogram:
    """Counts of latencies, µs.

    Values below zero count as 0 and values above `HIGHEST_US` as `HIGHEST_US`: a clock that steps back, or an hour's
    delay, must not vanish from the count.

    Attributes
    ----------
    counts : int64, one number per bucket.
    """

    __slots__ = ("counts",)

    def __init__(self, counts: npt.NDArray[np.int64] | None = None) -> None:
        self.counts: npt.NDArray[np.int64] = np.zeros(_LENGTH, np.int64) if counts is None else counts

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Histogram) and np.array_equal(self.counts, other.counts)

    __hash__ = None  # type: ignore[assignment]

    @property
    def total(self) -> int:
        """How many values were counted."""
        return int(self.counts.sum())

    def add(self, values_us: npt.ArrayLike, times: npt.NDArray[np.int64] | None = None) -> None:
        """Count values, µs; shape (n,); each once, or as often as `times` says."""
        values = np.clip(np.asarray(values_us, np.float64), 0, HIGHEST_US).astype(np.int64)
        counted = np.bincount(_index_of(values), times)  # sums of weights are floats, and exact below 2**53
        self.counts[: len(counted)] += counted.astype(np.int64, copy=False)

    def merge(self, other: Histogram) -> None:
        """Add another histogram's counts to these."""
        self.counts += other.counts

    @classmethod
    def merged(cls, histograms: Iterable[Histogram]) -> Self:
        """Return the histogram of all values that some histograms counted."""
        whole = cls()
        for histogram in histograms:
            whole.merge(histogram)
        return whole

    def copy(self) -> Histogram:
        """Return a histogram with the same counts."""
        return Histogram(self.counts.copy())

    def since(self, earlier: Histogram) -> Histogram:
        """Return what was counted after an earlier copy of this histogram was taken."""
        return Histogram(self.counts - earlier.counts)

    def percentile_us(self, percentile: float) -> int | None:
        """Return a percentile, µs: the greatest value of its bucket; None of an empty histogram.

        Raises
        ------
        InvalidInput : `percentile` is not from 0 to 100.
        """
        if not 0 <= percentile <= 100:
            raise InvalidInput(f"a percentile must be from 0 to 100, found {percentile!r}")
        total = self.total
        if not total:
            return None
        wanted = max(int(percentile * total / 100 + 0.5), 1)
        index = int(np.searchsorted(np.cumsum(self.counts), wanted))
        return _greatest(index) if percentile else _least(index)

    def percentile_ms(self, percentile: float) -> float | None:
        """Return a percentile, ms; see `percentile_us`."""
        us = self.percentile_us(percentile)
        return None if us is None else us / 1000.0

    @property
    def max_us(self) -> int | None:
        """The greatest value that the greatest counted bucket stands for, µs; None of an empty histogram."""
        return self.percentile_us(100.0)

    @property
    def mean_us(self) -> float | None:
        """Mean of the middles of the counted buckets, µs; None of an empty histogram."""
        index = np.flatnonzero(self.counts)
        if not index.size:
            return None
        middles = np.array([(_least(i) + _greatest(i) + 1) // 2 for i in index.tolist()], np.float64)
        return float(np.average(middles, weights=self.counts[index]))

    def encode(self) -> str:
        """Return the histogram in the compressed V2 encoding, base64."""
        histogram = HdrHistogram(LOWEST_US, HIGHEST_US, DIGITS)
        np.ctypeslib.as_array(histogram.counts)[:] = self.counts
        # The package encodes the counts up to its greatest value's, if it has counted any.
        histogram.total_count, histogram.max_value = self.total, self.max_us or 0
        text = str(histogram.encode().decode())
        _let_go(histogram)
        return text

    @classmethod
    def decode(cls, text: str) -> Self:
        """Return an encoded histogram.

        Raises
        ------
        InvalidInput : `text` is no such encoding, or one of another range or precision.
        """
        try:
            found = HdrHistogram.decode(text)
        except Exception as error:  # noqa: BLE001 - the package raises whatever base64, zlib and ctypes raise
            raise InvalidInput(
                f"not an encoded histogram: {type(error).__name__}: {error}; found {text[:40]!r}"
            ) from None
        _let_go(found)
        shape = (found.lowest_trackable_value, found.highest_trackable_value, found.significant_figures)
        if shape != (LOWEST_US, HIGHEST_US, DIGITS):
            raise InvalidInput(
                f"a histogram must have the range {LOWEST_US} to {HIGHEST_US} and {DIGITS} digits, found {shape}"
            )
        stored = np.ctypeslib.as_array(found.counts).astype(np.int64)
        counts = np.zeros(_LENGTH, np.int64)
        counts[: len(stored)] = stored[:_LENGTH]
        return cls(counts)


def _let_go(histogram: HdrHistogram) -> None:
    """Take apart a histogram of the package and its encoder, which hold each other.

    Their 190 kB are freed at once then, and not by the garbage collector.
    """
    histogram.encoder = None


def _index_of(values: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return the bucket of each value.

    It follows from the number of halvings that bring a value below 2048, and what is left of it then.
    """
    bit_length = np.frexp(values.astype(np.float64))[1]  # exact for whole numbers below 2**53
    bucket = np.maximum(bit_length - (_HALF_MAGNITUDE + 1), 0).astype(np.int64)
    index: npt.NDArray[np.int64] = (bucket << _HALF_MAGNITUDE) + (values >> bucket)
    return index


def _least(index: int) -> int:
    bucket = max((index >> _HALF_MAGNITUDE) - 1, 0)
    return (index - (bucket << _HALF_MAGNITUDE)) << bucket


def _greatest(index: int) -> int:
    return _least(index) + (1 << max((index >> _HALF_MAGNITUDE) - 1, 0)) - 1

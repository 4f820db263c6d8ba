"""The fleet's size over time: a piecewise straight curve, and which driver is on the road when.

Driver number i is on the road while the curve is above i + ½, so the size is the curve rounded to whole drivers, and a
ramp from 0 to n over T holds n·T/2 driver-seconds exactly. A driver may be on the road several times.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Segment:
    """One straight piece: from `begin` to `end` drivers, in ``[begin_ms, end_ms)`` of the curve."""

    begin_ms: int
    end_ms: int
    begin: float
    end: float

    def value(self, t_ms: float) -> float:
        """Return the curve at an instant of the piece."""
        return self.begin + (self.end - self.begin) * ((t_ms - self.begin_ms) / (self.end_ms - self.begin_ms))

    def above(self, level: float) -> tuple[int, int] | None:
        """Return the whole instants ``[from_ms, to_ms)`` of the piece at which the curve is above a level.

        None if there are none.
        """
        low, high = self.begin_ms, self.end_ms
        if self.begin == self.end:
            return (low, high) if self.begin > level else None
        crossing = low + (level - self.begin) / (self.end - self.begin) * (high - low)
        at = math.floor(min(max(crossing, low - 1), high)) - 1
        rises = self.end > self.begin
        while at < high and (at < low or (self.value(at) > level) != rises):
            at += 1
        found = (max(at, low), high) if rises else (low, at)
        return found if found[0] < found[1] else None


@dataclass(frozen=True, slots=True)
class FleetChange:
    """A requested fleet size: it holds from an instant on, to the run's end or the next change.

    Attributes
    ----------
    at_ms : virtual epoch ms.
    stage : name of the stage that begins then; None if it has no name.
    """

    at_ms: int
    drivers: int
    stage: str | None = None


@dataclass(frozen=True, slots=True)
class FleetCurve:
    """The fleet's size over time: pieces without a gap from 0 on.

    Before and after them it is 0.
    """

    segments: tuple[Segment, ...]

    @classmethod
    def through(cls, pieces: Iterable[tuple[float, float, float]]) -> FleetCurve:
        """Return the curve of some (duration in s, drivers at the beginning, drivers at the end)."""
        segments, at_s = [], 0.0
        for duration_s, begin, end in pieces:
            begin_ms, at_s = round(at_s * 1000), at_s + duration_s
            segments.append(Segment(begin_ms, round(at_s * 1000), begin, end))
        return cls(tuple(segments))

    @property
    def end_ms(self) -> int:
        """Where the curve ends, ms after its beginning."""
        return self.segments[-1].end_ms if self.segments else 0

    @property
    def peak(self) -> int:
        """The greatest number of drivers on the road at once: drivers are numbered from 0 to below it."""
        return max((_whole(max(piece.begin, piece.end)) for piece in self.segments), default=0)

    def size_at(self, t_ms: int) -> int:
        """Return how many drivers are on the road at an instant, ms after the beginning."""
        return next((_whole(piece.value(t_ms)) for piece in self.segments if piece.begin_ms <= t_ms < piece.end_ms), 0)

    def intervals(self, driver: int) -> list[tuple[int, int]]:
        """Return when a driver is on the road: ``[from_ms, to_ms)``, in order and apart."""
        found: list[tuple[int, int]] = []
        for piece in self.segments:
            above = piece.above(driver + 0.5)
            if above is None:
                continue
            if found and found[-1][1] == above[0]:
                found[-1] = (found[-1][0], above[1])
            else:
                found.append(above)
        return found

    def most_in(self, begin_ms: int, end_ms: int) -> int:
        """Return the greatest number of drivers on the road at once in ``[begin_ms, end_ms)``."""
        inside = [(piece, max(piece.begin_ms, begin_ms), min(piece.end_ms, end_ms)) for piece in self.segments]
        return max(
            (_whole(max(piece.value(low), piece.value(high))) for piece, low, high in inside if low < high), default=0
        )

    def driver_seconds(self, begin_ms: int = 0, end_ms: int | None = None) -> float:
        """Return the driver-seconds on the road in ``[begin_ms, end_ms)``: the integral of the curve."""
        upto_ms = self.end_ms if end_ms is None else end_ms
        inside = [(piece, max(piece.begin_ms, begin_ms), min(piece.end_ms, upto_ms)) for piece in self.segments]
        return (
            sum((piece.value(low) + piece.value(high)) / 2 * (high - low) for piece, low, high in inside if low < high)
            / 1000.0
        )


def _whole(value: float) -> int:
    """Return how many levels i + ½, i = 0, 1, ... lie below a value."""
    return max(0, math.ceil(value - 0.5))

"""The measurements of a run's positions, by the second in which they were due.

A run is looked at again and again: figures that have not changed are not made again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from engine.judging.figures import Brief, SecondLoad
from engine.judging.run_time import RunTime
from engine.latency.histogram import Histogram
from engine.latency.latencies import Latencies
from engine.latency.meter import Segment

Placed = tuple[str, float, float]
"""Where a second belongs: its stage's name, its planned positions, and its seconds of running time."""


class _Second:
    """The latencies of one second's positions, and what was made of them when they were last asked for."""

    __slots__ = ("briefs", "key", "latencies", "made")

    def __init__(self) -> None:
        self.latencies: dict[Segment, Latencies] = {}
        self.briefs: dict[Segment, Brief] = {}
        self.made: SecondLoad | None = None
        self.key: object = None

    def add(self, segment: Segment, found: Latencies) -> None:
        known = self.latencies.get(segment)
        self.latencies[segment] = found if known is None else Latencies.of(Latencies.merged([known, found]))
        self.briefs.pop(segment, None)
        self.made = None

    def load(self, due_s: int, placed: Placed, active: int | None) -> SecondLoad:
        for segment, found in self.latencies.items():
            if segment not in self.briefs:
                self.briefs[segment] = Brief.of(found.histogram())
        stage, planned, ran_s = placed
        latencies = {segment: self.latencies[segment] for segment in Segment if segment in self.latencies}
        return SecondLoad(
            due_s, stage, planned, {segment: self.briefs[segment] for segment in latencies}, latencies, active, ran_s
        )


class Seconds:
    """The seconds of one run."""

    def __init__(self) -> None:
        self._seconds: dict[int, _Second] = {}
        self._new: list[tuple[int, Segment, Latencies]] = []
        self._sums: dict[str, dict[Segment, Histogram]] = {}
        self._sums_key: object = None

    def __iter__(self) -> Iterator[int]:
        """Give the seconds in which something was measured that was due, wall epoch s."""
        return (due_s for due_s, second in self._seconds.items() if second.latencies)

    def add(self, due_s: int, segment: Segment, found: Latencies) -> None:
        """Count some positions."""
        self._seconds.setdefault(due_s, _Second()).add(segment, found)
        self._new.append((due_s, segment, found))

    def load(self, due_s: int, active: int | None, key: object, place: Callable[[int], Placed]) -> SecondLoad:
        """Return the figures of a second.

        Parameters
        ----------
        key : as long as it is the same object, `place` has the same answer; None if that is not known.
        """
        second = self._seconds.setdefault(due_s, _Second())
        if second.made is None or key is None or second.key is not key or second.made.active != active:
            second.made, second.key = second.load(due_s, place(due_s), active), key
        return second.made

    def histograms(self, time: RunTime) -> dict[str, dict[Segment, Histogram]]:
        """Return the latencies by stage and segment.

        Only new ones are added as long as the run's time is the same; what was handed out is not changed.
        """
        if time.key != self._sums_key:
            self._sums_key, self._sums = time.key, {}
            self._new = [
                (due_s, segment, found)
                for due_s, second in self._seconds.items()
                for segment, found in second.latencies.items()
            ]
        grown: dict[tuple[str, Segment], list[Latencies]] = {}
        for due_s, segment, found in self._new:
            grown.setdefault((time.stage_of(due_s), segment), []).append(found)
        for (stage, segment), several in grown.items():
            known = self._sums.setdefault(stage, {})
            whole = Latencies.merged(several)
            if segment in known:
                whole.merge(known[segment])
            known[segment] = whole
        self._new = []
        return self._sums

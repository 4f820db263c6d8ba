"""What one worker has told of a run: its messages in their order, without their histograms."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter

from engine.judging.workers import WorkerLoad, WorkerUse
from engine.latency.meter import Segment

WINDOW_S = 10.0
"""Rates of a worker are over so long before its last message."""

_GROWING = ("queue", "lag")
_SPENT = "S"

_by_seq = attrgetter("seq")
_by_time = attrgetter("at_ms")


@dataclass(frozen=True, slots=True)
class Told:
    """One message: its number, when it was told (wall epoch ms), how many positions by segment, and the gauges; empty if it has none."""

    seq: int
    at_ms: int
    counts: Mapping[Segment, int]
    gauges: Mapping[str, float]


class WorkerLog:
    """The messages of one worker, each noted once."""

    def __init__(self, worker: str, part: str) -> None:
        self.worker, self.part = worker, part
        self._seqs: set[int] = set()
        self._told: list[Told] = []
        self._gauged: list[Told] = []
        self._counts: Counter[Segment] = Counter()

    def __contains__(self, seq: int) -> bool:
        return seq in self._seqs

    def add(self, told: Told) -> None:
        """Note a message that was not known."""
        self._seqs.add(told.seq)
        insort(self._told, told, key=_by_seq)
        if told.gauges:
            insort(self._gauged, told, key=_by_seq)
        self._counts.update(told.counts)

    def load(self) -> WorkerLoad:
        """Return how the worker stands."""
        first_ms, last_ms = self._told[0].at_ms, self._told[-1].at_ms
        recent = list(_since(self._gauged, last_ms - WINDOW_S * 1000.0))
        newest = self._gauged[-1].gauges if self._gauged else {}
        cpu_s = (
            newest["cpuS"] - self._gauged[0].gauges["cpuS"]
            if "cpuS" in newest and "cpuS" in self._gauged[0].gauges
            else None
        )
        return WorkerLoad(
            worker=self.worker,
            part=self.part,
            first_ms=first_ms,
            last_ms=last_ms,
            counts={segment: self._counts[segment] for segment in Segment if segment in self._counts},
            gauges=dict(newest),
            cpu_s=cpu_s,
            cpu_share=_shares(recent[-1], recent[0]).get("cpu") if recent else None,
            per_s=self._per_s(first_ms, last_ms),
            rss_bytes=newest.get("rssBytes"),
        )

    def _per_s(self, first_ms: int, last_ms: int) -> dict[Segment, float]:
        """Return positions a wall second; what was told first of all was measured before, so it is left out."""
        over_s = min(WINDOW_S, (last_ms - first_ms) / 1000.0)
        counts: Counter[Segment] = Counter()
        for one in _since(self._told, last_ms - WINDOW_S * 1000.0 + 1.0):
            if one.at_ms > first_ms:
                counts.update(one.counts)
        return {segment: counts[segment] / over_s for segment in Segment if segment in counts} if over_s > 0 else {}

    def use(self, from_ms: float, to_ms: float) -> WorkerUse | None:
        """Return what the worker did with its time between two wall instants, epoch ms; None if it told less than two times how it stands."""
        begin, end = (bisect_left(self._gauged, at_ms, key=_by_time) for at_ms in (from_ms, to_ms))
        if end - begin < 2:
            return None
        first, last = self._gauged[begin], self._gauged[end - 1]
        paused = 0.0
        if "paused" in last.gauges:
            paused = sum(one.gauges.get("paused", 0.0) > 0 for one in self._gauged[begin:end]) / (end - begin)
        growth = {
            name: last.gauges[name] - first.gauges[name]
            for name in _GROWING
            if name in first.gauges and name in last.gauges
        }
        return WorkerUse(self.worker, self.part, _shares(last, first), paused, growth)


def _since(told: Sequence[Told], from_ms: float) -> Iterator[Told]:
    """Give the last messages, from an instant on, in their order."""
    begin = len(told)
    while begin and told[begin - 1].at_ms >= from_ms:
        begin -= 1
    yield from told[begin:]


def _shares(last: Told, first: Told) -> dict[str, float]:
    """Return what share of the time between two messages was spent on what, by the gauges that are seconds."""
    wall_s = (last.at_ms - first.at_ms) / 1000.0
    spent = [name for name in last.gauges if len(name) > 1 and name.endswith(_SPENT) and name in first.gauges]
    return (
        {name.removesuffix(_SPENT): (last.gauges[name] - first.gauges[name]) / wall_s for name in spent}
        if wall_s > 0
        else {}
    )

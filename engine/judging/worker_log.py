"""The reports of one worker on a run: its messages in their order, without their histograms."""

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
class WorkerReport:
    """One message: its number, its wall epoch ms, the positions by segment, and the gauges if it has any."""

    seq: int
    at_ms: int
    counts: Mapping[Segment, int]
    gauges: Mapping[str, float]


class WorkerLog:
    """The messages of one worker, each noted once."""

    def __init__(self, worker: str, part: str) -> None:
        self.worker, self.part = worker, part
        self._seqs: set[int] = set()
        self._reports: list[WorkerReport] = []
        self._gauged: list[WorkerReport] = []
        self._counts: Counter[Segment] = Counter()

    def __contains__(self, seq: int) -> bool:
        return seq in self._seqs

    def add(self, report: WorkerReport) -> None:
        """Note a message that was not known."""
        self._seqs.add(report.seq)
        insort(self._reports, report, key=_by_seq)
        if report.gauges:
            insort(self._gauged, report, key=_by_seq)
        self._counts.update(report.counts)

    def load(self) -> WorkerLoad:
        """Return how the worker stands."""
        first_ms, last_ms = self._reports[0].at_ms, self._reports[-1].at_ms
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
        """Return positions a wall second.

        The first report is left out, because it was measured before.
        """
        over_s = min(WINDOW_S, (last_ms - first_ms) / 1000.0)
        counts: Counter[Segment] = Counter()
        for one in _since(self._reports, last_ms - WINDOW_S * 1000.0 + 1.0):
            if one.at_ms > first_ms:
                counts.update(one.counts)
        return {segment: counts[segment] / over_s for segment in Segment if segment in counts} if over_s > 0 else {}

    def use(self, from_ms: float, to_ms: float) -> WorkerUse | None:
        """Return what the worker did with its time between two wall instants, epoch ms.

        None if it reported its gauges less than two times.
        """
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


def _since(reports: Sequence[WorkerReport], from_ms: float) -> Iterator[WorkerReport]:
    """Give the last messages, from an instant on, in their order."""
    begin = len(reports)
    while begin and reports[begin - 1].at_ms >= from_ms:
        begin -= 1
    yield from reports[begin:]


def _shares(last: WorkerReport, first: WorkerReport) -> dict[str, float]:
    """Return the share of the time between two messages by what it was spent on.

    The gauges that are seconds say it.
    """
    wall_s = (last.at_ms - first.at_ms) / 1000.0
    spent = [name for name in last.gauges if len(name) > 1 and name.endswith(_SPENT) and name in first.gauges]
    return (
        {name.removesuffix(_SPENT): (last.gauges[name] - first.gauges[name]) / wall_s for name in spent}
        if wall_s > 0
        else {}
    )

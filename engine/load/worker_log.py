"""What one worker has told of a run: its messages by their numbers, without their histograms."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from engine.load.figures import WorkerLoad, WorkerUse
from engine.meter import Segment

WINDOW_S = 10.0
"""Rates of a worker are over so long before its last message."""

_GROWING = ("queue", "lag")
_SPENT = "S"


@dataclass(frozen=True, slots=True)
class Told:
    """One message: when it was told, wall epoch ms, how many positions by segment, and the gauges; empty if it has none."""

    at_ms: int
    counts: dict[Segment, int]
    gauges: dict[str, float]


class WorkerLog:
    """The messages of one worker."""

    def __init__(self, worker: str, part: str) -> None:
        self.worker, self.part = worker, part
        self._told: dict[int, Told] = {}
        self._counts: Counter[Segment] = Counter()

    def __contains__(self, seq: int) -> bool:
        return seq in self._told

    def add(self, seq: int, told: Told) -> None:
        """Note a message that was not known."""
        self._told[seq] = told
        self._counts.update(told.counts)

    def load(self) -> WorkerLoad:
        """Return how the worker stands."""
        told = self._in_order()
        gauged = [one for one in told if one.gauges]
        first_ms, last_ms = min(one.at_ms for one in told), max(one.at_ms for one in told)
        recent = [one for one in told if one.at_ms > last_ms - WINDOW_S * 1000.0]
        spent = _shares([one for one in gauged if one.at_ms >= last_ms - WINDOW_S * 1000.0])
        cpu = [one.gauges["cpuS"] for one in gauged if "cpuS" in one.gauges]
        newest = gauged[-1].gauges if gauged else {}
        over_s = min(WINDOW_S, (last_ms - first_ms) / 1000.0)
        return WorkerLoad(
            worker=self.worker,
            part=self.part,
            first_ms=first_ms,
            last_ms=last_ms,
            counts={segment: self._counts[segment] for segment in Segment if segment in self._counts},
            gauges=dict(newest),
            cpu_s=cpu[-1] - cpu[0] if cpu else None,
            cpu_share=spent.get("cpu"),
            per_s=_per_s(recent, first_ms, over_s),
            rss_bytes=newest.get("rssBytes"),
        )

    def use(self, from_ms: float, to_ms: float) -> WorkerUse | None:
        """Return what the worker did with its time between two wall instants, epoch ms; None if it told less than two times how it stands."""
        gauged = [one for one in self._in_order() if one.gauges and from_ms <= one.at_ms < to_ms]
        if len(gauged) < 2:
            return None
        paused = sum(one.gauges.get("paused", 0.0) > 0 for one in gauged) / len(gauged)
        first, last = gauged[0].gauges, gauged[-1].gauges
        growth = {name: last[name] - first[name] for name in _GROWING if name in first and name in last}
        return WorkerUse(self.worker, self.part, _shares(gauged), paused, growth)

    def _in_order(self) -> list[Told]:
        return [self._told[seq] for seq in sorted(self._told)]


def _per_s(recent: Sequence[Told], first_ms: int, over_s: float) -> dict[Segment, float]:
    """Return positions a wall second; what was told first of all was measured before, so it is left out."""
    counts: Counter[Segment] = Counter()
    for one in recent:
        if one.at_ms > first_ms:
            counts.update(one.counts)
    return {segment: counts[segment] / over_s for segment in Segment if segment in counts} if over_s else {}


def _shares(gauged: Sequence[Told]) -> dict[str, float]:
    """Return what share of the time between the first message and the last was spent on what, by the gauges that are seconds."""
    if not gauged or gauged[-1].at_ms <= gauged[0].at_ms:
        return {}
    first, last = gauged[0], gauged[-1]
    wall_s = (last.at_ms - first.at_ms) / 1000.0
    return {name.removesuffix(_SPENT): (value - first.gauges[name]) / wall_s for name, value in last.gauges.items() if _is_spent(name) and name in first.gauges}


def _is_spent(name: str) -> bool:
    return len(name) > 1 and name.endswith(_SPENT)

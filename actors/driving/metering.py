"""What a driver host measures of its positions and of its process, and reports once a second.

Latencies from due and the process's gauges go out as `run.metrics` messages.

A position is produced when its handover to the producer returns, and acknowledged when its handover, and every one
before it, has settled. That is noticed when the producer is polled, at each tick and about every 10 ms between two
ticks (`actors.on_ray.driver_actor`): at most that late, and never too early. A position that Kafka refuses for
good settles too; how many those are stands in the run's events.

What a restarted process makes again, because its arrival was not known, is measured again and counts once more. What a
killed process had measured and not reported yet, about a second of it, is lost.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
import psutil

from actors.producing.publisher import Publisher
from engine.arrays import Floats, Ints
from engine.latency.meter import Meter, Segment, due_wall_ms
from engine.messages import RunMetrics, Worker
from engine.motion.clock import RunClock

METRICS_PERIOD_MS = 1_000.0

Gauges = Mapping[str, float]


def process_gauges() -> dict[str, float]:
    """Return what this process has used: CPU seconds since it began, and bytes of memory."""
    return {"cpuS": time.process_time(), "rssBytes": float(psutil.Process().memory_info().rss)}


@dataclass(frozen=True, slots=True)
class Due:
    """The wall instants at which some positions were due."""

    wall_ms: Floats = field(default_factory=lambda: np.empty(0))
    times: Ints = field(default_factory=lambda: np.empty(0, np.int64))


def due_by(clock: RunClock, before: RunClock | None, due_ms: Ints) -> Due:
    """Return when positions were due by the wall clock, given their virtual instants.

    Of a tick's many positions few instants are left.

    Nothing is due if `clock` stands still and none is known before it.

    Parameters
    ----------
    clock : in force; what was due before its origin was due by the clock before it.
    before : the last clock before it that did not stand still; None if it is not known, as after a restart.
    """
    instants, times = _counted(due_ms)
    wall_ms = _wall_ms(clock, before, instants)
    return Due(wall_ms, times) if len(wall_ms) else Due()


def _counted(due_ms: Ints) -> tuple[Ints, Ints]:
    """Return distinct instants and their counts.

    The instants stay as they are where counting would not make them fewer.
    """
    first, last = (int(due_ms.min()), int(due_ms.max())) if len(due_ms) else (0, 0)
    if last - first >= len(due_ms):
        return due_ms, np.ones(len(due_ms), np.int64)
    times = np.bincount(due_ms - first)
    places = np.flatnonzero(times)
    return places + first, times[places]


def _wall_ms(clock: RunClock, before: RunClock | None, due_ms: Ints) -> Floats:
    if before is None:
        return due_wall_ms(clock, due_ms)
    if clock.scale == 0:
        return due_wall_ms(before, due_ms)
    return np.where(due_ms < clock.virtual_ms, due_wall_ms(before, due_ms), due_wall_ms(clock, due_ms))


class Metering:
    """One driver host's measurements and their reports; used by the thread that ticks.

    Parameters
    ----------
    worker : names the host's present process, and no other one of the run.
    publisher : takes the reports.
    seconds : a clock that never goes back, s.
    process : gauges of the process.
    """

    def __init__(
        self,
        run_id: str,
        worker: str,
        publisher: Publisher,
        *,
        seconds: Callable[[], float] = time.perf_counter,
        process: Callable[[], Gauges] = process_gauges,
    ) -> None:
        self._run_id, self._worker, self._publisher, self._seconds, self._process = (
            run_id,
            worker,
            publisher,
            seconds,
            process,
        )
        self._meter = Meter()
        #: What was noted since the last report: arrays are looked at once a second, because each look costs more than
        #: a small tick's positions.
        self._noted: dict[Segment, list[tuple[Due, float]]] = {}
        self._spent = {"computeS": 0.0, "sendS": 0.0}
        self._seq = 0
        self._reported_ms = -math.inf
        self._gauges: Gauges = {}

    def produced(self, due: Due, now_ms: float) -> None:
        """Count positions that are with the producer now."""
        self._noted.setdefault(Segment.PRODUCED, []).append((due, now_ms))

    def acked(self, due: Due, now_ms: float) -> None:
        """Count positions that have arrived."""
        self._noted.setdefault(Segment.ACKED, []).append((due, now_ms))

    def _measure(self) -> None:
        for segment, noted in self._noted.items():
            due_ms = np.concatenate([due.wall_ms for due, _ in noted])
            times = np.concatenate([due.times for due, _ in noted])
            now_ms = np.repeat([now_ms for _, now_ms in noted], [len(due.wall_ms) for due, _ in noted])
            self._meter.measure(self._run_id, segment, due_ms, now_ms, times)
        self._noted = {}

    @contextmanager
    def computing(self) -> Iterator[None]:
        """Count the time of the block as spent in making positions and their records."""
        begun_s = self._seconds()
        yield
        self._spent["computeS"] += self._seconds() - begun_s

    @contextmanager
    def sending(self) -> Iterator[None]:
        """Count the time of the block as spent in handing over."""
        begun_s = self._seconds()
        yield
        self._spent["sendS"] += self._seconds() - begun_s

    def report_in_time(self, now_ms: float, drivers: int) -> None:
        """Report once a second, and when the wall clock was set back."""
        if not 0 <= now_ms - self._reported_ms < METRICS_PERIOD_MS:
            self.report(now_ms, drivers)

    def report(self, now_ms: float, drivers: int) -> None:
        """Report what was measured since the last report; nothing if nothing is new.

        `drivers` is how many are on the road.
        """
        self._reported_ms = now_ms
        counts = self._publisher.counts
        on_the_way = counts.produced - counts.acked - counts.failed
        held = {"waitS": self._publisher.waited_s, "queue": float(on_the_way), "drivers": float(drivers)}
        self._publisher.publish_uncounted(self._messages(now_ms, {**self._process(), **self._spent, **held}))

    def _messages(self, now_ms: float, gauges: Gauges) -> list[RunMetrics]:
        """Return a message for each second in which positions were due, the last one with the gauges."""
        self._measure()
        measured = self._meter.take()
        if not measured and gauges == self._gauges:
            return []
        self._gauges = gauges
        contents: list[tuple[int | None, dict[str, str]]] = [
            (one.due_s, {str(segment): histogram.encode() for segment, histogram in one.histograms.items()})
            for one in measured
        ]
        *others, last = contents or [(None, {})]
        return [*(self._message(now_ms, *content) for content in others), self._message(now_ms, *last, gauges)]

    def _message(
        self, now_ms: float, due_s: int | None, histograms: dict[str, str], gauges: Gauges | None = None
    ) -> RunMetrics:
        self._seq += 1
        return RunMetrics(
            run_id=self._run_id,
            worker=self._worker,
            part=Worker.DRIVER,
            seq=self._seq - 1,
            told_ms=int(now_ms),
            due_s=due_s,
            histograms=histograms or None,
            gauges=None if gauges is None else dict(gauges),
        )

"""What this process measures of positions on their way, and what it reports of it.

Each part of the process has a station of its own.

A position is measured by its run's clock as this part of the process knows it at that instant, the newest one. So one
that was due before a run was paused or scaled, and passes after it, is taken for due by the new clock: the pause is
left out, the new pace is taken for the old. While a run's clock is unknown or stands still nothing is measured. Pure
but for the wall clock, which is an argument; it refuses to know Kafka.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from api.stores.model import is_newer
from engine.latency.meter import Measured, Meter, Segment, due_wall_ms
from engine.messages import RunEvent, RunMetrics, RunState, Worker
from engine.motion.clock import RunClock
from engine.wall_clock import wall_ms

HEARD_MS = 10_000
"""Silence, wall ms, after which a run is taken for ended, whatever it said last.

A run speaks once a second while it lives.
"""

MAX_RUNS = 1000
"""Runs that a station remembers; beyond them the one that was heard of longest ago is forgotten."""

SECONDS_AT_ONCE = 32
"""Seconds whose histograms are in memory together.

Each takes some 190 kB, and a part that catches up measures thousands of seconds at once.
"""

_LATEST_MS = 8.64e15
"""The latest date there is, epoch ms.

What is due before 1970 or after this is no position of a run, whatever its eventTime says.
"""


@dataclass(frozen=True, slots=True)
class _Passed:
    """Positions of one run that passed at one instant; `due_ms` is (n,)."""

    segment: Segment
    due_ms: NDArray[np.float64]
    now_ms: float


class Station:
    """A part of this process that positions pass.

    It holds its measurements since they were last taken, and the runs it has heard of.

    Any thread may call it. Each part has a station of its own, for each reads the runs' news at its own pace.
    """

    def __init__(self, now_ms: Callable[[], float] = wall_ms) -> None:
        self._now_ms = now_ms
        self._lock = threading.Lock()
        self._passed: dict[str, list[_Passed]] = {}
        self._runs: dict[str, tuple[RunEvent, RunClock, float]] = {}

    def hear(self, events: Iterable[RunEvent]) -> None:
        """Take the news of runs; what is older than what is known changes nothing."""
        for event in events:
            known = self._runs.get(event.run_id)
            if event.clock is None or not is_newer(event, known and known[0]):
                continue
            with self._lock:
                self._runs.pop(event.run_id, None)  # so that the one heard of longest ago stays the first
                self._runs[event.run_id] = event, RunClock(*event.clock), self._now_ms()
                if len(self._runs) > MAX_RUNS:
                    del self._runs[next(iter(self._runs))]

    def measure(
        self, run_id: str, segment: Segment, event_time_ms: NDArray[np.int64], now_ms: float | None = None
    ) -> None:
        """Measure positions of a run that pass.

        Parameters
        ----------
        event_time_ms : the virtual instants at which they were due, epoch ms, (n,).
        now_ms : wall epoch ms; the present if absent.
        """
        known = self._runs.get(run_id)
        if known is None or known[1].scale == 0 or not len(event_time_ms):
            return
        passed = _Passed(segment, due_wall_ms(known[1], event_time_ms), self._now_ms() if now_ms is None else now_ms)
        with self._lock:
            self._passed.setdefault(run_id, []).append(passed)

    def running(self) -> list[str]:
        """Return the runs that are running, by their own word, not long ago."""
        since_ms = self._now_ms() - HEARD_MS
        with self._lock:
            return [
                run_id
                for run_id, (event, _, heard_ms) in self._runs.items()
                if event.state == RunState.RUNNING and heard_ms >= since_ms
            ]

    def take(self) -> Iterator[Measured]:
        """Yield what was measured since the last call, run by run and second by second.

        The histograms of a few seconds are made at a time.
        """
        with self._lock:
            taken, self._passed = self._passed, {}
        for run_id, passed in taken.items():
            yield from _measured(run_id, passed)


def _measured(run_id: str, passed: Sequence[_Passed]) -> Iterator[Measured]:
    columns = [
        (segment, *_columns([one for one in passed if one.segment == segment]))
        for segment in dict.fromkeys(one.segment for one in passed)
    ]
    seconds = np.unique(np.concatenate([np.floor_divide(due_ms, 1000) for _, due_ms, _ in columns]))
    for first in range(0, len(seconds), SECONDS_AT_ONCE):
        some = seconds[first : first + SECONDS_AT_ONCE]
        meter = Meter()
        for segment, due_ms, now_ms in columns:
            within = (due_ms >= some[0] * 1000) & (due_ms < (some[-1] + 1) * 1000)
            meter.measure(run_id, segment, due_ms[within], now_ms[within])
        yield from meter.take()


def _columns(passed: Sequence[_Passed]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return when the positions were due and when they passed, wall epoch ms, both (n,)."""
    due_ms = np.concatenate([one.due_ms for one in passed])
    now_ms = np.repeat([one.now_ms for one in passed], [len(one.due_ms) for one in passed])
    good = (due_ms >= 0) & (due_ms < _LATEST_MS)
    return due_ms[good], now_ms[good]


class StationMessages:
    """The messages of one station, numbered from 0.

    Parameters
    ----------
    worker : the station's name; another one each time its process starts.
    gauges : how the part stands; asked each time.
    """

    def __init__(self, worker: str, part: Worker, station: Station, gauges: Callable[[], Mapping[str, float]]) -> None:
        self._worker, self._part, self._station, self._gauges = worker, part, station, gauges
        self._seq = 0

    def messages(self, process: Mapping[str, float], now_ms: float) -> Iterator[RunMetrics]:
        """Yield a message for each second of each run of which something was measured.

        The gauges go with one message of every run that is running.

        Parameters
        ----------
        process : gauges of the process, the same for all its parts.
        """
        gauges = {**process, **self._gauges()}
        untold = dict.fromkeys(self._station.running())
        for measured in self._station.take():
            histograms = {segment.value: histogram.encode() for segment, histogram in measured.histograms.items()}
            along = gauges if measured.run_id in untold else None
            untold.pop(measured.run_id, None)
            yield self._message(measured.run_id, now_ms, measured.due_s, histograms, along)
        for run_id in untold:
            yield self._message(run_id, now_ms, None, None, gauges)

    def _message(
        self,
        run_id: str,
        now_ms: float,
        due_s: int | None,
        histograms: dict[str, str] | None,
        gauges: dict[str, float] | None,
    ) -> RunMetrics:
        seq, self._seq = self._seq, self._seq + 1
        return RunMetrics(run_id, self._worker, self._part, seq, int(now_ms), due_s, histograms, gauges)


def worker_name(role: str, host: str, port: int, incarnation: str) -> str:
    """Return the name of a process's part, for example ``history-node3-8000:5f1c9e07``.

    It is an identifier as messages allow it.

    Parts with the same end, after the colon, are of one process: its gauges (cpuS, rssBytes) are the same in all of
    them and must be counted once.
    """
    return f"{role}-{re.sub('[^A-Za-z0-9._-]', '-', host)[:60]}-{port}:{incarnation}"

"""One worker's measurements of positions on their way: latencies by segment, run and due second.

Every latency is counted from the instant at which the position was due, never from when some earlier part had it ready:
a part that falls behind shows in every segment after it, and nothing hides in a queue. Who knows a run's stages puts
the seconds into them later; a worker need not.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from engine.arrays import Floats, Ints
from engine.latency.histogram import Histogram
from engine.motion.clock import RunClock

MAX_SECONDS = 120
"""Most seconds of a run that are held apart.

A worker that catches up for hours takes no more memory than others.
"""


class Segment(StrEnum):
    """Where on its way a position is measured.

    produced: handed to the producer. acked: acknowledged by Kafka. consumed: read by a sink. pushed: on the live map,
    ready for its viewers. stored: in the state store. indexed: in the history store. viewed: at a simulated viewer.
    """

    PRODUCED = "produced"
    ACKED = "acked"
    CONSUMED = "consumed"
    PUSHED = "pushed"
    STORED = "stored"
    INDEXED = "indexed"
    VIEWED = "viewed"


@dataclass(frozen=True, slots=True)
class Measured:
    """The latencies of a run's positions that were due in one second.

    Attributes
    ----------
    due_s : wall epoch second.
    """

    run_id: str
    due_s: int
    histograms: dict[Segment, Histogram]


def due_wall_ms(clock: RunClock, event_time_ms: npt.NDArray[np.integer] | Floats) -> Floats:
    """Return the wall instants, epoch ms, at which virtual instants are due, (n,).

    Empty while the clock stands still.
    """
    if clock.scale == 0:
        return np.empty(0)
    due: Floats = clock.wall_ms + (np.asarray(event_time_ms, np.float64) - clock.virtual_ms) / clock.scale
    return due


class Meter:
    """The measurements of one worker since they were last taken; any thread may add and take.

    Of more than `MAX_SECONDS` seconds, those that come last count in the held one before them.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._histograms: dict[tuple[str, int], dict[Segment, Histogram]] = {}

    def measure(
        self, run_id: str, segment: Segment, due_ms: Floats, now_ms: float | Floats, times: Ints | None = None
    ) -> None:
        """Count how late some positions are.

        Parameters
        ----------
        due_ms : when each was due, wall epoch ms, (n,).
        now_ms : the wall clock, epoch ms; one for all or one for each. What seems early, by clocks that differ, counts
            as 0.
        times : how many positions were due at each instant, (n,); 1 if absent.
        """
        if not len(due_ms):
            return
        late_us = np.maximum(now_ms - due_ms, 0.0) * 1000.0
        first, last = int(due_ms.min() // 1000.0), int(due_ms.max() // 1000.0)
        with self._lock:
            if first == last and ((run_id, first) in self._histograms or len(self._histograms) < MAX_SECONDS):
                self._of(run_id, first, segment).add(late_us, times)
                return
            seconds = np.floor_divide(due_ms, 1000.0).astype(np.int64)
            if len(self._histograms) + last - first >= MAX_SECONDS:
                seconds = self._held(run_id, seconds)
            for second in np.unique(seconds).tolist():
                is_in = seconds == second
                self._of(run_id, second, segment).add(late_us[is_in], None if times is None else times[is_in])

    def _of(self, run_id: str, second: int, segment: Segment) -> Histogram:
        of_it = self._histograms.setdefault((run_id, second), {})
        if segment not in of_it:
            of_it[segment] = Histogram()
        return of_it[segment]

    def _held(self, run_id: str, seconds: Ints) -> Ints:
        """Return the seconds in which to count."""
        held = np.array([second for run, second in self._histograms if run == run_id], np.int64)
        fresh = np.setdiff1d(seconds, held)
        kept = np.union1d(held, fresh[: max(MAX_SECONDS - len(held), 0)])
        found: Ints = kept[np.maximum(np.searchsorted(kept, seconds, "right") - 1, 0)]
        return found

    def take(self) -> list[Measured]:
        """Return what was measured since the last call, in the order of runs and seconds."""
        with self._lock:
            taken, self._histograms = self._histograms, {}
        return [Measured(run_id, second, taken[run_id, second]) for run_id, second in sorted(taken)]

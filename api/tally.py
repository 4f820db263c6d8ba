"""What this process has read and stored of each run, and each run's clock.

Written by the sinks, read by the accounting.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.messages import RunEvent
from engine.motion.clock import RunClock


@dataclass(slots=True)
class RunTally:
    """Counts of one run's positions since this process began.

    Attributes
    ----------
    waiting : read and not yet stored.
    duplicated : read although the history had them already.
    """

    waiting: int = 0
    duplicated: int = 0


class Tally:
    """Counts by run, and of dead letters; safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._runs: dict[str, RunTally] = defaultdict(RunTally)
        self._clocks: dict[str, RunClock] = {}
        self.dead_lettered = 0

    def read(self, run_ids: NDArray[np.bytes_]) -> None:
        """Count positions that were read, by their runs."""
        with self._lock:
            for run_id, count in _counted(run_ids):
                self._runs[run_id].waiting += count

    def stored(self, run_id: str, new: int, known: int, refused: int = 0) -> None:
        """Count positions that a store has taken, had already, or will never take."""
        with self._lock:
            tally = self._runs[run_id]
            tally.waiting -= new + known + refused
            tally.duplicated += known

    def add_dead_letters(self, count: int) -> None:
        """Count records that went to the dead-letter topic."""
        with self._lock:
            self.dead_lettered += count

    def of(self, run_id: str) -> RunTally:
        """Return a copy of a run's counts."""
        with self._lock:
            known = self._runs.get(run_id, RunTally())
            return RunTally(known.waiting, known.duplicated)

    def set_clock(self, event: RunEvent) -> None:
        """Take a run's clock from its newest event."""
        if event.clock is not None:
            self._clocks[event.run_id] = RunClock(*event.clock)

    def heard_of(self) -> list[str]:
        """Return the runs whose news this process has read."""
        return list(self._clocks)

    def ages_s(self, run_id: str, event_time_ms: NDArray[np.int64], now_ms: float) -> NDArray[np.float64]:
        """Return the wall seconds since positions were due.

        Empty while the run's clock is unknown or stands still.
        """
        clock = self._clocks.get(run_id)
        if clock is None or clock.scale == 0:
            return np.empty(0)
        due_ms = clock.wall_ms + (event_time_ms - clock.virtual_ms) / clock.scale
        ages: NDArray[np.float64] = np.maximum(now_ms - due_ms, 0.0) / 1000
        return ages


def _counted(run_ids: NDArray[np.bytes_]) -> list[tuple[str, int]]:
    if not len(run_ids):
        return []
    if (run_ids == run_ids[0]).all():
        return [(run_ids[0].decode(), len(run_ids))]
    names, counts = np.unique(run_ids, return_counts=True)
    return [(name.decode(), int(count)) for name, count in zip(names, counts, strict=True)]

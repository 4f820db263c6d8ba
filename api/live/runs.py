"""The clocks of the runs that are alive, as arrays, so that a whole fleet's ages are one expression.

Several runs may be alive at once, each with a clock of its own. The map shows one time: that of the *shown* run, the
one that began last of those that have not ended.
It looks at no clock itself.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from engine.messages import RunEvent, RunState
from engine.motion.clock import RunClock

ENDED = frozenset({RunState.FINISHED, RunState.CANCELLED})


@dataclass(slots=True)
class Run:
    """What the live map knows of a run, whose virtual time is wall time until its first `RunEvent`."""

    run_id: str
    index: int
    clock: RunClock = field(default_factory=lambda: RunClock(0.0, 0.0, 1.0))
    state: str = RunState.RUNNING
    began_ms: float = -math.inf
    seq: int = -1
    sample_period_ms: int = 1000
    heard_ms: float = 0.0


class Runs:
    """Runs by id and by a small index that vehicles carry.

    Attributes
    ----------
    virtual_ms, wall_ms, scale : (capacity,) float64, the clocks by run index.
    paused, ended : (capacity,) bool.
    """

    def __init__(self) -> None:
        self._by_id: dict[bytes, Run] = {}
        self._free: list[int] = []
        self._shown: Run | None = None
        self.virtual_ms = np.zeros(0)
        self.wall_ms = np.zeros(0)
        self.scale = np.ones(0)
        self.paused = np.zeros(0, np.bool_)
        self.ended = np.zeros(0, np.bool_)

    def __len__(self) -> int:
        return len(self._by_id)

    @property
    def shown(self) -> Run | None:
        """The run whose time the map shows."""
        return self._shown

    def index_of(self, run_id: bytes, now_ms: float) -> int:
        """Return a run's index; a run not heard of yet gets one."""
        return self._run(run_id, now_ms).index

    def clock_of(self, run_id: bytes, now_ms: float) -> RunClock:
        """Return a run's clock; that of a run not heard of yet shows wall time."""
        return self._run(run_id, now_ms).clock

    def id_of(self, index: int) -> str:
        """Return a run's id."""
        return next(run.run_id for run in self._by_id.values() if run.index == index)

    def update(self, event: RunEvent, now_ms: float) -> Run | None:
        """Take a run's news; return the run, or None if the event is older than what is known."""
        run = self._run(event.run_id.encode(), now_ms)
        if event.seq <= run.seq or event.clock is None:
            return None
        run.seq, run.state, run.sample_period_ms, run.heard_ms = event.seq, event.state, event.sample_period_ms, now_ms
        run.clock = RunClock(*event.clock)
        run.began_ms = run.clock.wall_ms if run.began_ms == -math.inf else min(run.began_ms, run.clock.wall_ms)
        self._write(run)
        heard = (run for run in self._by_id.values() if run.seq >= 0)
        self._shown = max(heard, key=lambda run: (run.state not in ENDED, run.began_ms, run.run_id))
        return run

    def age_ms(
        self, index: NDArray[np.integer], event_time_ms: NDArray[np.integer], now_ms: float
    ) -> NDArray[np.float64]:
        """Return wall ms since positions were due; NaN in a run that stands still."""
        scale = self.scale[index]
        virtual = self.virtual_ms[index] + (now_ms - self.wall_ms[index]) * scale - event_time_ms
        with np.errstate(divide="ignore", invalid="ignore"):
            age: NDArray[np.float64] = np.where(scale > 0, virtual / scale, np.nan)
        return age

    def shown_age_ms(
        self, index: NDArray[np.integer], event_time_ms: NDArray[np.integer], now_ms: float
    ) -> NDArray[np.float64]:
        """Return ms of the shown run's virtual time since positions were due.

        A vehicle of another run keeps its age in wall time.
        """
        own: NDArray[np.float64] = (
            self.virtual_ms[index] + (now_ms - self.wall_ms[index]) * self.scale[index] - event_time_ms
        )
        if self._shown is None or len(self._by_id) == 1:
            return own
        with np.errstate(divide="ignore", invalid="ignore"):
            elsewhere = np.where(self.scale[index] > 0, own * self._shown.clock.scale / self.scale[index], 0.0)
        age: NDArray[np.float64] = np.where(index == self._shown.index, own, elsewhere)
        return age

    def forget(self, in_use: NDArray[np.integer], older_than_ms: float) -> None:
        """Drop the runs without a vehicle that were last heard of before an instant; the shown run stays."""
        used = set(np.unique(in_use).tolist())
        for key, run in list(self._by_id.items()):
            if run.index not in used and run.heard_ms < older_than_ms and run is not self._shown:
                del self._by_id[key]
                self._free.append(run.index)

    def _run(self, run_id: bytes, now_ms: float) -> Run:
        run = self._by_id.get(run_id)
        if run is None:
            run = Run(run_id.decode(), self._free.pop() if self._free else len(self._by_id), heard_ms=now_ms)
            self._by_id[run_id] = run
            if run.index >= len(self.scale):
                self._grow()
            self._write(run)
        return run

    def _grow(self) -> None:
        for name in ("virtual_ms", "wall_ms", "scale", "paused", "ended"):
            old = getattr(self, name)
            setattr(self, name, np.concatenate((old, np.zeros(max(8, len(old)), old.dtype))))

    def _write(self, run: Run) -> None:
        i, clock = run.index, run.clock
        self.virtual_ms[i], self.wall_ms[i], self.scale[i] = clock.virtual_ms, clock.wall_ms, clock.scale
        self.paused[i] = run.state == RunState.PAUSED or (clock.scale == 0 and run.state not in ENDED)
        self.ended[i] = run.state in ENDED

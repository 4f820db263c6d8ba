"""The virtual instant and the stage that a wall second of a run belongs to.

Pure. They follow from the clocks and the table of stages that the run has reported.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Self

from engine.motion.clock import RunClock


@dataclass(frozen=True, slots=True)
class StageSpan:
    """One stage in virtual epoch ms; an endless one ends at infinity."""

    name: str
    from_ms: float
    to_ms: float

    @classmethod
    def table(cls, rows: Iterable[Sequence[Any]]) -> tuple[Self, ...]:
        """Return the stages that a run reports: ``[name, from_ms, to_ms]``."""
        return tuple(cls(name, from_ms, math.inf if to_ms is None else to_ms) for name, from_ms, to_ms in rows)


class RunTime:
    """A run's time: straight pieces, each in force from its own wall instant until the next one's.

    Parameters
    ----------
    clocks : at least one, in any order; of two that begin at the same wall instant the one with the greater number
        holds. (number, clock)
    stages : in order, without a gap.
    """

    def __init__(self, clocks: Iterable[tuple[int, RunClock]], stages: Sequence[StageSpan]) -> None:
        by_begin = {clock.wall_ms: clock for _, clock in sorted(clocks, key=lambda one: one[0])}
        self._begins = sorted(by_begin)
        self._clocks = [by_begin[begin] for begin in self._begins]
        self.stages = stages

    @property
    def key(self) -> tuple[tuple[RunClock, ...], tuple[StageSpan, ...]]:
        """What all answers follow from."""
        return tuple(self._clocks), tuple(self.stages)

    @property
    def start_ms(self) -> float:
        """The run's beginning, virtual epoch ms."""
        return self.stages[0].from_ms if self.stages else self._clocks[0].virtual_ms

    @property
    def end_ms(self) -> float:
        """The run's planned end, virtual epoch ms; infinite if it has none."""
        return self.stages[-1].to_ms if self.stages else math.inf

    def virtual(self, wall_ms: float) -> float:
        """Return the virtual instant that belongs to a wall instant, both epoch ms."""
        return self._clocks[max(bisect_right(self._begins, wall_ms) - 1, 0)].virtual(wall_ms)

    def wall(self, virtual_ms: float) -> float:
        """Return the first wall instant, epoch ms, at which a virtual one is reached, by what is known.

        Infinite if the clock stands still before it.
        """
        moving = [clock for clock in self._clocks if clock.scale > 0]
        reached = [clock for clock in moving if clock.virtual_ms < virtual_ms]
        if not reached:
            return moving[0].wall(virtual_ms) if moving else self._clocks[0].wall(virtual_ms)
        stands = self._clocks[-1]
        return math.inf if stands.scale == 0 and stands.virtual_ms < virtual_ms else reached[-1].wall(virtual_ms)

    def moved_s(self, from_ms: float, to_ms: float) -> float:
        """Return for how long, s, the clock went between two wall instants, epoch ms."""
        ends = [*self._begins[1:], math.inf]
        begins = [-math.inf, *self._begins[1:]]
        within = [
            (clock, max(begin, from_ms), min(end, to_ms))
            for clock, begin, end in zip(self._clocks, begins, ends, strict=True)
        ]
        return sum(end - begin for clock, begin, end in within if clock.scale > 0 and begin < end) / 1000.0

    def stage_of(self, second: int) -> str:
        """Return the name of the stage that holds the middle of a wall second, epoch s.

        Empty for a second outside of the run.

        A second in which the run begins or ends belongs to its first or last stage wherever its middle is.
        """
        if not self.stages:
            return ""
        begin_ms, middle_ms, end_ms = (self.virtual(second * 1000.0 + part) for part in (0.0, 500.0, 1000.0))
        if end_ms <= self.start_ms or begin_ms > self.end_ms:
            return ""
        held = [stage.name for stage in self.stages if stage.from_ms <= middle_ms < stage.to_ms]
        return held[0] if held else self.stages[0 if middle_ms < self.start_ms else -1].name

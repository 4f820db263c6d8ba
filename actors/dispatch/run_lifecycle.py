"""A run's lifecycle: its beginning, its clock, its state, the changes of its fleet, and its end."""

from __future__ import annotations

import math

from actors.dispatch.fleet_changes import noted_changes
from actors.dispatch.journal import Change, Table
from actors.dispatch.plan import RunPlan, RunRefused
from engine.load.curve import FleetChange
from engine.messages import ControlAction, RunState
from engine.motion.clock import RunClock

STEERING_LEAD_MS = 150.0
"""How much later a request takes effect, so that it is at its actor before later positions are made."""

_LEAD_PER_DRIVER_MS = 0.15
"""How much later a change of the fleet takes effect, for each driver that comes or goes.

A delivery is drawn, kept in the journal and handed out by then.
"""


class RunLifecycle:
    """The lifecycle of one run.

    Attributes
    ----------
    clock : None until the run begins.
    begun_ms : wall clock, epoch ms.
    start_ms, end_ms : virtual epoch ms; None before the run begins, and `end_ms` for an endless run.
    is_ending : the run is being ended, perhaps by an earlier dispatcher.
    changes : of the fleet's size, in the order in which they were asked for, never back in time; the journal has them
        from `actors.dispatch.fleet_feed`.
    """

    def __init__(self, plan: RunPlan, now_ms: float) -> None:
        self._plan = plan
        #: The scale that holds when a paused run is resumed.
        self._scale = plan.time_scale
        self.clock: RunClock | None = None
        self.state = RunState.RUNNING
        self.begun_ms = now_ms
        self.start_ms: int | None = None
        self.end_ms: int | None = None
        self.is_ending = False
        self.changes: list[FleetChange] = []

    def begin(self, begin_ms: int) -> list[Change]:
        """Begin at a wall instant, epoch ms; return the journal's changes."""
        self._set_begin(begin_ms if self._plan.start_ms is None else self._plan.start_ms, begin_ms)
        self.clock = RunClock(self.start_ms or 0, begin_ms, self._scale)
        return [("run", {**self._plan.identity, "start_ms": self.start_ms, "begun_ms": begin_ms}), self.change()]

    def _set_begin(self, start_ms: int, begun_ms: float) -> None:
        self.start_ms, self.begun_ms = start_ms, begun_ms
        self.end_ms = None if self._plan.duration_ms is None else start_ms + self._plan.duration_ms

    def change(self) -> Change:
        """Return clock and state for the journal."""
        assert self.clock is not None
        return "clock", {
            "clock": [self.clock.virtual_ms, self.clock.wall_ms, self.clock.scale],
            "scale": self._scale,
            "state": self.state,
        }

    def control(self, action: ControlAction, time_scale: float | None, now_ms: float) -> None:
        """Pause, resume or scale from a short time after now on."""
        assert self.clock is not None
        match action:
            case ControlAction.SCALE:
                self._scale = time_scale or self._scale
            case ControlAction.PAUSE:
                self.state = RunState.PAUSED
            case ControlAction.RESUME:
                self.state = RunState.RUNNING
        scale = 0.0 if self.state == RunState.PAUSED else self._scale
        self.clock = self.clock.rescaled(max(now_ms + STEERING_LEAD_MS, self.clock.wall_ms), scale)

    @property
    def drivers(self) -> int:
        """How many drivers the fleet is to have, by the last change."""
        return self.changes[-1].drivers if self.changes else self._plan.drivers

    def drivers_at(self, virtual_ms: int) -> int:
        """Return how many drivers the fleet is to have at an instant."""
        return next(
            (change.drivers for change in reversed(self.changes) if change.at_ms <= virtual_ms), self._plan.drivers
        )

    def resize(self, drivers: int, stage: str | None, now_ms: float) -> FleetChange | None:
        """Change the fleet's size from a short time after now on; None if the run has ended by then."""
        begun = [change.at_ms for change in self.changes] or [self.start_ms or 0]
        lead_ms = STEERING_LEAD_MS + _LEAD_PER_DRIVER_MS * abs(drivers - self.drivers)
        change = FleetChange(max(self.virtual_ms(now_ms + lead_ms), begun[-1]), drivers, stage)
        if self.end_ms is not None and change.at_ms >= self.end_ms:
            return None
        self.changes.append(change)
        return change

    def end(self) -> None:
        """Mark the run as ended, unless it was cancelled before."""
        if self.state != RunState.CANCELLED:
            self.state = RunState.FINISHED

    def virtual_ms(self, now_ms: float) -> int:
        """Return the virtual time of a wall instant; before the run begins that instant itself."""
        return math.ceil(now_ms if self.clock is None else self.clock.virtual(now_ms))

    def replay(self, table: Table) -> None:
        """Take over an earlier dispatcher's entries."""
        self.is_ending = ENDED in table
        self.changes = [change for change, _ in noted_changes(table)]
        if "run" in table:
            self._set_begin(table["run"]["start_ms"], table["run"]["begun_ms"])
            noted = table["clock"]
            self.clock, self._scale, self.state = RunClock(*noted["clock"]), noted["scale"], RunState(noted["state"])


ENDED = "ended"
"""Key of the mark that a run leaves in the journal when it ends; the only one that stays."""


def resumed_plan(plan: RunPlan, table: Table, cpus: float) -> RunPlan:
    """Return the plan with which a run continues, given its journal; an empty journal changes nothing.

    Raises
    ------
    RunRefused : the run has ended, or was begun otherwise.
    """
    if table.get(ENDED, {}).get("state") == "ended":
        raise RunRefused(f"run {plan.run_id} has ended and cannot be started again; give another run id")
    return plan.resumed(table["run"], cpus) if "run" in table else plan

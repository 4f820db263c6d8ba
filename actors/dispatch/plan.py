"""The plan of a run, made before it starts."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from actors.dispatch.actor_layout import ActorLayout, lay_out
from engine.errors import InvalidInput, MessageError
from engine.messages import MAX_FLEET, checked_id
from engine.scenario.scenario import Scenario

MAX_RUN_ID = 64

FLEET_HORIZON_MS = 5_000.0
"""Deliveries of the fleet are handed out this long (wall time) before they depart."""


class RunRefused(InvalidInput):
    """A run id that cannot be used: the run has ended, or was begun otherwise, or is running elsewhere."""


@dataclass(frozen=True, slots=True)
class RunPlan:
    """One run.

    Attributes
    ----------
    scenario : its name.
    period_ms : virtual ms between two samples of a driver.
    time_scale : virtual seconds per wall second.
    drivers : size of the fleet, 0 for a run that only serves requests.
    duration_ms : virtual; None for an endless run.
    start_ms : virtual epoch ms at which the run begins; None for the wall time at which its actors are ready.
    mean_hz : positions a virtual second that a driver makes on average.
    at_first : drivers of the fleet that depart within the first `FLEET_HORIZON_MS`: the actors must have them before
        the run begins.
    """

    run_id: str
    scenario: str
    seed: int
    period_ms: int
    time_scale: float
    drivers: int
    layout: ActorLayout
    duration_ms: int | None = None
    start_ms: int | None = None
    at_first: int = 0
    mean_hz: float = 1.0

    @property
    def actors(self) -> tuple[str, ...]:
        """Names of the driver actors."""
        width = len(str(self.layout.actors - 1))
        return tuple(f"driver-{number:0{width}d}" for number in range(self.layout.actors))

    def drivers_at(self, rate: float) -> int:
        """Return how many drivers make `rate` positions a virtual second, at most the largest fleet."""
        return min(round(rate / self.mean_hz), MAX_FLEET)

    @property
    def identity(self) -> dict[str, Any]:
        """What must be the same when the run is started again, and its actor layout, for the journal.

        The layout stays as it was.
        """
        named = {name: getattr(self, name) for name in _SAME}
        return {
            **named,
            "actors": self.layout.actors,
            "drivers_per_actor": self.layout.drivers_per_actor,
            "is_dealt": self.layout.is_dealt,
        }

    def resumed(self, begun: Mapping[str, Any], cpus: float) -> RunPlan:
        """Return this plan with the actor layout of the run's first start, on a cluster with `cpus` CPUs.

        Parameters
        ----------
        begun : the `identity` of the plan that the run was begun with.

        Raises
        ------
        RunRefused : the plan is of another run: other deliveries would get the ids of the first ones.
        """
        for name in _SAME:
            if begun[name] != getattr(self, name):
                raise RunRefused(
                    f"run {self.run_id} was begun with {name} {begun[name]!r} and cannot continue with "
                    f"{getattr(self, name)!r}; give another run id"
                )
        return replace(
            self,
            layout=self.layout.kept(begun["actors"], begun["drivers_per_actor"], begun.get("is_dealt", False), cpus),
        )


_SAME = ("scenario", "seed", "period_ms", "drivers", "duration_ms")


def plan_run(
    scenario: Scenario, run_id: str, cpus: float, *, actor_cpus: float | None = None, start_ms: int | None = None
) -> RunPlan:
    """Return the plan of a scenario's run on a cluster with `cpus` CPUs.

    Where the fleet grows and shrinks, or deliveries come by themselves, only the first drivers may be on the road: they
    are dealt out to the actors.

    Raises
    ------
    MessageError : `run_id` is no identifier, or too long to begin deliveryIds.
    """
    if len(checked_id(run_id, "runId")) > MAX_RUN_ID:
        raise MessageError(
            f"runId must be at most {MAX_RUN_ID} characters, because deliveryIds begin with it, "
            f"found {len(run_id)}: {run_id}"
        )
    layout = lay_out(
        scenario.fleet.size,
        cpus,
        scenario.positions_per_s,
        drivers_per_actor=scenario.drivers_per_actor,
        actor_cpus=actor_cpus,
        is_dealt=bool(scenario.stages) or scenario.arrivals is not None,
    )
    return RunPlan(
        run_id=run_id,
        scenario=scenario.name,
        seed=scenario.seed,
        period_ms=scenario.period_ms,
        time_scale=scenario.time_scale,
        drivers=scenario.fleet.size,
        layout=layout,
        duration_ms=None if scenario.duration_s is None else round(scenario.duration_s * 1000),
        start_ms=start_ms,
        at_first=_at_first(scenario),
        mean_hz=scenario.sampling_mix.mean_hz,
    )


def _at_first(scenario: Scenario) -> int:
    horizon_ms = FLEET_HORIZON_MS * scenario.time_scale
    if scenario.stages:
        return scenario.curve.most_in(0, math.ceil(horizon_ms))
    spread_ms = scenario.deliveries.start_spread_s * 1000
    return scenario.fleet.size if spread_ms <= horizon_ms else math.ceil(scenario.fleet.size * horizon_ms / spread_ms)


def make_run_id(scenario: Scenario, now: datetime) -> str:
    """Return the id of a run that begins now: the scenario's name and the time.

    For example ``liechtenstein-20260131t120000``.
    """
    plain = unicodedata.normalize("NFKD", scenario.name).encode("ascii", "ignore").decode().lower()
    name = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:40] or "run"
    return f"{name}-{now.astimezone(UTC):%Y%m%dt%H%M%S}"

"""What the dispatcher tells the world: how a run stands, and which requests it rejects. Facts are made here, and sent elsewhere."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from actors.dispatch.actor_registry import Hosts
from actors.dispatch.plan import RunPlan
from actors.dispatch.run_lifecycle import Course
from engine.load.curve import FleetChange
from engine.messages import DeliveryEvent, EventKind, RunEvent, StartDelivery

StageTable = Callable[[int, int | None, Sequence[FleetChange]], list[list[Any]]]
"""Given a run's first and last virtual instants (epoch ms; None if it is endless) and the changes of its fleet: its stages (`engine.demand.stage_table`)."""


class RunReporter:
    """Makes a run's events, numbered by time, so that a dispatcher that starts over goes on above its predecessor without a journal entry an event.

    Parameters
    ----------
    stages : None if nothing is known of them; the events say nothing of stages then.

    Attributes
    ----------
    reported_ms : when it last did, wall clock, epoch ms.
    """

    def __init__(self, plan: RunPlan, course: Course, hosts: Hosts, stages: StageTable | None = None) -> None:
        self._plan, self._course, self._hosts, self._stages = plan, course, hosts, stages
        self._seq = -1
        self.reported_ms = -math.inf

    def run_event(self, active: int, now_ms: float) -> RunEvent:
        """Return how a run that has begun stands, with so many deliveries on the road."""
        course = self._course
        assert course.clock is not None
        assert course.start_ms is not None
        self.reported_ms = now_ms
        self._seq = max(self._seq + 1, math.floor(now_ms - course.begun_ms))
        totals = self._hosts.totals
        return RunEvent(
            run_id=self._plan.run_id,
            state=course.state,
            seq=self._seq,
            event_time=course.virtual_ms(now_ms),
            scenario=self._plan.scenario,
            seed=self._plan.seed,
            sample_period_ms=self._plan.period_ms,
            clock=[course.clock.virtual_ms, course.clock.wall_ms, course.clock.scale],
            drivers=course.drivers_at(course.virtual_ms(now_ms)),
            active=active,
            actors=self._hosts.heard_of,
            produced=totals.produced,
            acked=totals.acked,
            failed=totals.failed,
            lateness_p99_ms=self._hosts.lateness_since_last_report().percentile_ms(99),
            stages=None if self._stages is None else self._stages(course.start_ms, course.end_ms, course.changes),
        )


def rejection(run_id: str, request: StartDelivery, delivery_id: str, reason: str, event_time: int) -> DeliveryEvent:
    """Return what is told of a request that starts nothing."""
    return DeliveryEvent(
        delivery_id=delivery_id,
        run_id=run_id,
        route_id=request.route_id,
        client_id=request.client_id,
        driver_id=request.driver_id or delivery_id,
        vehicle=request.vehicle or "car",
        kind=EventKind.REJECTED,
        event_time=event_time,
        positions=0,
        reason=reason,
    )

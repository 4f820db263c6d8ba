"""Facts that the dispatcher makes: how a run stands, and which requests it rejects.

They are sent elsewhere.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from actors.dispatch.actor_registry import ActorRegistry
from actors.dispatch.plan import RunPlan
from actors.dispatch.run_lifecycle import RunLifecycle
from engine.load.curve import FleetChange
from engine.messages import DeliveryEvent, EventKind, RunEvent, StartDelivery

StageTable = Callable[[int, int | None, Sequence[FleetChange]], list[list[Any]]]
"""A run's stages, as `engine.demand.stage_table` makes them.

Arguments: the run's first and last virtual instants (epoch ms; None if it is endless), and the changes of its fleet.
"""


class RunReporter:
    """The maker of a run's events, numbered by time.

    So a restarted dispatcher numbers above its predecessor without a journal entry for each event.

    Parameters
    ----------
    stages : None if they are unknown; the events have no stages then.

    Attributes
    ----------
    reported_ms : when the last event was made, wall clock, epoch ms.
    """

    def __init__(
        self, plan: RunPlan, lifecycle: RunLifecycle, registry: ActorRegistry, stages: StageTable | None = None
    ) -> None:
        self._plan, self._lifecycle, self._registry, self._stages = plan, lifecycle, registry, stages
        self._seq = -1
        self.reported_ms = -math.inf

    def run_event(self, active: int, now_ms: float) -> RunEvent:
        """Return how a run that has begun stands, with `active` deliveries on the road."""
        lifecycle = self._lifecycle
        assert lifecycle.clock is not None
        assert lifecycle.start_ms is not None
        self.reported_ms = now_ms
        self._seq = max(self._seq + 1, math.floor(now_ms - lifecycle.begun_ms))
        totals = self._registry.totals
        return RunEvent(
            run_id=self._plan.run_id,
            state=lifecycle.state,
            seq=self._seq,
            event_time=lifecycle.virtual_ms(now_ms),
            scenario=self._plan.scenario,
            seed=self._plan.seed,
            sample_period_ms=self._plan.period_ms,
            clock=[lifecycle.clock.virtual_ms, lifecycle.clock.wall_ms, lifecycle.clock.scale],
            drivers=lifecycle.drivers_at(lifecycle.virtual_ms(now_ms)),
            active=active,
            actors=self._registry.reporting,
            produced=totals.produced,
            acked=totals.acked,
            failed=totals.failed,
            lateness_p99_ms=self._registry.lateness_since_last_report().percentile_ms(99),
            stages=None
            if self._stages is None
            else self._stages(lifecycle.start_ms, lifecycle.end_ms, lifecycle.changes),
        )


def rejection(run_id: str, request: StartDelivery, delivery_id: str, reason: str, event_time: int) -> DeliveryEvent:
    """Return the event of a request that starts nothing."""
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

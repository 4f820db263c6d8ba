"""The dispatcher: it decides which delivery starts where, what is sent again, and what is published.

Statuses and requests go in with the time, instructions come out (`actors.dispatch.instructions`) and are carried out
elsewhere; nothing here looks at a clock, a socket or Ray. A delivery's life:

    requested or drawn from the fleet -> placed on an actor -> on the road -> finished (its last record is acknowledged)

The roster (`actors.dispatch.roster`) knows what sits where and what an actor must be sent again; the delivery log
(`actors.dispatch.delivery_log`) keeps the reasons. A restarted dispatcher replays its journal first.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterable, Iterator

from actors.dispatch.actor_layout import least_loaded
from actors.dispatch.actor_registry import RegisteredActor
from actors.dispatch.announcements import RunReporter, StageTable, rejection
from actors.dispatch.delivery_log import DeliveryLog
from actors.dispatch.ending import Left
from actors.dispatch.fleet_feed import FleetFeed
from actors.dispatch.instructions import Instruction, Publish, Record
from actors.dispatch.journal import Table
from actors.dispatch.placements import Placed
from actors.dispatch.plan import FLEET_HORIZON_MS, RunPlan
from actors.dispatch.requested_deliveries import RequestedDeliveries, Waiting
from actors.dispatch.roster import Roster
from actors.dispatch.run_lifecycle import RunLifecycle
from actors.driving.assignment import DriverStatus, Steering
from engine.delivery.spec import DeliverySpec, make_spec
from engine.messages import (
    ControlAction,
    ControlRun,
    DeliveryStory,
    RunState,
    StartDelivery,
    StoryKind,
    StoryStatus,
)
from engine.motion.traces import Trace
from engine.roads.route import Route

logger = logging.getLogger(__name__)

START_LEAD_MS = 100.0
_LEAD_PER_DRIVER_MS, _LEAD_AT_FIRST_MS, _LEAD_PER_PLAN_MS, _PLANS_PER_ROUTE = 0.01, 0.1, 0.5, 4

FLEET_STEP = 5_000
"""Most deliveries of the fleet handed out in one step, so that requests are served meanwhile."""

ROUTE_PATIENCE_MS = 2_000.0
"""How long a request for an unknown route waits: the route may be on its way on another topic."""

MAX_DEPART_AHEAD_MS = 7 * 86_400_000

REPORT_PERIOD_MS = 1_000.0
CHECKPOINT_PERIOD_MS = 5_000.0


def start_lead_ms(plan: RunPlan, routes: int) -> float:
    """Return the time from handing out the first deliveries to the start of the run's clock.

    Until then the demand of the whole fleet is drawn, the first departures are handed out, and each actor has made
    their plans: one for each road and vehicle class that is driven. The time is twice what this takes where actors and
    dispatcher share two cores, so that no delivery begins late.
    """
    plans = min(plan.at_first, routes * _PLANS_PER_ROUTE)
    return (
        START_LEAD_MS
        + _LEAD_PER_DRIVER_MS * plan.drivers
        + _LEAD_AT_FIRST_MS * plan.at_first
        + _LEAD_PER_PLAN_MS * plans
    )


class Dispatcher:
    """The decisions of one run.

    Parameters
    ----------
    routes : those that the run's fleet drives; others come by `define_route`.
    fleet : given the run's first virtual instant (epoch ms), the fleet's deliveries in order of departure; may be
        endless.
    now_ms : wall clock, epoch ms, when this dispatcher was made.
    stages : of the run, for its events.

    Attributes
    ----------
    plan : of the run.
    lifecycle : the run's clock, state and changes; for reading.
    registry : the run's driver actors.
    """

    def __init__(
        self,
        plan: RunPlan,
        routes: Iterable[Route],
        fleet: Callable[[int], Iterator[DeliverySpec]],
        now_ms: float,
        stages: StageTable | None = None,
    ) -> None:
        self.plan = plan
        self.lifecycle = RunLifecycle(plan, now_ms)
        self._fleet = FleetFeed(plan, fleet)
        self._requested = RequestedDeliveries()
        self._log, self._made_ms = DeliveryLog(self.lifecycle.virtual_ms), now_ms
        self._roster = Roster(plan, routes, self.lifecycle, self._fleet, self._requested, self._log, now_ms)
        self.registry = self._roster.registry
        self._reporter = RunReporter(plan, self.lifecycle, self.registry, stages)
        self._checkpointed_ms = -math.inf

    @property
    def deliveries(self) -> int:
        """How many deliveries were started."""
        return self._fleet.count + self._requested.count

    @property
    def has_begun(self) -> bool:
        """Whether the run's clock has started, under this dispatcher or one before it."""
        return self.lifecycle.clock is not None

    @property
    def is_exhausted(self) -> bool:
        """Whether the fleet has no more deliveries, none is on the road, and no request waits."""
        return (
            self.has_begun
            and self._fleet.is_exhausted
            and not len(self._roster.placements)
            and not self._requested.waiting
        )

    @property
    def is_over(self) -> bool:
        """Whether the run has come to its end, or was being ended when an earlier dispatcher died."""
        return self.lifecycle.is_ending or (
            self.lifecycle.end_ms is not None and self.registry.are_past(self.lifecycle.end_ms)
        )

    @property
    def can_end(self) -> bool:
        """Whether every actor with deliveries can say how far they came.

        It can once it has made again what an actor before it may have sent.
        """
        return not self._away

    @property
    def _away(self) -> list[str]:
        """The actors that cannot yet say how far their deliveries came."""
        return [
            name
            for name, registered in self.registry.items()
            if not registered.has_caught_up and self._roster.placements.loads[name]
        ]

    @property
    def unended(self) -> dict[str, RegisteredActor]:
        """The actors that have not ended; of those without a status only the ones with deliveries."""
        away = self._away
        return {
            name: registered
            for name, registered in self.registry.items()
            if name in away or not (registered.status is None or registered.status.has_ended)
        }

    @property
    def can_drain(self) -> list[str]:
        """The actors that can be ended, because they can say how far their deliveries came."""
        away = self._away
        return [name for name in self.unended if name not in away]

    @property
    def left(self) -> Left:
        """What the end of the run still waits for."""
        return Left.of(self.unended, len(self._away), self.registry.totals.acked)

    # Requests and facts

    def replay(self, table: Table) -> None:
        """Take over what an earlier dispatcher of this run decided; called once, before anything else."""
        self.lifecycle.replay(table)
        self._roster.replay(table)
        if self.lifecycle.state == RunState.CANCELLED:
            self._fleet.stop()
        for delivery_id in self._requested.waiting:
            self._log.note(
                delivery_id, StoryKind.RECOVERED, "a new dispatcher found its request in the journal", self._made_ms
            )

    def define_route(self, route: Route) -> None:
        """Take a route that deliveries may be requested on."""
        if not isinstance(
            self._roster.routes.get(route.id), Trace
        ):  # a route read back from the topic lacks the recording's times
            self._roster.routes[route.id] = route

    def forget_route(self, route_id: str) -> None:
        """Forget a route; deliveries on the road continue."""
        if not any(placed.spec.route_id == route_id for placed in self._roster.placements.on_the_road):
            self._roster.routes.pop(route_id, None)

    def start(self, request: StartDelivery, delivery_id: str, now_ms: float) -> list[Instruction]:
        """Decide on a requested delivery; a known `delivery_id` starts nothing."""
        if (
            delivery_id in self._roster.placements
            or delivery_id in self._requested.waiting
            or self._fleet.has_handed_out(delivery_id)
        ):
            self._log.note(delivery_id, StoryKind.IGNORED, "requested again; a delivery starts once", now_ms)
            return []
        self._log.note(delivery_id, StoryKind.REQUESTED, _asked(request), now_ms)
        if self.lifecycle.clock is None or request.route_id not in self._roster.routes:
            awaited = "the run to begin" if self.lifecycle.clock is None else f"route {request.route_id}"
            self._log.note(delivery_id, StoryKind.WAITING, f"waits for {awaited}", now_ms)
            return [Record(*self._requested.wait(Waiting(request, delivery_id, now_ms + ROUTE_PATIENCE_MS)))]
        return self._decide(request, delivery_id, now_ms)

    def _decide(self, request: StartDelivery, delivery_id: str, now_ms: float) -> list[Instruction]:
        """Place or reject a request whose route is known, in a run that has begun."""
        if self.lifecycle.state == RunState.CANCELLED:
            return self._reject(request, delivery_id, f"run {self.plan.run_id} is cancelled", now_ms)
        virtual_ms = self.lifecycle.virtual_ms(now_ms)
        if (request.depart_at or 0) > virtual_ms + MAX_DEPART_AHEAD_MS:
            return self._reject(
                request, delivery_id, f"departAt {request.depart_at} is more than 7 days after {virtual_ms}", now_ms
            )
        spec = make_spec(
            delivery_id=delivery_id,
            driver_id=request.driver_id or delivery_id,
            client_id=request.client_id,
            run_id=self.plan.run_id,
            route_id=request.route_id,
            vehicle=request.vehicle or "car",
            depart_ms=max(request.depart_at or 0, virtual_ms),
            period_ms=self.plan.period_ms,
            seed=self.plan.seed,
        )
        placed, change = self._requested.place(spec, least_loaded(self._roster.placements.loads))
        return [Record(*change), *self._roster.place(placed.actor, [placed], now_ms)]

    def control(self, request: ControlRun, now_ms: float) -> list[Instruction]:
        """Decide on a request to pause, resume, cancel, scale, resize the fleet or tell a delivery's story.

        A request for another run or for a delivery not on the road changes nothing.
        """
        if request.run_id != self.plan.run_id:
            return []
        action = ControlAction(request.action)
        if action is ControlAction.STORY and request.delivery_id is not None:
            return [Publish(self.story(request.delivery_id, now_ms))]
        if self.lifecycle.clock is None or self.lifecycle.state == RunState.CANCELLED:
            why = "the run has not begun" if self.lifecycle.clock is None else "the run is cancelled"
            self._note_ignored(request, why, now_ms)
            return []
        if request.delivery_id is not None:
            return self._roster.steer([request.delivery_id], action, now_ms)
        if action is ControlAction.CANCEL:
            return self._cancel_run(now_ms)
        if action is ControlAction.FLEET:
            return self._resize(request, now_ms)
        self.lifecycle.control(action, request.time_scale, now_ms)
        scale = "" if request.time_scale is None else f" of {request.time_scale:g} virtual seconds per second"
        self._log.note_run(f"{action}{scale} requested for the run", now_ms)
        return [Record(*self.lifecycle.change()), *self._roster.send_clock(), self._run_event(now_ms)]

    def _note_ignored(self, request: ControlRun, why: str, now_ms: float) -> None:
        if request.delivery_id is None:
            self._log.note_run(f"{request.action} requested for the run and ignored: {why}", now_ms)
        elif request.delivery_id in self._log:
            self._log.note(request.delivery_id, StoryKind.IGNORED, f"{request.action} requested; {why}", now_ms)

    def story(self, delivery_id: str, now_ms: float) -> DeliveryStory:
        """Return what is known of a delivery: its status, and what the bounded log holds of it."""
        entries, dropped = self._log.story(delivery_id)
        placed = self._roster.placements.get(delivery_id)
        if placed is not None:
            status = StoryStatus.ON_THE_ROAD
        elif delivery_id in self._requested.waiting:
            status = StoryStatus.WAITING
        elif delivery_id in self._roster.placements or self._fleet.has_handed_out(delivery_id):
            status = StoryStatus.FINISHED
        else:
            is_rejected = any(entry.kind is StoryKind.REJECTED for entry in entries)
            status = StoryStatus.REJECTED if is_rejected else StoryStatus.UNKNOWN
        return DeliveryStory(
            delivery_id,
            self.plan.run_id,
            status.value,
            int(now_ms),
            None if placed is None else placed.actor,
            [entry.to_json() for entry in entries],
            dropped,
        )

    def steered(self, steering: Steering, at_ms: int | None, now_ms: float) -> list[Instruction]:
        """Take an actor's answer to a steering: from when it holds, or None if it changed nothing."""
        return self._roster.correct(steering, at_ms, now_ms)

    def report(self, status: DriverStatus, now_ms: float) -> list[Instruction]:
        """Take note of an actor's status; an actor that is new to this dispatcher is sent everything."""
        return self._roster.report(status, now_ms)

    # Time

    def pass_time(self, now_ms: float, at_most: int = FLEET_STEP) -> list[Instruction]:
        """Decide what is due by now, and hand out at most `at_most` deliveries of the fleet.

        Called every few tens of milliseconds.
        """
        if self.lifecycle.is_ending:
            return []
        instructions: list[Instruction] = []
        if self.lifecycle.clock is None:
            if not self.registry.have_all_reported:
                return []
            begin_ms = math.ceil(now_ms + start_lead_ms(self.plan, len(self._roster.routes)))
            instructions += [Record(*change) for change in self.lifecycle.begin(begin_ms)]
            self._fleet.begin(self.lifecycle.start_ms or 0)
            # Deliveries first, then the clock: an actor that ticks has everything that is due.
            instructions += [*self._hand_out_fleet(now_ms, at_most), *self._roster.send_clock()]
        else:
            instructions += self._hand_out_fleet(now_ms, at_most)
        instructions += self._retry_waiting(now_ms)
        if now_ms - self._checkpointed_ms >= CHECKPOINT_PERIOD_MS:
            self._checkpointed_ms = now_ms
            instructions += self._roster.checkpoints()
        return [*instructions, *self.report_run(now_ms)]

    def report_run(self, now_ms: float) -> list[Instruction]:
        """Report how the run stands, once a second."""
        is_due = self.has_begun and now_ms - self._reporter.reported_ms >= REPORT_PERIOD_MS
        return [self._run_event(now_ms)] if is_due else []

    def finish(self, now_ms: float, *, ends: bool) -> list[Instruction]:
        """Report how the run stands at its end; a run that does not end stays as it is, to be resumed."""
        if not self.has_begun:
            return []
        if ends:
            self.lifecycle.end()
        return [self._run_event(now_ms)]

    # How

    def _hand_out_fleet(self, now_ms: float, at_most: int = FLEET_STEP) -> list[Instruction]:
        if self.lifecycle.clock is None or self._fleet.is_exhausted or at_most <= 0:
            return []
        due: dict[str, list[Placed]] = {}
        for placed in self._fleet.take(
            self.lifecycle.clock.virtual(now_ms + FLEET_HORIZON_MS), min(at_most, FLEET_STEP)
        ):
            due.setdefault(placed.actor, []).append(placed)
        if not due:
            return []
        return [
            Record(*self._fleet.change()),
            *(
                instruction
                for actor, placed in due.items()
                for instruction in self._roster.place(actor, placed, now_ms)
            ),
        ]

    def _retry_waiting(self, now_ms: float) -> list[Instruction]:
        if self.lifecycle.clock is None:
            return []
        instructions: list[Instruction] = []
        for waiting in list(self._requested.waiting.values()):
            if waiting.request.route_id in self._roster.routes:
                instructions += self._decide(waiting.request, waiting.delivery_id, now_ms)
            elif now_ms >= waiting.until_ms:
                instructions += self._reject(
                    waiting.request, waiting.delivery_id, f'route "{waiting.request.route_id}" is unknown', now_ms
                )
        return instructions

    def _reject(self, request: StartDelivery, delivery_id: str, reason: str, now_ms: float) -> list[Instruction]:
        self._log.note(delivery_id, StoryKind.REJECTED, reason, now_ms)
        self._log.end(delivery_id)
        event = rejection(self.plan.run_id, request, delivery_id, reason, self.lifecycle.virtual_ms(now_ms))
        return [Publish(event), *(Record(*change) for change in self._requested.refuse(delivery_id))]

    def _resize(self, request: ControlRun, now_ms: float) -> list[Instruction]:
        """Change the fleet's size.

        Drivers that leave are sent the instant; drivers that come are handed out as time passes, like the first ones.
        """
        drivers = request.drivers if request.drivers is not None else self.plan.drivers_at(request.rate or 0.0)
        change = self.lifecycle.resize(drivers, request.stage, now_ms) if self._fleet.is_changeable else None
        if change is None:
            logger.warning(
                "the fleet of run %s is not changed to %d drivers: it has no roads, or the run is about to end",
                self.plan.run_id,
                drivers,
            )
            return []
        noted, leaving = self._fleet.resize(change)
        self._log.note_run(f"fleet of {drivers} drivers requested, from {change.at_ms} on", now_ms)
        return [Record(*noted), *self._roster.leave(leaving, change.at_ms, now_ms), self._run_event(now_ms)]

    def _cancel_run(self, now_ms: float) -> list[Instruction]:
        instructions = self._roster.steer(
            [placed.spec.delivery_id for placed in self._roster.placements.on_the_road], ControlAction.CANCEL, now_ms
        )
        self._log.note_run("cancel requested for the run", now_ms)
        self._fleet.stop()
        self.lifecycle.state = RunState.CANCELLED
        return [Record(*self.lifecycle.change()), *instructions, self._run_event(now_ms)]

    def _run_event(self, now_ms: float) -> Instruction:
        return Publish(self._reporter.run_event(len(self._roster.placements), now_ms))


def _asked(request: StartDelivery) -> str:
    """Return what was requested, for a person."""
    asked = f"route {request.route_id} for client {request.client_id}"
    departs = "" if request.depart_at is None else f", to depart at {request.depart_at}"
    return f"{asked}{'' if request.vehicle is None else f' by {request.vehicle}'}{departs}"

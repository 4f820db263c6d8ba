"""The roster: which delivery sits in which driver actor, and what each actor must be sent again.

A driver actor that shows a new incarnation has forgotten everything: its deliveries are sent again, each from the first
sample not known to be acknowledged. Positions are a function of spec and sample number, so what is sent twice is the
same bytes. A restarted dispatcher sends everything to every actor, which knows what it has already.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from functools import partial

from actors.dispatch.actor_registry import ActorRegistry, Coverage, checkpoint_of
from actors.dispatch.delivery_log import DeliveryLog
from actors.dispatch.fleet_feed import FleetFeed
from actors.dispatch.instructions import Instruction, Record, SendBatch, SendClock, SendSteering
from actors.dispatch.journal import Change, Table
from actors.dispatch.placements import Placed, Placements
from actors.dispatch.plan import RunPlan
from actors.dispatch.requested_deliveries import RequestedDeliveries
from actors.dispatch.run_lifecycle import STEERING_LEAD_MS, RunLifecycle
from actors.driving.assignment import DriverStatus, Steering
from engine.delivery.spec import DeliverySpec
from engine.messages import ControlAction, StoryKind
from engine.roads.route import Route

logger = logging.getLogger(__name__)

BATCHES_PER_MS = 1_000
"""Batch numbers in a millisecond: numbered by time, a restarted dispatcher is above its predecessor."""


class Roster:
    """The deliveries and the driver actors of one run.

    Parameters
    ----------
    now_ms : wall clock, epoch ms.

    Attributes
    ----------
    placements : deliveries on the road, and all that ever were.
    registry : the driver actors.
    routes : those that deliveries may drive, by id.
    """

    def __init__(
        self,
        plan: RunPlan,
        routes: Iterable[Route],
        lifecycle: RunLifecycle,
        fleet: FleetFeed,
        requested: RequestedDeliveries,
        log: DeliveryLog,
        now_ms: float,
    ) -> None:
        self._plan, self._lifecycle, self._fleet, self._requested = plan, lifecycle, fleet, requested
        self._log, self._made_ms = log, now_ms
        self.routes = {route.id: route for route in routes}
        self.registry = ActorRegistry(plan.actors)
        self.placements = Placements(plan.actors, first_batch=int(now_ms) * BATCHES_PER_MS)

    def replay(self, table: Table) -> None:
        """Take over an earlier dispatcher's entries; the lifecycle has been replayed."""
        if self._lifecycle.start_ms is not None:
            self._fleet.begin(self._lifecycle.start_ms)
            for placed in self._fleet.replay(table):
                if not self._fleet.has_finished(placed.number):
                    self._put_back(placed, table)
        for delivery_id, requested in self._requested.replay(table):
            if requested is None:
                self.placements.remember(delivery_id)
            else:
                self._put_back(requested, table)
        self.registry.replay(table)
        for name, registered in self.registry.items():
            self.placements.resume_from(name, checkpoint_of(registered.coverage), partial(_covers, registered.coverage))
            registered.resumed = sum(
                placed.resume_seq for placed in self.placements.on_the_road if placed.actor == name
            )
        for placed in self.placements.on_the_road:
            self._log.note(
                placed.spec.delivery_id,
                StoryKind.RECOVERED,
                f"a new dispatcher found it in the journal: on {placed.actor}, "
                f"acknowledged before position {placed.resume_seq}",
                self._made_ms,
            )

    def _put_back(self, placed: Placed, table: Table) -> None:
        delivery_id = placed.spec.delivery_id
        self.placements.put_back(placed)
        entry = table.get(_steered_key(delivery_id))
        if entry is not None:
            placed.steerings = [
                Steering(delivery_id, ControlAction(action), at_ms, number)
                for number, action, at_ms in entry["steerings"]
            ]
            placed.steered = entry["count"]

    def place(self, actor: str, placed: list[Placed], now_ms: float) -> list[Instruction]:
        """Put new deliveries on an actor; one without a status gets them with everything else later."""
        registered = self.registry[actor]
        missing = {one.spec.route_id for one in placed} - registered.routes
        batch = self.placements.place(actor, placed, [self.routes[route_id] for route_id in sorted(missing)])
        for one in placed:
            whose = "the fleet's" if one.of_fleet else "requested"
            self._log.note(
                one.spec.delivery_id,
                StoryKind.PLACED,
                f"{whose} delivery {one.number}, on {actor} in batch {batch.number}, departs at {one.spec.depart_ms}",
                now_ms,
            )
        if registered.status is None:
            return []
        fleet = min((one.number for one in placed if one.of_fleet), default=self._fleet.count)
        requested = min((one.number for one in placed if not one.of_fleet), default=self._requested.count)
        registered.unsettled.append((batch.number, Coverage(-1, fleet, requested)))
        registered.routes |= missing
        return [SendBatch(actor, batch)]

    def report(self, status: DriverStatus, now_ms: float) -> list[Instruction]:
        """Take note of an actor's status; an actor that is new to this dispatcher is sent everything."""
        registered = self.registry[status.name]
        is_new, reason = registered.is_new(status), "its first status reached this dispatcher"
        if is_new:
            if registered.status is not None:
                reason = f"its process {registered.status.pid} died"
                logger.warning(
                    "%s died and is back as process %d; %d deliveries are sent again",
                    status.name,
                    status.pid,
                    self.placements.loads[status.name],
                )
                if registered.status.checkpoint is not None:
                    self.placements.note_checkpoint(status.name, registered.status.checkpoint)
            registered.begin_incarnation(status.incarnation)
        finished = self.placements.finish(registered.take(status))
        instructions: list[Instruction] = [Record(*change) for change in self._finish(status.name, finished, now_ms)]
        if is_new:
            instructions += self._send_everything(status, reason, now_ms)
        return instructions

    def _send_everything(self, status: DriverStatus, reason: str, now_ms: float) -> list[Instruction]:
        actor = status.name
        registered, lifecycle = self.registry[actor], self._lifecycle
        if lifecycle.clock is None:
            return []
        batch = self.placements.resend(actor, self.routes)
        registered.routes = {route.id for route in batch.routes}
        registered.unsettled.append((batch.number, Coverage()))
        for spec in batch.specs:
            first = batch.resume_seq.get(spec.delivery_id, 0)
            self._log.note(
                spec.delivery_id,
                StoryKind.RESENT,
                f"sent to {actor}, process {status.pid}, from position {first} on: {reason}",
                now_ms,
            )
        return [SendBatch(actor, batch), SendClock(actor, lifecycle.clock, lifecycle.end_ms)]

    def _finish(self, actor: str, finished: list[tuple[Placed, int]], now_ms: float) -> list[Change]:
        """Return what finished deliveries of an actor change in the journal."""
        if not finished:
            return []
        registered = self.registry[actor]
        registered.within = registered.within.plus(sum(positions for _, positions in finished))
        for placed, positions in finished:
            delivery_id = placed.spec.delivery_id
            self._log.note(
                delivery_id, StoryKind.FINISHED, f"{actor} reports {positions} positions, all acknowledged", now_ms
            )
            self._log.end(delivery_id)
        changes = self._fleet.finish(placed.number for placed, _ in finished if placed.of_fleet)
        changes += [self._requested.finish(placed) for placed, _ in finished if not placed.of_fleet]
        changes += [(_steered_key(placed.spec.delivery_id), None) for placed, _ in finished if placed.steered]
        return [*changes, *self.registry.changes([actor])]

    def steer(self, delivery_ids: Iterable[str], action: ControlAction, now_ms: float) -> list[Instruction]:
        """Pause, resume or cancel deliveries from a short time after now on.

        So the steering is at its actor before positions past that instant are made.
        """
        return self._steer(delivery_ids, action, self._lifecycle.virtual_ms(now_ms + STEERING_LEAD_MS), now_ms)

    def leave(self, leaving: Callable[[DeliverySpec], bool], at_ms: int, now_ms: float) -> list[Instruction]:
        """Have drivers of the fleet leave the road at a virtual instant; those already leaving are left out."""
        fleet = [placed for placed in self.placements.on_the_road if placed.of_fleet and leaving(placed.spec)]
        leaving_already = {
            placed.spec.delivery_id
            for placed in fleet
            for steering in placed.steerings
            if steering.action is ControlAction.FLEET
        }
        return self._steer(
            [placed.spec.delivery_id for placed in fleet if placed.spec.delivery_id not in leaving_already],
            ControlAction.FLEET,
            at_ms,
            now_ms,
        )

    def _steer(
        self, delivery_ids: Iterable[str], action: ControlAction, at_ms: int, now_ms: float
    ) -> list[Instruction]:
        records: list[Instruction] = []
        orders: dict[str, list[Steering]] = {}
        for delivery_id in delivery_ids:
            steering, placed = self.placements.steer(delivery_id, action, at_ms), self.placements.get(delivery_id)
            if steering is not None and placed is not None:
                records.append(Record(*_steered_change(placed)))
                orders.setdefault(placed.actor, []).append(steering)
                self._log.note(
                    delivery_id,
                    StoryKind.STEERED,
                    f"{_ASKED[action]}; steering {steering.number}, to hold from {at_ms} on",
                    now_ms,
                )
            elif delivery_id in self._log:
                self._log.note(
                    delivery_id, StoryKind.IGNORED, f"{_ASKED[action]}; the delivery is not on the road", now_ms
                )
        return [
            *records,
            *(
                self._order(actor, steerings)
                for actor, steerings in orders.items()
                if self.registry[actor].status is not None
            ),
        ]

    def _order(self, actor: str, steerings: list[Steering]) -> Instruction:
        return (
            SendSteering(actor, steerings[0])
            if len(steerings) == 1
            else SendBatch(actor, self.placements.order(steerings))
        )

    def correct(self, steering: Steering, at_ms: int | None, now_ms: float) -> list[Instruction]:
        """Take an actor's answer to a steering: from when it holds, or None if it changed nothing."""
        placed = self.placements.get(steering.delivery_id)
        if placed is not None:
            held = "changed nothing" if at_ms is None else f"holds from {at_ms} on"
            self._log.note(
                steering.delivery_id, StoryKind.CONFIRMED, f"{placed.actor}: steering {steering.number} {held}", now_ms
            )
        return (
            [Record(*_steered_change(placed))]
            if placed is not None and self.placements.correct(steering, at_ms)
            else []
        )

    def send_clock(self) -> list[Instruction]:
        """Send every actor with a status the run's clock."""
        clock, end_ms = self._lifecycle.clock, self._lifecycle.end_ms
        assert clock is not None
        return [
            SendClock(name, clock, end_ms)
            for name, registered in self.registry.items()
            if registered.status is not None
        ]

    def checkpoints(self) -> list[Instruction]:
        """Record what need not be sent again."""
        for _, registered in self.registry.items():
            registered.cover(self._fleet.count, self._requested.count)
        return [Record(*change) for change in self.registry.changes(self._plan.actors)]


_ASKED = {
    ControlAction.PAUSE: "pause requested",
    ControlAction.RESUME: "resume requested",
    ControlAction.CANCEL: "cancel requested",
    ControlAction.FLEET: "the fleet shrinks and the driver leaves the road",
}


def _covers(coverage: Coverage, placed: Placed) -> bool:
    return placed.number < (coverage.fleet if placed.of_fleet else coverage.requested)


def _steered_key(delivery_id: str) -> str:
    return f"steered/{delivery_id}"


def _steered_change(placed: Placed) -> Change:
    steerings = [[one.number, one.action, one.at_ms] for one in placed.steerings]
    return _steered_key(placed.spec.delivery_id), {"count": placed.steered, "steerings": steerings}

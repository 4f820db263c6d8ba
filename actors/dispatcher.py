"""The dispatcher decides: which delivery starts where, what is sent again, what the world is told. Others do it.

Facts and requests go in with the time, instructions come out (`actors.instructions`); nothing here looks at a clock, a socket or Ray. A delivery's life:

    requested or drawn from the fleet -> placed on an actor -> on the road -> finished (its last record is acknowledged)

A driver actor that shows a new incarnation has forgotten everything: its deliveries are sent again, each from the first sample not known to be acknowledged.
Positions are a function of spec and sample number, so what is sent twice is the same bytes. A dispatcher that starts over replays its journal first, and sends
everything to every actor, which knows what it has already.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterable, Iterator
from functools import partial

from actors.announcements import RunReporter, rejection
from actors.assignment import DriverStatus, Steering
from actors.book import Book, Placed
from actors.course import Course
from actors.desk import Desk, Waiting
from actors.fleet_feed import FleetFeed
from actors.hosts import Coverage, Hosts, checkpoint_of
from actors.instructions import Instruction, Publish, Record, SendBatch, SendClock, SendSteering
from actors.journal import Change, Table
from actors.placement import least_loaded
from actors.plan import RunPlan
from engine.delivery import DeliverySpec, make_spec
from engine.messages import ControlAction, ControlRun, RunState, StartDelivery
from engine.route import Route
from engine.traces import Trace

logger = logging.getLogger(__name__)

START_LEAD_MS = 100.0
START_LEAD_PER_DRIVER_MS = 0.5
"""The run's clock starts this much after the first deliveries are handed out: actors build a plan for each before they can tick, and shall not begin late."""

STEERING_LEAD_MS = 150.0
"""A delivery is steered this much later, so that the order is at its actor before positions past that instant are made."""

FLEET_HORIZON_MS = 5_000.0
"""Deliveries of the fleet are handed out this long (wall time) before they depart."""

FLEET_STEP = 5_000
"""At most so many deliveries of the fleet are handed out in one step, so that requests are served meanwhile."""

BATCHES_PER_MS = 1_000
"""Batches are numbered by time, so that a dispatcher that starts over is above its predecessor; none makes more of them in a millisecond."""

ROUTE_PATIENCE_MS = 2_000.0
"""A request for an unknown route waits this long for the route, which may be on its way on another topic."""

MAX_DEPART_AHEAD_MS = 7 * 86_400_000

REPORT_PERIOD_MS = 1_000.0
CHECKPOINT_PERIOD_MS = 5_000.0


class Dispatcher:
    """Decides for one run.

    Parameters
    ----------
    routes : those that the run's fleet drives; others come by `define_route`.
    fleet : given the run's first virtual instant (epoch ms), the fleet's deliveries in order of departure; may be endless.
    now_ms : wall clock, epoch ms, when this dispatcher was made.
    """

    def __init__(self, plan: RunPlan, routes: Iterable[Route], fleet: Callable[[int], Iterator[DeliverySpec]], now_ms: float) -> None:
        self.plan = plan
        self.hosts = Hosts(plan.actors)
        self._routes = {route.id: route for route in routes}
        self._book = Book(plan.actors, first_batch=int(now_ms) * BATCHES_PER_MS)
        self._course = Course(plan, now_ms)
        self._fleet = FleetFeed(plan, fleet)
        self._desk = Desk()
        self._reporter = RunReporter(plan, self._course, self.hosts)
        self._checkpointed_ms = -math.inf

    @property
    def deliveries(self) -> int:
        """How many deliveries were started."""
        return self._book.ever

    @property
    def has_begun(self) -> bool:
        """Whether the run's clock has started, under this dispatcher or one before it."""
        return self._course.clock is not None

    @property
    def is_exhausted(self) -> bool:
        """Whether the fleet has no more deliveries, none is on the road, and no request waits."""
        return self.has_begun and self._fleet.is_exhausted and not len(self._book) and not self._desk.waiting

    @property
    def is_over(self) -> bool:
        """Whether every actor has come to the run's end, or the run was being ended when an earlier dispatcher died."""
        return self._course.is_ending or (self._course.end_ms is not None and self.hosts.are_past(self._course.end_ms))

    @property
    def can_end(self) -> bool:
        """Whether every actor with deliveries has been heard of, so that it can say how far they came."""
        return all(host.status is not None or not self._book.loads[name] for name, host in self.hosts.items())

    # Requests and facts

    def replay(self, table: Table) -> None:
        """Take over what an earlier dispatcher of this run decided. Called once, before anything else."""
        self._course.replay(table)
        if self._course.start_ms is not None:
            self._fleet.begin(self._course.start_ms)
            for placed in self._fleet.replay(table):
                self._put_back(placed.spec.delivery_id, None if self._fleet.has_finished(placed.number) else placed, table)
            if self._course.state == RunState.CANCELLED:
                self._fleet.stop()
        for delivery_id, requested in self._desk.replay(table):
            self._put_back(delivery_id, requested, table)
        self.hosts.replay(table)
        for name, host in self.hosts.items():
            self._book.resume_from(name, checkpoint_of(host.coverage), partial(_covers, host.coverage))
            host.resumed = sum(placed.resume_seq for placed in self._book.on_the_road if placed.actor == name)

    def _put_back(self, delivery_id: str, placed: Placed | None, table: Table) -> None:
        if placed is None:
            self._book.remember(delivery_id)
            return
        self._book.put_back(placed)
        entry = table.get(_steered_key(delivery_id))
        if entry is not None:
            placed.steerings = [Steering(delivery_id, ControlAction(action), at_ms, number) for number, action, at_ms in entry["steerings"]]
            placed.steered = entry["count"]

    def define_route(self, route: Route) -> None:
        """Note a route that deliveries may be requested on."""
        if not isinstance(self._routes.get(route.id), Trace):  # what comes back from the topic has lost the recording's times
            self._routes[route.id] = route

    def forget_route(self, route_id: str) -> None:
        """Note that a route is gone; deliveries on the road go on."""
        if not any(placed.spec.route_id == route_id for placed in self._book.on_the_road):
            self._routes.pop(route_id, None)

    def start(self, request: StartDelivery, delivery_id: str, now_ms: float) -> list[Instruction]:
        """Decide on a requested delivery; a known `delivery_id` starts nothing."""
        if delivery_id in self._book or delivery_id in self._desk.waiting:
            return []
        if self._course.clock is None or request.route_id not in self._routes:
            return [Record(*self._desk.wait(Waiting(request, delivery_id, now_ms + ROUTE_PATIENCE_MS)))]
        return self._decide(request, delivery_id, now_ms)

    def _decide(self, request: StartDelivery, delivery_id: str, now_ms: float) -> list[Instruction]:
        """Place or reject a request whose route is known, in a run that has begun."""
        if self._course.state == RunState.CANCELLED:
            return self._reject(request, delivery_id, f"run {self.plan.run_id} is cancelled", now_ms)
        virtual_ms = self._course.virtual_ms(now_ms)
        if (request.depart_at or 0) > virtual_ms + MAX_DEPART_AHEAD_MS:
            return self._reject(request, delivery_id, f"departAt {request.depart_at} is more than 7 days after {virtual_ms}", now_ms)
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
        placed, change = self._desk.place(spec, least_loaded(self._book.loads))
        return [Record(*change), *self._place(placed.actor, [placed])]

    def control(self, request: ControlRun, now_ms: float) -> list[Instruction]:
        """Decide on a request to pause, resume, cancel or scale; one for another run or for a delivery not on the road changes nothing."""
        if request.run_id != self.plan.run_id or self._course.clock is None or self._course.state == RunState.CANCELLED:
            return []
        action = ControlAction(request.action)
        if request.delivery_id is not None:
            return self._steer([request.delivery_id], action, now_ms)
        if action is ControlAction.CANCEL:
            return self._cancel_run(now_ms)
        self._course.control(action, request.time_scale, now_ms)
        return [Record(*self._course.change()), *self._send_clock(), self._run_event(now_ms)]

    def steered(self, steering: Steering, at_ms: int | None) -> list[Instruction]:
        """Note from when a steering really holds, as its actor said; None if it changed nothing."""
        if not self._book.correct(steering, at_ms):
            return []
        return [Record(*self._steered_change(steering.delivery_id))]

    def report(self, status: DriverStatus) -> list[Instruction]:
        """Take note of an actor's status; one that this dispatcher has not heard of is told everything."""
        host = self.hosts[status.name]
        is_new = host.is_new(status)
        if is_new:
            if host.status is not None:
                logger.warning("%s died and is back as process %d; %d deliveries are sent again", status.name, status.pid, self._book.loads[status.name])
                if host.status.checkpoint is not None:
                    self._book.note_checkpoint(status.name, host.status.checkpoint)
            host.begin_incarnation(status.incarnation)
        finished = self._book.finish(host.take(status))
        instructions: list[Instruction] = [Record(*change) for change in self._finish(status.name, finished)]
        return [*instructions, *self._send_everything(status.name)] if is_new else instructions

    def _send_everything(self, actor: str) -> list[Instruction]:
        host, course = self.hosts[actor], self._course
        if course.clock is None:
            return []
        batch = self._book.resend(actor, self._routes)
        host.routes = {route.id for route in batch.routes}
        host.unsettled.append((batch.number, Coverage()))
        return [SendBatch(actor, batch), SendClock(actor, course.clock, course.end_ms)]

    def _finish(self, actor: str, finished: list[tuple[Placed, int]]) -> list[Change]:
        """Return what finished deliveries of an actor change in the journal."""
        if not finished:
            return []
        host = self.hosts[actor]
        host.within = host.within.plus(sum(positions for _, positions in finished))
        changes = self._fleet.finish(placed.number for placed, _ in finished if placed.of_fleet)
        changes += [self._desk.finish(placed) for placed, _ in finished if not placed.of_fleet]
        changes += [(_steered_key(placed.spec.delivery_id), None) for placed, _ in finished if placed.steered]
        return [*changes, *self.hosts.changes([actor])]

    # Time

    def pass_time(self, now_ms: float) -> list[Instruction]:
        """Decide what is due by now. Called every few ten milliseconds."""
        if self._course.is_ending:
            return []
        instructions: list[Instruction] = []
        if self._course.clock is None:
            if not self.hosts.have_all_reported:
                return []
            begin_ms = math.ceil(now_ms + START_LEAD_MS + START_LEAD_PER_DRIVER_MS * self.plan.drivers)
            instructions += [Record(*change) for change in self._course.begin(begin_ms)]
            self._fleet.begin(self._course.start_ms or 0)
            # Deliveries first, then the clock: an actor that ticks has everything that is due.
            instructions += [*self._hand_out_fleet(now_ms), *self._send_clock()]
        instructions += self._hand_out_fleet(now_ms)
        instructions += self._retry_waiting(now_ms)
        if now_ms - self._checkpointed_ms >= CHECKPOINT_PERIOD_MS:
            self._checkpointed_ms = now_ms
            instructions += self._checkpoints()
        if now_ms - self._reporter.reported_ms >= REPORT_PERIOD_MS:
            instructions.append(self._run_event(now_ms))
        return instructions

    def finish(self, statuses: Iterable[DriverStatus], now_ms: float) -> list[Instruction]:
        """End the run with its actors' last statuses. One that cannot end yet is left as it is, to be gone on with."""
        ends = self.can_end
        instructions = [instruction for status in statuses if not self.hosts[status.name].is_new(status) for instruction in self.report(status)]
        if self._course.clock is None:
            return instructions
        if ends:
            self._course.end()
        return [*instructions, self._run_event(now_ms)]

    # How

    def _hand_out_fleet(self, now_ms: float) -> list[Instruction]:
        if self._course.clock is None or self._fleet.is_exhausted:
            return []
        due: dict[str, list[Placed]] = {}
        for placed in self._fleet.take(self._course.clock.virtual(now_ms + FLEET_HORIZON_MS), FLEET_STEP):
            due.setdefault(placed.actor, []).append(placed)
        if not due:
            return []
        return [Record(*self._fleet.change()), *(instruction for actor, placed in due.items() for instruction in self._place(actor, placed))]

    def _place(self, actor: str, placed: list[Placed]) -> list[Instruction]:
        """Put deliveries on an actor; one that has not been heard of gets them with everything else when it is."""
        host = self.hosts[actor]
        missing = {one.spec.route_id for one in placed} - host.routes
        batch = self._book.place(actor, placed, [self._routes[route_id] for route_id in sorted(missing)])
        if host.status is None:
            return []
        fleet = min((one.number for one in placed if one.of_fleet), default=self._fleet.count)
        requested = min((one.number for one in placed if not one.of_fleet), default=self._desk.count)
        host.unsettled.append((batch.number, Coverage(-1, fleet, requested)))
        host.routes |= missing
        return [SendBatch(actor, batch)]

    def _retry_waiting(self, now_ms: float) -> list[Instruction]:
        if self._course.clock is None:
            return []
        instructions: list[Instruction] = []
        for waiting in list(self._desk.waiting.values()):
            if waiting.request.route_id in self._routes:
                instructions += self._decide(waiting.request, waiting.delivery_id, now_ms)
            elif now_ms >= waiting.until_ms:
                instructions += self._reject(waiting.request, waiting.delivery_id, f'route "{waiting.request.route_id}" is unknown', now_ms)
        return instructions

    def _reject(self, request: StartDelivery, delivery_id: str, reason: str, now_ms: float) -> list[Instruction]:
        event = rejection(self.plan.run_id, request, delivery_id, reason, self._course.virtual_ms(now_ms))
        return [Publish(event), *(Record(*change) for change in self._desk.refuse(delivery_id))]

    def _steer(self, delivery_ids: Iterable[str], action: ControlAction, now_ms: float) -> list[Instruction]:
        instructions: list[Instruction] = []
        at_ms = self._course.virtual_ms(now_ms + STEERING_LEAD_MS)
        for delivery_id in delivery_ids:
            steering, placed = self._book.steer(delivery_id, action, at_ms), self._book.get(delivery_id)
            if steering is not None and placed is not None:
                instructions.append(Record(*self._steered_change(delivery_id)))
                if self.hosts[placed.actor].status is not None:
                    instructions.append(SendSteering(placed.actor, steering))
        return instructions

    def _steered_change(self, delivery_id: str) -> Change:
        placed = self._book.get(delivery_id)
        assert placed is not None
        steerings = [[one.number, one.action, one.at_ms] for one in placed.steerings]
        return _steered_key(delivery_id), {"count": placed.steered, "steerings": steerings}

    def _cancel_run(self, now_ms: float) -> list[Instruction]:
        instructions = self._steer([placed.spec.delivery_id for placed in self._book.on_the_road], ControlAction.CANCEL, now_ms)
        self._fleet.stop()
        self._course.state = RunState.CANCELLED
        return [Record(*self._course.change()), *instructions, self._run_event(now_ms)]

    def _send_clock(self) -> list[Instruction]:
        clock, end_ms = self._course.clock, self._course.end_ms
        assert clock is not None
        return [SendClock(name, clock, end_ms) for name, host in self.hosts.items() if host.status is not None]

    def _checkpoints(self) -> list[Instruction]:
        for _, host in self.hosts.items():
            host.cover(self._fleet.count, self._desk.count)
        return [Record(*change) for change in self.hosts.changes(self.plan.actors)]

    def _run_event(self, now_ms: float) -> Instruction:
        return Publish(self._reporter.run_event(len(self._book), now_ms))


def _covers(coverage: Coverage, placed: Placed) -> bool:
    return placed.number < (coverage.fleet if placed.of_fleet else coverage.requested)


def _steered_key(delivery_id: str) -> str:
    return f"steered/{delivery_id}"

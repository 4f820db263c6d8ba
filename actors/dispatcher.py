"""The dispatcher decides: which delivery starts where, what is sent again, what the world is told. Others do it.

Facts and requests go in with the time, instructions come out (`actors.instructions`); nothing here looks at a clock, a socket or Ray. A delivery's life:

    requested or drawn from the fleet -> placed on an actor -> on the road -> finished (its last record is acknowledged)

A driver actor that shows a new incarnation has forgotten everything: its deliveries are sent again, each from the first sample not known to be acknowledged.
Positions are a function of spec and sample number, so what is sent twice is the same bytes. A dispatcher that starts over replays its journal first.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from itertools import islice

from actors.assignment import Checkpoint, DriverStatus, Steering
from actors.book import Book
from actors.hosts import Hosts
from actors.instructions import Instruction, Publish, Record, SendBatch, SendClock, SendSteering
from actors.journal import Entry
from actors.placement import least_loaded
from actors.plan import RunPlan
from engine.clock import RunClock
from engine.delivery import DeliverySpec, make_spec
from engine.messages import ControlAction, ControlRun, DeliveryEvent, EventKind, RunEvent, RunState, StartDelivery
from engine.route import Route

logger = logging.getLogger(__name__)

START_LEAD_MS = 100.0
START_LEAD_PER_DRIVER_MS = 0.5
"""The run's clock starts this much after the first deliveries are handed out: actors build a plan for each before they can tick, and shall not begin late."""

STEERING_LEAD_MS = 150.0
"""A request to pause takes effect this much later, so that it is at its actor before positions past that instant are made."""

FLEET_HORIZON_MS = 5_000.0
"""Deliveries of the fleet are handed out this long (wall time) before they depart."""

FLEET_STEP = 5_000
"""At most so many deliveries of the fleet are handed out in one step, so that requests are served meanwhile."""

ROUTE_PATIENCE_MS = 2_000.0
"""A request for an unknown route waits this long for the route, which may be on its way on another topic."""

MAX_DEPART_AHEAD_MS = 7 * 86_400_000

REPORT_PERIOD_MS = 1_000.0
CHECKPOINT_PERIOD_MS = 5_000.0


@dataclass(frozen=True, slots=True)
class _Waiting:
    request: StartDelivery
    delivery_id: str
    until_ms: float


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
        self._make_fleet = fleet
        self._book = Book(plan.actors, first_batch=int(now_ms))
        self._clock: RunClock | None = None
        self._end_ms: int | None = None
        self._state = RunState.RUNNING
        #: The scale to go on at when a paused run is resumed.
        self._scale = plan.time_scale
        self._fleet: Iterator[DeliverySpec] = iter(())
        self._fleet_next: DeliverySpec | None = None
        self._fleet_count = 0
        self._driver_numbers: dict[str, int] = {}
        self._waiting: dict[str, _Waiting] = {}
        self._begun_ms = now_ms
        self._event_seq = -1
        self._reported_ms = self._checkpointed_ms = -math.inf

    @property
    def deliveries(self) -> int:
        """How many deliveries were started."""
        return self._book.ever

    @property
    def has_begun(self) -> bool:
        """Whether the run's clock has started, under this dispatcher or one before it."""
        return self._clock is not None

    @property
    def is_exhausted(self) -> bool:
        """Whether the fleet has no more deliveries, none is on the road, and no request waits."""
        return self._clock is not None and self._fleet_next is None and not len(self._book) and not self._waiting

    @property
    def is_over(self) -> bool:
        """Whether every actor has come to the run's end."""
        return self._end_ms is not None and self.hosts.are_past(self._end_ms)

    # Requests and facts

    def replay(self, entries: Iterable[Entry]) -> None:
        """Take over what an earlier dispatcher of this run decided. Called once, before anything else."""
        for entry in entries:
            self._replay(entry)

    def _replay(self, entry: Entry) -> None:
        match entry["kind"]:
            case "clock":
                clock = RunClock(*entry["clock"])
                if self._clock is None:
                    self._begin(clock)
                self._clock, self._scale, self._state = clock, entry["scale"], RunState(entry["state"])
                if self._state == RunState.CANCELLED:
                    self._fleet, self._fleet_next = iter(()), None
            case "fleet":
                for spec in self._take_fleet(entry["count"]):
                    self._book.place(self._actor_of(spec), [spec])
            case "placed":
                self._book.place(entry["actor"], [DeliverySpec(**entry["spec"])])
            case "steered":
                self._book.steer(Steering(entry["delivery_id"], ControlAction(entry["action"]), entry["at_ms"]))
            case "corrected":
                self._book.correct(Steering(entry["delivery_id"], ControlAction(entry["action"]), entry["at_ms"]), entry["really_ms"])
            case "finished":
                self._book.finish(entry["delivery_ids"])
            case "checkpoint":
                self._book.note_checkpoint(entry["actor"], Checkpoint(entry["until_ms"], self._book.last_batch))

    def define_route(self, route: Route) -> None:
        """Note a route that deliveries may be requested on."""
        self._routes[route.id] = route

    def forget_route(self, route_id: str) -> None:
        """Note that a route is gone; deliveries on the road go on."""
        if not any(placed.spec.route_id == route_id for placed in self._book.on_the_road):
            self._routes.pop(route_id, None)

    def start(self, request: StartDelivery, delivery_id: str, now_ms: float) -> list[Instruction]:
        """Decide on a requested delivery; a known `delivery_id` starts nothing."""
        if delivery_id in self._book or delivery_id in self._waiting:
            return []
        if self._clock is None or request.route_id not in self._routes:
            self._waiting[delivery_id] = _Waiting(request, delivery_id, now_ms + ROUTE_PATIENCE_MS)
            return []
        if self._state == RunState.CANCELLED:
            return self._reject(request, delivery_id, f"run {self.plan.run_id} is cancelled", now_ms)
        virtual_ms = math.ceil(self._clock.virtual(now_ms))
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
        actor = least_loaded(self._book.loads)
        return [Record({"kind": "placed", "actor": actor, "spec": asdict(spec)}), self._place(actor, [spec])]

    def control(self, request: ControlRun, now_ms: float) -> list[Instruction]:
        """Decide on a request to pause, resume, cancel or scale; one for another run or for a delivery not on the road changes nothing."""
        if request.run_id != self.plan.run_id or self._clock is None or self._state == RunState.CANCELLED:
            return []
        action = ControlAction(request.action)
        if request.delivery_id is not None:
            return self._steer([request.delivery_id], action, now_ms)
        match action:
            case ControlAction.SCALE:
                self._scale = request.time_scale or self._scale
            case ControlAction.PAUSE:
                self._state = RunState.PAUSED
            case ControlAction.RESUME:
                self._state = RunState.RUNNING
            case ControlAction.CANCEL:
                return self._cancel_run(now_ms)
        return self._change_clock(now_ms)

    def steered(self, steering: Steering, at_ms: int | None) -> list[Instruction]:
        """Note from when a steering really holds, as its actor said; None if it changed nothing."""
        if at_ms == steering.at_ms or not self._book.correct(steering, at_ms):
            return []
        return [Record({"kind": "corrected", **asdict(steering), "really_ms": at_ms})]

    def report(self, status: DriverStatus) -> list[Instruction]:
        """Take note of an actor's status; one that has forgotten everything is told everything again."""
        host = self.hosts[status.name]
        instructions: list[Instruction] = []
        if host.is_reborn(status):
            if host.status is not None:
                logger.warning("%s died and is back as process %d; %d deliveries are sent again", status.name, status.pid, self._book.loads[status.name])
                if host.status.checkpoint is not None:
                    self._book.note_checkpoint(status.name, host.status.checkpoint)
            host.begin_incarnation()
            if self._clock is not None:
                batch = self._book.resend(status.name, self._routes)
                host.batch, host.routes = batch.number, {route.id for route in batch.routes}
                instructions = [SendBatch(status.name, batch), SendClock(status.name, self._clock, self._end_ms)]
        finished = self._book.finish(host.take(status))
        return [*instructions, *([Record({"kind": "finished", "delivery_ids": finished})] if finished else [])]

    # Time

    def pass_time(self, now_ms: float) -> list[Instruction]:
        """Decide what is due by now. Called every few ten milliseconds."""
        instructions: list[Instruction] = []
        if self._clock is None:
            if not self.hosts.have_all_reported:
                return []
            begin_ms = math.ceil(now_ms + START_LEAD_MS + START_LEAD_PER_DRIVER_MS * self.plan.drivers)
            self._begin(RunClock(begin_ms if self.plan.start_ms is None else self.plan.start_ms, begin_ms, self._scale))
            # Deliveries first, then the clock: an actor that ticks has everything that is due.
            instructions = [self._clock_record(), *self._hand_out_fleet(now_ms), *self._send_clock()]
        instructions += self._hand_out_fleet(now_ms)
        instructions += self._retry_waiting(now_ms)
        if now_ms - self._checkpointed_ms >= CHECKPOINT_PERIOD_MS:
            self._checkpointed_ms = now_ms
            instructions += self._checkpoints()
        if now_ms - self._reported_ms >= REPORT_PERIOD_MS:
            instructions.append(self._run_event(now_ms))
        return instructions

    def finish(self, statuses: Iterable[DriverStatus], now_ms: float) -> list[Instruction]:
        """End the run with its actors' last statuses."""
        instructions = [instruction for status in statuses if not self.hosts[status.name].is_reborn(status) for instruction in self.report(status)]
        if self._clock is None:
            return instructions
        if self._state != RunState.CANCELLED:
            self._state = RunState.FINISHED
        return [*instructions, self._run_event(now_ms)]

    # How

    def _begin(self, clock: RunClock) -> None:
        self._clock, self._begun_ms = clock, clock.wall_ms
        start_ms = math.floor(clock.virtual_ms)
        self._end_ms = None if self.plan.duration_ms is None else start_ms + self.plan.duration_ms
        self._fleet = self._make_fleet(start_ms)
        self._fleet_next = next(self._fleet, None)

    def _take_fleet(self, count: int) -> list[DeliverySpec]:
        taken = [] if self._fleet_next is None else [self._fleet_next, *islice(self._fleet, count - 1)]
        self._fleet_next = next(self._fleet, None)
        return taken

    def _hand_out_fleet(self, now_ms: float) -> list[Instruction]:
        if self._clock is None or self._state == RunState.CANCELLED:
            return []
        until_ms = self._clock.virtual(now_ms + FLEET_HORIZON_MS)
        due: dict[str, list[DeliverySpec]] = {}
        count = 0
        while self._fleet_next is not None and self._fleet_next.depart_ms <= until_ms and count < FLEET_STEP:
            for spec in self._take_fleet(1):
                due.setdefault(self._actor_of(spec), []).append(spec)
                count += 1
        if not count:
            return []
        return [Record({"kind": "fleet", "count": count}), *(self._place(actor, specs) for actor, specs in due.items())]

    def _actor_of(self, spec: DeliverySpec) -> str:
        """Return the actor of a driver of the fleet, drivers being numbered in the order in which they first depart."""
        number = self._driver_numbers.setdefault(spec.driver_id, len(self._driver_numbers))
        return self.plan.actors[self.plan.placement.actor_of(number)]

    def _place(self, actor: str, specs: list[DeliverySpec]) -> Instruction:
        host = self.hosts[actor]
        missing = {spec.route_id for spec in specs} - host.routes
        batch = self._book.place(actor, specs, [self._routes[route_id] for route_id in sorted(missing)])
        host.batch = batch.number
        host.routes |= missing
        return SendBatch(actor, batch)

    def _retry_waiting(self, now_ms: float) -> list[Instruction]:
        if self._clock is None:
            return []
        instructions: list[Instruction] = []
        for waiting in list(self._waiting.values()):
            if waiting.request.route_id in self._routes:
                del self._waiting[waiting.delivery_id]
                instructions += self.start(waiting.request, waiting.delivery_id, now_ms)
            elif now_ms >= waiting.until_ms:
                del self._waiting[waiting.delivery_id]
                instructions += self._reject(waiting.request, waiting.delivery_id, f'route "{waiting.request.route_id}" is unknown', now_ms)
        return instructions

    def _reject(self, request: StartDelivery, delivery_id: str, reason: str, now_ms: float) -> list[Instruction]:
        event = DeliveryEvent(
            delivery_id=delivery_id,
            run_id=self.plan.run_id,
            route_id=request.route_id,
            client_id=request.client_id,
            driver_id=request.driver_id or delivery_id,
            vehicle=request.vehicle or "car",
            kind=EventKind.REJECTED,
            event_time=self._virtual_ms(now_ms),
            positions=0,
            reason=reason,
        )
        return [Publish(event)]

    def _steer(self, delivery_ids: Iterable[str], action: ControlAction, now_ms: float) -> list[Instruction]:
        instructions: list[Instruction] = []
        at_ms = self._virtual_ms(now_ms + STEERING_LEAD_MS)
        for delivery_id in delivery_ids:
            steering = Steering(delivery_id, action, at_ms)
            actor = self._book.steer(steering)
            if actor is not None:
                instructions += [Record({"kind": "steered", **asdict(steering)}), SendSteering(actor, steering)]
        return instructions

    def _cancel_run(self, now_ms: float) -> list[Instruction]:
        instructions = self._steer([placed.spec.delivery_id for placed in self._book.on_the_road], ControlAction.CANCEL, now_ms)
        self._fleet, self._fleet_next = iter(()), None
        self._state = RunState.CANCELLED
        return [self._clock_record(), *instructions, self._run_event(now_ms)]

    def _change_clock(self, now_ms: float) -> list[Instruction]:
        assert self._clock is not None
        scale = 0.0 if self._state == RunState.PAUSED else self._scale
        self._clock = self._clock.rescaled(max(now_ms + STEERING_LEAD_MS, self._clock.wall_ms), scale)
        return [self._clock_record(), *self._send_clock(), self._run_event(now_ms)]

    def _clock_record(self) -> Instruction:
        assert self._clock is not None
        clock = [self._clock.virtual_ms, self._clock.wall_ms, self._clock.scale]
        return Record({"kind": "clock", "clock": clock, "scale": self._scale, "state": self._state})

    def _send_clock(self) -> list[Instruction]:
        assert self._clock is not None
        return [SendClock(name, self._clock, self._end_ms) for name in self.plan.actors]

    def _checkpoints(self) -> list[Instruction]:
        found = [(name, host.full_checkpoint) for name, host in self.hosts.items()]
        return [Record({"kind": "checkpoint", "actor": name, "until_ms": checkpoint.until_ms}) for name, checkpoint in found if checkpoint is not None]

    def _virtual_ms(self, now_ms: float) -> int:
        return math.ceil(now_ms if self._clock is None else self._clock.virtual(now_ms))

    def _run_event(self, now_ms: float) -> Instruction:
        assert self._clock is not None
        self._reported_ms = now_ms
        # Numbered by time, so that a dispatcher that starts over goes on above its predecessor without a journal entry an event.
        self._event_seq = max(self._event_seq + 1, math.floor(now_ms - self._begun_ms))
        totals = self.hosts.totals
        event = RunEvent(
            run_id=self.plan.run_id,
            state=self._state,
            seq=self._event_seq,
            event_time=self._virtual_ms(now_ms),
            scenario=self.plan.scenario,
            seed=self.plan.seed,
            sample_period_ms=self.plan.period_ms,
            clock=[self._clock.virtual_ms, self._clock.wall_ms, self._clock.scale],
            drivers=self.plan.drivers,
            active=len(self._book),
            actors=self.hosts.heard_of,
            produced=totals.produced,
            acked=totals.acked,
            failed=totals.failed,
            lateness_p99_ms=self.hosts.lateness_since_last_report().percentile(99),
        )
        return Publish(event)

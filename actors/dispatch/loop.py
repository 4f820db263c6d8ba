"""The dispatch loop: it carries out what the dispatcher decides, and decides nothing itself.

It joins requests, crew, journal and facts.

The order of one step is what makes a crash harmless:

1. read requests and statuses, and let the dispatcher decide;
2. publish dead letters and rejections, and wait until they have arrived;
3. journal the decisions, with the requests that they answer, in one;
4. act on them: crew and facts;
5. commit the requests' offsets.

Dying between two of these repeats work: a request is read again and starts nothing twice, a batch is sent again and is
known. The journal says which requests have been decided; the committed offsets are for monitoring, and for the next
run.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from actors.dispatch.dispatcher import Dispatcher
from actors.dispatch.facts import Facts
from actors.dispatch.instructions import Instruction, Publish, Record, SendBatch, SendClock, SendSteering, joined
from actors.dispatch.journal import Change, Journal, Table
from actors.dispatch.requests import Offsets, Received, RouteGone
from actors.dispatch.run_lifecycle import ENDED
from actors.driving.assignment import Batch, DriverStatus, Steering
from engine.messages import ControlRun, DeadLetter, DeliveryEvent, DeliveryStory, RunEvent, StartDelivery
from engine.motion.clock import RunClock
from engine.roads.route import Route

logger = logging.getLogger(__name__)

MAX_UNTAKEN = 20_000
"""Most deliveries on their way to the actors before the fleet waits.

More of them would only fill memory, in the actors and in Ray.
"""

_REQUESTS = "requests"
_FLUSH_S = 1.0


class Crew(Protocol):
    """The driver actors; no call waits for them."""

    @property
    def untaken(self) -> int:
        """How many deliveries they have been given and not taken over yet."""

    def add(self, actor: str, batch: Batch) -> None:
        """Give an actor some deliveries."""

    def steer(self, actor: str, steering: Steering) -> None:
        """Have an actor pause, resume or cancel a delivery."""

    def set_clock(self, actor: str, clock: RunClock, end_ms: int | None) -> None:
        """Send an actor the run's clock."""

    def statuses(self, finished_seen: Mapping[str, int]) -> list[DriverStatus]:
        """Return the statuses that have come in since the last call. Called each step."""

    def steered(self) -> list[tuple[Steering, int | None]]:
        """Return the steerings done since the last call, each with the virtual instant from which it holds.

        The instant is None if the steering changed nothing.
        """

    def drain(self, actor: str) -> None:
        """Have an actor end: it stops its drivers, reports how far they came, and flushes.

        Its statuses say when it has ended. A second call changes nothing.
        """


class Requests(Protocol):
    """The way in of requests."""

    def open(self, decided: Offsets) -> list[Received]:
        """Return the routes that are there already; called once, first.

        `decided` are the first offsets still to be read, where the journal has them.
        """

    def offsets(self) -> Offsets:
        """Return the first offset not read yet, by topic and partition."""

    def poll(self, timeout_s: float) -> list[Received | DeadLetter]:
        """Return what has been asked for since the last call, waiting a while if there is nothing."""

    def commit(self) -> None:
        """Commit everything polled so far as handled."""


class DispatchLoop:
    """One run's dispatching, step by step.

    Parameters
    ----------
    now_ms : the wall clock, epoch ms.
    """

    def __init__(
        self,
        dispatcher: Dispatcher,
        requests: Requests,
        crew: Crew,
        journal: Journal,
        facts: Facts,
        now_ms: Callable[[], float],
    ) -> None:
        self._dispatcher, self._requests, self._crew, self._journal, self._facts, self._now_ms = (
            dispatcher,
            requests,
            crew,
            journal,
            facts,
            now_ms,
        )

        self._stopping = False
        self._is_ending = False
        self._drained: set[tuple[str, str]] = set()

    def open(self, table: Table) -> None:
        """Take over the routes on Kafka and an earlier dispatcher's decisions, as the journal gave them."""
        for received in self._requests.open(table.get(_REQUESTS, {})):
            self._decide(received)
        self._dispatcher.replay(table)

    def stop(self) -> None:
        """Have a step that waits for the broker give up. Any thread may call it."""
        self._stopping = True
        self._journal.close()

    def step(self, wait_s: float) -> None:
        """Do one round.

        It waits up to `wait_s` for requests, and as long as the broker needs to take what must be kept.
        """
        instructions: list[Instruction] = []
        found = self._requests.poll(wait_s)
        for received in found:
            if isinstance(received, DeadLetter):
                self._facts.publish_dead_letter(received)
            else:
                instructions += self._decide(received)
        instructions += self._collect_statuses()
        instructions += self._dispatcher.pass_time(self._now_ms(), MAX_UNTAKEN - self._crew.untaken)
        self._carry_out(
            instructions, must_arrive=any(isinstance(received, DeadLetter) for received in found), has_read=bool(found)
        )
        self._requests.commit()

    def _collect_statuses(self) -> list[Instruction]:
        """Take the statuses and answers of the actors since the last round."""
        instructions: list[Instruction] = []
        for status in self._crew.statuses(
            {name: registered.finished_seen for name, registered in self._dispatcher.registry.items()}
        ):
            instructions += self._dispatcher.report(status, self._now_ms())
        for steering, at_ms in self._crew.steered():
            instructions += self._dispatcher.steered(steering, at_ms, self._now_ms())
        return instructions

    def _decide(self, received: Received) -> list[Instruction]:
        match received.request:
            case StartDelivery() as request:
                delivery_id = (
                    request.delivery_id or f"{self._dispatcher.plan.run_id}-r{received.partition}-{received.offset}"
                )
                return self._dispatcher.start(request, delivery_id, self._now_ms())
            case ControlRun() as request:
                return self._dispatcher.control(request, self._now_ms())
            case Route() as route:
                self._dispatcher.define_route(route)
            case RouteGone(route_id):
                self._dispatcher.forget_route(route_id)
        return []

    def _carry_out(
        self, instructions: Sequence[Instruction], *, must_arrive: bool = False, has_read: bool = False
    ) -> None:
        """Carry out instructions, in the order that this module describes.

        Parameters
        ----------
        must_arrive : facts were published that must be safe before their requests count as decided.
        has_read : there were requests.
        """
        for instruction in instructions:
            if isinstance(instruction, Publish) and isinstance(instruction.message, DeliveryEvent):
                self._facts.publish(instruction.message)
                must_arrive = True
        while must_arrive and self._facts.flush(_FLUSH_S) and not self._stopping:
            logger.warning("the broker takes nothing; requests wait")
        changes = [
            (instruction.key, instruction.entry) for instruction in instructions if isinstance(instruction, Record)
        ]
        if changes:
            self._append([*changes, (_REQUESTS, self._requests.offsets())] if has_read else changes)
        for instruction in joined(instructions):
            self._act(instruction)

    def _append(self, changes: Sequence[Change]) -> None:
        if not self._stopping:
            self._journal.append(changes)

    def _act(self, instruction: Instruction) -> None:
        match instruction:
            case SendBatch(actor, batch):
                self._crew.add(actor, batch)
            case SendSteering(actor, steering):
                self._crew.steer(actor, steering)
            case SendClock(actor, clock, end_ms):
                self._crew.set_clock(actor, clock, end_ms)
            case Publish((RunEvent() | DeliveryStory()) as event):
                self._facts.publish(event)

    def end_step(self) -> bool:
        """Do one round of the run's end, and return whether it is over.

        It waits only for a broker that is to take what must be kept.

        1. Actors that are being restarted make again what was sent before; until then they would report too little of
           their deliveries.
        2. The journal notes that the run is ending, because nothing of it can continue once its deliveries have
           reported that they are suspended.
        3. Each actor is drained. One that dies meanwhile comes back, is sent everything, and is drained again.
        4. The run reports that it has ended, and the journal forgets it.
        """
        self._carry_out([*self._collect_statuses(), *self._dispatcher.report_run(self._now_ms())])
        if not self._is_ending and not self._dispatcher.can_end and self._dispatcher.has_begun:
            return False
        if not self._is_ending and self._dispatcher.has_begun:
            self._append([(ENDED, {"state": "ending"})])
        self._is_ending = True
        for name in self._dispatcher.can_drain:
            drained = (name, self._dispatcher.registry[name].incarnation)
            if drained not in self._drained:
                self._drained.add(drained)
                self._crew.drain(name)
        if self._dispatcher.unended:
            return False
        self._conclude()
        return True

    def _conclude(self) -> None:
        self._carry_out(self._dispatcher.finish(self._now_ms(), ends=True))
        while self._facts.flush(_FLUSH_S) and not self._stopping:
            logger.warning("the broker takes nothing; the end of the run waits")
        if self._dispatcher.has_begun and not self._stopping:
            self._journal.conclude(ENDED, {"state": "ended", "deliveries": self._dispatcher.deliveries})

    def abandon(self) -> None:
        """Log what is lost of a run whose end is given up, after `stop`.

        The journal keeps the run, so it can be started again to end it.
        """
        for name, registered in self._dispatcher.unended.items():
            if registered.status is None or not registered.has_caught_up:
                logger.error("%s did not come back; its deliveries have no final event", name)
            else:
                logger.error(
                    "%s did not end; %d records are not acknowledged and may be lost, and final events",
                    name,
                    registered.status.unacknowledged,
                )
        self._carry_out(self._dispatcher.finish(self._now_ms(), ends=False))
        self._facts.flush(_FLUSH_S)
        if self._dispatcher.has_begun:
            logger.error(
                "run %s stops before all of its actors have ended; start it again to end it",
                self._dispatcher.plan.run_id,
            )

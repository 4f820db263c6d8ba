"""A driver host: a batch of drivers, their tick, and what is known of their positions' arrival.

It joins a `FleetSimulation`, which computes, and a `Publisher`, which sends. It is a plain class that is given the
time, so that it is tested without Ray, sockets or waiting. One thread ticks; any other may add, steer and ask
meanwhile: the lock is held while positions are computed, never while they are sent.
"""

from __future__ import annotations

import math
import os
import threading
import uuid
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from actors.driving.adopted import Adopted
from actors.driving.assignment import Batch, Checkpoint, DriverStatus, Finished, Steering
from actors.driving.metering import Due, Metering, due_by
from actors.producing.publisher import Counts, Publisher
from engine.codec import EncodedRecords
from engine.delivery.simulation import FleetSimulation, Tick
from engine.latency.histogram import Histogram
from engine.latency.latencies import Latencies
from engine.messages import FINAL_KINDS, ControlAction, DeliveryEvent
from engine.motion.clock import RunClock

MAX_TICK_RECORDS = 20_000
"""Positions made under one hold of the lock.

A long catch-up is cut in pieces of this size, so that questions are answered meanwhile.
"""


@dataclass(frozen=True, slots=True)
class _Sent:
    """A tick on its way: its number at the publisher, and what is certain once that number is settled.

    `unsent` is by how many its samples are more than its records, because of injected faults; it may be negative.
    """

    number: int
    checkpoint: Checkpoint | None
    finished: tuple[Finished, ...]
    due: Due = field(default_factory=Due)
    unsent: int = 0


class DriverHost:
    """A batch of drivers and their tick.

    Parameters
    ----------
    name : of the actor, for its status.
    simulation, publisher : what computes and what sends.
    now_ms : the wall clock, epoch ms.
    max_tick_records : positions made under one hold of the lock.
    """

    def __init__(
        self,
        name: str,
        simulation: FleetSimulation,
        publisher: Publisher,
        now_ms: Callable[[], float],
        max_tick_records: int = MAX_TICK_RECORDS,
    ) -> None:
        self.name, self._max_tick_records = name, max_tick_records
        self._simulation, self._publisher, self._now_ms = simulation, publisher, now_ms
        self._end_ms: int | None = None
        self._lock = threading.Lock()
        self._incarnation = uuid.uuid4().hex
        self._metering = Metering(simulation.run_id, f"{name}:{self._incarnation[:8]}", publisher)
        self._clocks: list[RunClock] = []
        #: The last clock before the one in force, not counting those that stood still.
        self._before: RunClock | None = None
        self._until_ms: int | None = None
        self._batch = 0
        self._on_the_way: deque[_Sent] = deque()
        self._checkpoint: Checkpoint | None = None
        self._adopted = Adopted()
        self._finished: deque[Finished] = deque()
        self._finished_from = 0
        self._unsent = self._unsent_settled = 0
        self._lateness = Histogram()
        self._stopped = self._has_reported_last = self._has_ended = False

    def set_clock(self, clock: RunClock, end_ms: int | None = None) -> None:
        """Follow another clock from its wall instant on, and until then the one before.

        Nothing is sent that is due after `end_ms` (virtual epoch ms).
        """
        with self._lock:
            self._clocks = [*self._clocks[-1:], clock]
            self._end_ms = end_ms

    def add(self, batch: Batch) -> list[tuple[Steering, int | None]]:
        """Adopt some deliveries; known ones are left as they are.

        Return the batch's steerings, each with what `steer` returns.
        """
        with self._lock:
            self._simulation.define_routes(batch.routes)
            self._adopted.take_over(self._simulation.add(batch.specs, batch.resume_seq), batch.resume_seq)
            self._batch = max(self._batch, batch.number)
            return [(steering, self._adopted.answer(steering, self._steer)) for steering in batch.steerings]

    def steer(self, steering: Steering) -> int | None:
        """Pause, resume or cancel a delivery.

        Returns
        -------
        The virtual instant from which it holds: the one asked for, unless positions past it have been made already, for
        what is sent stays true. None if nothing changes. A steering that comes twice, by its number, is done once and
        answered twice.
        """
        with self._lock:
            return self._adopted.answer(steering, self._steer)

    def _steer(self, steering: Steering) -> int | None:
        match steering.action:
            case ControlAction.PAUSE:
                return self._simulation.pause(steering.delivery_id, steering.at_ms)
            case ControlAction.RESUME:
                return self._simulation.resume(steering.delivery_id, steering.at_ms)
            case ControlAction.CANCEL:
                return self._simulation.cancel(steering.delivery_id, steering.at_ms)
            case ControlAction.FLEET:
                return self._simulation.leave(steering.delivery_id, steering.at_ms)
            case _:
                return None

    def tick(self) -> None:
        """Send everything that is due by now. Called by one thread, every tick."""
        more = True
        while more and not self._stopped:
            now_ms = self._now_ms()
            with self._lock:
                clock = self._clock_at(now_ms)
                if clock is None:
                    return
                until_ms = math.floor(clock.virtual(now_ms))
                if self._end_ms is not None:
                    until_ms = min(until_ms, self._end_ms)
                if self._until_ms is not None and until_ms <= self._until_ms:
                    break
                with self._metering.computing():
                    tick = self._simulation.advance(until_ms, max_records=self._max_tick_records)
                more, batch = tick.more, self._batch
            self._send(tick, None if more else Checkpoint(until_ms, batch), clock)
            if more:  # a long catch-up reports while it lasts
                self._settle_and_report()
            else:  # after the sending: a run whose drivers are past its end is ended
                self._until_ms = until_ms
        self._settle_and_report()

    def _settle_and_report(self) -> None:
        self.settle()
        self._metering.report_in_time(self._now_ms(), self._simulation.active)

    @property
    def has_on_the_way(self) -> bool:
        """Whether something was sent and has not settled."""
        return bool(self._on_the_way)

    def settle(self) -> None:
        """Take the acknowledgements that have come.

        Called by the thread that ticks, between two ticks too: a position counts as acknowledged when this is called.
        """
        self._publisher.poll()
        self._note_settled()

    def _clock_at(self, now_ms: float) -> RunClock | None:
        while len(self._clocks) > 1 and now_ms >= self._clocks[1].wall_ms:
            gone = self._clocks.pop(0)
            self._before = gone if gone.scale else self._before
        return self._clocks[0] if self._clocks and now_ms >= self._clocks[0].wall_ms else None

    def _send(self, tick: Tick, checkpoint: Checkpoint | None, clock: RunClock) -> None:
        with self._metering.sending():
            number = self._publisher.publish(tick.records, tick.events)
        finals = [event for event in tick.events if event.kind in FINAL_KINDS]
        due, now_ms = due_by(clock, self._before, tick.due_ms), self._now_ms()
        self._metering.produced(due, now_ms)
        with self._lock:
            self._lateness.add((now_ms - due.wall_ms) * 1000.0, due.times)
            unsent = tick.taken - len(tick.seq)
            self._unsent += unsent
            self._on_the_way.append(_Sent(number, checkpoint, self._ended(finals), due, unsent))

    def _ended(self, finals: Iterable[DeliveryEvent]) -> tuple[Finished, ...]:
        ended = []
        for event in finals:
            self._adopted.end(event)
            ended.append((event.delivery_id, event.positions or 0))
        return tuple(ended)

    def _note_settled(self) -> None:
        now_ms, settled = self._now_ms(), self._publisher.settled
        with self._lock:
            while self._on_the_way and self._on_the_way[0].number <= settled:
                sent = self._on_the_way.popleft()
                self._checkpoint = sent.checkpoint or self._checkpoint
                self._unsent_settled += sent.unsent
                self._finished.extend(sent.finished)
                self._metering.acked(sent.due, now_ms)

    def _counts(self) -> Counts:
        """Return the counts of positions by identity.

        One that an injected fault left out counts as if it were sent, one that was sent twice counts once.
        """
        counts = self._publisher.counts
        return Counts(counts.produced + self._unsent, counts.acked + self._unsent_settled, counts.failed)

    def status(self, finished_seen: int = 0) -> DriverStatus:
        """Return the host's state.

        Parameters
        ----------
        finished_seen : how many finished deliveries the caller has taken; the host forgets those and returns the rest.
        """
        with self._lock:
            noted = [
                self._finished.popleft()[0]
                for _ in range(min(len(self._finished), finished_seen - self._finished_from))
            ]
            self._finished_from += len(noted)
            self._simulation.forget(noted)
            self._adopted.forget(noted)
            return DriverStatus(
                name=self.name,
                incarnation=self._incarnation,
                pid=os.getpid(),
                until_ms=self._until_ms,
                checkpoint=self._checkpoint,
                active=self._simulation.active,
                resumed=self._adopted.resumed,
                counts=self._counts(),
                lateness=Latencies.of(self._lateness),
                finished_from=self._finished_from,
                finished=tuple(self._finished),
                figures=self._publisher.figures,
                unacknowledged=self._publisher.unacknowledged,
                has_ended=self._has_ended,
            )

    def stop(self) -> None:
        """Stop ticking; a tick under way ends after its current piece."""
        self._stopped = True

    def suspend(self) -> None:
        """Report, after `stop` and the last tick, how many positions each delivery on the road has.

        What was measured of the run is reported too.

        Called by the thread that ticks, which then calls `flush`. A host that never reached the clock reports nothing
        of its deliveries: an incarnation before it may have sent more of them than it knows.
        """
        with self._lock:
            events = [] if self._until_ms is None else self._simulation.suspend()
        number = self._publisher.publish(EncodedRecords(), events)
        self._on_the_way.append(_Sent(number, None, self._ended(events)))
        self._metering.report(self._now_ms(), len(events))

    def flush(self, wait_s: float) -> bool:
        """Wait a while, after `suspend`, for acknowledgements; return whether everything has arrived.

        Called by the thread that ticks, until it has.

        What the last acknowledgements have shown is measured too; it is reported once they are there, and waited for as
        well.
        """
        left = self._publisher.flush(wait_s)
        self._note_settled()
        if not left and not self._has_reported_last:
            self._has_reported_last = True
            self._metering.report(self._now_ms(), 0)
            left = self._publisher.flush(wait_s)
        self._has_ended = not left
        return self._has_ended

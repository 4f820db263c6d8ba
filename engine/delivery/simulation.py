"""The simulation of a fleet's deliveries: what is due becomes records and events.

It is what a driver actor does, without its clock, its network and its journal.

Everything it sends follows from specs and histories alone. So deliveries may be spread over any number of simulations,
added again after a restart, and caught up in any number of steps: a position (delivery, seq) and an event (delivery,
seq) always have the same bytes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from engine.arrays import Ints
from engine.codec import BOUNDS, EncodedRecords, EncodedRows, KeyField, PositionEncoder, Positions
from engine.delivery.fault_stage import FaultStage, label_entry
from engine.delivery.faults import FaultKind, Label
from engine.delivery.faulty import damaged, observed
from engine.delivery.fleet import Fleet
from engine.delivery.running import RunningDelivery
from engine.delivery.schedule import SampleSchedule
from engine.delivery.spec import DeliverySpec
from engine.delivery.timeline import NEVER_MS, Occurrence, Trip, sample_count
from engine.errors import InvalidInput, InvalidInstant, InvalidRoute
from engine.messages import FINAL_KINDS, DeliveryEvent, EventKind
from engine.motion.columns import Columns
from engine.motion.planbook import PlanBook
from engine.roads.route import Route

MAX_RECORDS = 50_000
"""How many positions one `advance` makes at most, unless more are due in one millisecond."""

REMEMBERED = 100_000
"""How many ended deliveries are remembered at most; `forget` ends it earlier.

A late repetition of their specs starts nothing.
"""

MAX_DWELL_S = 30 * 86_400.0
"""Longest stay at all stops of a route together."""

MIN_ENDED = 256
"""Fewer ended deliveries than this stay in the arrays."""


@dataclass(frozen=True, slots=True)
class Tick:
    """What one `advance` made: n positions and some events, both ordered by seq within a delivery.

    Injected faults break the order of positions.

    Attributes
    ----------
    records : the positions as they go to Kafka.
    seq, due_ms : int64 (n,); when each is due to be sent, which is its event time, but later for what an injected fault
        held back.
    more : not everything up to the instant asked for was made; advance again.
    taken : samples that came about: as many as positions, but for injected faults, which leave some out, send some
        twice and hold some back.
    """

    records: EncodedRecords
    seq: Ints
    due_ms: Ints
    events: list[DeliveryEvent]
    more: bool = False
    taken: int = 0

    @property
    def values(self) -> list[bytes]:
        """Kafka values of the positions; made at each call."""
        return self.records.values()

    @property
    def keys(self) -> list[bytes]:
        """Kafka keys of the positions; made at each call."""
        return self.records.keys()


class FleetSimulation:
    """Deliveries in virtual time, which only ever advances. What chance decides is in their specs.

    Parameters
    ----------
    key : whose id is the Kafka key of a position.
    max_remembered, min_ended : ended deliveries that are remembered at most, and that stay in the arrays at least.
    """

    def __init__(
        self,
        run_id: str,
        *,
        key: KeyField = "delivery",
        max_remembered: int = REMEMBERED,
        min_ended: int = MIN_ENDED,
    ) -> None:
        self.run_id = run_id
        self._max_remembered, self._min_ended = max_remembered, min_ended
        self._now_ms, self._advances = -1, 0
        self._routes: dict[str, Route] = {}
        self._book = PlanBook()
        self._fleet = Fleet()
        self._encoder = PositionEncoder(key)
        self._row_of: dict[str, int] = {}
        self._deliveries: list[RunningDelivery | None] = []
        self._schedule = SampleSchedule()
        self._faults = FaultStage()
        self._rows = Columns({"handle": np.int64, "next_event_ms": np.int64})
        self._ended: dict[str, None] = {}

    @property
    def active(self) -> int:
        """How many deliveries have not ended, those included that have not departed."""
        return len(self._row_of)

    @property
    def rows(self) -> int:
        """How many deliveries are in the arrays, those included that have ended lately."""
        return len(self._deliveries)

    @property
    def remembered(self) -> int:
        """How many ended deliveries are remembered."""
        return len(self._ended)

    @property
    def now_ms(self) -> int:
        """The instant up to which everything has been made; -1 before the first `advance`."""
        return self._now_ms

    def define_routes(self, routes: Iterable[Route]) -> None:
        """Make routes known, or replace them; deliveries already added keep the road they have.

        Raises
        ------
        InvalidRoute : longer than a record can tell, or with more dwell than `MAX_DWELL_S`.
        """
        for route in routes:
            if route.length_m > BOUNDS["distance"][1]:
                raise InvalidRoute(
                    f"route {route.id} of {route.length_m:.0f} m is longer than {BOUNDS['distance'][1]:.0f} m"
                )
            if (dwell_s := sum(stop.dwell_s for stop in route.stops)) > MAX_DWELL_S:
                raise InvalidRoute(
                    f"route {route.id} must stand at its stops for at most {MAX_DWELL_S:g} s, found {dwell_s:g}"
                )
            if route.id in self._routes and self._routes[route.id] != route:
                self._book.forget(route.id)
            self._routes[route.id] = route

    def add(self, specs: Iterable[DeliverySpec], resume_seq: Mapping[str, int] | None = None) -> list[DeliverySpec]:
        """Add deliveries; those known already, by id, change nothing.

        A delivery that is added late is caught up. After a restart it resumes at position `resume_seq` and makes all
        its events again. What was done to it before is done again, with the instants that counted, before the next
        `advance`.

        Returns
        -------
        The specs that are new.

        Raises
        ------
        InvalidRoute : a route that is not known. Nothing is added then.
        InvalidInput : a spec of another run.
        """
        fresh = {
            spec.delivery_id: spec
            for spec in specs
            if spec.delivery_id not in self._row_of and spec.delivery_id not in self._ended
        }
        new = list(fresh.values())
        for spec in new:
            if spec.run_id != self.run_id:
                raise InvalidInput(f"delivery {spec.delivery_id} belongs to run {spec.run_id}, not to {self.run_id}")
            if spec.route_id not in self._routes:
                raise InvalidRoute(f"route {spec.route_id!r} of delivery {spec.delivery_id} is unknown")
        if not new:
            return new
        plans = self._book.require([(self._routes[spec.route_id], spec.vehicle) for spec in new])
        begin = len(self._rows)
        self._fleet.add(new, self._book.table, plans)
        trips_ms = self._fleet.trip_ms[begin:].tolist()
        running = [
            self._run(spec, plan, trip_ms) for spec, plan, trip_ms in zip(new, plans.tolist(), trips_ms, strict=True)
        ]
        self._deliveries += running
        self._row_of |= {spec.delivery_id: row for row, spec in enumerate(new, begin)}
        self._rows.append(
            {
                "handle": self._encoder.add_rows(
                    [spec.route_id for spec in new],
                    [spec.client_id for spec in new],
                    [spec.delivery_id for spec in new],
                    [spec.driver_id for spec in new],
                    self.run_id,
                    [spec.payload_bytes for spec in new],
                ),
                "next_event_ms": [spec.depart_ms for spec in new],  # which is the first event of all
            },
            len(new),
        )
        next_seq = [(resume_seq or {}).get(spec.delivery_id, 0) for spec in new]
        self._schedule.append([spec.depart_ms for spec in new], [spec.period_ms for spec in new], next_seq)
        self._faults.append(new, next_seq)
        self._schedule.set_counts(
            np.arange(begin, len(self._rows)), [sample_count(one.trip, one.history) for one in running]
        )
        return new

    def _run(self, spec: DeliverySpec, plan: int, trip_ms: int) -> RunningDelivery:
        """Return a delivery as it sets out on its plan."""
        table, rate = self._book.table, spec.pace / 1000.0
        stops_ms = tuple(min(math.ceil(arrival_s / rate), trip_ms) for arrival_s in table.stops[plan].arrival_s)
        trip = Trip(
            spec.depart_ms, spec.period_ms, trip_ms, stops_ms, NEVER_MS if spec.until_ms is None else spec.until_ms
        )
        return RunningDelivery(spec, trip, float(table.length_m[plan]), self._advances)

    def pause(self, delivery_id: str, at_ms: int) -> int | None:
        """Let a delivery's time stand still from an instant on.

        Returns
        -------
        The instant it counts from, never one already published and never before the departure; None if nothing changes:
        unknown, paused, or ended by then.
        """
        return self._steer(delivery_id, at_ms, RunningDelivery.pause)

    def resume(self, delivery_id: str, at_ms: int) -> int | None:
        """Let a paused delivery go on; return the instant it counts from, None if it is not paused."""
        return self._steer(delivery_id, at_ms, RunningDelivery.resume)

    def cancel(self, delivery_id: str, at_ms: int) -> int | None:
        """Take a delivery off the road; return the instant it counts from.

        None if nothing changes: it is unknown, cancelled, or ended by then.
        """
        return self._steer(delivery_id, at_ms, RunningDelivery.cancel)

    def leave(self, delivery_id: str, at_ms: int) -> int | None:
        """Take a delivery's driver off the road, as if its spec's `until_ms` had been that.

        Returns the instant it counts from, None if nothing changes.
        """
        return self._steer(delivery_id, at_ms, RunningDelivery.leave)

    def forget(self, delivery_ids: Iterable[str]) -> None:
        """Remember some ended deliveries no longer: their caller knows that they have ended."""
        for delivery_id in delivery_ids:
            self._ended.pop(delivery_id, None)

    def next_seq(self) -> dict[str, int]:
        """Return the number of the next position of every delivery that has not ended."""
        sequence = self._schedule.next_seq.tolist()
        return {delivery_id: sequence[row] for delivery_id, row in self._row_of.items()}

    def advance(self, until_ms: int, max_records: int = MAX_RECORDS) -> Tick:
        """Make everything that is due after the last advance and up to an instant, both in virtual epoch ms.

        Raises
        ------
        InvalidInstant : `until_ms` lies before the last advance.
        """
        if until_ms < self._now_ms:
            raise InvalidInstant(f"time only advances: {until_ms} is before {self._now_ms}")
        horizon = self._schedule.horizon(until_ms, max_records)
        rows, seq, due = self._schedule.take_due(horizon)
        taken = len(rows)
        if self._faults:
            hits = self._faults.take(rows, seq, due)
            events, ended = self._events_until(horizon)
            out = self._faults.outgoing(rows, seq, due, hits, horizon, ended)
            positions = observed(self._fleet, out).sampled(out.seq, out.due_ms)
            records = EncodedRecords(damaged(self._encoded(out.row, positions), out.is_damaged))
            seq, due = out.seq, out.send_ms
        else:
            positions = self._fleet.positions_of(rows, due).sampled(seq, due)
            records = EncodedRecords(self._encoded(rows, positions))
            events, _ = self._events_until(horizon)
        self._now_ms, self._advances = horizon, self._advances + 1
        tick = Tick(records, seq, due, events, more=horizon < until_ms, taken=taken)
        self._compact()
        return tick

    def _encoded(self, rows: Ints, positions: Positions) -> list[EncodedRows]:
        return self._encoder.encode_matrix(self._rows["handle"][rows], positions)

    def suspend(self) -> list[DeliveryEvent]:
        """End the run for every delivery on the road; return their last events. Nothing is left then."""
        now_ms, sequence = max(self._now_ms, 0), self._schedule.next_seq.tolist()
        alive = sorted(self._row_of.values())
        # What is held back is never sent: it is lost, and said to be.
        events = self._events_of(
            [(row, label_entry(Label(FaultKind.LOST, seq, seq), now_ms)) for row, seq in self._faults.left_back()]
        )
        events += self._events_of(
            [(row, Occurrence(now_ms, now_ms, EventKind.SUSPENDED, positions=sequence[row])) for row in alive]
        )
        for row in alive:
            self._end(row)
        return events

    def _steer(self, delivery_id: str, at_ms: int, action: Callable[[RunningDelivery, int], int | None]) -> int | None:
        row = self._row_of.get(delivery_id)
        if row is None:
            return None
        delivery = self._running(row)
        # What is sent stays true: an instant already published is too late, but of a delivery just added nothing has
        # been published here.
        counted = action(delivery, at_ms if delivery.added_at == self._advances else max(at_ms, self._now_ms + 1))
        if counted is not None:
            self._reschedule(row)
        return counted

    def _running(self, row: int) -> RunningDelivery:
        delivery = self._deliveries[row]
        assert delivery is not None
        return delivery

    def _reschedule(self, row: int) -> None:
        """Bring a delivery's count, samples and next event up to date after a change of its history."""
        delivery = self._running(row)
        if delivery.history.pauses or self._fleet.has_pauses(row):
            self._fleet.set_pauses(row, delivery.history.pauses)
        self._schedule.set_count(row, sample_count(delivery.trip, delivery.history))
        ahead = delivery.ahead()
        self._rows["next_event_ms"][row] = ahead[0].due_ms if ahead else NEVER_MS

    def _events_until(self, until_ms: int) -> tuple[list[DeliveryEvent], dict[int, int]]:
        """Return the events published up to an instant, and which rows have ended with them, when."""
        told = self._faults.labels_until(until_ms)
        labels = len(told)
        for row in np.flatnonzero(self._rows["next_event_ms"] <= until_ms).tolist():
            ahead = self._running(row).ahead()
            due = [entry for entry in ahead if entry.due_ms <= until_ms]
            told += [(row, entry) for entry in due]
            self._rows["next_event_ms"][row] = ahead[len(due)].due_ms if len(due) < len(ahead) else NEVER_MS
        if labels:
            told.sort(
                key=lambda one: (one[0], one[1].due_ms, one[1].kind in FINAL_KINDS, one[1].kind is EventKind.FAULT)
            )
        events = self._events_of(told)
        ended = {row: entry.due_ms for row, entry in told if entry.kind in FINAL_KINDS}
        for row in ended:
            self._end(row)
        return events, ended

    def _events_of(self, entries: Sequence[tuple[int, Occurrence]]) -> list[DeliveryEvent]:
        """Return the events of some occurrences; their distances are one look at the fleet."""
        if not entries:
            return []
        rows, at = np.array([(row, entry.at_ms) for row, entry in entries], dtype=np.int64).T
        distances = self._fleet.positions_of(rows, at).distance_m.round(1).tolist()
        return [
            self._running(row).tell(entry, distance) for (row, entry), distance in zip(entries, distances, strict=True)
        ]

    def _end(self, row: int) -> None:
        delivery_id = self._running(row).spec.delivery_id
        del self._row_of[delivery_id]
        self._deliveries[row] = None
        self._schedule.set_count(row, 0)
        self._rows["next_event_ms"][row] = NEVER_MS
        self._ended[delivery_id] = None
        if len(self._ended) > self._max_remembered:
            del self._ended[next(iter(self._ended))]

    def _compact(self) -> None:
        """Free the rows of ended deliveries once they are many, so that each costs little and none stays."""
        ended = len(self._deliveries) - len(self._row_of)
        if ended <= max(self._min_ended, len(self._row_of) // 4):
            return
        alive = [delivery is not None for delivery in self._deliveries]
        rows = np.flatnonzero(alive)
        self._encoder.remove_rows(self._rows["handle"][~np.array(alive)])
        self._rows.keep(rows)
        self._schedule.keep(rows)
        self._faults.keep(rows)
        self._fleet.keep(rows)
        self._deliveries = [delivery for delivery in self._deliveries if delivery is not None]
        self._row_of = {
            delivery.spec.delivery_id: row for row, delivery in enumerate(self._deliveries) if delivery is not None
        }
        new_of_old = self._book.compact(self._fleet.plan)
        if new_of_old is not None:
            self._fleet.move_to(self._book.table, new_of_old)

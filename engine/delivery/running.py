"""One delivery on its way: its spec, what was done to it, and which of its events are published."""

from __future__ import annotations

from dataclasses import dataclass, field

from engine.delivery.spec import DeliverySpec
from engine.delivery.timeline import NEVER_MS, History, Occurrence, Trip, instant, off_road_ms, timeline
from engine.messages import DeliveryEvent, EventKind


@dataclass(slots=True)
class RunningDelivery:
    """A delivery that has not ended.

    Attributes
    ----------
    added_at : how many advances its simulation had made when it was added.
    entries_told, faults_told : how many entries of its timeline, and how many labels of faults, are published.
    """

    spec: DeliverySpec
    trip: Trip
    length_m: float
    added_at: int
    history: History = field(default_factory=History)
    entries_told: int = 0
    faults_told: int = 0

    def ends_ms(self) -> int:
        """Return when it arrives or is taken off the road, `NEVER_MS` while it is paused."""
        arrival = instant(self.trip, self.trip.trip_ms, self.history.pauses)
        return min(
            arrival,
            off_road_ms(self.trip, self.history),
            NEVER_MS if self.history.cancelled_ms is None else self.history.cancelled_ms,
        )

    def ahead(self) -> list[Occurrence]:
        """Return what is still to be published of it, as far as known."""
        return timeline(self.trip, self.history)[self.entries_told :]

    def pause(self, at_ms: int) -> int | None:
        """Let its time stand still; return the instant from which it does, never before the departure.

        None is returned if it is paused or ended by then.
        """
        begin = max(at_ms, self.trip.depart_ms)
        pauses = self.history.pauses
        if (pauses and (pauses[-1][1] is None or pauses[-1][1] > begin)) or self.ends_ms() <= begin:
            return None
        pauses.append((begin, None))
        return begin

    def resume(self, at_ms: int) -> int | None:
        """Let its time pass again; return the instant from which it does, or None if it is not paused.

        A pause that has not begun by then is dropped.
        """
        if not self.history.pauses or self.history.pauses[-1][1] is not None:
            return None
        begin, _ = self.history.pauses.pop()
        if at_ms > begin:
            self.history.pauses.append((begin, at_ms))
        return at_ms

    def cancel(self, at_ms: int) -> int | None:
        """Take it off the road; return the instant from which it is, or None if it has ended by then."""
        if self.ends_ms() <= at_ms:
            return None
        self.history.cancelled_ms = at_ms
        return at_ms

    def leave(self, at_ms: int) -> int | None:
        """Take its driver off the road, as if its spec's `until_ms` had been that.

        Returns the instant, or None if that changes nothing.
        """
        before, left_ms = timeline(self.trip, self.history)[-1], self.history.left_ms
        self.history.left_ms = at_ms if left_ms is None else min(left_ms, at_ms)
        if timeline(self.trip, self.history)[-1] != before:
            return at_ms
        self.history.left_ms = left_ms
        return None

    def tell(self, entry: Occurrence, distance_m: float) -> DeliveryEvent:
        """Return the event of its next occurrence."""
        spec = self.spec
        event = DeliveryEvent(
            delivery_id=spec.delivery_id,
            run_id=spec.run_id,
            route_id=spec.route_id,
            client_id=spec.client_id,
            driver_id=spec.driver_id,
            vehicle=spec.vehicle,
            kind=entry.kind,
            seq=self.entries_told + self.faults_told,
            event_time=entry.at_ms,
            distance=distance_m,
            route_length=round(self.length_m, 1) if entry.kind is EventKind.STARTED else None,
            planned_arrival=entry.planned_arrival,
            positions=entry.positions,
            stop=entry.stop,
            fault=entry.fault,
            from_seq=entry.from_seq,
            to_seq=entry.to_seq,
        )
        if entry.kind is EventKind.FAULT:
            self.faults_told += 1
        else:
            self.entries_told += 1
        return event

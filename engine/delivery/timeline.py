"""A delivery's timeline: what happens to it and when, as a pure function of its trip and its history.

It knows no positions and no ids.

So the events of a delivery can be made again after a restart, with the same numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from engine.messages import EventKind

NEVER_MS = 2**62
"""Later than any instant."""


@dataclass(slots=True)
class History:
    """What people did to a delivery.

    Attributes
    ----------
    pauses : ``(from_ms, to_ms)`` in which its time stands still, ordered, disjoint, none before the departure; only the
        last may be open (None).
    cancelled_ms : the instant from which it is off the road, if it has not arrived by then.
    left_ms : the instant from which its driver is off the road because the fleet became smaller: as if the trip's
        `until_ms` had been that.
    """

    pauses: list[tuple[int, int | None]] = field(default_factory=list)
    cancelled_ms: int | None = None
    left_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Trip:
    """What a timeline needs to know of a delivery.

    `trip_ms` and `stops_ms` are milliseconds after the departure, without pauses.

    `until_ms` is the instant from which the driver is off the road, whatever was done to it, unless its last position
    is due before.
    """

    depart_ms: int
    period_ms: int
    trip_ms: int
    stops_ms: Sequence[int] = ()
    until_ms: int = NEVER_MS

    def samples_before(self, at_ms: int) -> int:
        """Return how many samples are due before an instant."""
        return max(0, -(-(at_ms - self.depart_ms) // self.period_ms))


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One entry of a timeline.

    Attributes
    ----------
    at_ms : when it happens.
    due_ms : when it is published: `at_ms`, but an arrival with the last position, up to a period later.
    """

    at_ms: int
    due_ms: int
    kind: EventKind
    stop: int | None = None
    planned_arrival: int | None = None
    positions: int | None = None
    fault: str | None = None
    from_seq: int | None = None
    to_seq: int | None = None


def instant(trip: Trip, elapsed_ms: int, pauses: Sequence[tuple[int, int | None]]) -> int:
    """Return when an amount of a trip has been lived, `NEVER_MS` while an open pause is in the way."""
    at = trip.depart_ms + elapsed_ms
    for begin, end in pauses:
        if begin >= at:
            break
        if end is None:
            return NEVER_MS
        at += end - begin
    return at


def sample_count(trip: Trip, history: History) -> int:
    """Return how many positions a delivery has in all.

    They go up to the first sample at or after the arrival, or before it is taken off the road.

    While it is paused without end the count is as large as `NEVER_MS`.
    """
    arrival = instant(trip, trip.trip_ms, history.pauses)
    off = _taken_off(trip, history, arrival)
    if off is not None:
        return trip.samples_before(off[0])
    return NEVER_MS if arrival == NEVER_MS else trip.samples_before(arrival) + 1


def off_road_ms(trip: Trip, history: History) -> int:
    """Return the instant from which the driver is off the road by plan; `NEVER_MS` if by none."""
    return trip.until_ms if history.left_ms is None else min(trip.until_ms, history.left_ms)


def _taken_off(trip: Trip, history: History, arrival_ms: int) -> tuple[int, EventKind] | None:
    """Return when and as what a delivery is taken off the road; None if it arrives, or is paused for ever."""
    cancelled, until_ms = history.cancelled_ms, off_road_ms(trip, history)
    if cancelled is not None and cancelled < min(arrival_ms, until_ms):
        return cancelled, EventKind.CANCELLED
    if until_ms < NEVER_MS and (
        arrival_ms == NEVER_MS or trip.depart_ms + trip.samples_before(arrival_ms) * trip.period_ms >= until_ms
    ):
        return until_ms, EventKind.SUSPENDED
    return None


def timeline(trip: Trip, history: History) -> list[Occurrence]:
    """Return all that happens to a delivery, as far as known, in order; an index is its event's number."""
    pauses = history.pauses
    arrival = instant(trip, trip.trip_ms, pauses)
    entries = [_now(trip.depart_ms, EventKind.STARTED, planned_arrival=trip.depart_ms + trip.trip_ms)]
    entries += [
        _now(instant(trip, stop_ms, pauses), EventKind.ARRIVED_AT_STOP, stop=i)
        for i, stop_ms in enumerate(trip.stops_ms)
    ]
    for number, (begin, end) in enumerate(pauses):
        if begin < arrival:
            entries.append(_now(begin, EventKind.STOPPED))
            if end is not None:
                entries.append(
                    _now(end, EventKind.RESUMED, planned_arrival=instant(trip, trip.trip_ms, pauses[: number + 1]))
                )
    off = _taken_off(trip, history, arrival)
    positions = sample_count(trip, history)
    if off is not None:
        off_ms, kind = off
        entries = [entry for entry in entries if entry.at_ms < off_ms]
        final = Occurrence(off_ms, off_ms, kind, positions=positions)
    else:
        entries = [entry for entry in entries if entry.at_ms < NEVER_MS]
        last_due = trip.depart_ms + (positions - 1) * trip.period_ms
        final = Occurrence(arrival, last_due, EventKind.DELIVERED, planned_arrival=arrival, positions=positions)
    entries.sort(key=lambda entry: entry.at_ms)  # stable: started, stops, pauses
    return entries if final.at_ms == NEVER_MS else [*entries, final]


def _now(at_ms: int, kind: EventKind, *, stop: int | None = None, planned_arrival: int | None = None) -> Occurrence:
    return Occurrence(at_ms, at_ms, kind, stop, planned_arrival)

"""A delivery's timeline: what happens to it and when, as a pure function of its trip and its history. No positions, no ids.

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
    pauses : ``(from_ms, to_ms)`` in which its time stands still, ordered, disjoint, none before the departure; only the last may be open (None).
    cancelled_ms : the instant from which it is off the road, if it has not arrived by then.
    """

    pauses: list[tuple[int, int | None]] = field(default_factory=list)
    cancelled_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Trip:
    """What a timeline needs to know of a delivery; `trip_ms` and `stops_ms` are milliseconds after the departure, without pauses."""

    depart_ms: int
    period_ms: int
    trip_ms: int
    stops_ms: Sequence[int] = ()


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One entry of a timeline.

    Attributes
    ----------
    at_ms : when it happens.
    due_ms : when it is told: `at_ms`, but an arrival is told with the last position, up to a period later.
    """

    at_ms: int
    due_ms: int
    kind: EventKind
    stop: int | None = None
    planned_arrival: int | None = None
    positions: int | None = None


def instant(trip: Trip, elapsed_ms: int, pauses: Sequence[tuple[int, int | None]]) -> int:
    """Return when so much of a trip has been lived, `NEVER_MS` while an open pause is in the way."""
    at = trip.depart_ms + elapsed_ms
    for begin, end in pauses:
        if begin >= at:
            break
        if end is None:
            return NEVER_MS
        at += end - begin
    return at


def sample_count(trip: Trip, history: History) -> int:
    """Return how many positions a delivery has in all: up to the first sample at or after the arrival, or before the cancellation.

    While it is paused without end the count is as large as `NEVER_MS`.
    """
    arrival = instant(trip, trip.trip_ms, history.pauses)
    cancelled = history.cancelled_ms
    if cancelled is not None and cancelled < arrival:
        return max(0, -(-(cancelled - trip.depart_ms) // trip.period_ms))
    return NEVER_MS if arrival == NEVER_MS else -(-(arrival - trip.depart_ms) // trip.period_ms) + 1


def timeline(trip: Trip, history: History) -> list[Occurrence]:
    """Return everything that happens to a delivery, as far as known, in order; an entry's index is the number of its event."""
    pauses = history.pauses
    arrival = instant(trip, trip.trip_ms, pauses)
    entries = [_now(trip.depart_ms, EventKind.STARTED, planned_arrival=trip.depart_ms + trip.trip_ms)]
    entries += [_now(instant(trip, stop_ms, pauses), EventKind.ARRIVED_AT_STOP, stop=i) for i, stop_ms in enumerate(trip.stops_ms)]
    for number, (begin, end) in enumerate(pauses):
        if begin < arrival:
            entries.append(_now(begin, EventKind.STOPPED))
            if end is not None:
                entries.append(_now(end, EventKind.RESUMED, planned_arrival=instant(trip, trip.trip_ms, pauses[: number + 1])))
    off_ms = history.cancelled_ms
    positions = sample_count(trip, history)
    if off_ms is not None and off_ms < arrival:
        entries = [entry for entry in entries if entry.at_ms < off_ms]
        final = Occurrence(off_ms, off_ms, EventKind.CANCELLED, positions=positions)
    else:
        entries = [entry for entry in entries if entry.at_ms < NEVER_MS]
        last_due = trip.depart_ms + (positions - 1) * trip.period_ms
        final = Occurrence(arrival, last_due, EventKind.DELIVERED, planned_arrival=arrival, positions=positions)
    entries.sort(key=lambda entry: entry.at_ms)  # stable: started, stops, pauses
    return entries if final.at_ms == NEVER_MS else [*entries, final]


def _now(at_ms: int, kind: EventKind, *, stop: int | None = None, planned_arrival: int | None = None) -> Occurrence:
    return Occurrence(at_ms, at_ms, kind, stop, planned_arrival)

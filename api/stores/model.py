"""What the stores keep, as values, and how facts change it.

Pure: every adapter follows these rules, the contract tests compare them.

Rules of a delivery's current state:

- the event with the greatest seq says what the delivery does; an older one only fills what is still unknown;
- an event of kind ``fault`` tells of the delivery's positions, not of what it does: it changes nothing, but makes an
  unknown delivery known;
- the position with the greatest seq says where it is; an older one changes nothing;
- a delivery on the road whose run is silent is shown as suspended, until that run is heard of again;
- a moving delivery whose newest position stands still is shown as stopped, and as delivered once its last position is
  there.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from engine.codec import PositionBatch
from engine.messages import FINAL_KINDS, DeliveryEvent, EventKind, RouteDefined, RunEvent
from engine.roads.route import Route

T = TypeVar("T")

STANDING_MPS = 0.1
"""A vehicle slower than this stands."""


class DeliveryPhase(StrEnum):
    """What a delivery does, as its readers see it."""

    MOVING = "moving"
    STOPPED = "stopped"
    PAUSED = "paused"
    DELIVERED = "delivered"
    CANCELLED = "cancelled"
    SUSPENDED = "suspended"
    REJECTED = "rejected"


_PHASES = {EventKind.STOPPED: DeliveryPhase.PAUSED} | {kind: DeliveryPhase(kind.value) for kind in FINAL_KINDS}


def phase_after(kind: str) -> DeliveryPhase:
    """Return what a delivery does after an event.

    Everything that neither pauses nor ends it leaves it moving.
    """
    return _PHASES.get(EventKind(kind), DeliveryPhase.MOVING)


def state_seq(event: DeliveryEvent) -> int:
    """Return the seq by which an event is newer or older than another.

    -1, older than any, for one that does not say what its delivery does.
    """
    return -1 if event.kind == EventKind.FAULT else event.seq


@dataclass(frozen=True, slots=True)
class StoredRoute:
    """A route as the stores keep it.

    Attributes
    ----------
    length_m : metres.
    points : how many the geometry has.
    start, end : latitude and longitude in degrees.
    definition : the `RouteDefined` that made it, as JSON.
    kept : put in through this service, which therefore publishes it again after a restart; others belong to
        a scenario.
    """

    id: str
    title: str
    source: str
    length_m: float
    points: int
    start: tuple[float, float]
    end: tuple[float, float]
    definition: bytes
    kept: bool = False

    @classmethod
    def of(cls, route: Route, *, kept: bool = False) -> StoredRoute:
        """Return a route in its stored form."""
        return cls._described(route, route.to_message(), kept)

    @classmethod
    def from_message(cls, message: RouteDefined) -> StoredRoute:
        """Return the stored form of a route that was read from Kafka.

        Raises
        ------
        InvalidInput : a geometry that cannot be driven.
        """
        return cls._described(Route.from_message(message), message, kept=False)

    @classmethod
    def _described(cls, route: Route, message: RouteDefined, kept: bool) -> StoredRoute:
        lng = (route.lng_deg[[0, -1]] + 180.0) % 360.0 - 180.0
        first, last = ((float(route.lat_deg[i]), round(float(lng[i]), 6)) for i in (0, -1))
        return cls(
            route.id,
            route.title,
            route.source,
            route.length_m,
            int(route.given.sum()),
            first,
            last,
            message.to_json(),
            kept,
        )

    def message(self) -> RouteDefined:
        """Return the message that defines the route."""
        return RouteDefined.from_json(self.definition)


@dataclass(frozen=True, slots=True)
class DeliveryRecord:
    """A delivery's current state.

    Times are virtual epoch ms, lengths metres, speeds m/s, directions degrees clockwise from north.

    Attributes
    ----------
    phase : after the newest event; readers are shown `shown_phase`.
    event_seq : seq of the newest event that says what the delivery does, -1 before the first.
    positions : how many positions there are in all, known after a final event.
    seq : seq of the newest position, -1 before the first; the fields after it, but the last, belong to that position.
    run_is_silent : nothing was heard of its run since the service began; see `StateStore.doubt_runs`.
    """

    delivery_id: str
    run_id: str
    route_id: str
    client_id: str
    driver_id: str
    vehicle: str = "car"
    route_title: str = ""
    phase: DeliveryPhase = DeliveryPhase.MOVING
    event_seq: int = -1
    reason: str | None = None
    started_at: int | None = None
    planned_arrival: int | None = None
    ended_at: int | None = None
    route_length_m: float | None = None
    positions: int | None = None
    seq: int = -1
    event_time: int | None = None
    lat_deg: float | None = None
    lng_deg: float | None = None
    speed_mps: float = 0.0
    bearing_deg: float = 0.0
    distance_m: float = 0.0
    finished: bool = False
    run_is_silent: bool = False

    @property
    def shown_phase(self) -> DeliveryPhase:
        """What the delivery does, by its newest event and position and whether its run is heard of."""
        if self.run_is_silent and not self.finished and self.phase in (DeliveryPhase.MOVING, DeliveryPhase.PAUSED):
            return DeliveryPhase.SUSPENDED
        if self.phase != DeliveryPhase.MOVING:
            return self.phase
        if self.finished:
            return DeliveryPhase.DELIVERED
        return DeliveryPhase.STOPPED if self.seq > 0 and self.speed_mps < STANDING_MPS else DeliveryPhase.MOVING

    @property
    def progress(self) -> float | None:
        """Share of the route that is driven, see `progress_of`; None before the first position."""
        return progress_of(self.distance_m, self.route_length_m, self.finished) if self.seq >= 0 else None


@dataclass(frozen=True, slots=True)
class View:
    """A saved view of the map: a name for an address.

    Attributes
    ----------
    query : what stands after the question mark in the page's address: where the map looks, which deliveries are listed,
        which one is chosen.
    created_at_ms : wall time, epoch ms.
    """

    id: str
    title: str
    query: str
    created_at_ms: int


def progress_of(distance_m: float, route_length_m: float | None, finished: bool) -> float | None:
    """Return the share of a route that is driven, 0 to 1.

    While the length is unknown None, and 1 at the end.
    """
    if not route_length_m:
        return 1.0 if finished else None
    return min(max(distance_m / route_length_m, 0.0), 1.0)


def after_event(record: DeliveryRecord | None, event: DeliveryEvent) -> DeliveryRecord:
    """Return a delivery's state once an event is known; None stands for an unknown delivery."""
    if record is None:
        record = DeliveryRecord(
            event.delivery_id, event.run_id, event.route_id, event.client_id, event.driver_id, event.vehicle
        )
    started = event.event_time if event.kind == EventKind.STARTED else None
    filled = replace(
        record,
        started_at=record.started_at if started is None else started,
        planned_arrival=_either(record.planned_arrival, event.planned_arrival),
        route_length_m=_either(record.route_length_m, event.route_length),
    )
    if state_seq(event) <= record.event_seq:
        return filled
    final = event.kind in FINAL_KINDS
    return replace(
        filled,
        vehicle=event.vehicle,
        phase=phase_after(event.kind),
        event_seq=event.seq,
        reason=event.reason,
        planned_arrival=_either(event.planned_arrival, record.planned_arrival),
        route_length_m=_either(event.route_length, record.route_length_m),
        ended_at=event.event_time if final else None,
        positions=event.positions if final else None,
    )


def _either(first: T | None, second: T | None) -> T | None:
    return second if first is None else first


def is_newer(event: RunEvent, known: RunEvent | None) -> bool:
    """Return whether an event says more about its run than the one known.

    Seq alone would stand still when a dispatcher begins again.
    """
    return known is None or (event.event_time, event.seq) > (known.event_time, known.seq)


def newest_rows(batch: PositionBatch) -> NDArray[np.int64]:
    """Return the row of every delivery's greatest seq in a batch: one row per delivery."""
    order = np.argsort(batch.seq, kind="stable")
    newest = dict(zip(batch.delivery_id[order].tolist(), order.tolist(), strict=True))
    return np.fromiter(newest.values(), dtype=np.int64, count=len(newest))

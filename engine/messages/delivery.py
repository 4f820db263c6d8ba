"""Facts of deliveries: what happened to one."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from engine.errors import MessageError, shown
from engine.messages.checks import (
    LAST_MS,
    check_text,
    checked_id,
    checked_number,
    optional_id,
    optional_ms,
    optional_number,
)
from engine.messages.message import Message
from engine.messages.topics import Topic
from engine.wire_names import camel


class EventKind(StrEnum):
    """What can happen to a delivery."""

    STARTED = "started"
    STOPPED = "stopped"
    RESUMED = "resumed"
    ARRIVED_AT_STOP = "arrived_at_stop"
    DELIVERED = "delivered"
    CANCELLED = "cancelled"
    SUSPENDED = "suspended"
    REJECTED = "rejected"
    FAULT = "fault"


_KINDS = frozenset(kind.value for kind in EventKind)
_EVENT_IDS = tuple(
    (name, camel(name)) for name in ("delivery_id", "run_id", "route_id", "client_id", "driver_id", "vehicle")
)
_EVENT_NUMBERS = tuple(
    (name, camel(name)) for name in ("seq", "event_time", "planned_arrival", "positions", "stop", "from_seq", "to_seq")
)


FINAL_KINDS = frozenset({EventKind.DELIVERED, EventKind.CANCELLED, EventKind.SUSPENDED, EventKind.REJECTED})
"""After one of these a delivery sends no more positions in this run."""


@dataclass(frozen=True, slots=True)
class DeliveryEvent(Message):
    """Fact: something happened to a delivery.

    Its identity is ``(delivery_id, seq)``, seq counting the delivery's events from 0, so that stores may see it twice.

    Attributes
    ----------
    event_time : virtual epoch ms at which it happened.
    distance : metres driven by then.
    route_length : metres, with ``started``.
    planned_arrival : virtual epoch ms; with ``started``, ``resumed``, and ``delivered`` (when it is the arrival).
    positions : with a final kind: how many positions the delivery has in all, seq 0 to positions - 1.
    stop : with ``arrived_at_stop``: number of the stop on the route, from 0.
    reason : with ``rejected``: why.
    fault : with ``fault``: what was injected into the delivery's positions, a name of
        `engine.delivery.faults.FaultKind`.
    from_seq, to_seq : with ``fault``: the positions that it was done to, both included; the delivery may end before
        `to_seq`.
    """

    TOPIC: ClassVar[Topic] = Topic.DELIVERY_EVENT
    delivery_id: str = ""
    run_id: str = ""
    route_id: str = ""
    client_id: str = ""
    driver_id: str = ""
    vehicle: str = ""
    kind: str = ""
    seq: int = 0
    event_time: int = 0
    distance: float = 0.0
    route_length: float | None = None
    planned_arrival: int | None = None
    positions: int | None = None
    stop: int | None = None
    reason: str | None = None
    fault: str | None = None
    from_seq: int | None = None
    to_seq: int | None = None

    def __post_init__(self) -> None:
        # As quick as it can be: a fleet of 100,000 that begins, or is ended, makes as many of them at once.
        for name, wire in _EVENT_IDS:
            checked_id(getattr(self, name), wire)
        if not isinstance(self.kind, str) or self.kind not in _KINDS:
            raise MessageError(f"kind must be one of {', '.join(EventKind)}, found {shown(self.kind)}")
        for name, wire in _EVENT_NUMBERS:
            value = getattr(self, name)
            if value is not None and not (type(value) is int and 0 <= value <= LAST_MS):
                object.__setattr__(self, name, optional_ms(value, wire))
        object.__setattr__(self, "distance", checked_number(self.distance, "distance", 0))
        object.__setattr__(self, "route_length", optional_number(self.route_length, "routeLength", 0))
        if self.reason is not None:
            check_text(self.reason, "reason")
        optional_id(self.fault, "fault")
        if self.kind == EventKind.FAULT and (self.fault is None or self.from_seq is None or self.to_seq is None):
            raise MessageError('kind "fault" must say which fault it is, and its positions')
        if self.kind in FINAL_KINDS and self.positions is None:
            raise MessageError(f'kind "{self.kind}" must say how many positions there are')

    @property
    def key(self) -> bytes:
        """The delivery's id."""
        return self.delivery_id.encode()

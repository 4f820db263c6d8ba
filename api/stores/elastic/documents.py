"""Events as the lines of bulk requests: each event under its id, and what a delivery's life comes to.

An event's document is its message as it is on the wire. A delivery's document is put together from parts: each kind of
event brings fields that no other kind brings, so the parts may come again and in any order. It needs no script on the
server.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson

from engine.messages import FINAL_KINDS, DeliveryEvent, EventKind


def event_lines(event: DeliveryEvent) -> bytes:
    """Return two lines: create the event under ``deliveryId:seq`` unless it is there, and its document."""
    return b'{"create":{"_id":"%s:%d"}}\n%s\n' % (event.delivery_id.encode(), event.seq, event.to_json())


def delivery_part(event: DeliveryEvent) -> dict[str, Any] | None:
    """Return what an event says of its delivery for good; None if that is nothing."""
    part: dict[str, Any] = {
        "deliveryId": event.delivery_id,
        "runId": event.run_id,
        "routeId": event.route_id,
        "clientId": event.client_id,
        "driverId": event.driver_id,
        "vehicle": event.vehicle,
    }
    if event.kind == EventKind.STARTED:
        part |= {
            "startedAt": event.event_time,
            "plannedArrival": event.planned_arrival,
            "routeLength": event.route_length,
        }
    elif event.kind in FINAL_KINDS:
        part |= {
            "endedAt": event.event_time,
            "outcome": event.kind,
            "positions": event.positions,
            "distance": event.distance,
            "reason": event.reason,
        }
    else:
        return None
    return {name: value for name, value in part.items() if value is not None}


def delivery_parts(events: Sequence[DeliveryEvent]) -> dict[str, dict[str, Any]]:
    """Return what events say of their deliveries, by deliveryId, the later event winning."""
    parts: dict[str, dict[str, Any]] = {}
    for event in events:
        if part := delivery_part(event):
            parts.setdefault(event.delivery_id, {}).update(part)
    return parts


def delivery_lines(delivery_id: str, part: dict[str, Any]) -> bytes:
    """Return two lines: put a part into a delivery's document, which begins with it if there is none."""
    action = {"update": {"_id": delivery_id, "retry_on_conflict": 5}}
    return b"%s\n%s\n" % (orjson.dumps(action), orjson.dumps({"doc": part, "doc_as_upsert": True}))

"""One delivery has one shape: REST and the live map describe it alike, fact by fact."""

from __future__ import annotations

import numpy as np
import pytest

from api.delivery import Delivery
from api.live import Hub
from api.stores.memory import MemoryState
from api.stores.model import StoredRoute
from engine.codec import PositionBatch
from engine.messages import DeliveryEvent
from engine.roads.route import Route

NOW = 1_767_225_600_000
ROUTE = Route.from_points("r", "To the lake", np.array([47.0, 47.01]), np.array([9.5, 9.5]))


def event(kind: str, seq: int, **more: object) -> DeliveryEvent:
    return DeliveryEvent("a", "run", "r", "c", "d", "van", kind, seq, NOW + 1000 * seq, **more)  # type: ignore[arg-type]


def position(seq: int, speed_mps: float = 10.0, *, finished: bool = False) -> PositionBatch:
    place = round(47.0 + seq / 1000, 3), 9.5
    return PositionBatch.of(
        [(b"r", b"c", b"a", b"d", b"run", *place, finished, seq, NOW + 1000 * seq, speed_mps, 0.0, 111.2 * seq)]
    )


STARTED = event("started", 0, route_length=1111.2, planned_arrival=NOW + 99_000)
FACTS = {
    "started": [STARTED],
    "started without a length": [event("started", 0)],
    "first position": [STARTED, position(0, 0.0)],
    "on the road": [STARTED, position(3)],
    "standing": [STARTED, position(3), position(4, 0.0)],
    "only positions": [position(3)],
    "paused": [STARTED, position(1), event("stopped", 1), position(2, 0.0)],
    "suspended": [STARTED, position(1), event("suspended", 1, reason="the run ends", positions=2)],
    "label of a fault": [STARTED, position(1), event("fault", 1, fault="lost", from_seq=2, to_seq=2)],
    "driven again": [
        STARTED,
        position(1),
        event("suspended", 1, reason="the run ends", positions=2),
        event("resumed", 2),
        position(3),
    ],
    "delivered": [STARTED, position(9, 0.0, finished=True), event("delivered", 1, positions=10)],
}


@pytest.mark.parametrize("knows_route", [True, False])
@pytest.mark.parametrize("facts", FACTS.values(), ids=FACTS)
async def test_rest_and_the_live_map_answer_with_the_same_delivery(
    facts: list[DeliveryEvent | PositionBatch], knows_route: bool
) -> None:
    hub, store = Hub(NOW), MemoryState()
    if knows_route:
        hub.on_route(ROUTE.to_message())
        await store.put_routes([StoredRoute.of(ROUTE)])
    for fact in facts:
        if isinstance(fact, DeliveryEvent):
            hub.on_event(fact)
            await store.apply_events([fact])
        else:
            hub.on_positions(fact)
            await store.apply_positions(fact)
    record, slot = await store.delivery("a"), hub.find("a")
    assert record is not None
    assert slot is not None
    stored, live = Delivery.of(record).model_dump(), (hub.delivery(slot) or pytest.fail("not on the map")).model_dump()
    assert live == stored


def test_what_no_position_has_said_yet_is_null() -> None:
    hub = Hub(NOW)
    hub.on_event(STARTED)
    delivery = hub.delivery(hub.find("a") or 0)
    assert delivery is not None
    found = delivery.model_dump(by_alias=True)
    unknown = {name for name, value in found.items() if value is None}
    assert unknown == {
        *("seq", "eventTime", "position", "speedMps", "bearingDeg", "distanceM", "progress"),
        *("reason", "endedAt"),
    }

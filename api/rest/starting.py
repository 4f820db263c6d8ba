"""Asking the simulation for deliveries: the request as messages, and the answer to the caller.

Shared by the ancestor's way and ours.
"""

from __future__ import annotations

import random
import uuid

from api.bus import Bus, Record
from api.catalogue import Catalogue
from api.errors import Refused
from api.rest.schemas import StartedDelivery, StartRequest
from api.stores.base import StateStore
from engine.messages import StartDelivery

CLIENT_ID = "api"


async def start_deliveries(
    asked: StartRequest, state: StateStore, catalogue: Catalogue, bus: Bus
) -> list[StartedDelivery]:
    """Ask for deliveries and return them once Kafka has acknowledged every request.

    A delivery whose id is known already is not asked for again: it may belong to an earlier run, and its positions
    would pass for repeated ones.

    Raises
    ------
    Refused : a route does not exist, there is none to draw from, or the deliveryId belongs to a delivery on another
        route.
    """
    if asked.delivery_id is not None and asked.route_id is not None:
        known = await state.delivery(asked.delivery_id)
        if known is not None and known.route_id != asked.route_id:
            raise Refused(409, f"delivery {asked.delivery_id} is there already, on route {known.route_id}")
        if known is not None:
            return [StartedDelivery(delivery_id=asked.delivery_id, route_id=asked.route_id)]
    messages = [
        StartDelivery(
            route_id=route_id,
            client_id=asked.client_id or CLIENT_ID,
            delivery_id=asked.delivery_id or uuid.uuid4().hex,
            driver_id=asked.driver_id,
            vehicle=asked.vehicle,
            depart_at=asked.depart_at,
        )
        for route_id in await _route_ids(asked, state)
    ]
    await catalogue.make_known(message.route_id for message in messages)
    await bus.publish([Record.of(message) for message in messages])
    return [StartedDelivery(delivery_id=message.delivery_id or "", route_id=message.route_id) for message in messages]


async def _route_ids(asked: StartRequest, state: StateStore) -> list[str]:
    if asked.route_id is not None:
        return [asked.route_id]
    if asked.route_ids is not None:
        return asked.route_ids
    known = await state.route_ids()
    if not known:
        raise Refused(409, "there is no route to draw from")
    count = asked.random or 0
    # Every route once before any comes twice.
    return (random.sample(known, len(known)) * (count // len(known) + 1))[:count]

"""Questions about deliveries in MongoDB's language.

They are plain matches, so that indexes serve them, and one join for what is sorted by a route's title or length.

A delivery's document does not repeat its route: a title changed after the start would be stale in it, or cost a write
to every delivery of the route. So the two orders that need a route read every delivery that fits, with its route. All
other orders read one page.
"""

from __future__ import annotations

import re

from pymongo import GEOSPHERE, IndexModel

from api.stores.base import DeliveryQuery, DeliverySort
from api.stores.model import STANDING_MPS, DeliveryPhase
from api.stores.mongo.protocol import Document, Order

INDEXES: dict[str, list[IndexModel]] = {
    "deliveries": [
        IndexModel([("position.location", GEOSPHERE)]),
        # MongoDB would find a revision by _id alone; there are servers that take an index only if it has just the
        # fields that are asked for.
        IndexModel([("_id", 1), ("revision", 1)], unique=True),
        IndexModel([("startedAt", -1), ("_id", 1)]),
        IndexModel([("runId", 1), ("startedAt", -1)]),
        IndexModel([("routeId", 1), ("startedAt", -1)]),
    ],
    "runs": [IndexModel([("eventTime", -1), ("_id", 1)])],
    "positions": [IndexModel([("location", GEOSPHERE)]), IndexModel([("runId", 1)])],
}
"""By collection. The last one's are made only where every position is kept."""

_SORT = {
    DeliverySort.STARTED_AT: "startedAt",
    DeliverySort.PLANNED_ARRIVAL: "plannedArrival",
    DeliverySort.DELIVERY_ID: "_id",
    DeliverySort.DRIVER_ID: "driverId",
    DeliverySort.VEHICLE: "vehicle",
    DeliverySort.DISTANCE: "position.distanceM",
    DeliverySort.SPEED: "position.speedMps",
}

_LENGTH = {"$cond": [{"$gt": ["$routeLengthM", 0]}, "$routeLengthM", {"$arrayElemAt": ["$route.lengthM", 0]}]}
_DRIVEN = {"$min": [1.0, {"$max": [0.0, {"$divide": ["$position.distanceM", "$length"]}]}]}
_KEYS = {
    DeliverySort.ROUTE_TITLE: {"$ifNull": [{"$arrayElemAt": ["$route.title", 0]}, ""]},
    DeliverySort.PROGRESS: {"$cond": [{"$gt": ["$length", 0]}, _DRIVEN, {"$cond": ["$position.finished", 1.0, 0.0]}]},
}
"""What the orders that need a route sort by.

`DeliveryRecord.route_title` and `DeliveryRecord.progress`, as expressions.
"""


def contains(text: str) -> Document:
    """Return the condition for texts that contain another one, in any case."""
    return {"$regex": re.escape(text).replace("\0", r"\x00"), "$options": "i"}


def routes_like(text: str) -> Document:
    """Return the condition for routes whose id or title has a text."""
    return {"$or": [{"_id": contains(text)}, {"title": contains(text)}]} if text else {}


def deliveries_like(query: DeliveryQuery, titled: list[str], silent: list[str]) -> Document:
    """Return the condition for the deliveries of a query.

    Parameters
    ----------
    titled : ids of the routes whose title has the query's text.
    silent : ids of the runs that nothing is heard of.
    """
    conditions: list[Document] = [
        {field: value}
        for field, value in (("routeId", query.route_id), ("vehicle", query.vehicle), ("runId", query.run_id))
        if value is not None
    ]
    if query.text:
        conditions.append(
            {"$or": [{"_id": contains(query.text)}, {"driverId": contains(query.text)}, {"routeId": {"$in": titled}}]}
        )
    if query.phases:
        conditions.append({"$or": [case for phase in sorted(query.phases) for case in _shown_as(phase, silent)]})
    return {"$and": conditions} if conditions else {}


def _shown_as(phase: DeliveryPhase, silent: list[str]) -> list[Document]:
    """Return the cases in which a delivery is shown in a phase: `DeliveryRecord.shown_phase` turned round."""
    moving: Document = {"phase": DeliveryPhase.MOVING.value, "position.finished": False, "runId": {"$nin": silent}}
    on_the_road = {"$in": [DeliveryPhase.MOVING.value, DeliveryPhase.PAUSED.value]}
    match phase:
        case DeliveryPhase.MOVING:
            return [moving | {"$or": [{"position.seq": {"$lte": 0}}, {"position.speedMps": {"$gte": STANDING_MPS}}]}]
        case DeliveryPhase.STOPPED:
            return [moving | {"position.seq": {"$gt": 0}, "position.speedMps": {"$lt": STANDING_MPS}}]
        case DeliveryPhase.PAUSED:
            return [{"phase": phase.value, "$or": [{"position.finished": True}, {"runId": {"$nin": silent}}]}]
        case DeliveryPhase.DELIVERED:
            return [{"phase": phase.value}, {"phase": DeliveryPhase.MOVING.value, "position.finished": True}]
        case DeliveryPhase.SUSPENDED:
            return [
                {"phase": phase.value},
                {"phase": on_the_road, "position.finished": False, "runId": {"$in": silent}},
            ]
    return [{"phase": phase.value}]


def order_of(query: DeliveryQuery) -> Order | None:
    """Return the fields to sort by; None if the order needs the routes too, see `ids_in_order`."""
    if query.sort not in _SORT:
        return None
    field, direction = _SORT[query.sort], -1 if query.descending else 1
    return [(field, direction)] if field == "_id" else [(field, direction), ("_id", 1)]


def ids_in_order(query: DeliveryQuery, where: Document) -> list[Document]:
    """Return the pipeline that gives the ids of a page's deliveries, in an order that needs their routes."""
    return [
        {"$match": where},
        {"$lookup": {"from": "routes", "localField": "routeId", "foreignField": "_id", "as": "route"}},
        {"$addFields": {"length": _LENGTH}},
        {"$project": {"key": _KEYS[query.sort]}},
        {"$sort": {"key": -1 if query.descending else 1, "_id": 1}},
        {"$skip": query.offset},
        {"$limit": query.limit},
    ]

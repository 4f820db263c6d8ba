"""The documents, from and to the values of `api.stores.model`.

Places are GeoJSON: longitude before latitude. This module knows no driver.

routes      _id routeId      title source lengthM points start end definition kept
deliveries  _id deliveryId   owners; what its events say, with a revision; position: its newest one
runs        _id runId        eventTime seq state silent event
views       _id view's id    title query createdAtMs
positions   _id {deliveryId, seq}   the record's fields as on the wire, and location (if every position is kept)
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from bson.int64 import Int64
from pymongo import UpdateOne

from api.stores.base import PositionColumns
from api.stores.model import DeliveryPhase, DeliveryRecord, StoredRoute, View
from api.stores.mongo.protocol import Document, Filter
from engine.codec import PositionBatch
from engine.messages import RunEvent

_OWNERS = {"run_id": "runId", "route_id": "routeId", "client_id": "clientId", "driver_id": "driverId"}
_BY_EVENTS = {
    "vehicle": "vehicle",
    "phase": "phase",
    "event_seq": "eventSeq",
    "reason": "reason",
    "started_at": "startedAt",
    "planned_arrival": "plannedArrival",
    "ended_at": "endedAt",
    "route_length_m": "routeLengthM",
    "positions": "positions",
}
_BY_POSITION = {
    "seq": "seq",
    "event_time": "eventTime",
    "speed_mps": "speedMps",
    "bearing_deg": "bearingDeg",
    "distance_m": "distanceM",
    "finished": "finished",
}

EVENT_FIELDS = (*_OWNERS.values(), *_BY_EVENTS.values(), "revision")
"""What must be read to decide what an event changes."""

POSITION_FIELDS = ("deliveryId", "seq", "location")
"""What identifies a position and says where it was."""

_NO_EVENT = {"vehicle": "car", "phase": DeliveryPhase.MOVING.value, "eventSeq": -1, "revision": 0}
_NO_POSITION = {"position": {"seq": -1, "speedMps": 0.0, "bearingDeg": 0.0, "distanceM": 0.0, "finished": False}}
"""What stands in a delivery that no event, or no position, has reported.

What is sorted by must be there.
"""


def point(lat_deg: float, lng_deg: float) -> Document:
    """Return a place as GeoJSON: longitude first."""
    return {"type": "Point", "coordinates": [lng_deg, lat_deg]}


# -- deliveries
# --------------------------------------------------------------------------------------------------------------------


def delivery_of(document: Document, route: Document | None = None, *, run_is_silent: bool = False) -> DeliveryRecord:
    """Return the delivery in a document.

    `route` is the document of its route with title and length, if that is known.
    """
    position = document.get("position", {})
    values: dict[str, Any] = {
        name: document[field] for name, field in (_OWNERS | _BY_EVENTS).items() if field in document
    }
    values |= {name: position[field] for name, field in _BY_POSITION.items() if field in position}
    values["phase"] = DeliveryPhase(values["phase"])
    if "location" in position:
        values["lng_deg"], values["lat_deg"] = position["location"]["coordinates"]
    if route is not None:
        values |= {"route_title": route["title"], "route_length_m": values.get("route_length_m") or route["lengthM"]}
    return DeliveryRecord(document["_id"], **values, run_is_silent=run_is_silent)


def event_change(record: DeliveryRecord, revision: int) -> UpdateOne:
    """Return the operation that brings events into a delivery's document, from one revision to the next.

    It is refused if the delivery has another revision by then.

    Revision 0 stands for a delivery that no event has named, whether it has a document or not.
    """
    told = {field: getattr(record, name) for name, field in _BY_EVENTS.items()} | {
        "phase": record.phase.value,
        "revision": revision + 1,
    }
    owners = {field: getattr(record, name) for name, field in _OWNERS.items()}
    return UpdateOne(
        {"_id": record.delivery_id, "revision": revision},
        {"$set": told, "$setOnInsert": owners | _NO_POSITION},
        upsert=True,
    )


def newest_writes(batch: PositionBatch) -> Iterator[UpdateOne]:
    """Give the operation that each position makes of its delivery.

    Documents are compared field by field, and seq is the first one: the greater of two positions, which ``$max``
    leaves, is the newer one.
    """
    # Literals of the fields that `_OWNERS` and `_BY_POSITION` name: building each document from those tables took twice
    # as long as all else that is done for a position here.
    names = ("delivery_id", "run_id", "route_id", "client_id", "driver_id")
    texts = [getattr(batch, name).astype(str).tolist() for name in names]
    columns = ("seq", "event_time_ms", "speed_mps", "bearing_deg", "distance_m", "finished", "lat_deg", "lng_deg")
    numbers = [getattr(batch, name).tolist() for name in columns]
    for delivery, run, route, client, driver, seq, time, speed, bearing, distance, finished, lat, lng in zip(
        *texts, *numbers, strict=True
    ):
        position = {
            "seq": seq,
            "eventTime": time,
            "speedMps": speed,
            "bearingDeg": bearing,
            "distanceM": distance,
            "finished": finished,
            "location": {"type": "Point", "coordinates": [lng, lat]},
        }
        first = {"runId": run, "routeId": route, "clientId": client, "driverId": driver, **_NO_EVENT}
        yield UpdateOne({"_id": delivery}, {"$max": {"position": position}, "$setOnInsert": first}, upsert=True)


def position_writes(batch: PositionBatch) -> Iterator[UpdateOne]:
    """Give the operation that keeps each position; the same one again changes nothing.

    The names and kinds of the fields are those that Kafka Connect makes of the records, so it does not matter who
    writes a document first.
    """
    texts = [
        getattr(batch, name).astype(str).tolist()
        for name in ("route_id", "client_id", "delivery_id", "driver_id", "run_id")
    ]
    numbers = [
        getattr(batch, name).tolist()
        for name in ("lat_deg", "lng_deg", "finished", "seq", "event_time_ms", "speed_mps", "bearing_deg", "distance_m")
    ]
    for route, client, delivery, driver, run, lat, lng, finished, seq, time, speed, bearing, distance in zip(
        *texts, *numbers, strict=True
    ):
        number = Int64(seq)
        told = {
            "routeId": route,
            "clientId": client,
            "position": [lat, lng],  # the wire's order, untouched
            "finished": finished,
            "deliveryId": delivery,
            "driverId": driver,
            "runId": run,
            "seq": number,
            "eventTime": Int64(time),
            "speed": speed,
            "bearing": bearing,
            "distance": distance,
            "location": point(lat, lng),
        }
        yield UpdateOne({"_id": {"deliveryId": delivery, "seq": number}}, {"$set": told}, upsert=True)


def position_columns(found: Sequence[Document]) -> PositionColumns:
    """Return the positions in documents of `POSITION_FIELDS`.

    What is no number, or not there, is NaN, or seq -1.
    """
    places = [_pair((document.get("location") or {}).get("coordinates")) for document in found]
    seqs = [seq if isinstance(seq := document.get("seq"), int) else -1 for document in found]
    ids = np.array([str(document.get("deliveryId")).encode() for document in found], "S")
    lng_deg, lat_deg = (np.array(column, np.float64) for column in zip(*places, strict=True))
    return PositionColumns(ids, np.array(seqs, np.int64), lat_deg, lng_deg)


def _pair(coordinates: object) -> tuple[float, float]:
    match coordinates:
        case [int() | float() as lng, int() | float() as lat]:
            return lng, lat
    return math.nan, math.nan


# -- routes, runs, views
# --------------------------------------------------------------------------------------------------------------------


def route_write(route: StoredRoute, *, kept: bool) -> UpdateOne:
    """Return the operation that puts a route in or replaces it; `kept` stays true once it is."""
    told = {"title": route.title, "source": route.source, "lengthM": route.length_m, "points": route.points}
    told |= {"start": point(*route.start), "end": point(*route.end), "definition": route.definition}
    update: Document = {"$set": told | {"kept": True}} if kept else {"$set": told, "$setOnInsert": {"kept": False}}
    return UpdateOne({"_id": route.id}, update, upsert=True)


def route_of(document: Document) -> StoredRoute:
    """Return the route in a document."""
    start, end = ((lat, lng) for lng, lat in (document["start"]["coordinates"], document["end"]["coordinates"]))
    told = (document["title"], document["source"], document["lengthM"], document["points"])
    return StoredRoute(document["_id"], *told, start, end, document["definition"], document["kept"])


def run_change(event: RunEvent) -> tuple[Filter, Document]:
    """Return which run's document an event changes and how, if the event is newer than it.

    See `api.stores.model.is_newer`.
    """
    older = [{"eventTime": {"$lt": event.event_time}}, {"eventTime": event.event_time, "seq": {"$lt": event.seq}}]
    # As JSON: a seed may be any whole number, and a document's have 64 bits.
    told = {
        "eventTime": event.event_time,
        "seq": event.seq,
        "state": event.state,
        "silent": False,
        "event": event.to_json().decode(),
    }
    return {"_id": event.run_id, "$or": older}, {"$set": told}


def run_of(document: Document) -> RunEvent:
    """Return how the run in a document stands."""
    return RunEvent.from_json(document["event"].encode())


def view_write(view: View) -> UpdateOne:
    """Return the operation that puts a view in or replaces it, its time of creation staying."""
    update = {"$set": {"title": view.title, "query": view.query}, "$setOnInsert": {"createdAtMs": view.created_at_ms}}
    return UpdateOne({"_id": view.id}, update, upsert=True)


def view_of(document: Document) -> View:
    """Return the view in a document."""
    return View(document["_id"], document["title"], document["query"], document["createdAtMs"])

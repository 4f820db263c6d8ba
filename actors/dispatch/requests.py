"""Requests: what other parts want of a run, decoded from records or turned into dead letters."""

from __future__ import annotations

from dataclasses import dataclass

from engine.codec import BOUNDS
from engine.errors import InvalidInput
from engine.messages import ControlRun, DeadLetter, RouteDefined, StartDelivery, Topic
from engine.motion.vehicle import VehicleClass
from engine.roads.route import Route


@dataclass(frozen=True, slots=True)
class RouteGone:
    """A route that must not be driven any more."""

    route_id: str


Offsets = dict[str, dict[str, int]]
"""Offsets by topic and partition, the partition as a text, as JSON has it."""

Request = StartDelivery | ControlRun | Route | RouteGone


@dataclass(frozen=True, slots=True)
class Received:
    """Something that was asked for, and where it was found."""

    request: Request
    partition: int
    offset: int


def decode(topic: str, key: bytes | None, value: bytes | None, partition: int, offset: int) -> Received | DeadLetter:
    """Return what a record on a request topic asks for, or the dead letter that it becomes."""
    try:
        return Received(_request(topic, key, value), partition, offset)
    except InvalidInput as error:
        return DeadLetter(value or b"", key, str(error), topic, partition, offset)


def _request(topic: str, key: bytes | None, value: bytes | None) -> Request:
    match topic:
        case Topic.NEW_DIRECTION:
            request = StartDelivery.from_json(value or b"")
            if request.vehicle is not None and request.vehicle not in list(VehicleClass):
                raise InvalidInput(f"vehicle must be one of {', '.join(VehicleClass)}, found {request.vehicle!r}")
            return request
        case Topic.RUN_CONTROL:
            return ControlRun.from_json(value or b"")
        case Topic.ROUTE_DEFINED:
            if value is None and key is not None:
                return RouteGone(key.decode(errors="replace"))
            message = RouteDefined.from_json(value or b"")
            if message.deleted:
                return RouteGone(message.route_id)
            route = Route.from_message(message)
            if route.length_m > BOUNDS["distance"][1]:
                raise InvalidInput(
                    f"route {route.id} of {route.length_m:.0f} m is longer than {BOUNDS['distance'][1]:.0f} m"
                )
            return route
        case _:
            raise InvalidInput(f"nothing is asked for on topic {topic}")

"""One record of `route.new-position`, read as plain JSON, for any layout but the encoder's."""

from __future__ import annotations

import json
from typing import Any, NoReturn

from engine.codec.batch import PositionRecord
from engine.codec.layout import BOUNDS, MAX_RECORD_BYTES
from engine.errors import MessageError, shown
from engine.messages import checked_id

_LATER_FIELDS = ("deliveryId", "driverId", "runId", "seq", "eventTime", "speed", "bearing", "distance")


def decode_record(value: bytes) -> PositionRecord:
    """Return one record, read as plain JSON. Unknown fields are ignored.

    A record with none of the fields that follow the ancestor's four gets ``routeId:clientId`` as delivery and driver,
    ``external`` as run, and seq and time -1.

    Raises
    ------
    MessageError : larger than `MAX_RECORD_BYTES`, not JSON, a field missing, of the wrong type, or outside `BOUNDS`.
    """
    record = _parsed(value)
    route_id = checked_id(record.get("routeId"), "routeId")
    client_id = checked_id(record.get("clientId"), "clientId")
    position = record.get("position")
    if not isinstance(position, list) or len(position) != 2:
        raise MessageError(f"position must be [lat, lng], found {shown(position)}")
    lat, lng = _number(position[0], "lat"), _number(position[1], "lng")
    finished = record.get("finished")
    if not isinstance(finished, bool):
        raise MessageError(f"finished must be true or false, found {shown(finished)}")
    if not any(name in record for name in _LATER_FIELDS):
        delivery = checked_id(f"{route_id}:{client_id}", "routeId:clientId").encode()
        return (
            route_id.encode(),
            client_id.encode(),
            delivery,
            delivery,
            b"external",
            lat,
            lng,
            finished,
            -1,
            -1,
            0.0,
            0.0,
            0.0,
        )
    return (
        route_id.encode(),
        client_id.encode(),
        checked_id(record.get("deliveryId"), "deliveryId").encode(),
        checked_id(record.get("driverId"), "driverId").encode(),
        checked_id(record.get("runId"), "runId").encode(),
        lat,
        lng,
        finished,
        _whole(record.get("seq"), "seq"),
        _whole(record.get("eventTime"), "eventTime"),
        _number(record.get("speed"), "speed"),
        _number(record.get("bearing"), "bearing") % 360.0,
        _number(record.get("distance"), "distance"),
    )


def _parsed(value: bytes) -> dict[str, Any]:
    if len(value) > MAX_RECORD_BYTES:
        raise MessageError(f"record of {len(value)} bytes is larger than {MAX_RECORD_BYTES}")
    try:
        record = json.loads(value, parse_constant=_refuse_constant)
    except (UnicodeDecodeError, ValueError, RecursionError) as error:
        raise MessageError(f"not JSON: {error}; found {shown(bytes(value[:40]))}") from None
    if not isinstance(record, dict):
        raise MessageError(f"expected a JSON object, found {shown(record)}")
    return record


def _refuse_constant(word: str) -> NoReturn:
    raise ValueError(f"{word} is no JSON number")


def _number(value: object, name: str) -> float:
    low, high = BOUNDS[name]
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise MessageError(f"{name} must be a number from {low:.15g} to {high:.15g}, found {shown(value)}")
    return float(value)


def _whole(value: object, name: str) -> int:
    low, high = BOUNDS[name]
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise MessageError(f"{name} must be a whole number from {low:.15g} to {high:.15g}, found {shown(value)}")
    return value

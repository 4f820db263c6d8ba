"""The one shape of a delivery: REST, the live map's socket and the JSON socket answer with it.

What is not known is null.

It refuses to know where a delivery is kept: the stores and the live map hand in what they have.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from pydantic import Field

from api.shapes import Point, Schema
from api.stores.model import DeliveryPhase, DeliveryRecord


@dataclass(frozen=True, slots=True)
class Newest:
    """A delivery's newest position, in the messages' terms.

    A seq or an event time that is not known is negative.

    Attributes
    ----------
    event_time : virtual epoch ms at which the position was due.
    """

    seq: int
    event_time: int
    lat_deg: float
    lng_deg: float
    speed_mps: float
    bearing_deg: float
    distance_m: float


class Delivery(Schema):
    """A delivery's current state."""

    delivery_id: str
    run_id: str
    route_id: str
    route_title: str
    client_id: str
    driver_id: str
    vehicle: str = Field(examples=["car"])
    state: DeliveryPhase
    reason: str | None = Field(description="why it was rejected or suspended")
    started_at: int | None
    planned_arrival: int | None
    ended_at: int | None
    route_length_m: float | None
    distance_m: float | None = Field(description="driven so far, null before the first position")
    progress: float | None = Field(
        ge=0, le=1, description="share of the route, null before the first position and while the length is unknown"
    )
    speed_mps: float | None = Field(description="null before the first position")
    bearing_deg: float | None = Field(description="clockwise from north, null before the first position")
    position: Point | None = Field(description="null before the first position")
    seq: int | None = Field(description="number of the newest position, null before the first")
    event_time: int | None = Field(description="when the newest position was due")

    @classmethod
    def of(cls, record: DeliveryRecord) -> Delivery:
        """Return a stored delivery in its shape."""
        newest = None
        if record.lat_deg is not None and record.lng_deg is not None:
            at = -1 if record.event_time is None else record.event_time
            motion = record.speed_mps, record.bearing_deg, record.distance_m
            newest = Newest(record.seq, at, record.lat_deg, record.lng_deg, *motion)
        same = {name: getattr(record, name) for name in _AS_STORED}
        return cls(**same, state=record.shown_phase, **facts_of(newest), progress=rounded(record.progress))


class PositionNews(Schema):
    """A position of a delivery that a script chose, as the JSON socket sends it."""

    t: Literal["position"] = "position"
    delivery_id: str
    run_id: str
    route_id: str
    client_id: str
    driver_id: str
    seq: int | None = Field(description="null in a record that has no number")
    event_time: int | None = Field(description="when the position was due, null in a record that does not say")
    position: Point
    speed_mps: float
    bearing_deg: float
    distance_m: float
    finished: bool


def facts_of(newest: Newest | None) -> dict[str, Any]:
    """Return what a newest position says of its delivery, by field.

    Every value is None if there is no position.
    """
    if newest is None:
        return dict.fromkeys(_OF_THE_NEWEST)
    return {
        "seq": known(newest.seq),
        "event_time": known(newest.event_time),
        "position": Point(lat=newest.lat_deg, lng=newest.lng_deg),
        "speed_mps": newest.speed_mps,
        "bearing_deg": newest.bearing_deg,
        "distance_m": newest.distance_m,
    }


def known(number: int) -> int | None:
    """Return a number that messages write as -1 where it is not known, None then."""
    return None if number < 0 else number


def rounded(progress: float | None) -> float | None:
    """Return a share of a route to a millionth."""
    return None if progress is None else round(progress, 6)


_OF_THE_NEWEST = ("seq", "event_time", "position", "speed_mps", "bearing_deg", "distance_m")
_AS_STORED = tuple(name for name in Delivery.model_fields if name not in {"state", "progress", *_OF_THE_NEWEST})

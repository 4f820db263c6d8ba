"""The JSON messages of ``sim.v1`` as types for the OpenAPI document, which makes the page's types.

A document of HTTP has no place for a socket's messages other than its components: they are listed there by name.
"""

from __future__ import annotations

from typing import Literal

from pydantic import ConfigDict, Field

from api.delivery import Delivery, PositionNews
from api.shapes import LineString, Schema
from engine.messages import EventKind
from engine.motion.vehicle import VehicleClass

_SOME_ABSENT = ConfigDict(json_schema_serialization_defaults_required=False)


class Hello(Schema):
    """The first message, and again when the run or its clock changes."""

    t: Literal["hello"]
    protocol: Literal["sim.v1"]
    run_id: str | None = Field(description="the run whose time is shown, null before the first")
    states: list[str] = Field(description="by their number in a frame")
    vehicles: list[VehicleClass] = Field(description="by their number in a frame")
    period_ms: int = Field(description="wall ms between two frames")
    sample_period_ms: int = Field(description="virtual ms between two positions of a vehicle")
    clock: tuple[float, float, float] = Field(
        description="virtual ms, wall ms, virtual seconds per wall second, 0 while the run is paused"
    )


class LiveEvent(Schema):
    """What happened to a delivery."""

    model_config = _SOME_ABSENT

    t: Literal["event"]
    kind: EventKind
    delivery_id: str
    route_id: str
    route_title: str
    id: int | None = Field(description="the delivery's number in a frame, null if it is not on the map")
    event_time: int
    reason: str | None = None


class LiveEvents(Schema):
    """What has happened lately, oldest first."""

    model_config = _SOME_ABSENT

    t: Literal["events"]
    events: list[LiveEvent]
    skipped: int = Field(default=0, description="events left out since the last such message; absent if none were")


class Track(Delivery):
    """The chosen delivery: at once, and then once a second."""

    model_config = _SOME_ABSENT

    t: Literal["track"]
    id: int | None = Field(description="its number in a frame, null once it has left the map")
    route: LineString | None = Field(
        default=None, description="in the first answer only; null there if the route is unknown"
    )


class Untracked(Schema):
    """A chosen delivery is not on the map, or has left it."""

    t: Literal["untracked"]
    id: int | None
    delivery_id: str | None
    reason: str


class Stats(Schema):
    """Figures of the whole world, once a second, and of this connection."""

    t: Literal["stats"]
    vehicles: int
    by_state: list[int] = Field(description="vehicles by the number of their state")
    age_p50_ms: float | None = Field(alias="ageP50Ms", description="null while every run stands still")
    age_p99_ms: float | None = Field(alias="ageP99Ms", description="null while every run stands still")
    sent: int = Field(description="frames sent to this viewer")
    skipped: int = Field(description="frames that a newer one replaced before they could be sent to this viewer")


class Refusal(Schema):
    """Why the server closes the connection."""

    t: Literal["error"]
    reason: str


class Subscribe(Schema):
    """A viewer asks for frames of a rectangle of cells."""

    t: Literal["sub"]
    z: Literal[12]
    cells: tuple[int, int, int, int] = Field(description="x0, y0, x1, y1, both ends included")
    max: int = Field(description="beyond this number of vehicles their density is sent")
    hz: int = Field(description="frames a second at most")


class Acknowledge(Schema):
    """A viewer has taken a frame."""

    t: Literal["ack"]
    seq: int


class TrackRequest(Schema):
    """A viewer chooses a delivery by its number or its id, or with neither chooses none."""

    t: Literal["track"]
    id: int | None = None
    delivery_id: str | None = None


class PauseFrames(Schema):
    """A viewer wants no frames for now."""

    t: Literal["pause"]


class ResumeFrames(Schema):
    """A viewer wants frames again."""

    t: Literal["resume"]


SENT: tuple[type[Schema], ...] = (Hello, LiveEvents, Track, Untracked, Stats, Refusal, PositionNews)
RECEIVED: tuple[type[Schema], ...] = (Subscribe, Acknowledge, TrackRequest, PauseFrames, ResumeFrames)

"""REST's own language: camelCase JSON, SI units, times in virtual epoch ms.

What is asked is checked here; what is answered is described here.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import ConfigDict, Field, StringConstraints, model_validator
from pydantic.alias_generators import to_camel

from api.delivery import Delivery
from api.shapes import LineString, Point, Schema
from api.stores.model import StoredRoute, View
from engine.accounting.ledger import Account
from engine.messages import MAX_FLEET, MAX_RATE, MAX_STAGE_NAME, RunEvent, RunState
from engine.motion.vehicle import VehicleClass

MAX_STARTED = 10_000
"""Most deliveries that one request may start."""

Id = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._:\-]{1,96}$")]


class RouteSummary(Schema):
    """A road to drive, as the ancestor listed it and a little more."""

    id: str = Field(alias="_id", examples=["1"])
    title: str = Field(examples=["Primeiro"])
    start_position: Point
    end_position: Point
    length_m: float = Field(examples=[4312.7])
    points: int
    source: str = Field(description="where the route came from", examples=["upload"])

    @classmethod
    def fields_of(cls, route: StoredRoute) -> dict[str, Any]:
        """Return a stored route's fields."""
        (start_lat, start_lng), (end_lat, end_lng) = route.start, route.end
        places = {
            "start_position": Point(lat=start_lat, lng=start_lng),
            "end_position": Point(lat=end_lat, lng=end_lng),
        }
        return {
            "id": route.id,
            "title": route.title,
            "length_m": round(route.length_m, 2),
            "points": route.points,
            "source": route.source,
        } | places

    @classmethod
    def of(cls, route: StoredRoute) -> Self:
        """Return a stored route as readers see it."""
        return cls(**cls.fields_of(route))


class RouteStop(Schema):
    """A place on a route where vehicles stand for a while."""

    distance_m: float
    dwell_s: float


class RouteDetail(RouteSummary):
    """A road with its geometry."""

    geometry: LineString
    stops: list[RouteStop]


class ImportAnswer(Schema):
    """What an upload brought."""

    routes: list[RouteSummary]
    skipped: list[str] = Field(
        description="what was left out, each with file, place and reason",
        examples=[['1.txt line 189: expected "lat,lng"']],
    )
    notices: list[str] = Field(
        description="what was read in a way that may not be meant, each with file and place",
        examples=[["rides.csv line 1: columns not used: ele"]],
    )
    replaced: list[str] = Field(
        description="ids of the routes that were there already, and are these now", examples=[["1"]]
    )


class DeliveryPage(Schema):
    """Some deliveries, and how many there are in all."""

    items: list[Delivery]
    total: int


class StartRequest(Schema):
    """Which deliveries to start: on one route, on several, or on some at random."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"routeId": "1", "vehicle": "van"}, {"routeIds": ["1", "2"]}, {"random": 100}]},
    )

    route_id: Id | None = None
    route_ids: list[Id] | None = Field(default=None, min_length=1, max_length=MAX_STARTED)
    random: int | None = Field(default=None, ge=1, le=MAX_STARTED, description="this number, on routes drawn at random")
    vehicle: VehicleClass | None = None
    client_id: Id | None = None
    delivery_id: Id | None = Field(
        default=None, description="with a single route; the same id twice starts one delivery"
    )
    driver_id: Id | None = Field(default=None, description="with a single route")
    depart_at: int | None = Field(
        default=None, ge=0, le=8_640_000_000_000_000, description="virtual epoch ms; at once if absent"
    )

    @model_validator(mode="after")
    def _asks_for_one_thing(self) -> Self:
        asked = [name for name in ("route_id", "route_ids", "random") if getattr(self, name) is not None]
        if len(asked) != 1:
            raise ValueError(
                "exactly one of routeId, routeIds and random is needed, "
                f"found {', '.join(map(to_camel, asked)) or 'none'}"
            )
        if self.route_id is None and (self.delivery_id is not None or self.driver_id is not None):
            raise ValueError("deliveryId and driverId go with routeId only: several deliveries cannot share them")
        return self


class StartedDelivery(Schema):
    """A delivery that was asked for."""

    delivery_id: str
    route_id: str


class StartAnswer(Schema):
    """The deliveries that were asked for, and that Kafka has acknowledged."""

    deliveries: list[StartedDelivery]


class AncestorStart(Schema):
    """The ancestor's answer to a start."""

    delivery_id: str
    route_id: str
    client_id: str


class Accepted(Schema):
    """A request that Kafka has acknowledged; the simulation follows it."""

    run_id: str
    delivery_id: str | None = None
    action: str


class Run(Schema):
    """How a run stands."""

    run_id: str
    state: RunState
    scenario: str
    seed: int
    event_time: int
    sample_period_ms: int
    clock: tuple[float, float, float] = Field(description="virtual ms, wall ms, virtual seconds per wall second")
    drivers: int
    active: int = Field(description="deliveries on the road")
    actors: int
    produced: int
    acked: int
    failed: int
    lateness_p99_ms: float | None
    silent: bool = Field(
        description="not ended, and not heard of since the service began: its deliveries are shown as suspended"
    )

    @classmethod
    def of(cls, event: RunEvent, *, silent: bool) -> Run:
        """Return a run as readers see it; one that has ended says nothing more, and that is as it should be."""
        has_ended = event.state in (RunState.FINISHED, RunState.CANCELLED)
        return cls(
            **{name: getattr(event, name) for name in cls.model_fields if name != "silent"},
            silent=silent and not has_ended,
        )


class ScaleRequest(Schema):
    """How fast virtual time goes."""

    model_config = ConfigDict(extra="forbid")

    time_scale: float = Field(
        ge=0.01, le=1000, allow_inf_nan=False, description="virtual seconds per wall second", examples=[10]
    )


class FleetRequest(Schema):
    """How large the fleet is to be, to the run's end: in drivers, or in positions a virtual second."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"drivers": 500}, {"rate": 1000, "stage": "probe 1"}]}
    )

    drivers: int | None = Field(default=None, ge=0, le=MAX_FLEET)
    rate: float | None = Field(
        default=None,
        ge=0,
        le=MAX_RATE,
        allow_inf_nan=False,
        description="as many drivers as make this number of positions a virtual second",
    )
    stage: str | None = Field(
        default=None,
        min_length=1,
        max_length=MAX_STAGE_NAME,
        description="what reports call the stage that begins then",
    )

    @model_validator(mode="after")
    def _asks_for_one_size(self) -> Self:
        if (self.drivers is None) == (self.rate is None):
            raise ValueError(f"either drivers or rate is needed, found {'neither' if self.rate is None else 'both'}")
        return self


class GapRange(Schema):
    """Positions that are missing, both ends included."""

    delivery_id: str
    from_: int = Field(alias="from")
    to: int


class Ledger(Schema):
    """A run's positions from stage to stage."""

    produced: int = Field(
        description="different positions handed to Kafka, or lost by an injected fault; "
        "one that was sent twice counts once"
    )
    acked: int = Field(description="of these, acknowledged by Kafka, or lost by an injected fault")
    failed: int = Field(default=0, description="of these, refused by Kafka for good")
    consumed: int
    stored: int
    missing: int
    lost_on_purpose: int = Field(
        default=0,
        description="not stored because a fault of the scenario left them out or damaged them; they are not missing",
    )
    duplicated: int = Field(description="read although they were stored already, since this process began")
    dead_lettered: int = Field(description="records of any run that could not be read, since this process began")
    gaps: list[GapRange] = Field(description="at most 100 of them")

    @classmethod
    def of(cls, account: Account) -> Ledger:
        """Return an account as readers see it."""
        return cls.model_validate(account.to_json())


class ViewRequest(Schema):
    """An address of the map that is to be kept under a name."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"title": "Vaduz, vans", "query": "map=14/47.14/9.52&q=van&state=moving"}]},
    )

    title: Annotated[
        str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f]*$")
    ]
    query: Annotated[str, StringConstraints(max_length=2000, pattern=r"^[A-Za-z0-9\-._~!$&'()*+,;=:@/?%]*$")] = Field(
        description="what stands after the question mark in the page's address"
    )


class SavedView(Schema):
    """A named address of the map."""

    id: str = Field(examples=["vaduz-vans"])
    title: str
    query: str
    created_at: int = Field(description="wall time, epoch ms")

    @classmethod
    def of(cls, view: View) -> SavedView:
        """Return a stored view as readers see it."""
        return cls(id=view.id, title=view.title, query=view.query, created_at=view.created_at_ms)


class PartHealth(Schema):
    """How one part is."""

    ok: bool
    detail: str | None = None


class Health(Schema):
    """How the service is, part by part."""

    status: Literal["ok", "failing"]
    version: str
    parts: dict[str, PartHealth]


class PageConfig(Schema):
    """What the web page must know before it asks anything else."""

    version: str
    needs_key: bool
    basemap: str | None = Field(default=None, examples=["/basemap/streets.geojson"])
    attribution: str = Field(default="", description="must be shown with the base map")
    bounds: tuple[float, float, float, float] | None = Field(
        default=None, description="west, south, east, north of the base map, degrees"
    )

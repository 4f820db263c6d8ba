"""The two protocols that every store follows: `StateStore` (what is) and `HistoryStore` (what was).

All methods are coroutines and never block the event loop. All writes are idempotent: a repeated call changes nothing,
so that reading Kafka at least once leaves every fact in a store exactly once. They raise `StoreBackpressure` when the
same call should be made again later, `StoreUnavailable` when the store cannot be reached; after either of them nothing
of the call is promised, and all of it may be repeated.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from api.stores.model import DeliveryPhase, DeliveryRecord, StoredRoute, View
from engine.codec import PositionBatch
from engine.delivery.faults import Label
from engine.messages import DeliveryEvent, RunEvent

T = TypeVar("T")

MAX_PAGE = 100
"""Most deliveries that one call returns."""


class DeliverySort(StrEnum):
    """What deliveries may be sorted by; equal ones are then in the order of deliveryId."""

    STARTED_AT = "startedAt"
    PLANNED_ARRIVAL = "plannedArrival"
    DELIVERY_ID = "deliveryId"
    DRIVER_ID = "driverId"
    ROUTE_TITLE = "routeTitle"
    VEHICLE = "vehicle"
    PROGRESS = "progress"
    DISTANCE = "distanceM"
    SPEED = "speedMps"


@dataclass(frozen=True, slots=True)
class DeliveryQuery:
    """Which deliveries, in which order, from where on.

    Attributes
    ----------
    phases : as shown to readers; any if empty.
    text : part of the deliveryId, the driverId or the route's title, in any case.
    limit : 1 to `MAX_PAGE`.
    """

    phases: frozenset[DeliveryPhase] = frozenset()
    text: str = ""
    route_id: str | None = None
    vehicle: str | None = None
    run_id: str | None = None
    sort: DeliverySort = DeliverySort.STARTED_AT
    descending: bool = True
    limit: int = MAX_PAGE
    offset: int = 0


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some of the things asked for, and how many there are in all."""

    items: list[T] = field(default_factory=list)
    total: int = 0


@dataclass(frozen=True, slots=True)
class Refusal:
    """A fact that a store will never take, however often it is asked.

    Attributes
    ----------
    row : the fact's place in what was to be written, from 0.
    reason : why, for a person.
    """

    row: int
    reason: str


@dataclass(frozen=True, slots=True)
class Written:
    """What became of a write.

    Facts that are new in the store, facts that were there already, and facts that it will never take.

    Together they are all facts of the write: `new + known + len(refused)`.
    """

    new: int = 0
    known: int = 0
    refused: tuple[Refusal, ...] = ()


@dataclass(frozen=True, slots=True)
class Holding:
    """How much of one delivery a history holds.

    Attributes
    ----------
    count : its positions, each seq once.
    last_seq : the greatest seq.
    """

    count: int
    last_seq: int


@dataclass(frozen=True, slots=True)
class Track:
    """Every stored position of one delivery, by seq; arrays of shape (n,), n >= 1.

    Attributes
    ----------
    event_time_ms : virtual epoch ms.
    lat_deg, lng_deg, bearing_deg : degrees.
    speed_mps, distance_m : m/s, metres.
    """

    seq: NDArray[np.int64]
    event_time_ms: NDArray[np.int64]
    lat_deg: NDArray[np.float64]
    lng_deg: NDArray[np.float64]
    speed_mps: NDArray[np.float64]
    bearing_deg: NDArray[np.float64]
    distance_m: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class PositionColumns:
    """Some of the positions that are stored of a run, in any order; arrays of shape (n,).

    Attributes
    ----------
    delivery_id : numpy 'S' array.
    lat_deg, lng_deg : degrees.
    """

    delivery_id: NDArray[np.bytes_]
    seq: NDArray[np.int64]
    lat_deg: NDArray[np.float64]
    lng_deg: NDArray[np.float64]


class Store(Protocol):
    """What both stores have in common."""

    async def open(self) -> None:
        """Make the store usable, with its tables or indexes; called once, at the start of the application."""

    async def close(self) -> None:
        """Finish what was begun and let go of files and connections; called once, after the last use."""

    async def ping(self) -> None:
        """Return if the store answers, raise `StoreUnavailable` if not; called by the health endpoints."""


class StateStore(Store, Protocol):
    """Routes, deliveries with their current state, runs, and saved views."""

    async def put_routes(self, routes: Sequence[StoredRoute]) -> None:
        """Put routes in or replace them, `kept` staying true once it is.

        Called by imports and by the state sink.
        """

    async def delete_routes(self, route_ids: Sequence[str]) -> int:
        """Take routes out and return how many there were; called by the REST interface and by the state sink."""

    async def route(self, route_id: str) -> StoredRoute | None:
        """Return a route; called by the REST interface."""

    async def routes(self, text: str = "", limit: int = 100, offset: int = 0) -> Page[StoredRoute]:
        """Return routes by id, those whose id or title has `text` in any case; called by the REST interface."""

    async def route_ids(self) -> list[str]:
        """Return the ids of all routes, sorted; called when deliveries are started at random."""

    async def kept_routes(self) -> list[StoredRoute]:
        """Return the routes put in through this service; called once, at the start."""

    async def apply_events(self, events: Sequence[DeliveryEvent]) -> None:
        """Apply events to their deliveries, as `api.stores.model.after_event`.

        Called by the state sink with what one poll brought.
        """

    async def apply_positions(self, batch: PositionBatch) -> None:
        """Apply positions to their deliveries, the greatest seq winning.

        Called by the state sink with what one poll brought.
        """

    async def delivery(self, delivery_id: str) -> DeliveryRecord | None:
        """Return a delivery; called by the REST interface and by the live socket."""

    async def deliveries(self, query: DeliveryQuery) -> Page[DeliveryRecord]:
        """Return deliveries; called by the REST interface."""

    async def ended(self, run_id: str) -> dict[str, int]:
        """Return how many positions each ended delivery of a run has in all, by deliveryId.

        Called when a run is accounted for.
        """

    async def put_runs(self, events: Sequence[RunEvent]) -> None:
        """Remember how runs stand, the newest event winning; called by the state sink."""

    async def doubt_runs(self) -> None:
        """Take every run as silent until it is heard of again.

        Called once, at the start: a run may have died unseen, with a broker that forgets.
        """

    async def silent_runs(self) -> frozenset[str]:
        """Return the runs that nothing was heard of since `doubt_runs`; called by the REST interface."""

    async def run(self, run_id: str) -> RunEvent | None:
        """Return how a run stands; called by the REST interface."""

    async def runs(self) -> list[RunEvent]:
        """Return how all runs stand, the newest first; called by the REST interface."""

    async def put_view(self, view: View) -> View:
        """Put a view in, or replace the one of its id, whose time of creation stays.

        Return it as it is kept now. Called by the REST interface.
        """

    async def views(self) -> list[View]:
        """Return all views, the oldest first; called by the REST interface."""

    async def delete_view(self, view_id: str) -> bool:
        """Take a view out and return whether it was there; called by the REST interface."""


class HistoryStore(Store, Protocol):
    """Every position and every delivery event."""

    async def write_positions(self, batch: PositionBatch) -> Written:
        """Keep positions, each (deliveryId, seq) once; called by the history sink.

        When it returns they survive the end of this process.
        """

    async def write_events(self, events: Sequence[DeliveryEvent]) -> Written:
        """Keep events, each (deliveryId, seq) once; called by the history sink.

        When it returns they survive the end of this process.
        """

    async def track(self, delivery_id: str) -> Track | None:
        """Return a delivery's positions by seq, None if there are none.

        Called by the REST interface and when gaps are named.
        """

    async def events(self, delivery_id: str) -> list[DeliveryEvent]:
        """Return a delivery's events by seq."""

    async def holdings(self, run_id: str) -> dict[str, Holding]:
        """Return how many positions of each delivery of a run are stored, by deliveryId.

        Called when a run is accounted for.
        """

    async def faults(self, run_id: str) -> dict[str, list[Label]]:
        """Return the labels of the faults injected into a run's positions, by deliveryId, in any order.

        Called when a run is accounted for or verified.
        """

    def positions(self, run_id: str) -> AsyncIterator[PositionColumns]:
        """Give all stored positions of a run, each (deliveryId, seq) once, in chunks of any size and order.

        Called when a run is verified.
        """

"""``/deliveries``: start, list, show, track, control."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
import orjson
from fastapi import Path as PathParameter
from fastapi import Query, Response

from api.bus import Record
from api.delivery import Delivery
from api.deps import BusDep, CatalogueDep, HistoryDep, StateDep
from api.errors import Refused
from api.rest.problems import problems
from api.rest.schemas import Accepted, DeliveryPage, Id, StartAnswer, StartRequest
from api.rest.security import keyed_router
from api.rest.starting import start_deliveries
from api.stores.base import MAX_PAGE, DeliveryQuery, DeliverySort, Track
from api.stores.model import DeliveryPhase
from engine.messages import FINAL_KINDS, ControlAction, ControlRun
from engine.motion.vehicle import VehicleClass

router = keyed_router(prefix="/deliveries", tags=["deliveries"])

DeliveryId = Annotated[Id, PathParameter(description="id of a delivery")]
_SORTS = sorted([sort.value for sort in DeliverySort] + [f"-{sort.value}" for sort in DeliverySort])
_ENDED = frozenset(DeliveryPhase(kind.value) for kind in FINAL_KINDS)


@router.post(
    "",
    operation_id="startDeliveries",
    summary="Start one or many deliveries",
    status_code=202,
    responses=problems(404, 409, 413),
)
async def start(asked: StartRequest, state: StateDep, catalogue: CatalogueDep, bus: BusDep) -> StartAnswer:
    """Ask the simulation for deliveries.

    The answer comes once Kafka has acknowledged the requests, the deliveries appear a moment later.
    """
    return StartAnswer(deliveries=await start_deliveries(asked, state, catalogue, bus))


@router.get("", operation_id="listDeliveries", summary="List deliveries")
async def list_deliveries(
    state_store: StateDep,
    state: Annotated[
        list[str],
        Query(
            description=f"any of {', '.join(DeliveryPhase)}; repeated or comma-separated", examples=[["moving,stopped"]]
        ),
    ] = [],  # noqa: B006
    q: Annotated[
        str, Query(max_length=200, description="part of the deliveryId, the driverId or the route's title")
    ] = "",
    route_id: Annotated[Id | None, Query(alias="routeId")] = None,
    vehicle: Annotated[VehicleClass | None, Query()] = None,
    run_id: Annotated[Id | None, Query(alias="runId")] = None,
    sort: Annotated[
        str, Query(description=f"one of {', '.join(_SORTS)}; a minus turns the order round")
    ] = f"-{DeliverySort.STARTED_AT}",
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 50,
    offset: Annotated[int, Query(ge=0, le=10**9)] = 0,
) -> DeliveryPage:
    """Return deliveries with their current state, a page at a time."""
    query = DeliveryQuery(
        _phases(state), q, route_id, vehicle, run_id, _sort(sort), sort.startswith("-"), limit, offset
    )
    page = await state_store.deliveries(query)
    return DeliveryPage(items=[Delivery.of(record) for record in page.items], total=page.total)


def _phases(asked: list[str]) -> frozenset[DeliveryPhase]:
    words = [word.strip() for words in asked for word in words.split(",") if word.strip()]
    for word in words:
        if word not in list(DeliveryPhase):
            raise Refused(422, f"query.state: must be of {', '.join(DeliveryPhase)}, found {word[:80]!r}")
    return frozenset(map(DeliveryPhase, words))


def _sort(asked: str) -> DeliverySort:
    if asked not in _SORTS:
        raise Refused(422, f"query.sort: must be one of {', '.join(_SORTS)}, found {asked[:80]!r}")
    return DeliverySort(asked.removeprefix("-"))


@router.get("/{delivery_id}", operation_id="getDelivery", summary="Show a delivery", responses=problems(404))
async def get_delivery(delivery_id: DeliveryId, state: StateDep) -> Delivery:
    """Return a delivery's current state."""
    record = await state.delivery(delivery_id)
    if record is None:
        raise Refused(404, f"there is no delivery {delivery_id}")
    return Delivery.of(record)


_TRACK_EXAMPLE = {
    "type": "Feature",
    "geometry": {"type": "LineString", "coordinates": [[9.5215, 47.1416], [9.5216, 47.1417]]},
    "properties": {
        "deliveryId": "d1",
        "seqs": [0, 1],
        "times": [1700000000000, 1700000001000],
        "speeds": [0.0, 4.2],
        "distances": [0.0, 2.1],
    },
}


@router.get(
    "/{delivery_id}/track",
    operation_id="getTrack",
    summary="Show where a delivery was driven",
    responses={
        200: {
            "description": "A GeoJSON Feature",
            "content": {"application/geo+json": {"schema": {"type": "object"}, "example": _TRACK_EXAMPLE}},
        },
        **problems(404),
    },
    response_class=Response,
)
async def get_track(delivery_id: DeliveryId, state: StateDep, history: HistoryDep) -> Response:
    """Return every stored position as a GeoJSON Feature.

    Its properties hold, in the same order, seqs, times (virtual epoch ms), speeds (m/s) and distances (m).
    """
    track = await history.track(delivery_id)
    if track is None and await state.delivery(delivery_id) is None:
        raise Refused(404, f"there is no delivery {delivery_id}")
    return Response(
        orjson.dumps(_feature(delivery_id, track), option=orjson.OPT_SERIALIZE_NUMPY), media_type="application/geo+json"
    )


def _feature(delivery_id: str, track: Track | None) -> dict[str, Any]:
    """Return a track as GeoJSON.

    A LineString, a Point while there is one position only, no geometry before that.
    """
    geometry: dict[str, Any] | None = None
    columns: dict[str, Any] = {"seqs": [], "times": [], "speeds": [], "distances": []}
    if track is not None:
        places = np.column_stack((track.lng_deg, track.lat_deg))
        geometry = (
            {"type": "LineString", "coordinates": places}
            if len(places) > 1
            else {"type": "Point", "coordinates": places[0]}
        )
        columns = {
            "seqs": track.seq,
            "times": track.event_time_ms,
            "speeds": track.speed_mps.round(2),
            "distances": track.distance_m.round(1),
        }
    return {"type": "Feature", "geometry": geometry, "properties": {"deliveryId": delivery_id} | columns}


async def _control(delivery_id: str, action: ControlAction, state: StateDep, bus: BusDep) -> Accepted:
    record = await state.delivery(delivery_id)
    if record is None:
        raise Refused(404, f"there is no delivery {delivery_id}")
    if record.shown_phase in _ENDED:
        raise Refused(409, f"delivery {delivery_id} is {record.shown_phase}: it has ended")
    await bus.publish([Record.of(ControlRun(record.run_id, action, delivery_id))])
    return Accepted(run_id=record.run_id, delivery_id=delivery_id, action=action)


_CONTROLLED = problems(404, 409)


@router.post(
    "/{delivery_id}/pause",
    operation_id="pauseDelivery",
    summary="Pause a delivery",
    status_code=202,
    responses=_CONTROLLED,
)
async def pause(delivery_id: DeliveryId, state: StateDep, bus: BusDep) -> Accepted:
    """Ask that a delivery stands still; it goes on sending its position."""
    return await _control(delivery_id, ControlAction.PAUSE, state, bus)


@router.post(
    "/{delivery_id}/resume",
    operation_id="resumeDelivery",
    summary="Let a paused delivery go on",
    status_code=202,
    responses=_CONTROLLED,
)
async def resume(delivery_id: DeliveryId, state: StateDep, bus: BusDep) -> Accepted:
    """Ask that a paused delivery goes on."""
    return await _control(delivery_id, ControlAction.RESUME, state, bus)


@router.post(
    "/{delivery_id}/cancel",
    operation_id="cancelDelivery",
    summary="Cancel a delivery",
    status_code=202,
    responses=_CONTROLLED,
)
async def cancel(delivery_id: DeliveryId, state: StateDep, bus: BusDep) -> Accepted:
    """Ask that a delivery ends where it is."""
    return await _control(delivery_id, ControlAction.CANCEL, state, bus)

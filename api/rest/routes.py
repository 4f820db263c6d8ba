"""``/routes``: list, show, import, delete; and the ancestor's way to start a delivery."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import File, Header, Query, Response, UploadFile
from fastapi import Path as PathParameter

from api.deps import BusDep, CatalogueDep, StateDep
from api.errors import Refused
from api.rest.problems import problems
from api.rest.schemas import (
    AncestorStart,
    Id,
    ImportAnswer,
    RouteDetail,
    RouteStop,
    RouteSummary,
    StartRequest,
)
from api.rest.security import keyed_router
from api.rest.starting import CLIENT_ID, start_deliveries
from api.shapes import LineString
from api.stores.model import StoredRoute
from engine.earth.polylines import decode_polyline
from engine.errors import EngineError
from engine.roads import FORMATS, load_routes

router = keyed_router(prefix="/routes", tags=["routes"])

_FORMAT = (
    f"{', '.join(FORMATS)}, if the file's name does not tell; polyline takes precision 6 for the whole file "
    "if a line would leave the Earth with 5, "
    "and else 5: near latitude and longitude 0 say polyline5 or polyline6"
)

RouteId = Annotated[Id, PathParameter(description="id of a route", examples=["1"])]


_TOTAL = {"X-Total-Count": {"description": "how many there are in all", "schema": {"type": "integer"}}}


@router.get("", operation_id="listRoutes", summary="List routes", responses={200: {"headers": _TOTAL}})
async def list_routes(
    response: Response,
    state: StateDep,
    q: Annotated[str, Query(max_length=200, description="part of the id or the title")] = "",
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    offset: Annotated[int, Query(ge=0, le=10**9)] = 0,
) -> list[RouteSummary]:
    """Return routes by id, as a bare list like the ancestor's.

    The header X-Total-Count says how many there are in all.
    """
    page = await state.routes(q, limit, offset)
    response.headers["X-Total-Count"] = str(page.total)
    return [RouteSummary.of(route) for route in page.items]


@router.get("/{route_id}", operation_id="getRoute", summary="Show a route with its geometry", responses=problems(404))
async def get_route(route_id: RouteId, state: StateDep) -> RouteDetail:
    """Return a route; GeoJSON positions are [longitude, latitude]."""
    route = await state.route(route_id)
    if route is None:
        raise Refused(404, f"there is no route {route_id}")
    message = route.message()
    points = decode_polyline(message.geometry, 6, f"route {route_id}")
    return RouteDetail(
        **RouteSummary.fields_of(route),
        geometry=LineString(coordinates=[(lng, lat) for lat, lng in points.tolist()]),
        stops=[RouteStop(distance_m=distance, dwell_s=dwell) for distance, dwell in message.stops or ()],
    )


@router.post(
    "",
    operation_id="importRoutes",
    summary="Import a file of routes",
    status_code=201,
    responses=problems(413),
)
async def import_routes(
    file: Annotated[UploadFile, File(description="ancestor text, GeoJSON, GPX, encoded polyline, CSV or zipped GTFS")],
    catalogue: CatalogueDep,
    skip_invalid: Annotated[
        bool, Query(alias="skipInvalid", description="leave out what is damaged instead of refusing the file")
    ] = False,
    format: Annotated[str | None, Query(max_length=20, description=_FORMAT)] = None,  # noqa: A002 - the parameter's name
) -> ImportAnswer:
    """Import routes; a route whose id is there already is replaced.

    The answer says what was replaced and what was left out.
    """
    content, name = await file.read(), file.filename or "upload"
    routes, skipped, notices = await asyncio.to_thread(_read, content, name, skip_invalid, format)
    if not routes:
        raise Refused(422, f"{name} holds no route that can be driven", skipped[:100])
    replaced = await catalogue.put(routes)
    return ImportAnswer(
        routes=[RouteSummary.of(route) for route in routes], skipped=skipped, notices=notices, replaced=replaced
    )


def _read(
    content: bytes, name: str, skip_invalid: bool, file_format: str | None
) -> tuple[list[StoredRoute], list[str], list[str]]:
    imported = load_routes((content, name), skip_invalid=skip_invalid, format=file_format)
    routes, skipped = [], list(imported.skipped)
    for route in imported.routes:
        try:
            # What others will read must be drivable too: coordinates are rounded on the way.
            routes.append(StoredRoute.of(route, kept=True))
        except EngineError as error:
            if not skip_invalid:
                raise
            skipped.append(str(error))
    return routes, skipped, imported.notices


@router.delete(
    "/{route_id}", operation_id="deleteRoute", summary="Delete a route", status_code=204, responses=problems(404)
)
async def delete_route(route_id: RouteId, catalogue: CatalogueDep) -> None:
    """Delete a route. Deliveries that are on it go on."""
    if not await catalogue.remove(route_id):
        raise Refused(404, f"there is no route {route_id}")


@router.get(
    "/{route_id}/start",
    operation_id="startRoute",
    summary="Start a delivery, the ancestor's way",
    responses=problems(404),
)
async def start_route(
    route_id: RouteId,
    state: StateDep,
    catalogue: CatalogueDep,
    bus: BusDep,
    sec_fetch_site: Annotated[str | None, Header(include_in_schema=False)] = None,
) -> AncestorStart:
    """Start one delivery on a route. New programs use `POST /deliveries`."""
    if sec_fetch_site == "cross-site":
        raise Refused(
            403, "a page of another origin may not start deliveries"
        )  # a GET that does something needs its own guard
    [started] = await start_deliveries(StartRequest(route_id=route_id), state, catalogue, bus)
    return AncestorStart(delivery_id=started.delivery_id, route_id=route_id, client_id=CLIENT_ID)

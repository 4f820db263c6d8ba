"""``/config.json`` and the base map: what the web page needs first.

Open to all, key or not: nothing here is anybody's.
"""

from __future__ import annotations

import gzip

from fastapi import APIRouter, Request, Response

from api.deps import ServicesDep
from api.rest.schemas import PageConfig
from engine.errors import EngineError

router = APIRouter(tags=["page"])

STREETS_PATH = "/basemap/streets.geojson"


@router.get("/config.json", operation_id="getConfig", summary="What the web page must know first")
async def get_config(response: Response, found: ServicesDep) -> PageConfig:
    """Return where the base map is, whose data it is, and whether a key is needed."""
    response.headers["Cache-Control"] = "no-cache"
    needs_key = found.settings.key is not None
    try:
        streets = await found.basemap.streets()
    except EngineError:
        return PageConfig(version=found.version, needs_key=needs_key)  # vehicles move on an empty map as well
    return PageConfig(
        version=found.version,
        needs_key=needs_key,
        basemap=STREETS_PATH,
        attribution=streets.attribution,
        bounds=streets.bounds,
    )


@router.get(
    STREETS_PATH,
    operation_id="getStreets",
    summary="The base map's streets",
    response_class=Response,
    responses={
        200: {
            "description": "GeoJSON lines with class and name",
            "content": {"application/geo+json": {"schema": {"type": "object"}}},
        },
        304: {"description": "not changed"},
    },
)
async def get_streets(request: Request, found: ServicesDep) -> Response:
    """Return the streets as GeoJSON, compressed where the caller reads that."""
    streets = await found.basemap.streets()
    headers = {"ETag": streets.etag, "Cache-Control": "public, max-age=3600", "Vary": "Accept-Encoding"}
    if streets.etag in request.headers.get("if-none-match", ""):
        return Response(None, 304, headers)
    if "gzip" in request.headers.get("accept-encoding", ""):
        return Response(streets.gzipped, 200, headers | {"Content-Encoding": "gzip"}, "application/geo+json")
    return Response(gzip.decompress(streets.gzipped), 200, headers, "application/geo+json")

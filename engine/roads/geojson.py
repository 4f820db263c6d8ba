"""GeoJSON (RFC 7946): each LineString, alone or inside a collection, is one route.

MultiLineString, Feature, FeatureCollection and GeometryCollection are read as well.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import count
from typing import Any

from engine.errors import shown_text
from engine.roads.imported import Collector

_MAX_DEPTH = 20


def read_geojson(text: str, into: Collector) -> None:
    """Read the lines of a document; points and areas are left out."""
    try:
        document = json.loads(text)
    except json.JSONDecodeError as error:
        into.refuse(f"line {error.lineno} column {error.colno}", f"not JSON: {error.msg}")
    except (ValueError, RecursionError) as error:  # a number of thousands of digits; brackets thousands deep
        into.refuse("content", f"not JSON that can be read: {error}")
    if not isinstance(document, dict):
        into.refuse("document", f"expected a GeoJSON object, found {_brief(document)}")
    if document.get("type") == "FeatureCollection":
        features = document.get("features")
        if not isinstance(features, list):
            into.refuse("document", f'a FeatureCollection needs a list "features", found {_brief(features)}')
        for number, feature in enumerate(features):
            _read_feature(feature, f"feature {number}", into)
    else:
        _read_feature(document, "document", into)


def _read_feature(feature: Any, place: str, into: Collector) -> None:
    if not isinstance(feature, dict):
        into.damaged(place, f"expected a GeoJSON object, found {_brief(feature)}")
        return
    properties: dict[str, Any] = {}
    geometry: Any = feature
    if feature.get("type") == "Feature":
        geometry = feature.get("geometry")
        if isinstance(feature.get("properties"), dict):
            properties = feature["properties"]
    name = _word(feature.get("id"), properties.get("id"), properties.get("route_id"), properties.get("routeId"))
    title = _word(properties.get("title"), properties.get("name"))
    numbers = count()
    for line_place, coordinates in _lines(geometry, place, into):
        number = next(numbers)
        line_name = f"{name}-{number + 1}" if name and number else name
        _read_line(coordinates, line_place, line_name, title, into)


def _lines(geometry: Any, place: str, into: Collector, depth: int = 0) -> Iterator[tuple[str, Any]]:
    """Yield the place and the coordinates of every line in a geometry."""
    if geometry is None:
        into.left_out(place, "has no geometry")
        return
    kind = geometry.get("type") if isinstance(geometry, dict) else None
    if kind == "LineString":
        yield place, geometry.get("coordinates")
    elif kind in ("MultiLineString", "GeometryCollection"):
        key = "coordinates" if kind == "MultiLineString" else "geometries"
        parts = geometry.get(key)
        if not isinstance(parts, list) or depth > _MAX_DEPTH:
            into.damaged(place, f'a {kind} needs a list "{key}", found {_brief(parts)}')
            return
        for number, part in enumerate(parts):
            if kind == "MultiLineString":
                yield f"{place} line {number}", part
            else:
                yield from _lines(part, f"{place} geometry {number}", into, depth + 1)
    elif kind in ("Point", "MultiPoint", "Polygon", "MultiPolygon"):
        into.left_out(place, f"a {kind} is no route")
    else:
        into.damaged(
            place,
            "expected a LineString or MultiLineString, "
            f"found {_brief(kind if isinstance(geometry, dict) else geometry)}",
        )


def _read_line(coordinates: Any, place: str, name: str, title: str, into: Collector) -> None:
    if not isinstance(coordinates, list):
        into.damaged(place, f'a LineString needs a list "coordinates", found {_brief(coordinates)}')
        return
    lat, lng, indexes = [], [], []
    for index, position in enumerate(coordinates):
        point = _position(position)
        if point is None:
            into.damaged(f"{place} point {index}", f"expected [lng, lat], found {_brief(position)}")
            continue
        lng.append(point[0])
        lat.append(point[1])
        indexes.append(index)
    into.add(place, lat, lng, point_place=lambda i: f"{place} point {indexes[i]}", name=name, title=title)


def _position(position: Any) -> tuple[float, float] | None:
    if not isinstance(position, list) or len(position) < 2:
        return None
    lng, lat = position[0], position[1]
    if (
        not isinstance(lng, int | float)
        or not isinstance(lat, int | float)
        or isinstance(lng, bool)
        or isinstance(lat, bool)
    ):
        return None
    try:
        return float(lng), float(lat)
    except OverflowError:
        return None


def _word(*values: Any) -> str:
    """Return the first value that can be a name."""
    return next(
        (
            str(value)
            for value in values
            if isinstance(value, str | int) and not isinstance(value, bool) and value != ""
        ),
        "",
    )


def _brief(value: Any) -> str:
    """Return a value as an error shows it, without writing out a whole document."""
    if isinstance(value, dict | list):
        return f"{'an object' if isinstance(value, dict) else 'a list'} of {len(value)}"
    return shown_text(value) if isinstance(value, str) else shown_text(f"{value}"[:100])

"""GPX 1.0 and 1.1, with gpxpy: each route and each segment of a track is one route.

Times and waypoints are ignored.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import gpxpy
from gpxpy.gpx import GPXException, GPXXMLSyntaxException

from engine.errors import shown_text
from engine.roads.imported import Collector

_POINT = re.compile(r"<(?:\w+:)?(trkpt|rtept)\b([^>]*)>")
_ATTRIBUTE = re.compile(r"""\b(lat|lon)\s*=\s*["']([^"']*)["']""")


def read_gpx(text: str, into: Collector) -> None:
    """Read the tracks and routes of a document; empty ones are nothing, and so not mentioned."""
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        into.refuse("content", "a GPX file must not define entities")
    if not re.search(r"<(?:\w+:)?gpx\b", text):
        into.refuse("content", "no GPX: it has no <gpx> element")
    try:
        document = gpxpy.parse(text)
    except GPXXMLSyntaxException as error:
        into.refuse("content", f"damaged XML: {str(error).removeprefix('Error parsing XML: ')}")
    except (GPXException, ValueError, TypeError) as error:
        place, reason = _unreadable_point(text) or ("content", str(error))
        into.refuse(place, reason)
    for number, route in enumerate(document.routes):
        _add(route.points, f"route {number}", route.name or "", into)
    for number, track in enumerate(document.tracks):
        for segment_number, segment in enumerate(track.segments):
            _add(segment.points, f"track {number} segment {segment_number}", track.name or "", into)


def _add(points: Sequence[Any], place: str, title: str, into: Collector) -> None:
    if points:
        lat, lng = [p.latitude for p in points], [p.longitude for p in points]
        into.add(place, lat, lng, point_place=f"{place} point {{}}".format, title=title)


def _unreadable_point(text: str) -> tuple[str, str] | None:
    """Return place and reason of the first point without readable coordinates.

    gpxpy's own error does not name the point.
    """
    for found in _POINT.finditer(text):
        attributes = dict(_ATTRIBUTE.findall(found[2]))
        for key in ("lat", "lon"):
            try:
                float(attributes.get(key, ""))
            except ValueError:
                line = text.count("\n", 0, found.start()) + 1
                return (
                    f"line {line}",
                    f'<{found[1]}> needs a number "{key}", found {shown_text(attributes.get(key, ""))}',
                )
    return None

"""The ancestor's format: a text file of ``lat,lng``, one point a line, one route a file."""

from __future__ import annotations

import io
from array import array

from engine.errors import shown_text
from engine.roads.imported import MAX_LINE_POINTS, Collector


def read_text(text: str, into: Collector) -> None:
    """Read one route."""
    lat, lng, lines = array("d"), array("d"), array("q")
    for number, line in enumerate(io.StringIO(text, newline=None), start=1):
        if not line.strip():
            continue
        point = _point(line)
        if point is None:
            into.damaged(f"line {number}", f'expected "lat,lng", found {shown_text(line.strip())}')
            continue
        if len(lat) >= MAX_LINE_POINTS:
            into.refuse(f"line {number}", f"more than {MAX_LINE_POINTS} points in one route")
        lat.append(point[0])
        lng.append(point[1])
        lines.append(number)
    if lat:
        into.add("file", lat, lng, point_place=lambda index: f"line {lines[index]}")


def _point(line: str) -> tuple[float, float] | None:
    parts = line.split(",")
    if len(parts) != 2 or "_" in line:
        return None
    try:
        return float(parts[0]), float(parts[1])
    except ValueError:
        return None

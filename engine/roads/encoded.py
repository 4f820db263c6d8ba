"""Encoded polylines, one a line, of precision 5 (Google) or 6 (Valhalla, OSRM)."""

from __future__ import annotations

import io

import numpy as np

from engine.errors import MessageError
from engine.geodesy import Floats
from engine.polylines import decode_polyline
from engine.roads.imported import Collector


def read_polylines(text: str, into: Collector, precision: int | None = None) -> None:
    """Read one route a line.

    Parameters
    ----------
    precision : 5 or 6; if None, 5 unless that would leave the Earth. Within 9 degrees of latitude and 18 of longitude from zero the two cannot be told
        apart, so say which it is.
    """
    for number, line in enumerate(io.StringIO(text, newline=None), start=1):
        if not line.strip():
            continue
        place = f"line {number}"
        try:
            points = _decoded(line.strip(), precision)
        except MessageError as error:
            into.damaged(place, str(error).removeprefix("polyline: "))
            continue
        into.add(place, points[:, 0].tolist(), points[:, 1].tolist(), point_place=f"{place} point {{}}".format)


def _decoded(line: str, precision: int | None) -> Floats:
    points = decode_polyline(line, precision or 5, "polyline")
    if precision is None and points.size and (np.abs(points) > (90, 180)).any():
        return decode_polyline(line, 6, "polyline")
    return points

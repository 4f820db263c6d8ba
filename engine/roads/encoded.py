"""Encoded polylines, one a line, of precision 5 (Google) or 6 (Valhalla, OSRM).

A file is of one precision.
"""

from __future__ import annotations

import io
from collections.abc import Iterator

import numpy as np

from engine.arrays import Floats
from engine.earth.polylines import decode_polyline
from engine.errors import MessageError
from engine.roads.imported import Collector


def read_polylines(text: str, into: Collector, precision: int | None = None) -> None:
    """Read one route a line.

    Parameters
    ----------
    precision : 5 or 6; if None, 6 if a line would leave the Earth with 5, and else 5. Within 9 degrees of latitude and
        18 of longitude from zero the two look alike; a note says which one was taken.
    """
    if precision is None:
        precision = _found_precision(text, into)
    for number, line in _lines(text):
        place = f"line {number}"
        try:
            points = decode_polyline(line, precision, "polyline")
        except MessageError as error:
            into.damaged(place, str(error).removeprefix("polyline: "))
            continue
        into.add(place, points[:, 0].tolist(), points[:, 1].tolist(), point_place=f"{place} point {{}}".format)


def _found_precision(text: str, into: Collector) -> int:
    """Return the precision of all lines and note why."""
    for number, line in _lines(text):
        try:
            is_on_earth = [_is_on_earth(decode_polyline(line, precision, "polyline")) for precision in (5, 6)]
        except MessageError:
            continue  # it is damaged, and says nothing
        if is_on_earth == [False, True]:
            into.note(
                "file",
                f"read with precision 6, because line {number} leaves the Earth with 5; "
                "the formats polyline5 and polyline6 say which it is",
            )
            return 6
    into.note(
        "file",
        "read with precision 5, though every line fits 6 as well; the formats polyline5 and polyline6 say which it is",
    )
    return 5


def _lines(text: str) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(io.StringIO(text, newline=None), start=1):
        if line.strip():
            yield number, line.strip()


def _is_on_earth(points: Floats) -> bool:
    return bool((np.abs(points) <= (90, 180)).all())

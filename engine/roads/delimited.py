"""Tables of points: CSV with a header in any usual delimiter, and the shapes of GTFS. Rows of one route may stand anywhere."""

from __future__ import annotations

import csv
import io
import math
from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np

from engine.roads.imported import MAX_LINE_POINTS, MAX_ROUTES, Collector, shown
from engine.roads.rules import KMH_MPS

_LAT = ("lat", "latitude", "lat_deg", "shape_pt_lat", "y")
_LNG = ("lng", "lon", "long", "longitude", "lng_deg", "lon_deg", "shape_pt_lon", "x")
_ROUTE = ("route_id", "routeid", "trajectory_id", "shape_id", "trip_id", "track_id", "route", "track", "trip")
_TITLE = ("title", "route_title", "name", "route_name")
_LIMITS = {"limit_mps": 1.0, "speed_limit_mps": 1.0, "limit_kmh": KMH_MPS, "speed_limit_kmh": KMH_MPS, "speed_limit": KMH_MPS, "maxspeed": KMH_MPS}
_SEQUENCE = ("shape_pt_sequence",)


@dataclass(slots=True)
class _Points:
    """The points of one route, in the order of the file."""

    title: str
    lat: array[float] = field(default_factory=lambda: array("d"))
    lng: array[float] = field(default_factory=lambda: array("d"))
    limit: array[float] = field(default_factory=lambda: array("d"))
    sequence: array[float] = field(default_factory=lambda: array("d"))
    line: array[int] = field(default_factory=lambda: array("q"))


def read_csv(text: str, into: Collector) -> None:
    """Read the routes of a table with a header.

    Columns are found by name, whatever their case: latitude and longitude (``lat``, ``lng``, ``lon``, ``y``, ``x``, ...), and if there are such a route id
    (``route_id``, ``trajectory_id``, ...), a title, and a speed limit from that point on (``limit_mps``, or ``speed_limit``, ``maxspeed`` in km/h).
    """
    _read_table(text, into, _LAT, _LNG, _ROUTE)


def read_shapes(text: str, into: Collector) -> None:
    """Read a GTFS ``shapes.txt``; points are put in the order of their ``shape_pt_sequence``."""
    _read_table(text, into, ("shape_pt_lat",), ("shape_pt_lon",), ("shape_id",))


def is_table(first_line: str) -> bool:
    """Tell whether a line is a header with latitude and longitude."""
    names = _names(first_line.split(_delimiter(first_line)))
    return any(name in names for name in _LAT) and any(name in names for name in _LNG)


def _read_table(text: str, into: Collector, lat_names: Iterable[str], lng_names: Iterable[str], route_names: Iterable[str]) -> None:
    header_line = next((line for line in io.StringIO(text, newline=None) if line.strip()), "")
    delimiter = _delimiter(header_line)
    rows = _rows(text, delimiter, into)
    _, header = next(rows, (1, []))
    names = _names(header)
    columns = {
        "lat": _column(names, lat_names),
        "lng": _column(names, lng_names),
        "route": _column(names, route_names),
        "title": _column(names, _TITLE),
        "limit": _column(names, _LIMITS),
        "sequence": _column(names, _SEQUENCE),
    }
    if columns["lat"] is None or columns["lng"] is None:
        into.refuse("line 1", f"expected a header with columns for latitude and longitude, found {shown(header_line.strip())}")
    scale = _LIMITS[names[columns["limit"]]] if columns["limit"] is not None else 1.0
    for name, points in _grouped(rows, columns, delimiter, scale, into).items():
        _add(points, name, columns, into)


def _grouped(rows: Iterator[tuple[int, list[str]]], columns: dict[str, int | None], delimiter: str, limit_scale: float, into: Collector) -> dict[str, _Points]:
    routes: dict[str, _Points] = {}
    for line, row in rows:
        try:
            lat, lng = (_number(row, columns[key], delimiter) for key in ("lat", "lng"))
            sequence = _number(row, columns["sequence"], delimiter) if columns["sequence"] is not None else 0.0
            limit = _limit(row, columns["limit"], delimiter) * limit_scale
        except ValueError as error:
            into.damaged(f"line {line}", str(error))
            continue
        name = _cell(row, columns["route"])
        if name not in routes:
            if len(routes) >= MAX_ROUTES:
                into.refuse(f"line {line}", f"more than {MAX_ROUTES} routes in one file")
            routes[name] = _Points(_cell(row, columns["title"]))
        points = routes[name]
        if len(points.lat) >= MAX_LINE_POINTS:
            into.refuse(f"line {line}", f"more than {MAX_LINE_POINTS} points in one route")
        points.lat.append(lat)
        points.lng.append(lng)
        points.limit.append(limit)
        points.sequence.append(sequence)
        points.line.append(line)
    return routes


def _add(points: _Points, name: str, columns: dict[str, int | None], into: Collector) -> None:
    order = np.argsort(np.array(points.sequence), kind="stable") if columns["sequence"] is not None else np.arange(len(points.lat))
    into.add(
        f"route {shown(name)}" if name else "file",
        np.array(points.lat)[order].tolist(),
        np.array(points.lng)[order].tolist(),
        point_place=lambda index: f"line {points.line[order[index]]}",
        name=name,
        title=points.title,
        limit_mps=np.array(points.limit)[order].tolist() if columns["limit"] is not None else None,
    )


def _rows(text: str, delimiter: str, into: Collector) -> Iterator[tuple[int, list[str]]]:
    """Yield the number of the line and the cells of each row that is not empty."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        for row in reader:
            if any(cell.strip() for cell in row):
                yield reader.line_num, row
    except csv.Error as error:
        into.refuse(f"line {reader.line_num}", f"not CSV: {error}")


def _delimiter(header: str) -> str:
    return max(",;\t|", key=header.count)


def _names(header: Iterable[str]) -> list[str]:
    return [name.strip().strip('"').lower().replace(" ", "_") for name in header]


def _column(names: list[str], wanted: Iterable[str]) -> int | None:
    return next((names.index(name) for name in wanted if name in names), None)


def _cell(row: list[str], column: int | None) -> str:
    return row[column].strip() if column is not None and column < len(row) else ""


def _number(row: list[str], column: int | None, delimiter: str) -> float:
    cell = _cell(row, column)
    try:
        if "_" in cell:
            raise ValueError
        return float(cell if delimiter == "," else cell.replace(",", "."))
    except ValueError:
        raise ValueError(f"expected a number in column {(column or 0) + 1}, found {shown(cell)}") from None


def _limit(row: list[str], column: int | None, delimiter: str) -> float:
    """Return the speed limit of a row, infinite if the cell is empty or missing."""
    if not _cell(row, column):
        return math.inf
    limit = _number(row, column, delimiter)
    if not limit > 0:
        raise ValueError(f"expected a speed limit > 0, found {limit:g}")
    return limit

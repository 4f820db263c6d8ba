"""Tables of points: CSV with any usual delimiter, and the shapes of GTFS.

Rows of one route may stand anywhere in the file.
"""

from __future__ import annotations

import csv
import io
import math
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice

import numpy as np

from engine.errors import shown_text
from engine.roads.column_names import LATITUDE, LONGITUDE, Header, TrackKey, cell_of, track_names
from engine.roads.imported import MAX_LINE_POINTS, MAX_ROUTES, Collector
from engine.roads.rules import KMH_MPS

_TITLE = ("title", "routetitle", "name", "routename")
_LIMITS = {
    "limitmps": 1.0,
    "speedlimitmps": 1.0,
    "limitkmh": KMH_MPS,
    "speedlimitkmh": KMH_MPS,
    "speedlimit": KMH_MPS,
    "maxspeed": KMH_MPS,
}
_SEQUENCE = ("shapeptsequence",)


@dataclass(slots=True)
class _Points:
    """The points of one route, in the order of the file."""

    title: str
    lat: array[float] = field(default_factory=lambda: array("d"))
    lng: array[float] = field(default_factory=lambda: array("d"))
    limit: array[float] = field(default_factory=lambda: array("d"))
    sequence: array[float] = field(default_factory=lambda: array("d"))
    line: array[int] = field(default_factory=lambda: array("q"))


@dataclass(frozen=True, slots=True)
class _Columns:
    """Where a table has what; None for what it has not."""

    lat: int
    lng: int
    track: list[int]
    title: int | None
    limit: int | None
    limit_unit_mps: float
    sequence: int | None


def read_csv(text: str, into: Collector) -> None:
    """Read the routes of a table with a header.

    The points of GTFS are put in the order of their ``shape_pt_sequence``.

    Columns are found by name (`engine.roads.column_names`): latitude and longitude, and if there are such the ids that
    tell routes apart, a title, and a speed limit from that point on (``limit_mps``, or ``speed_limit``, ``maxspeed`` in
    km/h). Columns that are not used are noted.
    """
    header_line = next((line for line in io.StringIO(text, newline=None) if line.strip()), "")
    delimiter = _delimiter(header_line)
    rows = _rows(text, delimiter, into)
    header_place, cells = next(rows, (1, []))
    header = Header(cells)
    lat, lng = header.find(LATITUDE), header.find(LONGITUDE)
    if lat is None or lng is None:
        into.refuse(
            "line 1",
            f"expected a header with columns for latitude and longitude, found {shown_text(header_line.strip())}",
        )
    track = header.find_track(lambda: (row for _, row in islice(_rows(text, delimiter, into), 1, None)))
    title, limit, sequence = header.find(_TITLE), header.find(_LIMITS), header.find(_SEQUENCE)
    columns = _Columns(
        lat, lng, track, title, limit, _LIMITS[header.names[limit]] if limit is not None else 1.0, sequence
    )
    if notice := header.notice():
        into.note(f"line {header_place}", notice)
    routes = _grouped(rows, columns, delimiter, into)
    for name, points in zip(track_names(list(routes)), routes.values(), strict=True):
        _add(points, name, columns, into)


def is_table(first_line: str) -> bool:
    """Tell whether a line is a header with latitude and longitude."""
    header = Header(first_line.split(_delimiter(first_line)))
    return header.find(LATITUDE) is not None and header.find(LONGITUDE) is not None


def _grouped(
    rows: Iterator[tuple[int, list[str]]], columns: _Columns, delimiter: str, into: Collector
) -> dict[TrackKey, _Points]:
    routes: dict[TrackKey, _Points] = {}
    for line, row in rows:
        try:
            lat, lng = _number(row, columns.lat, delimiter), _number(row, columns.lng, delimiter)
            sequence = _number(row, columns.sequence, delimiter) if columns.sequence is not None else 0.0
            limit = _limit(row, columns.limit, delimiter) * columns.limit_unit_mps
        except ValueError as error:
            into.damaged(f"line {line}", str(error))
            continue
        key = tuple([cell_of(row, column) for column in columns.track])
        if key not in routes:
            if len(routes) >= MAX_ROUTES:
                into.refuse(f"line {line}", f"more than {MAX_ROUTES} routes in one file")
            routes[key] = _Points(cell_of(row, columns.title) if columns.title is not None else "")
        points = routes[key]
        if len(points.lat) >= MAX_LINE_POINTS:
            into.refuse(f"line {line}", f"more than {MAX_LINE_POINTS} points in one route")
        points.lat.append(lat)
        points.lng.append(lng)
        points.limit.append(limit)
        points.sequence.append(sequence)
        points.line.append(line)
    return routes


def _add(points: _Points, name: str, columns: _Columns, into: Collector) -> None:
    order = (
        np.argsort(np.array(points.sequence), kind="stable")
        if columns.sequence is not None
        else np.arange(len(points.lat))
    )
    into.add(
        f"route {shown_text(name)}" if name else "file",
        np.array(points.lat)[order].tolist(),
        np.array(points.lng)[order].tolist(),
        point_place=lambda index: f"line {points.line[order[index]]}",
        name=name,
        title=points.title,
        limit_mps=np.array(points.limit)[order].tolist() if columns.limit is not None else None,
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


def _number(row: list[str], column: int, delimiter: str) -> float:
    cell = cell_of(row, column)
    try:
        if "_" in cell:
            raise ValueError
        return float(cell if delimiter == "," else cell.replace(",", "."))
    except ValueError:
        raise ValueError(f"expected a number in column {column + 1}, found {shown_text(cell)}") from None


def _limit(row: list[str], column: int | None, delimiter: str) -> float:
    """Return the speed limit of a row, infinite if the cell is empty or missing."""
    if column is None or not cell_of(row, column):
        return math.inf
    limit = _number(row, column, delimiter)
    if not limit > 0:
        raise ValueError(f"expected a speed limit > 0, found {limit:g}")
    return limit

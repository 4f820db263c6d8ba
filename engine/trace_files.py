"""Reads traces: GPX tracks whose points have times, and CSV with the columns time, lat, lng and perhaps id."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import gpxpy
from gpxpy.gpx import GPXException

from engine.errors import InvalidInput, RouteFileError
from engine.traces import Trace

_TIME = ("time", "timestamp", "datetime", "t", "time_s", "time_ms")
_LAT = ("lat", "latitude", "lat_deg", "y")
_LNG = ("lng", "lon", "long", "longitude", "lng_deg", "x")
_ID = ("id", "trace_id", "driver_id", "vehicle_id", "device_id", "trip_id")

_MS_FROM = 1e11
"""A time above this is in milliseconds: as seconds it lies beyond the year 5000."""

_Fix = tuple[str, float, float, float]
_Fixes = dict[str, list[_Fix]]


def load_traces(path: Path) -> list[Trace]:
    """Return the traces in a file, told apart by its name: ``.gpx``, else CSV.

    A fix that repeats the time of the one before is left out; fixes of a CSV may stand in any order.

    Raises
    ------
    RouteFileError : the file cannot be read, has a point without a time, or a trace that cannot be driven; says where.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise RouteFileError(str(path), "file", f"cannot be read: {error}") from None
    found = _gpx_fixes(path, text) if path.suffix.lower() == ".gpx" else _csv_fixes(path, text)
    if not found:
        raise RouteFileError(str(path), "content", "has no trace")
    return [_trace(path, number, name, fixes) for number, (name, fixes) in enumerate(found.items())]


def _trace(path: Path, number: int, name: str, fixes: list[_Fix]) -> Trace:
    ordered = sorted(fixes, key=lambda fix: fix[1])
    kept = [fix for i, fix in enumerate(ordered) if i == 0 or fix[1] > ordered[i - 1][1]]
    stem = re.sub(r"[^A-Za-z0-9._-]+", "-", path.stem).strip("-")[:60] or "trace"
    try:
        return Trace.from_fixes(f"{stem}-{number}", name, *([fix[column] for fix in kept] for column in (1, 2, 3)), source=path.name)
    except InvalidInput as error:
        raise RouteFileError(str(path), f"{kept[0][0]} to {kept[-1][0]}", str(error)) from None


def _gpx_fixes(path: Path, text: str) -> _Fixes:
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise RouteFileError(str(path), "content", "a GPX file must not define entities")
    try:
        document = gpxpy.parse(text)
    except (GPXException, ValueError, TypeError) as error:
        raise RouteFileError(str(path), "content", f"damaged GPX: {error}") from None
    found: _Fixes = {}
    for number, track in enumerate(document.tracks):
        for part, segment in enumerate(track.segments):
            place = f"track {number} segment {part}"
            fixes = []
            for index, point in enumerate(segment.points):
                if point.time is None:
                    raise RouteFileError(str(path), f"{place} point {index}", "has no time, and a trace needs one at each point")
                at = point.time if point.time.tzinfo else point.time.replace(tzinfo=UTC)
                fixes.append((f"{place} point {index}", at.timestamp(), point.latitude, point.longitude))
            if fixes:
                found[f"{track.name or 'track'} {number}.{part}"] = fixes
    return found


def _csv_fixes(path: Path, text: str) -> _Fixes:
    reader = csv.reader(text.splitlines())
    header = [name.strip().lower() for name in next(reader, [])]
    columns = [next((header.index(name) for name in names if name in header), None) for names in (_TIME, _LAT, _LNG, _ID)]
    if None in columns[:3]:
        raise RouteFileError(str(path), "line 1", f"expected a header with time, lat, lng and perhaps id, found {','.join(header)[:80]!r}")
    found: _Fixes = {}
    for place, row in _rows(path, reader):
        try:
            time, lat, lng = (row[column or 0].strip() for column in columns[:3])
            fix = (place, _epoch_s(time), float(lat), float(lng))
        except (ValueError, IndexError):
            raise RouteFileError(str(path), place, f"expected a time and two numbers, found {','.join(row)[:80]!r}") from None
        name = row[columns[3]].strip() if columns[3] is not None and columns[3] < len(row) else ""
        found.setdefault(name, []).append(fix)
    return found


def _rows(path: Path, reader: Iterator[list[str]]) -> Iterator[tuple[str, list[str]]]:
    try:
        for number, row in enumerate(reader, 2):
            if any(cell.strip() for cell in row):
                yield f"line {number}", row
    except csv.Error as error:
        raise RouteFileError(str(path), "content", f"not CSV: {error}") from None


def _epoch_s(text: str) -> float:
    """Return a time in epoch seconds: a number of seconds or milliseconds, or ISO 8601, in UTC if it names no zone."""
    try:
        number = float(text)
    except ValueError:
        at = datetime.fromisoformat(text)
        return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
    return number / 1000.0 if number > _MS_FROM else number

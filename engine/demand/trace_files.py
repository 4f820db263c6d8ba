"""Trace files: GPX tracks whose points have times, and CSV with times and coordinates.

The columns of CSV are time, lat, lng and perhaps ids (`engine.roads.column_names`).
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path

import gpxpy
from gpxpy.gpx import GPXException

from engine.demand.time_column import TimeColumn
from engine.errors import InvalidInput, RouteFileError
from engine.motion.traces import Trace
from engine.roads.column_names import LATITUDE, LONGITUDE, TIME, Header, TrackKey, cell_of, track_names
from engine.roads.imported import leap_of
from engine.roads.route_ids import id_of

_Fix = tuple[str, float, float, float]
_Fixes = dict[TrackKey, list[_Fix]]


@dataclass(frozen=True, slots=True)
class Recorded:
    """The traces of a file, and its doubtful readings, each as ``<path> <place>: <what>``."""

    traces: list[Trace]
    notices: list[str]


def load_traces(path: Path) -> Recorded:
    """Return the traces in a file; its name says the format: ``.gpx``, else CSV.

    A fix that repeats the time of the one before is left out; fixes of a CSV may stand in any order.

    Raises
    ------
    RouteFileError : the file cannot be read, has a point without a time or times of two forms, or a trace that cannot
        be driven; says where.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise RouteFileError(str(path), "file", f"cannot be read: {error}") from None
    notices: list[str] = []
    found = _gpx_fixes(path, text) if path.suffix.lower() == ".gpx" else _csv_fixes(path, text, notices)
    if not found:
        raise RouteFileError(str(path), "content", "has no trace")
    named = zip(track_names(list(found)), found.values(), strict=True)
    return Recorded([_trace(path, number, name, fixes, notices) for number, (name, fixes) in enumerate(named)], notices)


def _trace(path: Path, number: int, name: str, fixes: list[_Fix], notices: list[str]) -> Trace:
    ordered = sorted(fixes, key=lambda fix: fix[1])
    kept = [fix for i, fix in enumerate(ordered) if i == 0 or fix[1] > ordered[i - 1][1]]
    trace_id = f"{id_of(path.stem, 'trace', 60)}-{number}"
    place = f"{kept[0][0]} to {kept[-1][0]}"
    try:
        trace = Trace.from_fixes(
            trace_id, name, *([fix[column] for fix in kept] for column in (1, 2, 3)), source=path.name
        )
    except InvalidInput as error:
        raise RouteFileError(str(path), place, str(error)) from None
    if leap := leap_of(trace):
        notices.append(f"{path} {place}: {leap}")
    return trace


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
                    raise RouteFileError(
                        str(path), f"{place} point {index}", "has no time, and a trace needs one at each point"
                    )
                at = point.time if point.time.tzinfo else point.time.replace(tzinfo=UTC)
                fixes.append((f"{place} point {index}", at.timestamp(), point.latitude, point.longitude))
            if fixes:
                found[(f"{track.name or 'track'} {number}.{part}",)] = fixes
    return found


def _csv_fixes(path: Path, text: str, notices: list[str]) -> _Fixes:
    lines = text.splitlines()
    reader = csv.reader(lines)
    cells = next(reader, [])
    header = Header(cells)
    at, lat, lng = header.find(TIME), header.find(LATITUDE), header.find(LONGITUDE)
    if at is None or lat is None or lng is None:
        raise RouteFileError(
            str(path), "line 1", f"expected a header with time, lat, lng and perhaps id, found {','.join(cells)[:80]!r}"
        )
    track = header.find_track(lambda: (row for _, row in _rows(path, csv.reader(lines[1:]))))
    if notice := header.notice():
        notices.append(f"{path} line 1: {notice}")
    times = TimeColumn(TIME[header.names[at]])
    found: _Fixes = {}
    for place, row in _rows(path, reader):
        try:
            point = float(row[lat]), float(row[lng])
            time = row[at].strip()
        except (ValueError, IndexError):
            raise RouteFileError(
                str(path), place, f"expected a time and two numbers, found {','.join(row)[:80]!r}"
            ) from None
        try:
            fix = (place, times.read(time), *point)
        except ValueError as error:
            raise RouteFileError(str(path), place, str(error)) from None
        found.setdefault(tuple([cell_of(row, column) for column in track]), []).append(fix)
    return found


def _rows(path: Path, reader: Iterator[list[str]]) -> Iterator[tuple[str, list[str]]]:
    try:
        for number, row in enumerate(reader, 2):
            if any(cell.strip() for cell in row):
                yield f"line {number}", row
    except csv.Error as error:
        raise RouteFileError(str(path), "content", f"not CSV: {error}") from None

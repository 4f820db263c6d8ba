"""Reads routes from a file of any known format, recognised by its name or by its first bytes."""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path, PurePath

from engine.errors import InvalidInput, shown_text
from engine.roads.delimited import is_table, read_csv
from engine.roads.encoded import read_polylines
from engine.roads.geojson import read_geojson
from engine.roads.gpx import read_gpx
from engine.roads.imported import MAX_FILE_BYTES, Collector, Imported
from engine.roads.text import read_text

_READERS: Mapping[str, Callable[[str, Collector], None]] = {
    "text": read_text,
    "geojson": read_geojson,
    "gpx": read_gpx,
    "polyline": read_polylines,
    "polyline5": partial(read_polylines, precision=5),
    "polyline6": partial(read_polylines, precision=6),
    "csv": read_csv,
    "gtfs": read_csv,
}

FORMATS = tuple(_READERS)
"""Names of the formats.

``polyline`` finds out its precision; ``gtfs`` is a folder, a zip or its ``shapes.txt``.
"""

_FORMAT_OF_SUFFIX = {
    ".geojson": "geojson",
    ".json": "geojson",
    ".gpx": "gpx",
    ".csv": "csv",
    ".tsv": "csv",
    ".polyline": "polyline",
    ".polyline5": "polyline5",
    ".polyline6": "polyline6",
}
_SHAPES = "shapes.txt"


def load_routes(
    path: str | Path | tuple[bytes, str],
    *,
    skip_invalid: bool = False,
    format: str | None = None,  # noqa: A002 - what users call it
) -> Imported:
    """Return the routes in a file.

    Parameters
    ----------
    path : a file, a GTFS folder, or the content of a file and its name.
    skip_invalid : leave out what is damaged and list it, instead of refusing the file.
    format : one of `FORMATS`; found out by name and content if None.

    Raises
    ------
    RouteFileError : the file is missing, larger than 256 MiB, of no known format, damaged, or holds no route; says
        where.
    InvalidInput : there is no such format.
    """
    if format is not None and format not in _READERS:
        raise InvalidInput(f"format must be one of {', '.join(FORMATS)}, found {shown_text(format)}")
    into = Collector(path[1] if isinstance(path, tuple) else str(path), skip_invalid)
    content = path[0] if isinstance(path, tuple) else _content(Path(path), into)
    if len(content) > MAX_FILE_BYTES:
        into.refuse("file", f"has {len(content)} bytes, at most {MAX_FILE_BYTES}")
    name = PurePath(into.path).name
    if content.startswith(b"PK\x03\x04") or name.lower().endswith(".zip"):
        content, name = _shapes_of_zip(content, into), _SHAPES
    text = _decoded(content, into)
    _READERS[format or _format_of(name, text, into)](text, into)
    return into.finished()


def _content(path: Path, into: Collector) -> bytes:
    if path.is_dir():
        if not (path / _SHAPES).is_file():
            into.refuse("folder", f"expected GTFS with a {_SHAPES}, found none")
        path = path / _SHAPES
        into.path = str(path)
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            into.refuse("file", f"has {path.stat().st_size} bytes, at most {MAX_FILE_BYTES}")
        return path.read_bytes()
    except FileNotFoundError:
        into.refuse("file", "not found")
    except OSError as error:
        into.refuse("file", f"cannot be read: {error.strerror}")


def _shapes_of_zip(content: bytes, into: Collector) -> bytes:
    """Return the shapes of a zipped GTFS feed; they may lie in a folder inside."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            entry = next((entry for entry in archive.infolist() if PurePath(entry.filename).name == _SHAPES), None)
            if entry is None:
                into.refuse("archive", f"expected GTFS with a {_SHAPES}, found none")
            with archive.open(entry) as file:
                unpacked = file.read(MAX_FILE_BYTES + 1)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError) as error:
        into.refuse("archive", f"damaged zip: {error}")
    if len(unpacked) > MAX_FILE_BYTES:
        into.refuse(f"archive member {entry.filename}", f"unpacks to more than {MAX_FILE_BYTES} bytes")
    return unpacked


def _decoded(content: bytes, into: Collector) -> str:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        into.refuse(f"line {line}", f"not UTF-8 text: byte 0x{content[error.start]:02x} at {error.start}")
    if not text.strip():
        into.refuse("file", "is empty")
    return text


def _format_of(name: str, text: str, into: Collector) -> str:
    if name.lower().endswith((".osm", ".pbf", ".osm.gz", ".osm.bz2")):
        into.refuse("file", "is a road network, not a file of routes")
    if name == _SHAPES:
        return "gtfs"
    by_suffix = _FORMAT_OF_SUFFIX.get(PurePath(name).suffix.lower())
    return by_suffix or _format_by_content(text, into)


def _format_by_content(text: str, into: Collector) -> str:
    first = text.lstrip().split("\n", 1)[0].strip()
    if first.startswith(("{", "[")):
        return "geojson"
    if first.startswith("<"):
        return "gpx"
    if "shape_pt_lat" in first:
        return "gtfs"
    if is_table(first):
        return "csv"
    if PurePath(into.path).suffix.lower() == ".txt" or re.fullmatch(r"[-+.\deE\s]+,[-+.\deE\s]+", first):
        return "text"
    if re.fullmatch(r"[?-~]{4,}", first):
        return "polyline"
    return into.refuse("line 1", f"no known format of routes; it begins with {shown_text(first)}")

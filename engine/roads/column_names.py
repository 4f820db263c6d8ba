"""Column names of route and trace tables, and which column of a header is which.

It reads headers and cells, and opens no file.

Names are compared without regard to case, blanks, underscores and hyphens: ``TrackID``, ``track_id`` and ``Track Id``
are one.

Which rows are of one track, the first of these that a table has:

1. An id of a drive (`TRACKS`) together with an id of a mover (`MOVERS`), because drives may be counted anew for each
   mover; or the one of them that there is. Of several names in a list the first counts, the finer one: a route may have
   several trips, and no two tracks may become one.
2. A word that is less sure to be an id (`WORDS`): ``track`` may be a heading, ``vehicle`` a class.
3. A column ``id``, unless no value stands in it twice: then it is the number of the row.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import compress

LATITUDE = ("lat", "latitude", "latdeg", "shapeptlat", "y")
LONGITUDE = ("lng", "lon", "long", "longitude", "lngdeg", "londeg", "shapeptlon", "x")

_TIMES = (
    "time",
    "timestamp",
    "datetime",
    "fixtime",
    "gpstime",
    "eventtime",
    "recordedat",
    "devicetime",
    "servertime",
    "epoch",
    "utc",
    "ts",
    "t",
)
_PER_S = {"s": 1.0, "ms": 1e3, "us": 1e6, "ns": 1e9}
TIME: Mapping[str, float | None] = dict.fromkeys(_TIMES) | {
    f"{word}{unit}": n for word in ("time", "timestamp", "epoch") for unit, n in _PER_S.items()
}
"""Names of times, with the units in a second where the name says the unit: ``time_ms``."""

TRACKS = (
    *(
        "deliveryid",
        "trajectoryid",
        "trajid",
        "traceid",
        "trackid",
        "tripid",
        "rideid",
        "journeyid",
        "tid",
        "shapeid",
        "routeid",
    ),
    *("trajectory", "traj", "trace", "trip", "ride", "journey", "route"),
)
MOVERS = (
    *(
        "vehicleid",
        "deviceid",
        "driverid",
        "courierid",
        "riderid",
        "trackerid",
        "taxiid",
        "busid",
        "userid",
        "uid",
        "personid",
        "agentid",
        "objectid",
    ),
    *("imei", "mmsi"),
)
WORDS = ("track", "vehicle", "device", "driver", "courier", "rider", "tracker", "taxi", "user", "agent")
_ID = ("id",)

_MOST_SHOWN = 20

TrackKey = tuple[str, ...]
"""Cells shared by the rows of one track, the mover's first; empty if the table is one track."""


def plain(name: str) -> str:
    """Return a column's name as it is compared."""
    return re.sub(r"[\s_\-]+", "", name.strip().strip('"')).casefold()


def cell_of(row: Sequence[str], column: int) -> str:
    """Return a cell, empty if its row is too short."""
    return row[column].strip() if column < len(row) else ""


class Header:
    """The first row of a table; it notes which of its columns were asked for.

    Attributes
    ----------
    names : of the columns, as they are compared.
    """

    def __init__(self, cells: Sequence[str]) -> None:
        self.names = [plain(cell) for cell in cells]
        self._shown = [cell.strip() or f"number {number}" for number, cell in enumerate(cells, 1)]
        self._is_unused = [True] * len(cells)

    def find(self, wanted: Iterable[str]) -> int | None:
        """Return the column of the first of some names that is there, or None."""
        column = next((self.names.index(name) for name in wanted if name in self.names), None)
        if column is not None:
            self._is_unused[column] = False
        return column

    def find_track(self, rows: Callable[[], Iterable[Sequence[str]]]) -> list[int]:
        """Return the columns whose values separate tracks, mover before drive; none for one track.

        Parameters
        ----------
        rows : gives the rows below the header; called only if it depends on them.
        """
        found = [column for names in (MOVERS, TRACKS) if (column := self.find(names)) is not None]
        if not found and (word := self.find(WORDS)) is not None:
            found = [word]
        if not found and "id" in self.names and _repeats(cell_of(row, self.names.index("id")) for row in rows()):
            found = [self.find(_ID) or 0]
        return found

    def notice(self) -> str:
        """Return what to say of the columns that were not asked for; empty if all were."""
        names = list(compress(self._shown, self._is_unused))
        more = f" and {len(names) - _MOST_SHOWN} more" if len(names) > _MOST_SHOWN else ""
        return f"columns not used: {', '.join(names[:_MOST_SHOWN])}{more}" if names else ""


def track_names(keys: Sequence[TrackKey]) -> list[str]:
    """Return names for tracks by their cells.

    A name is the drive's, with the mover's before it if several movers have drives of that name.
    """
    alone = [key[-1] if key else "" for key in keys]
    return alone if len(set(alone)) == len(alone) else ["-".join(filter(None, key)) for key in keys]


def _repeats(values: Iterator[str]) -> bool:
    seen: set[str] = set()
    for value in values:
        if value in seen:
            return True
        seen.add(value)
    return False

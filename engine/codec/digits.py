"""Numbers as decimal text, a column at a time.

Numbers are first scaled to whole ones (1e-7 degrees, 0.01 m/s, 0.1 degree, 0.1 m), rounded half to even after the
multiplication in float64, and then written in chunks of three or four digits looked up in tables. A number that rounds
to zero is written without a minus. Leading zeros are blanks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from engine.arrays import Floats, Ints
from engine.codec.layout import BOUNDS, DEGREE
from engine.codec.positions import WIRE_NAMES, Positions

TRUE = np.frombuffer(b"true ", "V5")[0]
FALSE = np.frombuffer(b"false", "V5")[0]


UNITS: Final = {
    "lat_deg": ("lat_e7", DEGREE),
    "lng_deg": ("lng_e7", DEGREE),
    "speed_mps": ("speed_cmps", 100),
    "bearing_deg": ("bearing_ddeg", 10),
    "distance_m": ("distance_dm", 10),
}
"""The numbers with decimals: as what whole number each is written, and how many of its units make one."""


@dataclass(frozen=True, slots=True)
class FixedPoint:
    """The numbers of n records as they are written: whole ones, int64 of shape (n,).

    Attributes
    ----------
    lat_e7, lng_e7 : 1e-7 degrees.
    finished : bool.
    seq : the sample's number.
    event_time_ms : virtual epoch ms.
    speed_cmps : 0.01 m/s.
    bearing_ddeg : 0.1 degrees, 0 to 3599.
    distance_dm : 0.1 m.
    """

    lat_e7: Ints
    lng_e7: Ints
    finished: npt.NDArray[np.bool_]
    seq: Ints
    event_time_ms: Ints
    speed_cmps: Ints
    bearing_ddeg: Ints
    distance_dm: Ints

    @staticmethod
    def of(positions: Positions) -> FixedPoint:
        """Return valid positions as whole numbers; a bearing that rounds to 360 degrees becomes 0."""
        whole = {name: scaled(getattr(positions, column), unit) for column, (name, unit) in UNITS.items()}
        bearing = whole["bearing_ddeg"]
        np.subtract(bearing, 3600, out=bearing, where=bearing == 3600)
        return FixedPoint(
            finished=positions.finished, seq=positions.seq, event_time_ms=positions.event_time_ms, **whole
        )

    def take(self, rows: slice | Ints) -> FixedPoint:
        """Return some of the records; a slice makes no copy."""
        return FixedPoint(
            self.lat_e7[rows],
            self.lng_e7[rows],
            self.finished[rows],
            self.seq[rows],
            self.event_time_ms[rows],
            self.speed_cmps[rows],
            self.bearing_ddeg[rows],
            self.distance_dm[rows],
        )


_FLOAT_OF: Final = {whole: name for name, (whole, _) in UNITS.items()}


FIXED_POINT: Final = frozenset({*_FLOAT_OF, "exact"})
"""The columns that `fixed_point_of` makes."""


def fixed_point_of(name: str, floats: Any) -> npt.NDArray[Any]:
    """Return a column of whole numbers, or "exact", from the columns of floats that an object has.

    A whole number is 0 where the float is outside `BOUNDS`; "exact" is true where all five whole numbers are the very
    floats.
    """
    if name != "exact":
        column = _FLOAT_OF[name]
        return _whole(column, getattr(floats, column))
    exact = np.ones(len(floats.lat_deg), np.bool_)
    for column, (_, unit) in UNITS.items():
        value = getattr(floats, column)
        whole = _whole(column, value)
        exact &= whole / unit == value
        if column == "bearing_deg":
            exact &= whole < 3600
    return exact


def _whole(name: str, value: Floats) -> Ints:
    low, high = BOUNDS[WIRE_NAMES[name]]
    return scaled(np.where((value >= low) & (value <= high), value, 0.0), UNITS[name][1])


def scaled(value: Floats, unit: int) -> Ints:
    """Return `value * unit` rounded half to even."""
    return np.rint(value * unit).astype(np.int64)


def _words(texts: list[str]) -> npt.NDArray[np.unsignedinteger]:
    length = len(texts[0])
    return np.array([t.encode() for t in texts], f"S{length}").view(f"<u{length}")


_FULL = [f"{i:04d}" for i in range(10_000)]
_BLANK = [f"{i:4d}" for i in range(10_000)]
FOUR = _words(_FULL)
FOUR_LAST = _words(_BLANK + _FULL)
"""Last four digits: [value] where nothing stands before them, [10,000 + value] where something does."""
FOUR_MIDDLE = _words(["    ", *_BLANK[1:], *_FULL])
"""The same for digits that others follow: a lonely zero is blank."""
THREE_COMMA = _words([f"{i:03d}," for i in range(1000)])
DOT_THREE = _words([f".{i:03d}" for i in range(1000)])
COLON_THREE = _words([":   ", *(f":{i:3d}" for i in range(1, 1000))])
DOT_ONE = _words([f".{i}" for i in range(10)])
TIME_TOP = np.frombuffer(b" 123456789", np.uint8)
LAT_WHOLE = _words([f"{i:3d}." for i in range(91)] + [f"{'-' + str(i):>3}." for i in range(91)])
"""Whole degrees of a latitude; 91 further on the negative ones."""
LNG_WHOLE = _words([f"{i:4d}" for i in range(181)] + [f"{'-' + str(i):>4}" for i in range(181)])
SPEED = _words([f'{i / 100:5.2f},"b' for i in range(int(BOUNDS["speed"][1] * 100) + 1)])
BEARING = _words([f'{i / 10:5.1f},"d' for i in range(3600)])


def write_numbers(rows: npt.NDArray[np.void], numbers: FixedPoint) -> None:
    """Write the numbers of records into rows viewed as `Layout.writes`, which have the literals already."""
    _write_degrees(rows, numbers)
    high = numbers.seq // 10_000
    rows["seq_high"] = FOUR_MIDDLE.take(high)
    rows["seq_low"] = FOUR_LAST.take(numbers.seq - high * 10_000 + 10_000 * (high > 0))
    _write_time(rows, numbers.event_time_ms)
    rows["speed"] = SPEED.take(numbers.speed_cmps)
    rows["bearing"] = BEARING.take(numbers.bearing_ddeg)
    whole = numbers.distance_dm // 10
    high = whole // 10_000
    rows["distance_high"] = COLON_THREE.take(high)
    rows["distance_low"] = FOUR_LAST.take(whole - high * 10_000 + 10_000 * (high > 0))
    rows["distance_tenth"] = DOT_ONE.take(numbers.distance_dm - whole * 10)
    rows["finished"] = FALSE
    ends = np.flatnonzero(numbers.finished)
    if ends.size:
        rows["finished"][ends] = TRUE


def _write_degrees(rows: npt.NDArray[np.void], numbers: FixedPoint) -> None:
    size = np.abs(numbers.lat_e7)
    whole = size // DEGREE
    parts = size - whole * DEGREE
    rows["lat_whole"] = LAT_WHOLE.take(whole + 91 * (numbers.lat_e7 < 0))
    high = parts // 1000
    rows["lat_high"] = FOUR.take(high)
    rows["lat_low"] = THREE_COMMA.take(parts - high * 1000)

    size = np.abs(numbers.lng_e7)
    whole = size // DEGREE
    parts = size - whole * DEGREE
    rows["lng_whole"] = LNG_WHOLE.take(whole + 181 * (numbers.lng_e7 < 0))
    high = parts // 10_000
    rows["lng_high"] = DOT_THREE.take(high)
    rows["lng_low"] = FOUR.take(parts - high * 10_000)


def _write_time(rows: npt.NDArray[np.void], time_ms: Ints) -> None:
    first = time_ms // 1_000_000_000_000
    rest = time_ms - first * 1_000_000_000_000
    rows["time_0"] = TIME_TOP.take(first)
    begun = first > 0
    for name, unit in (("time_1", 100_000_000), ("time_2", 10_000)):
        chunk = rest // unit
        rest = rest - chunk * unit
        rows[name] = FOUR_MIDDLE.take(chunk + 10_000 * begun)
        begun = begun | (chunk > 0)
    rows["time_3"] = FOUR_LAST.take(rest + 10_000 * begun)

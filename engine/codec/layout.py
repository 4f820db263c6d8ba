"""The shape of one `route.new-position` record: where every byte stands, and which values fit.

A record is JSON, and a row of a byte matrix at the same time. The ancestor's four fields come first; JSON allows blanks
around values, so every value has a fixed width:

    {"routeId":"12"      ,"clientId":"c-7"     ,"position":[-15.8302900, -47.9263700],"finished":false,
     "deliveryId":"d-1"     ,"driverId":"car-1"   ,"runId":"live"    ,"seq":       0,"eventTime":1700000000000,
     "speed":12.34,"bearing":123.4,"distance":   1234.5}

(on one line). An id is followed by blanks up to the next multiple of 8 characters, so the bytes of a record depend on
the record alone. The five padded lengths are its layout, with the blanks that may stand before the closing brace to
make a record larger; the width of every layout is a multiple of 8, so rows can be compared as 64-bit words.

This module knows no number and no driver.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

ID_FIELDS: Final = ("routeId", "clientId", "deliveryId", "driverId", "runId")
"""The identifiers of a record, in the order of the record."""

KeyField = Literal["delivery", "driver", "route", "run"]
"""Whose id is the Kafka key of a position.

Each choice keeps a delivery in one partition, so that its positions stay in order.
"""

Widths = tuple[int, int, int, int, int]
"""Padded lengths of the five ids: multiples of 8."""

ID_STEP: Final = 8

MAX_ID_CHARACTERS: Final = 96

MAX_RECORD_BYTES: Final = 16 * 1024
"""A record larger than this is refused unread."""

DEGREE: Final = 10_000_000
"""Coordinates are written in units of 1e-7 degrees, about 1 cm."""

BOUNDS: Final[dict[str, tuple[float, float]]] = {
    "lat": (-90.0, 90.0),
    "lng": (-180.0, 180.0),
    "seq": (0, 99_999_999),
    "eventTime": (0, 9_999_999_999_999),
    "speed": (0.0, 99.99),
    "bearing": (0.0, 360.0),
    "distance": (0.0, 9_999_999.9),
}
"""Smallest and largest value of each number; a bearing of 360 is written as 0.

Units: degrees, degrees, a count, virtual epoch ms, m/s, degrees, m.
"""


@dataclass(frozen=True, eq=False)
class Layout:
    """One arrangement of the record.

    Attributes
    ----------
    widths : padded lengths of the five ids.
    width : bytes of a record.
    template : uint8 (width,): every literal byte; blanks where values stand.
    id_offsets : where each id's opening quote stands.
    fixed : uint8 (width,): the bits of each byte that are the template's in every record: all of a literal's; of a
        number's those that digits, blanks and minuses share; none of an id's.
    writes : structured dtype of `width` bytes whose fields are the 1 to 8-byte chunks in which numbers are written;
        some cover the literal that follows.
    reads : structured dtype of `width` bytes whose fields are the chunks in which values are read; some cover the
        literal before. ``id_<i>_<k>`` are the k-th 8 characters of the i-th id, ``id_<i>_last`` the character after
        them all.
    """

    widths: Widths
    width: int
    template: npt.NDArray[np.uint8]
    fixed: npt.NDArray[np.uint8]
    id_offsets: tuple[int, ...]
    writes: np.dtype[np.void]
    reads: np.dtype[np.void]


@lru_cache(maxsize=1024)  # a layout may take 16 KiB
def layout_of(widths: Widths, blanks: int = 0) -> Layout:
    """Return the layout of five padded id lengths, with `blanks`, a multiple of 8, before the brace."""
    text = ""
    id_offsets = []

    def add_id(name: str, width: int) -> None:
        nonlocal text
        text += f'"{name}":'
        id_offsets.append(len(text))
        text += '"' + " " * (width + 1) + ","

    text += "{"
    add_id("routeId", widths[0])
    add_id("clientId", widths[1])
    text += '"position":['
    lat = len(text)
    text += "   .       ,"
    lng = len(text)
    text += '    .       ],"finished":'
    finished = len(text)
    text += "false,"
    add_id("deliveryId", widths[2])
    add_id("driverId", widths[3])
    add_id("runId", widths[4])
    text += '"seq":'
    seq = len(text)
    text += '        ,"eventTime":'
    time = len(text)
    text += '             ,"speed":'
    speed = len(text)
    text += '  .  ,"bearing":'
    bearing = len(text)
    text += '   . ,"distance":'
    distance = len(text)
    text += "       . " + " " * blanks + "}"

    written = {
        "lat_whole": ("u4", lat),  # "-15."
        "lat_high": ("u4", lat + 4),
        "lat_low": ("u4", lat + 8),  # "900,"
        "lng_whole": ("u4", lng),
        "lng_high": ("u4", lng + 4),  # ".926"
        "lng_low": ("u4", lng + 8),
        "finished": ("V5", finished),
        "seq_high": ("u4", seq),
        "seq_low": ("u4", seq + 4),
        "time_0": ("u1", time),
        "time_1": ("u4", time + 1),
        "time_2": ("u4", time + 5),
        "time_3": ("u4", time + 9),
        "speed": ("u8", speed),  # '12.34,"b'
        "bearing": ("u8", bearing),  # '123.4,"d'
        "distance_high": ("u4", distance - 1),  # ":123"
        "distance_low": ("u4", distance + 3),
        "distance_tenth": ("u2", distance + 7),  # ".5"
    }
    read = {
        "lat_whole": ("u8", lat - 5),  # 'on":[-15'
        "lat_parts": ("u8", lat + 3),  # ".8302900"
        "lng_whole": ("u8", lng - 4),  # "900, -47"
        "lng_parts": ("u8", lng + 4),  # ".9263700"
        "finished": ("u8", finished),  # 'false,"d'
        "seq": ("u8", seq),
        "time_high": ("u8", time - 3),  # 'e":17000'
        "time_low": ("u8", time + 5),
        "speed": ("u8", speed - 4),  # 'ed":12.3'
        "speed_parts": ("u2", speed + 3),
        "bearing": ("u8", bearing - 4),  # 'ng":123.'
        "bearing_tenth": ("u1", bearing + 4),
        "distance": ("u8", distance),  # "1234567."
        "distance_tenth": ("u1", distance + 8),
    }
    fixed = np.full(len(text), 0xFF, np.uint8)
    numbers = ((lat, 3), (lat + 4, 7), (lng, 4), (lng + 5, 7), (seq, 8), (time, 13))
    for start, count in (*numbers, (speed, 2), (speed + 3, 2), (bearing, 3), (bearing + 4, 1), (distance, 7)):
        fixed[start : start + count] = 0xE0
    fixed[distance + 8] = 0xE0
    fixed[finished : finished + 5] = 0
    for i, (offset, width) in enumerate(zip(id_offsets, widths, strict=True)):
        for k in range(width // ID_STEP):
            read[f"id_{i}_{k}"] = ("u8", offset + 1 + k * ID_STEP)
        read[f"id_{i}_last"] = ("u1", offset + 1 + width)
        fixed[offset + 1 : offset + 2 + width] = 0
    template = np.frombuffer(text.encode(), np.uint8)
    return Layout(
        widths,
        len(text),
        template,
        fixed,
        tuple(id_offsets),
        _chunks(written, len(text)),
        _chunks(read, len(text)),
    )


def _chunks(fields: dict[str, tuple[str, int]], width: int) -> np.dtype[np.void]:
    names = list(fields)
    return np.dtype(
        {
            "names": names,
            "formats": ["<" + fields[n][0] for n in names],
            "offsets": [fields[n][1] for n in names],
            "itemsize": width,
        }
    )


_ID = rb'("[^"]*" *)'
_PROBE = re.compile(
    rb'\{"routeId":' + _ID + rb',"clientId":' + _ID + rb',"position":\[[^]]{24}\],"finished":[^,]{5}'
    rb',"deliveryId":' + _ID + rb',"driverId":' + _ID + rb',"runId":' + _ID + rb',"seq":'
)


def probe(value: bytes) -> Layout | None:
    """Return the layout that a record seems to have, by its length and its ids' widths alone, or None."""
    found = _PROBE.match(value)
    if found is None:
        return None
    r, c, d, v, u = (len(group) - 2 for group in found.groups())
    if any(width % ID_STEP or not 0 < width <= MAX_ID_CHARACTERS for width in (r, c, d, v, u)):
        return None
    blanks = len(value) - layout_of((r, c, d, v, u)).width
    return (
        layout_of((r, c, d, v, u), blanks)
        if blanks >= 0 and blanks % 8 == 0 and len(value) <= MAX_RECORD_BYTES
        else None
    )


def blanks_for(widths: Widths, payload_bytes: int) -> int:
    """Return how many blanks bring a record of some layout to at least `payload_bytes`."""
    return max(0, -(-(payload_bytes - layout_of(widths).width) // 8) * 8)


def padded(length: int) -> int:
    """Return the padded length of an id of `length` characters."""
    return max(ID_STEP, -(-length // ID_STEP) * ID_STEP)

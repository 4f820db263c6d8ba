"""Encoded polylines: points as a short text.

Each number is the difference from the one before, five bits a character.

The format is Google's (developers.google.com/maps/documentation/utilities/polylinealgorithm). Written with numpy
because every route of a fleet crosses Kafka in this form: about ten times as fast as a loop over characters.
"""

from __future__ import annotations

import numpy as np

from engine.arrays import Floats
from engine.errors import MessageError

_FIRST = ord("?")
_LAST = ord("~")
_MAX_CHARS = 7  # 35 bits hold 360e7; a longer number is none of ours
_GREATEST = 32 ** np.arange(1, _MAX_CHARS) - 1  # that fits into 1, 2, ... characters


def encode_polyline(lat_deg: Floats, lng_deg: Floats, precision: int) -> str:
    """Return points, rounded to `precision` decimals, as a text."""
    units = np.rint(np.column_stack((lat_deg, lng_deg)) * 10.0**precision).astype(np.int64)
    steps = np.diff(units, axis=0, prepend=0).ravel()
    bits = np.where(steps < 0, ~(steps << 1), steps << 1)
    chunks = (bits[:, None] >> (5 * np.arange(_MAX_CHARS))) & 31
    last = np.searchsorted(_GREATEST, bits, side="left")[:, None]
    place = np.arange(_MAX_CHARS)
    chars = chunks + np.where(place < last, 32, 0) + _FIRST
    return chars[place <= last].astype(np.uint8).tobytes().decode("ascii")


def decode_polyline(text: str, precision: int, place: str) -> Floats:
    """Return the points in a text: (n, 2), latitude and longitude in degrees.

    Raises
    ------
    MessageError : names `place` and the character that cannot be there, or says that the text ends too early.
    """
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4").astype(np.int64)
    bad = np.flatnonzero((codes < _FIRST) | (codes > _LAST))
    if bad.size:
        raise MessageError(f'{place}: character {bad[0]} must be from "?" to "~", found {text[bad[0]]!r}')
    if codes.size == 0:
        return np.empty((0, 2))
    values = codes - _FIRST
    ends = np.flatnonzero(values < 32)
    if ends.size == 0 or ends[-1] != values.size - 1:
        raise MessageError(f"{place}: ends in the middle of a number, at character {values.size}")
    starts = np.concatenate(([0], ends[:-1] + 1))
    lengths = ends - starts + 1
    if lengths.max() > _MAX_CHARS:
        raise MessageError(
            f"{place}: character {starts[np.argmax(lengths)]} begins a number larger than any coordinate"
        )
    if ends.size % 2:
        raise MessageError(f"{place}: ends after a latitude without a longitude, at character {values.size}")
    bits = np.add.reduceat((values & 31) << (5 * (np.arange(values.size) - np.repeat(starts, lengths))), starts)
    steps = np.where(bits & 1, ~(bits >> 1), bits >> 1)
    return np.asarray(np.cumsum(steps.reshape(-1, 2), axis=0) / 10.0**precision)

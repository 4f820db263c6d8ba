"""Records read as a byte matrix.

How it is known that a row means what JSON would say: the digits are read without care, written again by the encoder's
own `write_numbers`, and the whole row is compared with what came. Only a row that is byte for byte what the encoder
writes is taken; so blanks, signs, leading zeros and every literal are checked by one comparison. The ids are checked
apart, eight characters at a time.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from engine.arrays import Bools, Words
from engine.codec.batch import PositionBatch
from engine.codec.digits import Numbers, write_numbers
from engine.codec.layout import BOUNDS, DEGREE, ID_STEP, Layout

BLOCK_ROWS = 4096
"""Rows read at a time, so that they stay in the processor's cache."""


_ONES = np.uint64(0x0101010101010101)
_BLANKS = np.uint64(0x2020202020202020)
_QUOTE, _BLANK = np.uint8(ord('"')), np.uint8(ord(" "))
_MINUS_LAT, _MINUS_LNG = np.uint32(0x01010100), np.uint32(0x01010101)
_LAT_MAX, _LNG_MAX = (int(BOUNDS[name][1]) * DEGREE for name in ("lat", "lng"))

_LAT_PARTS, _LNG_PARTS, _SEQ, _TIME_HIGH, _TIME_LOW, _DISTANCE, _DEGREES, _PACE = range(8)
_KEEP = np.full((8, 1), 0x0F0F0F0F0F0F0F0F, np.uint64)
"""The digits' bits in each word of eight characters; characters of the literal before a field are dropped."""
_KEEP[_TIME_HIGH] = 0x0F0F0F0F0F000000
_KEEP[_DISTANCE] = 0x0F0F0F0F0F0F0F00
_KEEP[_DEGREES] = 0x0F0F0F0F0F0F0F00
_KEEP[_PACE] = 0x0F0F0F000F0F0F0F


class RowReader:
    """Reads records of one layout."""

    def __init__(self, layout: Layout, n: int) -> None:
        self._layout = layout
        self._expected = np.tile(layout.template, (min(n, BLOCK_ROWS), 1))
        self._ids = [np.empty((n, width // ID_STEP), np.uint64) for width in layout.widths]
        self._id_words = [(i, k) for i, width in enumerate(layout.widths) for k in range(width // ID_STEP)]
        self._integers = np.empty((2, n), np.int64)
        self._floats = np.empty((5, n), np.float64)
        self._finished = np.empty(n, np.bool_)
        self._good = np.empty(n, np.bool_)

    def read(self, values: Sequence[bytes]) -> tuple[PositionBatch, Bools]:
        """Return the positions that could be read, and a mask over `values` that says which; every value has the layout's length."""
        for start in range(0, len(values), BLOCK_ROWS):
            chosen = values[start : start + BLOCK_ROWS]
            rows = slice(start, start + len(chosen))
            matrix = np.frombuffer(b"".join(chosen), np.uint8).reshape(len(chosen), self._layout.width)
            self._good[rows] = self._read_block(matrix, rows)
        route, client, delivery, driver, run = (
            words.view(f"S{words.shape[1] * ID_STEP}").ravel() for words in self._ids
        )
        lat, lng, speed, bearing, distance = self._floats
        batch = PositionBatch(
            route,
            client,
            delivery,
            driver,
            run,
            lat,
            lng,
            self._finished,
            self._integers[0],
            self._integers[1],
            speed,
            bearing,
            distance,
        )
        return (batch if self._good.all() else batch.take(self._good)), self._good

    def _read_block(self, matrix: npt.NDArray[np.uint8], rows: slice) -> Bools:
        found = matrix.view(self._layout.reads).ravel()
        expected = self._expected[: len(matrix)]
        written = expected.view(self._layout.writes).ravel()

        good = self._read_ids(found, written, rows)
        numbers = _read_numbers(found)
        write_numbers(written, numbers)
        if not np.array_equal(matrix.view(np.uint64), expected.view(np.uint64)):
            good &= (matrix.view(np.uint64) == expected.view(np.uint64)).all(axis=1)

        self._integers[0, rows], self._integers[1, rows] = numbers.seq, numbers.event_time_ms
        for column, (value, unit) in zip(
            self._floats,
            (
                (numbers.lat, DEGREE),
                (numbers.lng, DEGREE),
                (numbers.speed, 100),
                (numbers.bearing, 10),
                (numbers.distance, 10),
            ),
            strict=True,
        ):
            # a whole number divided by a power of ten is rounded once, so it is the double that JSON's text stands for
            np.divide(value, unit, out=column[rows])
        self._finished[rows] = numbers.finished
        return good

    def _read_ids(self, found: npt.NDArray[np.void], written: npt.NDArray[np.void], rows: slice) -> Bools:
        """Keep the ids without their quotes and blanks; return which rows have well-formed ids."""
        words = np.empty((len(self._id_words), len(found)), np.uint64)
        for row, (i, k) in enumerate(self._id_words):
            words[row] = found[f"id_{i}_{k}"]
        outside = ~_id_characters(words)
        first = outside & (~outside + np.uint64(1))
        quoted = (_BLANKS & outside) ^ (first << np.uint64(1))
        characters = words & ~outside
        # the characters end at the quote, and only blanks follow it
        well_formed = (outside + first == 0) & (words == characters | quoted)

        good = np.ones(len(found), np.bool_)
        for word, (i, k) in enumerate(self._id_words):
            self._ids[i][rows, k] = characters[word]
            written[f"id_{i}_{k}"] = words[word]
            if k == 0:
                good &= well_formed[word] & ((outside[word] & np.uint64(0xFF)) == 0)
            else:
                good &= np.where(outside[word - 1] == 0, well_formed[word], words[word] == _BLANKS)
            if k == self._layout.widths[i] // ID_STEP - 1:
                written[f"id_{i}_last"] = np.where(outside[word] == 0, _QUOTE, _BLANK)
        return good


def _id_characters(words: Words) -> Words:
    """Return 0xFF in every byte that may stand in an id (`engine.messages.checked_id`), 0 in the others."""
    x = words.view(np.uint8)
    letter = ((x | np.uint8(0x20)) - np.uint8(ord("a"))) <= 25
    letter |= (x - np.uint8(ord("0"))) <= 10  # the digits and the colon
    letter |= (x - np.uint8(ord("-"))) <= 1  # hyphen and dot
    letter |= x == ord("_")
    return np.negative(letter.view(np.uint8)).view(np.uint64)


def _read_numbers(found: npt.NDArray[np.void]) -> Numbers:
    """Return the numbers of rows whatever their bytes are, each brought into the range that can be written (so what was outside is written differently)."""
    words = np.empty((8, len(found)), np.uint64)
    lat_whole, lng_whole = found["lat_whole"].copy(), found["lng_whole"].copy()
    words[_LAT_PARTS] = found["lat_parts"]
    words[_LNG_PARTS] = found["lng_parts"]
    words[_SEQ] = found["seq"]
    words[_TIME_HIGH] = found["time_high"]
    words[_TIME_LOW] = found["time_low"]
    words[_DISTANCE] = found["distance_whole"]
    words[_DEGREES] = lat_whole | (lng_whole.astype(np.uint64) << np.uint64(32))
    words[_PACE] = found["bearing_whole"]
    words[_PACE] <<= np.uint64(16)
    words[_PACE] |= found["speed_parts"]
    words[_PACE] <<= np.uint64(16)
    words[_PACE] |= found["speed_whole"]
    whole = _parse(words)

    lat = np.minimum(whole[_LAT_PARTS] + DEGREE * (whole[_DEGREES] & 0xFFFFFFFF), _LAT_MAX)
    lng = np.minimum(whole[_LNG_PARTS] + DEGREE * (whole[_DEGREES] >> 32), _LNG_MAX)
    np.negative(lat, out=lat, where=_has_minus(lat_whole, _MINUS_LAT))
    np.negative(lng, out=lng, where=_has_minus(lng_whole, _MINUS_LNG))
    return Numbers(
        lat,
        lng,
        found["finished"] == ord("t"),
        np.minimum(whole[_SEQ], 99_999_999),
        np.minimum(whole[_TIME_HIGH] * 100_000_000 + whole[_TIME_LOW], 9_999_999_999_999),
        np.minimum(whole[_PACE] & 0xFFFFFFFF, 9_999),
        np.minimum((whole[_PACE] >> 32) * 10 + (found["bearing_tenth"] & 0x0F), 3_599),
        np.minimum(whole[_DISTANCE] * 10 + (found["distance_tenth"] & 0x0F), 99_999_999),
    )


def _parse(words: Words) -> npt.NDArray[np.int64]:
    """Return eight characters as a whole number, anything but digits counting as 0; the last two rows hold two numbers of four digits each."""
    x = words & (((words >> np.uint64(4)) & _ONES) * np.uint64(0x0F)) & _KEEP
    x = (x * np.uint64(10) + (x >> np.uint64(8))) & np.uint64(0x00FF00FF00FF00FF)
    x = (x * np.uint64(100) + (x >> np.uint64(16))) & np.uint64(0x0000FFFF0000FFFF)
    eight = x[:_DEGREES]
    eight[:] = (eight * np.uint64(10_000) + (eight >> np.uint64(32))) & np.uint64(0xFFFFFFFF)
    return x.view(np.int64)


def _has_minus(characters: npt.NDArray[np.uint32], where: np.uint32) -> Bools:
    """Tell where four characters of digits, blanks and minuses hold a minus; `where` has a bit for each that counts."""
    found: Bools = ((characters >> np.uint32(2)) & ~(characters >> np.uint32(4)) & where) != 0
    return found

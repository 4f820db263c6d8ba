"""Records of one layout, read as a byte matrix.

A row is taken only if it is byte for byte what the encoder writes, which three checks prove together:

1. every literal byte is the template's: rows are compared under a mask, eight bytes at a time;
2. every id is well-formed: characters that an id may have, a quote, then blanks;
3. every number is the canonical text of its value: digits, no leading zero, blanks (and a minus at their end) before.

Numbers and ids are checked and read as words of eight characters, one column of words after the other, so that each
step costs one numpy expression for a whole block of records.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from engine.codec.digits import FixedPoint
from engine.codec.layout import BOUNDS, DEGREE, ID_STEP, Layout

BLOCK_ROWS = 2048
"""Rows read at a time, so that they stay in the processor's cache."""

_TILE_ROWS = 256
"""Rows whose literals are compared by one step of the innermost loop."""

Words = npt.NDArray[np.uint64]
Mask = npt.NDArray[np.bool_]
Bytes = npt.NDArray[np.uint8]


def _u8(value: int) -> np.uint64:
    return np.uint64(value)


@lru_cache(maxsize=32)
def _masks(column: tuple[int, ...], shape: tuple[int, int]) -> Words:
    """Return a word's mask for all its records: numpy's loop over all of them costs half of one loop for each word."""
    return np.repeat(np.array(column[: shape[0]], np.uint64), shape[1]).reshape(shape)


_TAIL = _u8(0x2020202020202022)
"""Times the lowest bit of a byte: a quote in that byte, and blanks in those after it."""
_TRUE, _FALSE = (_u8(int.from_bytes(word, "little")) for word in (b'true ,"d', b'false,"d'))
_LAT_MAX, _LNG_MAX = (int(BOUNDS[name][1]) * DEGREE for name in ("lat", "lng"))
_BEARING_END = 3600

_LAT_PARTS, _LNG_PARTS, _TIME_LOW, _SEQ, _DISTANCE, _LAT_WHOLE, _LNG_WHOLE, _SPEED, _BEARING, _TIME_HIGH = range(10)
_FIELDS = (
    *("lat_parts", "lng_parts", "time_low", "seq", "distance"),
    *("lat_whole", "lng_whole", "speed", "bearing", "time_high"),
)
_KEPT = range(_TIME_LOW, _TIME_HIGH)
_PARTS, _WHOLES = slice(_LAT_PARTS, _TIME_LOW), slice(_LAT_WHOLE, _SPEED)
# Masks of the ten words, the first character in the lowest byte.
_DIGITS = (
    *(0x0F0F0F0F0F0F0F00, 0x0F0F0F0F0F0F0F00),
    *(0x0F0F0F0F0F0F0F0F, 0x0F0F0F0F0F0F0F0F, 0x0F0F0F0F0F0F0F0F, 0x0F0F0F0000000000),
    *(0x0F0F0F0F00000000, 0x0F0F0F0F00000000, 0x0F0F0F0F00000000, 0x0F0F0F0F0F000000),
)
"""The digits' bits."""
_BLANKABLE = (
    *(0, 0),
    *(0x0010101010101010, 0x0010101010101010, 0x0000101010101010, 0x0010100000000000),
    *(0x0010101000000000, 0x0000001000000000, 0x0000101000000000, 0x1010101010000000),
)
"""Where a blank stands for a zero before the first digit that counts."""
_UNITS = (*(1 << 56, 1 << 56, 1 << 56, 1 << 56, 1 << 48, 1 << 56), *(1 << 56, 1 << 40, 1 << 48, 0))
"""The digit that is written even if it is zero."""
_CHECKED = tuple(digits << 4 & 0x9090909090909090 for digits in _DIGITS)
_MINUS_BITS = _u8(0x0404040400000000)
_ABOVE_NINE = _u8(0x7676767676767676)
"""Added to digits sets the highest bit where one is above 9; bit 4 is set where none is."""

@dataclass(frozen=True, slots=True)
class ReadRows:
    """What was read of n records of one layout.

    Attributes
    ----------
    id_words : uint64 (k, m), together n columns: the ids, eight characters a word, filled up with NUL.
    id_starts : the first word of each of the five ids, and k.
    numbers : the numbers as whole ones.
    good : bool (n,): which records could be read; the others' values mean nothing.
    """

    id_words: list[Words]
    id_starts: tuple[int, ...]
    numbers: FixedPoint
    good: Mask

    def id_column(self, i: int) -> npt.NDArray[np.bytes_]:
        """Return the i-th id of every record."""
        first, end = self.id_starts[i : i + 2]
        words = np.concatenate([block[first:end].T for block in self.id_words])
        return np.ascontiguousarray(words).view(f"S{(end - first) * ID_STEP}").ravel()


class RowReader:
    """Reads records of one layout."""

    def __init__(self, layout: Layout, n: int) -> None:
        self._layout = layout
        self._n = n
        self._fixed, self._expected = (
            np.tile(row, min(n, _TILE_ROWS)).view(np.uint64) for row in (layout.fixed, layout.template & layout.fixed)
        )
        self._starts = tuple(np.cumsum([0, *(width // ID_STEP for width in layout.widths)]).tolist())
        self._id_words: list[Words] = []
        self._numbers = np.empty((len(_KEPT), n), np.int64)
        self._finished = np.empty(n, np.bool_)
        self._good = np.ones(n, np.bool_)

    def read(self, matrix_of: Callable[[slice], Bytes]) -> ReadRows:
        """Return what the records say; `matrix_of` gives some of them as rows of the layout's width."""
        for start in range(0, self._n, BLOCK_ROWS):
            rows = slice(start, min(start + BLOCK_ROWS, self._n))
            self._read_block(matrix_of(rows), rows)
        time_ms, seq, distance, lat, lng, speed, bearing = self._numbers
        numbers = FixedPoint(lat, lng, self._finished, seq, time_ms, speed, bearing, distance)
        return ReadRows(self._id_words, self._starts, numbers, self._good)

    def _read_block(self, matrix: Bytes, rows: slice) -> None:
        found = matrix.view(self._layout.reads).ravel()
        faults = self._read_ids(found)
        faults |= self._read_numbers(found, self._numbers[:, rows], self._finished[rows])
        if faults.any():
            self._good[rows] = faults == 0
        words = matrix.view(np.uint64)
        tile = len(self._fixed) // words.shape[1]
        whole = len(words) // tile * tile
        for part, of in ((slice(0, whole), tile), (slice(whole, None), len(words) - whole)):
            if of == 0:
                continue
            size = of * words.shape[1]
            same = (words[part].reshape(-1, size) & self._fixed[:size]) == self._expected[:size]
            if not same.all():
                self._good[rows][part] &= same.reshape(-1, words.shape[1]).all(axis=1)

    def _read_ids(self, found: npt.NDArray[np.void]) -> Words:
        """Keep ids without their quotes and blanks; return what is not 0 where a record's ids are not well-formed."""
        starts, n = self._starts, len(found)
        words = np.empty((starts[-1], n), np.uint64)
        for i, (first, end) in enumerate(zip(starts, starts[1:], strict=False)):
            for k in range(first, end):
                words[k] = found[f"id_{i}_{k - first}"]
        outside = _not_of_an_id(words)
        edges = self._faults_at_edges(found, outside.view(np.uint8).reshape(-1, n, ID_STEP))

        ended = np.negative(outside)
        ended &= outside  # 1 in the first byte that is not of the id; 0 if all are
        faults = ended * _TAIL
        faults ^= words
        ended -= _u8(1)
        words &= ended  # the id's characters
        self._id_words.append(words)
        faults ^= words
        # in a word after the id's end, a blank stands where the quote would
        outside >>= _u8(55)
        outside &= _continued(starts, n)
        faults[1:] ^= outside[:-1]
        found_faults: Words = np.bitwise_or.reduce(faults, axis=0)
        found_faults |= edges
        return found_faults

    def _faults_at_edges(self, found: npt.NDArray[np.void], outside: Bytes) -> Bytes:
        """Return what is not 0 where an id has no character, or is not closed by a quote; `outside` is (k, n, 8)."""
        faults = np.zeros(len(found), np.uint8)
        for i, (first, end) in enumerate(zip(self._starts, self._starts[1:], strict=False)):
            faults |= outside[first, :, 0]
            # after the last word comes a quote if the word is full, else a blank, which has one bit less
            after = outside[end - 1, :, 7] << np.uint8(1)
            after ^= found[f"id_{i}_last"]
            after ^= np.uint8(ord('"'))
            faults |= after
        return faults

    def _read_numbers(self, found: npt.NDArray[np.void], out: npt.NDArray[np.int64], finished: Mask) -> Words:
        """Read numbers; return what is not 0 where one of a record's is not written as the encoder would."""
        time_high = _same_time(found["time_high"])
        words = _words_of(found, _TIME_HIGH if time_high else _TIME_HIGH + 1)
        minus = _take_minuses(words[_WHOLES])
        digits = words & _masks(_DIGITS, words.shape)
        faults = _faults_of(words, digits, minus, _SEQ if time_high else _TIME_LOW)
        values = _parse(digits).view(np.int64)

        coordinates = values[_WHOLES]
        coordinates *= DEGREE
        coordinates += values[_PARTS]
        if coordinates[0].max() > _LAT_MAX or coordinates[1].max() > _LNG_MAX:
            faults |= (coordinates > [[_LAT_MAX], [_LNG_MAX]]).any(axis=0)
        if minus is not None:
            faults |= ((minus != 0) & (coordinates == 0)).any(axis=0)  # the encoder writes no minus before a zero
            np.negative(coordinates, out=coordinates, where=minus != 0)
        if values[_BEARING].max() >= _BEARING_END:
            faults |= values[_BEARING] >= _BEARING_END
        values[_TIME_LOW] += (time_high or values[_TIME_HIGH]) * 100_000_000
        out[:] = values[_KEPT.start : _KEPT.stop]

        word = found["finished"]
        np.not_equal(word, _FALSE, out=finished)
        if finished.any():
            faults |= finished & (word != _TRUE)
        return faults


@lru_cache(maxsize=64)
def _continued(starts: tuple[int, ...], n: int) -> Words:
    """Return (k, n): 2 in the words that the same id's next one follows, else 0."""
    column = np.full((starts[-1], 1), 2, np.uint64)
    column[np.array(starts[1:]) - 1] = 0
    return np.repeat(column, n, axis=1)


def _not_of_an_id(words: Words) -> Words:
    """Return 1 in every byte that may not stand in an id (`engine.messages.checked_id`), 0 in the others."""
    x = words.view(np.uint8)
    folded = x | np.uint8(0x20)
    folded -= np.uint8(ord("a"))
    outside = folded > 25
    np.subtract(x, np.uint8(ord("0")), out=folded)
    outside &= folded > 10  # the digits and the colon
    np.subtract(x, np.uint8(ord("-")), out=folded)
    outside &= folded > 1  # hyphen and dot
    outside &= x != ord("_")
    return outside.view(np.uint64)


def _same_time(words: Words) -> int:
    """Return the first five digits of all times if they are the same, the first of them not 0; else 0."""
    text = int(words[0]).to_bytes(8, "little")[3:]
    if not text.isdigit() or text[:1] == b"0" or not (words == words[0]).all():
        return 0
    return int(text)


def _words_of(found: npt.NDArray[np.void], count: int) -> Words:
    """Return the characters of each number as a word that ends with its last digit; a coordinate's are two words."""
    words = np.empty((count, len(found)), np.uint64)
    for row, name in enumerate(_FIELDS[:count]):
        words[row] = found[name]
    # the last digits instead of the dot
    words[_DISTANCE].view(np.uint8)[7::8] = found["distance_tenth"]
    words[_BEARING].view(np.uint8)[7::8] = found["bearing_tenth"]
    words[_SPEED].view(np.uint16)[3::4] = found["speed_parts"]
    return words


def _take_minuses(wholes: Words) -> Words | None:
    """Put blanks in the places of minuses; return 1 in their bytes, None if there are none."""
    minus = wholes >> _u8(1)
    minus &= wholes
    minus &= _MINUS_BITS
    if not minus.any():
        return None
    minus >>= _u8(2)
    wholes ^= minus * _u8(ord("-") ^ ord(" "))
    return minus


def _faults_of(words: Words, digits: Words, minus: Words | None, blankable: int) -> Words:
    """Return what is not 0 where a record's numbers are not canonical; from the word `blankable` on blanks may stand.

    Every character is known to be from 0x20 to 0x3F. It is right if it is a digit, or the blank that it must be.
    """
    shape = digits.shape
    blanks = digits[blankable:] | _masks(_UNITS, shape)[blankable:]
    blanks ^= blanks - _u8(1)  # every bit up to the lowest of the first digit that counts
    blanks &= _masks(_BLANKABLE, shape)[blankable:]
    if blankable == _TIME_LOW:
        blanks[0] *= digits[_TIME_HIGH] == 0
    wrong = digits + _ABOVE_NINE
    wrong ^= words
    wrong[blankable:] ^= blanks
    wrong &= _masks(_CHECKED, shape)
    faults: Words = np.bitwise_or.reduce(wrong, axis=0)
    if minus is not None:  # which stands where the last blank would
        blank = blanks[_LAT_WHOLE - blankable : _SPEED - blankable]
        faults |= np.bitwise_or.reduce((minus << _u8(4)) & ~(blank & ~(blank >> _u8(8))), axis=0)
    return faults


def _parse(digits: Words) -> Words:
    """Turn eight digits, one a byte, the first in the lowest byte, into one number, in place."""
    digits *= _u8(10 << 8 | 1)
    digits >>= _u8(8)
    digits &= _u8(0x00FF00FF00FF00FF)
    digits *= _u8(100 << 16 | 1)
    digits >>= _u8(16)
    digits &= _u8(0x0000FFFF0000FFFF)
    digits *= _u8(10_000 << 32 | 1)
    digits >>= _u8(32)
    return digits

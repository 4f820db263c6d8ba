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


def _column(*values: int) -> Words:
    return np.array(values, np.uint64)[:, np.newaxis]


_TAIL = _u8(0x2020202020202022)
"""Times the lowest bit of a byte: a quote in that byte, and blanks in those after it."""
_TRUE, _FALSE = (_u8(int.from_bytes(word, "little")) for word in (b'true ,"d', b'false,"d'))
_COORDINATE_MAX = np.array([[int(BOUNDS[name][1]) * DEGREE] for name in ("lat", "lng")])
_BEARING_END = 3600

_LAT_PARTS, _LNG_PARTS, _TIME_LOW, _SEQ, _DISTANCE, _LAT_WHOLE, _LNG_WHOLE, _SPEED, _BEARING, _TIME_HIGH = range(10)
_PARTS, _WHOLES, _DECIMALS = slice(_LAT_PARTS, _TIME_LOW), slice(_LAT_WHOLE, _SPEED), slice(_SPEED, _BEARING + 1)
# Masks of the ten words, the first character in the lowest byte.
_DIGITS = _column(
    *(0x0F0F0F0F0F0F0F00, 0x0F0F0F0F0F0F0F00),
    *(0x0F0F0F0F0F0F0F0F, 0x0F0F0F0F0F0F0F0F, 0x0F0F0F0F0F0F0F0F, 0x0F0F0F0000000000),
    *(0x0F0F0F0F00000000, 0x0F0F0F0F00000000, 0x0F0F0F0F00000000, 0x0F0F0F0F0F000000),
)
"""The digits' bits."""
_BLANKABLE = _column(
    *(0, 0),
    *(0x0010101010101010, 0x0010101010101010, 0x0000101010101010, 0x0010100000000000),
    *(0x0010101000000000, 0x0000001000000000, 0x0000101000000000, 0x1010101010000000),
)
"""Where a blank stands for a zero before the first digit that counts."""
_UNITS = _column(*(1 << 56, 1 << 56, 1 << 56, 1 << 56, 1 << 48, 1 << 56), *(1 << 56, 1 << 40, 1 << 48, 0))
"""The digit that is written even if it is zero."""
_CHECKED = (_DIGITS << _u8(4)) & _u8(0x9090909090909090)
_BEFORE_DOT = _column(0x000000FFFF000000, 0x0000FFFFFF000000)
_AFTER_DOT = _column(0xFFFF000000000000, 0xFF00000000000000)
_MINUS_BITS = _column(0x0404040000000000, 0x0404040400000000)
_ABOVE_NINE = _u8(0x7676767676767676)
"""Added to digits sets the highest bit where one is above 9; bit 4 is set where none is."""


@dataclass(frozen=True, slots=True)
class ReadRows:
    """What was read of n records of one layout.

    Attributes
    ----------
    id_words : uint64 (k, n): the ids, eight characters a word, filled up with NUL.
    id_starts : the first word of each of the five ids, and k.
    numbers : the numbers as whole ones.
    good : bool (n,): which records could be read; the others' values mean nothing.
    """

    id_words: Words
    id_starts: tuple[int, ...]
    numbers: FixedPoint
    good: Mask

    def id_column(self, i: int) -> npt.NDArray[np.bytes_]:
        """Return the i-th id of every record."""
        words = self.id_words[self.id_starts[i] : self.id_starts[i + 1]]
        return np.ascontiguousarray(words.T).view(f"S{len(words) * ID_STEP}").ravel()


class RowReader:
    """Reads records of one layout."""

    def __init__(self, layout: Layout, n: int) -> None:
        self._layout = layout
        self._n = n
        self._fixed, self._expected = (
            np.tile(row, min(n, _TILE_ROWS)).view(np.uint64) for row in (layout.fixed, layout.template & layout.fixed)
        )
        self._starts = tuple(np.cumsum([0, *(width // ID_STEP for width in layout.widths)]).tolist())
        self._id_words = np.empty((self._starts[-1], n), np.uint64)
        self._last_words = np.array(self._starts[1:]) - 1
        self._begins, self._continued = np.zeros((2, self._starts[-1], 1), np.uint64)
        self._begins[list(self._starts[:-1])] = 1
        self._continued[:] = 2
        self._continued[self._last_words] = 0
        self._numbers = np.empty((10, n), np.uint64)
        self._finished = np.empty(n, np.bool_)
        self._good = np.ones(n, np.bool_)

    def read(self, matrix_of: Callable[[slice], Bytes]) -> ReadRows:
        """Return what the records say; `matrix_of` gives some of them as rows of the layout's width."""
        for start in range(0, self._n, BLOCK_ROWS):
            rows = slice(start, min(start + BLOCK_ROWS, self._n))
            self._read_block(matrix_of(rows), rows)
        whole = self._numbers.view(np.int64)
        lat, lng, seq, time_ms = whole[_LAT_WHOLE], whole[_LNG_WHOLE], whole[_SEQ], whole[_TIME_LOW]
        speed, bearing, distance = whole[_SPEED], whole[_BEARING], whole[_DISTANCE]
        numbers = FixedPoint(lat, lng, self._finished, seq, time_ms, speed, bearing, distance)
        return ReadRows(self._id_words, self._starts, numbers, self._good)

    def _read_block(self, matrix: Bytes, rows: slice) -> None:
        found = matrix.view(self._layout.reads).ravel()
        faults = self._read_ids(found, self._id_words[:, rows])
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

    def _read_ids(self, found: npt.NDArray[np.void], out: Words) -> Words:
        """Read ids without their quotes and blanks; return what is not 0 where a record's ids are not well-formed."""
        words = np.empty(out.shape, np.uint64)
        lasts = np.empty((len(self._last_words), len(found)), np.uint8)
        for i, (first, end) in enumerate(zip(self._starts, self._starts[1:], strict=False)):
            for k in range(first, end):
                words[k] = found[f"id_{i}_{k - first}"]
            lasts[i] = found[f"id_{i}_last"]
        outside = _not_of_an_id(words)
        # after an id's last word comes a quote if the word is full, else a blank, which has one bit less
        lasts ^= outside.view(np.uint8).reshape(*words.shape, 8)[self._last_words, :, 7] << np.uint8(1)
        lasts ^= np.uint8(ord('"'))

        ends = np.negative(outside)
        ends &= outside  # 1 in the first byte that is not of the id; 0 if all are
        faults = ends * _TAIL
        faults ^= words
        ends -= _u8(1)
        np.bitwise_and(ends, words, out=out)
        faults ^= out
        # in a word after the id's end, a blank stands where the quote would
        np.right_shift(outside, _u8(55), out=ends)
        ends &= self._continued
        faults[1:] ^= ends[:-1]
        outside &= self._begins  # an id has a character
        faults |= outside
        found_faults: Words = np.bitwise_or.reduce(faults, axis=0)
        found_faults |= np.bitwise_or.reduce(lasts, axis=0)
        return found_faults

    def _read_numbers(self, found: npt.NDArray[np.void], out: Words, finished: Mask) -> Words:
        """Read numbers; return what is not 0 where one of a record's is not written as the encoder would."""
        time_high = _same_time(found["time_high"])
        count = _TIME_HIGH if time_high else _TIME_HIGH + 1
        words, digits = _words_of(found, count), out[:count]
        minus = _take_minuses(words[_WHOLES])
        np.bitwise_and(words, _DIGITS[:count], out=digits)
        faults = _faults_of(words, digits, minus, _SEQ if time_high else _TIME_LOW)
        _parse(digits)

        values = out.view(np.int64)
        coordinates = values[_WHOLES]
        coordinates *= DEGREE
        coordinates += values[_PARTS]
        if (coordinates > _COORDINATE_MAX).any():
            faults |= (coordinates > _COORDINATE_MAX).any(axis=0)
        if minus is not None:
            faults |= ((minus != 0) & (coordinates == 0)).any(axis=0)  # the encoder writes no minus before a zero
            np.negative(coordinates, out=coordinates, where=minus != 0)
        if values[_BEARING].max() >= _BEARING_END:
            faults |= values[_BEARING] >= _BEARING_END
        values[_TIME_LOW] += (time_high or values[_TIME_HIGH]) * 100_000_000

        word = found["finished"]
        unfinished = word == _FALSE
        np.logical_not(unfinished, out=finished)
        if finished.any():
            faults |= finished & (word != _TRUE)
        return faults


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
    """Return the characters of each number as a word that ends with its last digit, or with the last before the dot."""
    words = np.empty((count, len(found)), np.uint64)
    words[_LAT_PARTS], words[_LNG_PARTS] = found["lat_parts"], found["lng_parts"]
    words[_SEQ], words[_TIME_LOW] = found["seq"], found["time_low"]
    words[_LAT_WHOLE], words[_LNG_WHOLE] = found["lat_whole"], found["lng_whole"]
    words[_SPEED], words[_BEARING] = found["speed"], found["bearing"]
    if count > _TIME_HIGH:
        words[_TIME_HIGH] = found["time_high"]
    # the dot is left out of the others
    tenth = words[_DISTANCE]
    tenth[:] = found["distance_tenth"]
    tenth <<= _u8(56)
    tenth |= found["distance_whole"] >> _u8(8)
    decimals = words[_DECIMALS]
    whole = decimals & _BEFORE_DOT
    whole <<= _u8(8)
    decimals &= _AFTER_DOT
    decimals |= whole
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
    blanks = digits[blankable:] | _UNITS[blankable : len(digits)]
    blanks ^= blanks - _u8(1)  # every bit up to the lowest of the first digit that counts
    blanks &= _BLANKABLE[blankable : len(digits)]
    if blankable == _TIME_LOW:
        blanks[0] *= digits[_TIME_HIGH] == 0
    wrong = digits + _ABOVE_NINE
    wrong ^= words
    wrong[blankable:] ^= blanks
    wrong &= _CHECKED[: len(digits)]
    faults: Words = np.bitwise_or.reduce(wrong, axis=0)
    if minus is not None:  # which stands where the last blank would
        blank = blanks[_LAT_WHOLE - blankable : _SPEED - blankable]
        faults |= np.bitwise_or.reduce((minus << _u8(4)) & ~(blank & ~(blank >> _u8(8))), axis=0)
    return faults


def _parse(digits: Words) -> None:
    """Turn eight digits, one a byte, the first in the lowest byte, into one number, in place."""
    digits *= _u8(10 << 8 | 1)
    digits >>= _u8(8)
    digits &= _u8(0x00FF00FF00FF00FF)
    digits *= _u8(100 << 16 | 1)
    digits >>= _u8(16)
    digits &= _u8(0x0000FFFF0000FFFF)
    digits *= _u8(10_000 << 32 | 1)
    digits >>= _u8(32)

"""The numbers of records, read as words of eight characters.

A number is canonical if it is the text that the encoder writes: digits, no leading zero, and before them blanks, the
last of which is a minus below zero. A column of words is checked and parsed by one numpy expression a step, all columns
in one loop.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from engine.arrays import Bools, Words
from engine.codec.layout import BOUNDS, DEGREE

COLUMNS = ("event_time_ms", "seq", "distance_dm", "lat_e7", "lng_e7", "speed_cmps", "bearing_ddeg")
"""What `read_numbers` reads besides `finished`, in its order."""


def _u8(value: int) -> np.uint64:
    return np.uint64(value)


@lru_cache(maxsize=32)
def _masks(column: tuple[int, ...], shape: tuple[int, int]) -> Words:
    """Return the words' masks for all records: one loop of numpy over all costs half of a loop per word."""
    return np.repeat(np.array(column[: shape[0]], np.uint64), shape[1]).reshape(shape)


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


def read_numbers(found: npt.NDArray[np.void], out: npt.NDArray[np.int64], finished: Bools) -> Words:
    """Read the numbers of n records; return what is not 0 where one of a record's is not canonical.

    Parameters
    ----------
    found : (n,) of `Layout.reads`, whose numbers consist of characters from 0x20 to 0x3F.
    out : int64 (7, n), filled in the order of `COLUMNS`; what is not canonical is left as anything.
    finished : bool (n,), filled.
    """
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


def _same_time(words: Words) -> int:
    """Return the first five digits of all times if they are the same, the first of them not 0; else 0."""
    text = int(words[0]).to_bytes(8, "little")[3:]
    if not text.isdigit() or text[:1] == b"0" or not (words == words[0]).all():
        return 0
    return int(text)


def _words_of(found: npt.NDArray[np.void], count: int) -> Words:
    """Return each number as a word that ends with its last digit; a coordinate is two words."""
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
    """Return what is not 0 where a record's numbers are not canonical.

    Blanks may stand from the word `blankable` on. Every character is known to be from 0x20 to 0x3F. It is right if it
    is a digit, or the blank that it must be.
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

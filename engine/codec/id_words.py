"""The ids of records, checked as words of eight characters."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import numpy.typing as npt

from engine.arrays import Words
from engine.codec.layout import ID_STEP, Widths

Bytes = npt.NDArray[np.uint8]

_QUOTE, _BLANK = ord('"'), ord(" ")
_TAIL = np.uint64(0x2020202020202022)
"""Times the lowest bit of a byte: a quote in that byte, and blanks in those after it."""


def read_ids(found: npt.NDArray[np.void], widths: Widths) -> tuple[Words, Words]:
    """Read the ids of n records.

    Parameters
    ----------
    found : (n,) of `Layout.reads`.
    widths : the padded lengths of the five ids.

    Returns
    -------
    uint64 (k, n): the ids without quotes and blanks, eight characters a word, filled up with NUL; and uint64 (n,): not
    0 where one of a record's ids is not characters of an id, a quote, and blanks.
    """
    n, starts = len(found), np.cumsum([0, *widths]) // ID_STEP
    ids = [(i, int(first), int(end)) for i, (first, end) in enumerate(pairwise(starts))]
    words = np.empty((int(starts[-1]), n), np.uint64)
    for i, first, end in ids:
        for k in range(first, end):
            words[k] = found[f"id_{i}_{k - first}"]
    outside = not_of_an_id(words)
    edges = _edge_faults(found, outside.view(np.uint8).reshape(-1, n, ID_STEP), ids)

    end_bits = np.negative(outside)
    end_bits &= outside  # 1 in the first byte that is not of the id; 0 if all are
    wrong = end_bits * _TAIL
    wrong ^= words
    end_bits -= np.uint64(1)
    words &= end_bits  # the id's characters
    wrong ^= words
    outside >>= np.uint64(55)
    outside &= np.uint64(_QUOTE ^ _BLANK)
    for _, first, end in ids:  # in a word after the id's end, a blank stands where the quote would
        if end - first > 1:
            wrong[first + 1 : end] ^= outside[first : end - 1]
    faults: Words = np.bitwise_or.reduce(wrong, axis=0)
    faults |= edges
    return words, faults


def _edge_faults(found: npt.NDArray[np.void], outside: Bytes, ids: list[tuple[int, int, int]]) -> Bytes:
    """Return what is not 0 where an id is empty or not closed by a quote; `outside` is (k, n, 8)."""
    faults = np.zeros(len(found), np.uint8)
    for i, first, end in ids:
        faults |= outside[first, :, 0]
        # after the last word comes a quote if the word is full, else a blank, which has one bit less
        after = outside[end - 1, :, 7] << np.uint8(1)
        after ^= found[f"id_{i}_last"]
        after ^= np.uint8(_QUOTE)
        faults |= after
    return faults


def not_of_an_id(words: Words) -> Words:
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

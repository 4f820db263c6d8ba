"""Records of one layout, read as a byte matrix.

A row is taken only if it is byte for byte what the encoder writes, which three checks prove together:

1. every literal byte is the template's: rows are compared under a mask, eight bytes at a time;
2. every id is well-formed (`id_words`);
3. every number is canonical (`number_words`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from engine.arrays import Bools, Words
from engine.codec.digits import FixedPoint
from engine.codec.id_words import read_ids
from engine.codec.layout import ID_STEP, Layout, Widths
from engine.codec.number_words import COLUMNS, read_numbers

BLOCK_ROWS = 2048
"""Rows read at a time, so that they stay in the processor's cache."""

_TILE_ROWS = 256
"""Rows that one step compares with the mask of the literals."""

Bytes = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class ReadRows:
    """What was read of n records of one layout.

    Attributes
    ----------
    ids : the ids of one block of records after the other, as `read_ids` returns them.
    numbers : the numbers as whole ones.
    good : bool (n,): which records could be read; the others' values mean nothing.
    """

    ids: list[Words]
    widths: Widths
    numbers: FixedPoint
    good: Bools

    def id_column(self, i: int) -> npt.NDArray[np.bytes_]:
        """Return the i-th id of every record."""
        first, end = (sum(self.widths[:j]) // ID_STEP for j in (i, i + 1))
        words = np.concatenate([block[first:end].T for block in self.ids])
        return np.ascontiguousarray(words).view(f"S{self.widths[i]}").ravel()


class RowReader:
    """Reads n records of one layout."""

    def __init__(self, layout: Layout, n: int) -> None:
        self._layout, self._n = layout, n
        rows = min(n, _TILE_ROWS)
        self._fixed = np.tile(layout.fixed, rows).view(np.uint64)
        self._expected = np.tile(layout.template & layout.fixed, rows).view(np.uint64)
        self._ids: list[Words] = []
        self._numbers = np.empty((len(COLUMNS), n), np.int64)
        self._finished = np.empty(n, np.bool_)
        self._good = np.ones(n, np.bool_)

    def read(self, matrix_of: Callable[[slice], Bytes]) -> ReadRows:
        """Return what the records say; `matrix_of` returns some of them as rows of the layout's width."""
        for start in range(0, self._n, BLOCK_ROWS):
            rows = slice(start, min(start + BLOCK_ROWS, self._n))
            self._read_block(matrix_of(rows), rows)
        numbers = FixedPoint(finished=self._finished, **dict(zip(COLUMNS, self._numbers, strict=True)))
        return ReadRows(self._ids, self._layout.widths, numbers, self._good)

    def _read_block(self, matrix: Bytes, rows: slice) -> None:
        found = matrix.view(self._layout.reads).ravel()
        ids, faults = read_ids(found, self._layout.widths)
        self._ids.append(ids)
        faults |= read_numbers(found, self._numbers[:, rows], self._finished[rows])
        good = self._good[rows]
        if faults.any():
            np.equal(faults, 0, out=good)
        self._compare_literals(matrix.view(np.uint64), good)

    def _compare_literals(self, words: Words, good: Bools) -> None:
        """Make `good` false where a bit differs that is the same in every record."""
        width = words.shape[1]
        for start in range(0, len(words), _TILE_ROWS):
            part = words[start : start + _TILE_ROWS].ravel()
            same = (part & self._fixed[: len(part)]) == self._expected[: len(part)]
            if not same.all():
                good[start : start + _TILE_ROWS] &= same.reshape(-1, width).all(axis=1)

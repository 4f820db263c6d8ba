"""Records of one layout, laid out as a byte matrix column by column: literals, ids, numbers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from engine.arrays import Ints
from engine.codec.digits import FixedPoint, write_numbers
from engine.codec.layout import Layout

BLOCK_ROWS = 4096
"""Rows written at a time, so that they are still in the processor's cache when the next column comes."""


class RowWriter:
    """Writes records of one layout; keeps one row a driver, with everything in it but the numbers."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self._rows = np.empty((16, layout.width), np.uint8)
        self._count = 0

    def add(self, ids: Sequence[Sequence[str]]) -> range:
        """Append drivers with five columns of ids; return their places."""
        first, self._count = self._count, self._count + len(ids[0])
        if self._count > len(self._rows):
            grown = np.empty((max(self._count, 2 * len(self._rows)), self.layout.width), np.uint8)
            grown[:first] = self._rows[:first]
            self._rows = grown
        self.put(np.arange(first, self._count), ids)
        return range(first, self._count)

    def put(self, places: Ints, ids: Sequence[Sequence[str]]) -> None:
        """Write five columns of ids to some places."""
        rows = np.tile(self.layout.template, (len(places), 1))
        for offset, width, column in zip(self.layout.id_offsets, self.layout.widths, ids, strict=True):
            closed = np.array([f'{word}"'.ljust(width + 1).encode() for word in column], f"S{width + 1}")
            rows[:, offset + 1 : offset + width + 2] = closed.view(np.uint8).reshape(-1, width + 1)
        self._rows[places] = rows

    def values(self, places: Ints, numbers: FixedPoint) -> list[bytes]:
        """Return records as bytes."""
        block = np.empty((min(BLOCK_ROWS, len(places)), self.layout.width), np.uint8)
        values: list[bytes] = []
        for rows in _blocks(len(places)):
            matrix = block[: rows.stop - rows.start]
            self._fill(matrix, places[rows], numbers.take(rows))
            values += row_values(matrix)
        return values

    def matrix(self, places: Ints, numbers: FixedPoint) -> npt.NDArray[np.uint8]:
        """Return records as rows."""
        matrix = np.empty((len(places), self.layout.width), np.uint8)
        for rows in _blocks(len(places)):
            self._fill(matrix[rows], places[rows], numbers.take(rows))
        return matrix

    def _fill(self, matrix: npt.NDArray[np.uint8], places: Ints, numbers: FixedPoint) -> None:
        self._rows.take(places, axis=0, out=matrix, mode="clip")  # which copies whole rows, and in place
        write_numbers(matrix.view(self.layout.writes).ravel(), numbers)


def _blocks(n: int) -> Iterator[slice]:
    return (slice(start, min(start + BLOCK_ROWS, n)) for start in range(0, n, BLOCK_ROWS))


def row_values(matrix: npt.NDArray[np.uint8]) -> list[bytes]:
    """Return the rows of a byte matrix as bytes objects."""
    found: list[bytes] = matrix.view(f"S{matrix.shape[1]}").ravel().tolist()
    return found

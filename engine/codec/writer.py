"""Records of one layout, laid out as a byte matrix column by column: literals, ids, numbers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from engine.codec.digits import Ints, Numbers, write_numbers
from engine.codec.layout import ID_FIELDS, ID_STEP, Layout

BLOCK_ROWS = 4096
"""Rows written at a time, so that they are still in the processor's cache when the next column comes."""


class RowWriter:
    """Writes records of one layout; keeps the ids of its drivers as they stand in a record, without the literals between them."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self._names = [f"id_{i}_{k}" for i, width in enumerate(layout.widths) for k in range(width // ID_STEP)]
        # the ids' words of eight characters, and one more word with the character that follows each of the five
        self._ids = np.empty((16, len(self._names) + 1), np.uint64)
        self._count = 0

    def add(self, ids: Sequence[Sequence[str]]) -> range:
        """Append drivers with five columns of ids; return their places."""
        first, self._count = self._count, self._count + len(ids[0])
        if self._count > len(self._ids):
            grown = np.empty((max(self._count, 2 * len(self._ids)), self._ids.shape[1]), np.uint64)
            grown[:first] = self._ids[:first]
            self._ids = grown
        self.put(np.arange(first, self._count), ids)
        return range(first, self._count)

    def put(self, places: Ints, ids: Sequence[Sequence[str]]) -> None:
        """Write five columns of ids to some places."""
        rows = np.empty((len(places), self._ids.shape[1] * 8), np.uint8)
        at = 0
        for i, (width, column) in enumerate(zip(self.layout.widths, ids, strict=True)):
            closed = np.array([f'{word}"'.ljust(width + 1).encode() for word in column], f"S{width + 1}").view(np.uint8).reshape(-1, width + 1)
            rows[:, at : at + width] = closed[:, :width]
            rows[:, 8 * len(self._names) + i] = closed[:, width]
            at += width
        self._ids[places] = rows.view(np.uint64)

    def values(self, places: Ints, numbers: Numbers) -> list[bytes]:
        """Return records as bytes."""
        block = self._blank(min(BLOCK_ROWS, len(places)))
        values: list[bytes] = []
        for rows in _blocks(len(places)):
            matrix = block[: rows.stop - rows.start]
            self._fill(matrix, places[rows], numbers.take(rows))
            values += row_values(matrix)
        return values

    def matrix(self, places: Ints, numbers: Numbers) -> npt.NDArray[np.uint8]:
        """Return records as rows."""
        matrix = self._blank(len(places))
        for rows in _blocks(len(places)):
            self._fill(matrix[rows], places[rows], numbers.take(rows))
        return matrix

    def _blank(self, n: int) -> npt.NDArray[np.uint8]:
        return np.tile(self.layout.template, (n, 1))

    def _fill(self, matrix: npt.NDArray[np.uint8], places: Ints, numbers: Numbers) -> None:
        ids = self._ids.take(places, axis=0, mode="clip")
        rows = matrix.view(self.layout.writes).ravel()
        for k, name in enumerate(self._names):
            rows[name] = ids[:, k]
        last = ids.view(np.uint8)[:, 8 * len(self._names) :]
        for i in range(len(ID_FIELDS)):
            rows[f"id_{i}_last"] = last[:, i]
        write_numbers(rows, numbers)


def _blocks(n: int) -> Iterator[slice]:
    return (slice(start, min(start + BLOCK_ROWS, n)) for start in range(0, n, BLOCK_ROWS))


def row_values(matrix: npt.NDArray[np.uint8]) -> list[bytes]:
    """Return the rows of a byte matrix as bytes objects."""
    found: list[bytes] = matrix.view(f"S{matrix.shape[1]}").ravel().tolist()
    return found

"""The decoder of `route.new-position`.

Values of one length are read as a byte matrix, any other as JSON, one by one. Both ways read the same bytes alike; the
matrix is only faster.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from engine.arrays import Ints
from engine.codec.batch import Column, PositionBatch, PositionRecord
from engine.codec.digits import UNITS
from engine.codec.layout import ID_STEP, MAX_RECORD_BYTES, Layout, layout_of, probe
from engine.codec.record import decode_record
from engine.codec.rows import ReadRows, RowReader
from engine.errors import MessageError

MIN_ROWS = 16
"""Fewer records of one length than this are read faster as JSON."""

MAX_LAYOUTS = 16
"""Layouts tried for the records of one length, so that a flood of strange ones costs what JSON costs."""

_NARROWEST = layout_of((8, 8, 8, 8, 8)).width

Bytes = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Decoded:
    """What was read from some values.

    Attributes
    ----------
    batch : the positions, in the order of the values.
    rows : int64 (len(batch),): index of each position's value, ascending.
    rejected : index and reason of every value that could not be read, ascending.
    """

    batch: PositionBatch
    rows: Ints
    rejected: list[tuple[int, str]]


def decode_positions(values: Sequence[bytes]) -> Decoded:
    """Return the positions in the values of Kafka records; a bad one is listed in `rejected`."""
    return _decode(_Listed(values))


def decode_buffer(buffer: bytes | bytearray | memoryview | Bytes, offsets: Ints, lengths: Ints) -> Decoded:
    """Return the positions in records that stand in one buffer, as `decode_positions` does.

    Parameters
    ----------
    buffer : bytes-like or uint8 (m,); nothing but the records' own bytes is read, and none of it is kept.
    offsets, lengths : int64 (n,): where each record begins in the buffer, and how many bytes it has.
    """
    return _decode(_Buffered(np.frombuffer(buffer, np.uint8), offsets, lengths))


class _Values(Protocol):
    """The records to be decoded, n in all."""

    def lengths(self) -> Ints:
        """Return how many bytes each has."""

    def value(self, row: int) -> bytes:
        """Return a record."""

    def rows(self, index: Ints, width: int) -> Callable[[slice], Bytes]:
        """Return what gives a slice of some records, each of `width` bytes, as rows of a matrix."""


class _Listed:
    """Records that are bytes objects."""

    def __init__(self, values: Sequence[bytes]) -> None:
        self._values = values

    def lengths(self) -> Ints:
        return np.fromiter(map(len, self._values), np.int64, len(self._values))

    def value(self, row: int) -> bytes:
        return self._values[row]

    def rows(self, index: Ints, width: int) -> Callable[[slice], Bytes]:
        values = self._values
        chosen = values if len(index) == len(values) else [values[i] for i in index.tolist()]
        return lambda rows: np.frombuffer(b"".join(chosen[rows]), np.uint8).reshape(-1, width)


class _Buffered:
    """Records in one buffer."""

    def __init__(self, buffer: Bytes, offsets: Ints, lengths: Ints) -> None:
        self._buffer, self._offsets, self._lengths = buffer, offsets, lengths

    def lengths(self) -> Ints:
        return self._lengths

    def value(self, row: int) -> bytes:
        offset = int(self._offsets[row])
        return self._buffer[offset : offset + int(self._lengths[row])].tobytes()

    def rows(self, index: Ints, width: int) -> Callable[[slice], Bytes]:
        offsets = self._offsets[index]
        # the buffer's bytes from every place on, so that taking some of them copies whole records
        everywhere = np.ndarray((max(0, len(self._buffer) - width + 1),), f"V{width}", self._buffer, 0, (1,))
        return lambda rows: everywhere[offsets[rows]].view(np.uint8).reshape(-1, width)


def _decode(values: _Values) -> Decoded:
    lengths = values.lengths()
    parts: list[tuple[PositionBatch, Ints]] = []
    singles: list[Ints] = []
    for length, index in _by_length(lengths):
        if len(index) < MIN_ROWS or length % ID_STEP or not _NARROWEST <= length <= MAX_RECORD_BYTES:
            singles.append(index)
            continue
        read, left = _decode_rows(values, index, length)
        parts += read
        singles.append(left)
    rejected: list[tuple[int, str]] = []
    single_rows = np.sort(np.concatenate(singles)) if singles else np.empty(0, np.int64)
    if single_rows.size:
        parts.append(_decode_singles(values, single_rows, rejected))
    return _joined(parts, rejected)


def _by_length(lengths: Ints) -> list[tuple[int, Ints]]:
    """Return each length with the rows that have it; of one length, as often, without a search."""
    if len(lengths) and (lengths == lengths[0]).all():
        return [(int(lengths[0]), np.arange(len(lengths)))]
    return [(length, np.flatnonzero(lengths == length)) for length in np.unique(lengths).tolist()]


def _joined(parts: list[tuple[PositionBatch, Ints]], rejected: list[tuple[int, str]]) -> Decoded:
    batch = PositionBatch.concat(batch for batch, _ in parts)
    rows = np.concatenate([rows for _, rows in parts]) if parts else np.empty(0, np.int64)
    if len(parts) > 1:
        order = np.argsort(rows, kind="stable")
        batch, rows = batch.take(order), rows[order]
    return Decoded(batch, rows, rejected)


def _decode_singles(values: _Values, index: Ints, rejected: list[tuple[int, str]]) -> tuple[PositionBatch, Ints]:
    records: list[PositionRecord] = []
    rows: list[int] = []
    for i in index.tolist():
        try:
            records.append(decode_record(values.value(i)))
        except MessageError as error:
            rejected.append((i, str(error)))
        else:
            rows.append(i)
    return PositionBatch.of(records), np.array(rows, np.int64)


def _decode_rows(values: _Values, left: Ints, width: int) -> tuple[list[tuple[PositionBatch, Ints]], Ints]:
    """Return what could be read of records of one length, and the rows that are left."""
    parts: list[tuple[PositionBatch, Ints]] = []
    strange: list[Ints] = []
    for _ in range(MAX_LAYOUTS):
        skipped, layout = _first_layout(values, left)
        strange.append(left[:skipped])
        left = left[skipped:]
        if layout is None or len(left) < MIN_ROWS:
            break
        read = RowReader(layout, len(left)).read(values.rows(left, width))
        batch = _batch_of(read)
        if read.good.all():
            parts.append((batch, left))
            left = left[:0]
            break
        parts.append((batch.take(read.good), left[read.good]))
        left = left[~read.good]
    return parts, np.concatenate([*strange, left])


def _first_layout(values: _Values, rows: Ints) -> tuple[int, Layout | None]:
    """Return how many rows come before the first that seems to have a layout, and that layout."""
    for skipped, row in enumerate(rows):
        if layout := probe(values.value(int(row))):
            return skipped, layout
    return len(rows), None


def _batch_of(read: ReadRows) -> PositionBatch:
    """Return rows as a batch with whole numbers, whose ids and floats are made when they are asked for."""
    numbers, n = read.numbers, len(read.good)

    def make(name: str) -> Column:
        if name in _IDS:
            return read.id_column(_IDS[name])
        if name == "exact":
            return np.ones(n, np.bool_)
        whole, unit = UNITS[name]
        # a whole number divided by a power of ten is rounded once, so it is the double that JSON's text stands for
        floats: Column = np.divide(getattr(numbers, whole), unit)
        return floats

    return PositionBatch(n, {name: getattr(numbers, name) for name in numbers.__slots__}, make)


_IDS = {name: i for i, name in enumerate(PositionBatch.COLUMNS[:5])}

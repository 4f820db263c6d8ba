"""The decoder of `route.new-position`: values of one length are read as a byte matrix, anything else as JSON, one by one.

Both ways read the same bytes alike; the matrix is only faster.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from engine.codec.batch import PositionBatch, PositionRecord
from engine.codec.layout import MAX_RECORD_BYTES, Layout, layout_of, probe
from engine.codec.record import decode_record
from engine.codec.rows import RowReader
from engine.errors import MessageError

MIN_ROWS = 16
"""Fewer records of one length than this are read faster as JSON."""

MAX_LAYOUTS = 16
"""Layouts tried for the records of one length; so a flood of strange records costs no more than JSON does."""

_NARROWEST = layout_of((8, 8, 8, 8, 8)).width

Ints = npt.NDArray[np.int64]


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
    """Return the positions in the values of Kafka records. Nothing is raised for a bad value: it is listed in `rejected`."""
    parts: list[tuple[PositionBatch, Ints]] = []
    singles: list[Ints] = []
    lengths = np.fromiter(map(len, values), np.int64, len(values))
    for length in np.unique(lengths).tolist():
        index = np.flatnonzero(lengths == length)
        if len(index) < MIN_ROWS or length % 8 or not _NARROWEST <= length <= MAX_RECORD_BYTES:
            singles.append(index)
            continue
        read, left = _decode_rows(values if len(index) == len(values) else [values[i] for i in index.tolist()])
        parts += [(batch, index[rows]) for batch, rows in read]
        singles.append(index[left])
    rejected: list[tuple[int, str]] = []
    single_rows = np.sort(np.concatenate(singles)) if singles else np.empty(0, np.int64)
    if single_rows.size:
        parts.append(_decode_singles(values, single_rows, rejected))
    return _joined(parts, rejected)


def decode_buffer(buffer: bytes | bytearray | memoryview | npt.NDArray[np.uint8], offsets: Ints, lengths: Ints) -> Decoded:
    """Return the positions in records that stand in one buffer, as `decode_positions` does.

    Parameters
    ----------
    buffer : bytes-like or uint8 (m,); nothing but the records' own bytes is read, and none of it is kept.
    offsets, lengths : int64 (n,): where each record begins in the buffer, and how many bytes it has.
    """
    view = memoryview(buffer)
    return decode_positions([bytes(view[i : i + k]) for i, k in zip(offsets.tolist(), lengths.tolist(), strict=True)])


def _joined(parts: list[tuple[PositionBatch, Ints]], rejected: list[tuple[int, str]]) -> Decoded:
    batch = PositionBatch.concat(batch for batch, _ in parts)
    rows = np.concatenate([rows for _, rows in parts]) if parts else np.empty(0, np.int64)
    if len(parts) > 1:
        order = np.argsort(rows, kind="stable")
        batch, rows = batch.take(order), rows[order]
    return Decoded(batch, rows, rejected)


def _decode_singles(
    values: Sequence[bytes], index: Ints, rejected: list[tuple[int, str]]
) -> tuple[PositionBatch, Ints]:
    records: list[PositionRecord] = []
    rows: list[int] = []
    for i in index.tolist():
        try:
            records.append(decode_record(values[i]))
        except MessageError as error:
            rejected.append((i, str(error)))
        else:
            rows.append(i)
    return PositionBatch.of(records), np.array(rows, np.int64)


def _decode_rows(values: Sequence[bytes]) -> tuple[list[tuple[PositionBatch, Ints]], Ints]:
    """Return what could be read of values of one length, and the rows that are left."""
    parts: list[tuple[PositionBatch, Ints]] = []
    strange: list[Ints] = []
    left = np.arange(len(values))
    for _ in range(MAX_LAYOUTS):
        skipped, layout = _first_layout(values, left)
        strange.append(left[:skipped])
        left = left[skipped:]
        if layout is None or len(left) < MIN_ROWS:
            break
        batch, read = RowReader(layout, len(left)).read(
            values if len(left) == len(values) else [values[i] for i in left.tolist()]
        )
        parts.append((batch, left[read]))
        left = left[~read]
    return parts, np.concatenate([*strange, left])


def _first_layout(values: Sequence[bytes], rows: Ints) -> tuple[int, Layout | None]:
    """Return how many rows come before the first that seems to have a layout, and that layout."""
    for skipped, row in enumerate(rows.tolist()):
        if layout := probe(values[row]):
            return skipped, layout
    return len(rows), None

"""Records of Kafka: one as a client's message shows it, and many of one topic in columns."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Any, Protocol, overload

import numpy as np
import numpy.typing as npt

from engine.arrays import Ints

Bytes = npt.NDArray[np.uint8]


class Inbound(Protocol):
    """What is used of a Kafka client's message."""

    def topic(self) -> str | None:
        """Return the topic."""

    def partition(self) -> int | None:
        """Return the partition's number."""

    def offset(self) -> int | None:
        """Return the offset in the partition."""

    def key(self) -> Any:
        """Return the key, None if there is none."""

    def value(self) -> Any:
        """Return the value, None if there is none."""

    def timestamp(self) -> tuple[int, int]:
        """Return the kind of the record's timestamp, and the timestamp in epoch ms; negative if there is none."""


@dataclass(frozen=True, slots=True, eq=False)
class Texts:
    """n byte strings in one buffer.

    Attributes
    ----------
    buffer : uint8 (m,).
    begins, lengths : int64 (n,): where each begins, and how many bytes it has.
    """

    buffer: Bytes
    begins: Ints
    lengths: Ints

    def __getitem__(self, row: int) -> bytes:
        begin = int(self.begins[row])
        return self.buffer[begin : begin + int(self.lengths[row])].tobytes()

    def take(self, rows: Ints) -> Texts:
        """Return some of them; the buffer is shared."""
        return replace(self, begins=self.begins[rows], lengths=self.lengths[rows])


@dataclass(frozen=True, slots=True, eq=False)
class Records(Sequence[Inbound]):
    """n records of one topic, in columns.

    Attributes
    ----------
    partitions, offsets : int64 (n,).
    values : their values.
    keys : their keys, a missing one as an empty one; None if they were not asked for.
    timestamp_of : gives the timestamp of a row, epoch ms; only while the client's messages are there.
    """

    topic: str
    partitions: Ints
    offsets: Ints
    values: Texts
    keys: Texts | None
    timestamp_of: Callable[[int], int]

    def __len__(self) -> int:
        return len(self.offsets)

    @overload
    def __getitem__(self, row: int) -> Record: ...
    @overload
    def __getitem__(self, row: slice) -> Sequence[Record]: ...
    def __getitem__(self, row: int | slice) -> Record | Sequence[Record]:
        if isinstance(row, slice):
            return [Record(self, one) for one in range(*row.indices(len(self)))]
        if not 0 <= row < len(self):
            raise IndexError(row)
        return Record(self, row)

    def take(self, rows: Ints) -> Records:
        """Return some of the records."""
        return replace(
            self,
            partitions=self.partitions[rows],
            offsets=self.offsets[rows],
            values=self.values.take(rows),
            keys=None if self.keys is None else self.keys.take(rows),
            timestamp_of=lambda row: self.timestamp_of(int(rows[row])),
        )

    def next_offsets(self) -> dict[int, int]:
        """Return the offset behind the last record of each partition; a partition's records are in order."""
        if not len(self):
            return {}
        ends = np.full(int(self.partitions.max()) + 1, -1)
        ends[self.partitions] = self.offsets  # of several values for one place the last one stays
        return {number: int(ends[number]) + 1 for number in np.flatnonzero(ends >= 0).tolist()}


class Record:
    """One of some records, as a client's message shows it."""

    __slots__ = ("_records", "_row")

    def __init__(self, records: Records, row: int) -> None:
        self._records, self._row = records, row

    def topic(self) -> str:
        """Return the topic."""
        return self._records.topic

    def partition(self) -> int:
        """Return the partition's number."""
        return int(self._records.partitions[self._row])

    def offset(self) -> int:
        """Return the offset in the partition."""
        return int(self._records.offsets[self._row])

    def key(self) -> bytes | None:
        """Return the key; None if there is none, or if keys were not asked for."""
        return None if self._records.keys is None else self._records.keys[self._row] or None

    def value(self) -> bytes:
        """Return the value."""
        return self._records.values[self._row]

    def timestamp(self) -> tuple[int, int]:
        """Return the record's timestamp, epoch ms, of a kind that is not looked at."""
        return 0, self._records.timestamp_of(self._row)


class Joined(Sequence[Inbound]):
    """Several sequences of records one after the other, none of them copied."""

    def __init__(self, parts: Sequence[Sequence[Inbound]]) -> None:
        self._parts = [part for part in parts if len(part)]
        self._ends = list(accumulate(map(len, self._parts)))

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    @overload
    def __getitem__(self, row: int) -> Inbound: ...
    @overload
    def __getitem__(self, row: slice) -> Sequence[Inbound]: ...
    def __getitem__(self, row: int | slice) -> Inbound | Sequence[Inbound]:
        if isinstance(row, slice):
            return [self[one] for one in range(*row.indices(len(self)))]
        if not 0 <= row < len(self):
            raise IndexError(row)
        part = bisect_right(self._ends, row)
        return self._parts[part][row - (self._ends[part - 1] if part else 0)]

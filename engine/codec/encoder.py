"""The columnar encoder: a tick's positions become JSON records without a Python loop per record.

Every driver's ids are kept as they stand in a record. A tick lays its records out as a byte matrix, column by column:
literals, ids, numbers.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import repeat

import numpy as np
import numpy.typing as npt

from engine.arrays import Ints
from engine.codec.digits import FixedPoint
from engine.codec.layout import ID_FIELDS, KeyField, Widths, blanks_for, layout_of, padded
from engine.codec.partition_hash import murmur2
from engine.codec.positions import Positions
from engine.codec.records import EncodedRows
from engine.codec.writer import RowWriter
from engine.errors import MessageError
from engine.messages import checked_id

_IDS = re.compile(r"(?:[A-Za-z0-9._:\-]{1,96}\n)*")


class PositionEncoder:
    """The drivers' ids, and the encoder over them.

    A row is a stable handle: it keeps its meaning until `remove_rows`, after which its number may be given out again.

    Parameters
    ----------
    key : whose id is a record's Kafka key.
    """

    def __init__(self, key: KeyField = "delivery") -> None:
        self._key = ID_FIELDS.index(f"{key}Id")
        self._writers: list[RowWriter] = []
        self._group_of: dict[tuple[Widths, int], int] = {}
        self._free: list[list[int]] = []
        self._group = np.empty(0, np.int32)
        self._place = np.empty(0, np.int64)
        self._names = np.empty(0, object)
        self._key_bytes = np.empty(0, np.int64)
        self._key_hash = np.empty(0, np.uint32)
        self._count = 0

    def add_rows(
        self,
        route_ids: Sequence[str],
        client_ids: Sequence[str],
        delivery_ids: Sequence[str],
        driver_ids: Sequence[str],
        run_ids: Sequence[str] | str,
        payload_bytes: Sequence[int] = (),
    ) -> Ints:
        """Add one row per delivery; a single run id stands for all of them.

        With `payload_bytes`, blanks make each record at least that large.

        Returns
        -------
        int64 (n,): the rows' handles.

        Raises
        ------
        MessageError : an id that `engine.messages.checked_id` refuses, or columns of different length.
        """
        n = len(delivery_ids)
        columns = [
            route_ids,
            client_ids,
            delivery_ids,
            driver_ids,
            list(repeat(run_ids, n)) if isinstance(run_ids, str) else run_ids,
        ]
        for name, column in zip(ID_FIELDS, columns, strict=True):
            if len(column) != n:
                raise MessageError(f"{name}: {len(column)} ids for {n} deliveries")
            _check_ids(column, name)
        members: dict[tuple[Widths, int], list[int]] = {}
        for i, lengths in enumerate(zip(*(map(len, column) for column in columns), strict=True)):
            r, c, d, v, u = lengths
            widths = padded(r), padded(c), padded(d), padded(v), padded(u)
            members.setdefault((widths, blanks_for(widths, payload_bytes[i]) if payload_bytes else 0), []).append(i)
        handles = np.empty(n, np.int64)
        for shape, chosen in members.items():
            handles[chosen] = self._add_group(shape, [[column[i] for i in chosen] for column in columns])
        self._names[handles] = np.array([*delivery_ids, None], object)[:-1]
        keys = [word.encode() for word in columns[self._key]]
        self._key_bytes[handles] = [len(key) for key in keys]
        self._key_hash[handles] = murmur2(keys)
        return handles

    def _add_group(self, shape: tuple[Widths, int], ids: list[list[str]]) -> Ints:
        if shape not in self._group_of:
            self._group_of[shape] = len(self._writers)
            self._writers.append(RowWriter(layout_of(*shape)))
            self._free.append([])
        group = self._group_of[shape]
        writer, free, n = self._writers[group], self._free[group], len(ids[0])
        kept = len(free) - min(n, len(free))
        reused = np.array(free[kept:], np.int64)
        del free[kept:]
        if reused.size:
            writer.put(self._place[reused], [column[: reused.size] for column in ids])
        if reused.size == n:
            return reused
        places = writer.add([column[reused.size :] for column in ids])
        fresh = np.arange(self._count, self._count + len(places))
        self._count += len(places)
        if self._count > len(self._group):
            room = max(self._count, 2 * len(self._group)) - len(self._group)
            self._group = np.concatenate([self._group, np.empty(room, np.int32)])
            self._place = np.concatenate([self._place, np.empty(room, np.int64)])
            self._names = np.concatenate([self._names, np.empty(room, object)])
            self._key_bytes = np.concatenate([self._key_bytes, np.empty(room, np.int64)])
            self._key_hash = np.concatenate([self._key_hash, np.empty(room, np.uint32)])
        self._group[fresh] = group
        self._place[fresh] = places
        return np.concatenate([reused, fresh])

    def remove_rows(self, rows: Ints) -> None:
        """Give rows back; their places are reused by later rows of the same layout."""
        for row, group in zip(rows.tolist(), self._group[rows].tolist(), strict=True):
            self._names[row] = None
            self._free[group].append(row)

    def encode(self, rows: Ints, positions: Positions) -> list[bytes]:
        """Return one JSON record per row, in the order of `rows`; a row may come more than once.

        Raises
        ------
        MessageError : what `Positions.validate` refuses; it names the delivery. Nothing is written then.
        """
        numbers = self._numbers(rows, positions)
        groups = self._groups(rows)
        if len(groups) == 1:
            return self._writers[groups[0][0]].values(self._place[rows], numbers)
        values = np.empty(len(rows), object)
        for group, index in groups:
            values[index] = _objects(self._writers[group].values(self._place[rows[index]], numbers.take(index)))
        ordered: list[bytes] = values.tolist()
        return ordered

    def encode_matrix(self, rows: Ints, positions: Positions) -> list[EncodedRows]:
        """Return the same records as byte matrices, one per layout; arguments and errors as for `encode`."""
        numbers = self._numbers(rows, positions)
        return [
            EncodedRows(
                index,
                self._writers[group].matrix(self._place[rows[index]], numbers.take(index)),
                self._writers[group].layout.id_offsets[self._key] + 1,
                self._key_bytes[rows[index]],
                self._key_hash[rows[index]],
            )
            for group, index in self._groups(rows)
        ]

    def _numbers(self, rows: Ints, positions: Positions) -> FixedPoint:
        if len(positions) != len(rows):
            raise MessageError(f"lat: {len(positions)} values for {len(rows)} records")
        positions.validate(lambda i: f"delivery {self._names[rows[i]]}")
        return FixedPoint.of(positions)

    def _groups(self, rows: Ints) -> list[tuple[int, Ints]]:
        group = self._group[rows]
        if len(rows) == 0:
            return []
        if (group == group[0]).all():
            return [(int(group[0]), np.arange(len(rows)))]
        return [(int(g), np.flatnonzero(group == g)) for g in np.flatnonzero(np.bincount(group))]


def _check_ids(column: Sequence[str], name: str) -> None:
    if all(isinstance(word, str) for word in column):
        joined = "".join([word + "\n" for word in column])
        if _IDS.fullmatch(joined) and joined.count("\n") == len(column):
            return
    for word in column:
        checked_id(word, name)


def _objects(values: list[bytes]) -> npt.NDArray[np.object_]:
    array = np.empty(len(values), object)
    array[:] = values
    return array

"""Positions as columns: what a reader of `route.new-position` works with."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields
from typing import Any, Final, Generic, TypeVar, overload

import numpy as np
import numpy.typing as npt

from engine.codec.digits import FIXED_POINT, UNITS, FixedPoint, fixed_point_of
from engine.codec.positions import Positions

Column = npt.NDArray[Any]
Rows = slice | npt.NDArray[np.int64] | npt.NDArray[np.bool_]
T = TypeVar("T", bound=np.generic)


class _Lazy(Generic[T]):
    """A column that is made when it is first asked for, and kept."""

    def __set_name__(self, owner: type[PositionBatch], name: str) -> None:
        self._name = name

    @overload
    def __get__(self, batch: None, owner: object) -> _Lazy[T]: ...
    @overload
    def __get__(self, batch: PositionBatch, owner: object) -> npt.NDArray[T]: ...
    def __get__(self, batch: PositionBatch | None, owner: object) -> _Lazy[T] | npt.NDArray[T]:
        if batch is None:
            return self
        found = batch.__dict__[self._name] = batch.make(self._name)
        return found


class PositionBatch:
    """The positions of n records, a struct of arrays of shape (n,), each made when it is first asked for.

    A number with decimals is there twice: as a float, and as the whole number of small units in which the encoder
    writes it. A reader that only passes numbers on takes the latter.

    Parameters
    ----------
    count : n.
    given : columns by name that are there already.
    make : called with the name of any other column when it is first asked for.

    Attributes
    ----------
    route_id, client_id, delivery_id, driver_id, run_id : numpy 'S' arrays.
    lat_deg, lng_deg : float64, degrees on WGS84.
    finished : bool, true on a delivery's last position.
    seq : int64, the sample's number; -1 if unknown (a record of the ancestor's four fields).
    event_time_ms : int64, virtual epoch ms at which the position was due; -1 if unknown.
    speed_mps, bearing_deg, distance_m : float64; 0 if unknown.
    lat_e7, lng_e7 : int64, 1e-7 degrees.
    speed_cmps, bearing_ddeg, distance_dm : int64, 0.01 m/s, 0.1 degrees, 0.1 m.
    exact : bool, true where these five whole numbers are the record's very numbers; elsewhere they mean nothing.
    """

    COLUMNS: Final = (
        *("route_id", "client_id", "delivery_id", "driver_id", "run_id"),
        *(field.name for field in fields(Positions)),
    )
    """What a record says, in the order of the record."""

    route_id = _Lazy[np.bytes_]()
    client_id = _Lazy[np.bytes_]()
    delivery_id = _Lazy[np.bytes_]()
    driver_id = _Lazy[np.bytes_]()
    run_id = _Lazy[np.bytes_]()
    lat_deg = _Lazy[np.float64]()
    lng_deg = _Lazy[np.float64]()
    finished = _Lazy[np.bool_]()
    seq = _Lazy[np.int64]()
    event_time_ms = _Lazy[np.int64]()
    speed_mps = _Lazy[np.float64]()
    bearing_deg = _Lazy[np.float64]()
    distance_m = _Lazy[np.float64]()
    lat_e7 = _Lazy[np.int64]()
    lng_e7 = _Lazy[np.int64]()
    speed_cmps = _Lazy[np.int64]()
    bearing_ddeg = _Lazy[np.int64]()
    distance_dm = _Lazy[np.int64]()
    exact = _Lazy[np.bool_]()

    def __init__(self, count: int, given: Mapping[str, Column], make: Callable[[str], Column]) -> None:
        self.make = make
        self._count = count
        self.__dict__.update(given)

    def __len__(self) -> int:
        return self._count

    def take(self, rows: Rows) -> PositionBatch:
        """Return the records of a slice, at some indices, or where a mask is true."""
        if isinstance(rows, slice):
            count = len(range(*rows.indices(self._count)))
        else:
            rows = np.flatnonzero(rows) if rows.dtype == np.bool_ else rows
            count = len(rows)
        return PositionBatch(count, {}, lambda name: getattr(self, name)[rows])

    def with_columns(self, **given: Column) -> PositionBatch:
        """Return the same records with some of `COLUMNS` replaced."""
        decimals_change = not given.keys().isdisjoint(UNITS)

        def make(name: str) -> Column:
            derived: Column = (
                fixed_point_of(name, changed) if decimals_change and name in FIXED_POINT else getattr(self, name)
            )
            return derived

        changed = PositionBatch(self._count, given, make)
        return changed

    def fixed_point(self) -> FixedPoint:
        """Return the records' numbers as whole ones."""
        return FixedPoint(
            self.lat_e7,
            self.lng_e7,
            self.finished,
            self.seq,
            self.event_time_ms,
            self.speed_cmps,
            self.bearing_ddeg,
            self.distance_dm,
        )

    @staticmethod
    def concat(batches: Iterable[PositionBatch]) -> PositionBatch:
        """Return batches one after the other; no batch gives an empty one."""
        parts = list(batches)
        if not parts:
            return PositionBatch.empty()
        if len(parts) == 1:
            return parts[0]
        return PositionBatch(
            sum(map(len, parts)), {}, lambda name: np.concatenate([getattr(part, name) for part in parts])
        )

    @staticmethod
    def empty() -> PositionBatch:
        """Return a batch without records."""
        return PositionBatch.of([])

    @staticmethod
    def of(records: Sequence[PositionRecord]) -> PositionBatch:
        """Return the batch of single records."""
        kinds = ["S"] * 5 + ["f8", "f8", "?", "i8", "i8", "f8", "f8", "f8"]
        columns: Sequence[Sequence[object]] = list(zip(*records, strict=True)) if records else [()] * len(kinds)
        return PositionBatch.of_columns(*(np.array(column, kind) for column, kind in zip(columns, kinds, strict=True)))

    @staticmethod
    def of_columns(*columns: Column) -> PositionBatch:
        """Return the batch of arrays of one length, in the order of `COLUMNS`."""
        given = dict(zip(PositionBatch.COLUMNS, columns, strict=True))
        batch = PositionBatch(len(columns[0]), given, lambda name: fixed_point_of(name, batch))
        return batch


PositionRecord = tuple[bytes, bytes, bytes, bytes, bytes, float, float, bool, int, int, float, float, float]
"""One record, in the order of the batch's columns."""

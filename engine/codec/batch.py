"""Positions as columns: what a reader of `route.new-position` works with."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, slots=True)
class PositionBatch:
    """The positions of n records, a struct of arrays of shape (n,).

    Attributes
    ----------
    route_id, client_id, delivery_id, driver_id, run_id : numpy 'S' arrays.
    lat_deg, lng_deg : float64, degrees on WGS84.
    finished : bool, true on a delivery's last position.
    seq : int64, the sample's number; -1 if unknown (a record of the ancestor's four fields).
    event_time_ms : int64, virtual epoch ms at which the position was due; -1 if unknown.
    speed_mps, bearing_deg, distance_m : float64; 0 if unknown.
    """

    route_id: npt.NDArray[np.bytes_]
    client_id: npt.NDArray[np.bytes_]
    delivery_id: npt.NDArray[np.bytes_]
    driver_id: npt.NDArray[np.bytes_]
    run_id: npt.NDArray[np.bytes_]
    lat_deg: npt.NDArray[np.float64]
    lng_deg: npt.NDArray[np.float64]
    finished: npt.NDArray[np.bool_]
    seq: npt.NDArray[np.int64]
    event_time_ms: npt.NDArray[np.int64]
    speed_mps: npt.NDArray[np.float64]
    bearing_deg: npt.NDArray[np.float64]
    distance_m: npt.NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.seq)

    def take(self, rows: npt.NDArray[np.int64] | npt.NDArray[np.bool_]) -> PositionBatch:
        """Return the records at some indices, or where a mask is true."""
        return PositionBatch(*(getattr(self, f.name)[rows] for f in fields(self)))

    @staticmethod
    def concat(batches: Iterable[PositionBatch]) -> PositionBatch:
        """Return batches one after the other; no batch gives an empty one."""
        parts = list(batches)
        if not parts:
            return PositionBatch.empty()
        if len(parts) == 1:
            return parts[0]
        return PositionBatch(
            *(np.concatenate([getattr(part, f.name) for part in parts]) for f in fields(PositionBatch))
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
        return PositionBatch(*(np.array(column, kind) for column, kind in zip(columns, kinds, strict=True)))


PositionRecord = tuple[bytes, bytes, bytes, bytes, bytes, float, float, bool, int, int, float, float, float]
"""One record, in the order of the batch's columns."""

"""The slots of the live map: a dense number for every delivery, and the newest states as arrays.

A slot is free, alive, or in quarantine. A delivery that left keeps its slot, and its memory of the last position, for
`QUARANTINE_MS`: a late record cannot bring it back, and no viewer meets the same number as another vehicle. After that
the number is used again, so memory follows the largest fleet, not the days. It refuses to know messages and frames.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from api.live.slot_index import SlotIndex
from engine.arrays import Ids

QUARANTINE_MS = 60_000
FREE, ALIVE, GONE = 0, 1, 2
UNKNOWN_MS = np.iinfo(np.int64).min

_COLUMNS: dict[str, tuple[type[np.generic], float]] = {
    "phase": (np.uint8, FREE),
    "placed": (np.bool_, False),
    "lat_deg": (np.float64, 0),
    "lng_deg": (np.float64, 0),
    "world_x": (np.int32, 0),
    "world_y": (np.int32, 0),
    "speed_mps": (np.float64, 0),
    "bearing_deg": (np.float64, 0),
    "distance_m": (np.float64, 0),
    "run": (np.int32, -1),
    "seq": (np.int64, -1),
    "event_time_ms": (np.int64, UNKNOWN_MS),
    "state": (np.uint8, 0),
    "vehicle": (np.uint8, 0),
    "changed_ms": (np.int64, UNKNOWN_MS),
    "positions": (np.int64, 0),
    "event_seq": (np.int64, -1),
    "heard_ms": (np.float64, 0),
    "leaves_ms": (np.float64, np.inf),
    "free_ms": (np.float64, np.inf),
    "fresh": (np.bool_, False),
}


@dataclass(slots=True)
class Details:
    """What belongs to a delivery and seldom changes; times in virtual epoch ms, lengths in metres."""

    delivery_id: str
    route_id: str = ""
    client_id: str = ""
    driver_id: str = ""
    started_ms: int | None = None
    planned_arrival_ms: int | None = None
    ended_ms: int | None = None
    route_length_m: float | None = None
    reason: str | None = None


class Slots:
    """Struct of arrays, all of shape (capacity,), indexed by slot.

    Attributes
    ----------
    phase : `FREE`, `ALIVE` or `GONE`.
    placed : a position is known.
    lat_deg, lng_deg, speed_mps, bearing_deg, distance_m : of the newest position.
    world_x, world_y : its place, 28-bit world coordinates.
    run : index of the run.
    seq, event_time_ms : identity and due time (virtual epoch ms) of the newest position.
    state, vehicle : indices into the words of ``sim.v1``.
    changed_ms : virtual epoch ms of the newest event that changed the state.
    positions : how many positions a delivery that ended has in all.
    event_seq : number of the newest event.
    heard_ms, leaves_ms, free_ms : wall epoch ms of the last record, at which the vehicle leaves the map, and at which
        its quarantine ends.
    fresh : a position arrived since the last tick.
    details : what seldom changes, None in a free slot.
    """

    phase: NDArray[np.uint8]
    placed: NDArray[np.bool_]
    lat_deg: NDArray[np.float64]
    lng_deg: NDArray[np.float64]
    world_x: NDArray[np.int32]
    world_y: NDArray[np.int32]
    speed_mps: NDArray[np.float64]
    bearing_deg: NDArray[np.float64]
    distance_m: NDArray[np.float64]
    run: NDArray[np.int32]
    seq: NDArray[np.int64]
    event_time_ms: NDArray[np.int64]
    state: NDArray[np.uint8]
    vehicle: NDArray[np.uint8]
    changed_ms: NDArray[np.int64]
    positions: NDArray[np.int64]
    event_seq: NDArray[np.int64]
    heard_ms: NDArray[np.float64]
    leaves_ms: NDArray[np.float64]
    free_ms: NDArray[np.float64]
    fresh: NDArray[np.bool_]

    def __init__(self) -> None:
        self.details: list[Details | None] = []
        self._index = SlotIndex()
        self._free: deque[int] = deque()
        self._quarantine: deque[tuple[float, int]] = deque()
        for name, (dtype, empty) in _COLUMNS.items():
            setattr(self, name, np.full(0, empty, dtype))

    def __len__(self) -> int:
        """How many deliveries are known, those in quarantine included."""
        return len(self._index)

    @property
    def capacity(self) -> int:
        """Slots that memory is held for."""
        return len(self.details)

    def find(self, delivery_id: bytes) -> int | None:
        """Return the slot of a delivery."""
        return self._index.find(delivery_id)

    def find_all(self, delivery_ids: Ids) -> NDArray[np.int64]:
        """Return the slots of deliveries, -1 where unknown."""
        return self._index.find_all(delivery_ids)

    def take(self, delivery_id: bytes, details: Details, now_ms: float) -> int:
        """Return a fresh slot for a delivery; a slot it has already is known only by its number from now on."""
        if not self._free:
            self._grow()
        slot = self._free.popleft()
        self.phase[slot], self.heard_ms[slot] = ALIVE, now_ms
        self.details[slot] = details
        self._index.put(delivery_id, slot)
        return slot

    def retire(self, slots: NDArray[np.intp], now_ms: float) -> None:
        """Take vehicles off the map and put their slots into quarantine."""
        self.phase[slots] = GONE
        self.free_ms[slots] = now_ms + QUARANTINE_MS
        self._quarantine.extend((now_ms + QUARANTINE_MS, slot) for slot in slots.tolist())

    def release(self, now_ms: float) -> int:
        """Free the slots whose quarantine is over; return how many.

        A delivery that spoke again meanwhile keeps its slot.
        """
        over = []
        while self._quarantine and self._quarantine[0][0] <= now_ms:
            until_ms, slot = self._quarantine.popleft()
            if self.phase[slot] == GONE and self.free_ms[slot] == until_ms:
                over.append(slot)
        self.drop(over)
        return len(over)

    def drop(self, slots: list[int]) -> None:
        """Free slots at once, which is right for those that no viewer ever saw."""
        keys = []
        for slot in slots:
            details = self.details[slot]
            assert details is not None
            keys.append(details.delivery_id.encode())
            self.details[slot] = None
        self._index.remove(keys, slots)
        for name, (_, empty) in _COLUMNS.items():
            getattr(self, name)[slots] = empty
        self._free.extend(slots)

    def _grow(self) -> None:
        extra = max(256, self.capacity)
        for name, (dtype, empty) in _COLUMNS.items():
            setattr(self, name, np.concatenate((getattr(self, name), np.full(extra, empty, dtype))))
        self._free.extend(range(self.capacity, self.capacity + extra))
        self.details.extend([None] * extra)

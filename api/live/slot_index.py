"""Which slot a delivery has, one at a time or ten thousand at once.

A dict knows; beside it stands a table in numpy that remembers what the dict said, so that a batch of ids costs one
expression instead of a Python step for each. What the table does not know, or must not say any more, is asked of the
dict.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from engine.accounting.interner import Interner
from engine.arrays import Ids

_UNKNOWN = -1
LEAST_IDS = 4096
"""Ids remembered at least before the table begins anew."""


class SlotIndex:
    """Slots by delivery id.

    Parameters
    ----------
    least_ids : the table begins anew once it remembers more ids than this, and than twice the slots there are.
    """

    def __init__(self, least_ids: int = LEAST_IDS) -> None:
        self._least_ids = least_ids
        self._slots: dict[bytes, int] = {}
        self._ids = Interner()
        self._slot_of = np.full(0, _UNKNOWN, np.int64)  # by the interner's number
        self._number_of = np.full(0, _UNKNOWN, np.int64)  # by slot: the number whose entry tells of it

    def __len__(self) -> int:
        return len(self._slots)

    @property
    def remembered(self) -> int:
        """How many ids the table remembers, those of deliveries that have left included."""
        return len(self._ids)

    def find(self, delivery_id: bytes) -> int | None:
        """Return the slot of a delivery."""
        return self._slots.get(delivery_id)

    def find_all(self, delivery_ids: Ids) -> NDArray[np.int64]:
        """Return the slots of deliveries, -1 where unknown."""
        if len(self._ids) > max(self._least_ids, 2 * len(self._slots)):
            self._forget()
        numbers = self._ids.intern(delivery_ids)
        self._slot_of = _with_room(self._slot_of, len(self._ids))
        slots = self._slot_of[numbers]
        asked = np.flatnonzero(slots == _UNKNOWN)
        if asked.size:
            slots[asked] = [self._slots.get(delivery_id, _UNKNOWN) for delivery_id in delivery_ids[asked].tolist()]
            self._remember(numbers[asked], slots[asked])
        return slots

    def put(self, delivery_id: bytes, slot: int) -> None:
        """Give a delivery a slot, instead of the one that it may have had."""
        old = self._slots.get(delivery_id)
        if old is not None:
            self._unlearn(np.array([old]))
        self._slots[delivery_id] = slot

    def remove(self, delivery_ids: Sequence[bytes], slots: Sequence[int]) -> None:
        """Take deliveries out of their slots; one that has another slot by now keeps that."""
        gone = [
            (delivery_id, slot)
            for delivery_id, slot in zip(delivery_ids, slots, strict=True)
            if self._slots.get(delivery_id) == slot
        ]
        for delivery_id, _ in gone:
            del self._slots[delivery_id]
        self._unlearn(np.array([slot for _, slot in gone], np.int64))

    def _remember(self, numbers: NDArray[np.int64], slots: NDArray[np.int64]) -> None:
        known = slots != _UNKNOWN
        numbers, slots = numbers[known], slots[known]
        self._slot_of[numbers] = slots
        self._number_of = _with_room(self._number_of, int(slots.max(initial=-1)) + 1)
        self._number_of[slots] = numbers

    def _unlearn(self, slots: NDArray[np.int64]) -> None:
        slots = slots[slots < len(self._number_of)]
        numbers = self._number_of[slots]
        self._slot_of[numbers[numbers != _UNKNOWN]] = _UNKNOWN
        self._number_of[slots] = _UNKNOWN

    def _forget(self) -> None:
        """Begin the table anew: most of its ids have left the map."""
        self._ids = Interner()
        self._slot_of[:] = self._number_of[:] = _UNKNOWN


def _with_room(table: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """Return a table of at least `count` entries."""
    lacking = count - len(table)
    return table if lacking <= 0 else np.concatenate((table, np.full(max(lacking, len(table)), _UNKNOWN, np.int64)))

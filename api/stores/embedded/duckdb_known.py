"""What an embedded history holds of each delivery, in memory.

Some 200 bytes for each delivery in the file.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from api.stores.base import Holding

TABLES = ("positions", "delivery_events")


class KnownDeliveries:
    """Every delivery in a file by its number, with the greatest seqs stored.

    One seq is of its positions, one of its events. One thread writes, others read.

    Parameters
    ----------
    stored : the columns delivery_id, run_id, held (positions), and the greatest seq by table, -1 for none; in the order
        of the numbers.
    """

    def __init__(self, stored: Mapping[str, Any]) -> None:
        self._lock = threading.Lock()
        self._numbers = {
            delivery_id.encode(): number for number, delivery_id in enumerate(stored["delivery_id"].tolist())
        }
        self._run_of = [sys.intern(run_id) for run_id in stored["run_id"].tolist()]
        self._held = np.asarray(stored["held"]).astype(np.int64)
        self._last_seq = {table: np.asarray(stored[table]).astype(np.int64) for table in TABLES}

    def __len__(self) -> int:
        return len(self._run_of)

    def number(self, delivery_id: str) -> int | None:
        """Return a delivery's number, None for one that the file does not hold."""
        return self._numbers.get(delivery_id.encode())

    def numbered(self, delivery_ids: Sequence[bytes]) -> tuple[NDArray[np.int64], dict[bytes, int]]:
        """Return each row's delivery number, and the first row of each delivery not yet in the file.

        Nothing is remembered before it is stored.
        """
        known, fresh, first_row = self._numbers, dict[bytes, int](), dict[bytes, int]()
        numbers = np.empty(len(delivery_ids), np.int64)
        for row, delivery_id in enumerate(delivery_ids):
            number = known.get(delivery_id)
            if number is None:
                number = fresh.setdefault(delivery_id, len(known) + len(fresh))
                first_row.setdefault(delivery_id, row)
            numbers[row] = number
        return numbers, first_row

    def is_behind(self, table: str, numbers: NDArray[np.int64], seq: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return which rows a table may hold already: those not beyond the greatest seq of their delivery."""
        is_known = numbers < len(self)
        last_seq = np.full(len(numbers), -1, np.int64)
        last_seq[is_known] = self._last_seq[table][numbers[is_known]]
        behind: NDArray[np.bool_] = seq <= last_seq
        return behind

    def remember(
        self, table: str, fresh: Mapping[bytes, str], numbers: NDArray[np.int64], seq: NDArray[np.int64]
    ) -> None:
        """Note rows that are stored, and the deliveries stored with them.

        `deliveries` has the run of each by deliveryId, in the order of their numbers.
        """
        with self._lock:
            if fresh:
                for delivery_id, run_id in fresh.items():
                    self._numbers[delivery_id] = len(self._run_of)
                    self._run_of.append(sys.intern(run_id))
                self._held = np.concatenate((self._held, np.zeros(len(fresh), np.int64)))
                self._last_seq = {
                    name: np.concatenate((last, np.full(len(fresh), -1, np.int64)))
                    for name, last in self._last_seq.items()
                }
            np.maximum.at(self._last_seq[table], numbers, seq)
            if table == "positions":
                np.add.at(self._held, numbers, 1)

    def holdings(self, run_id: str) -> dict[str, Holding]:
        """Return how many positions of each delivery of a run are stored, by deliveryId."""
        with self._lock:
            last_seq = self._last_seq["positions"]
            return {
                delivery_id.decode(): Holding(int(self._held[number]), int(last_seq[number]))
                for delivery_id, number in self._numbers.items()
                if self._run_of[number] == run_id and self._held[number]
            }

    def of_run(self, run_id: str) -> tuple[NDArray[np.bytes_], NDArray[np.bool_]]:
        """Return every delivery's id, and which of them are a run's; by number."""
        with self._lock:
            return np.array(list(self._numbers), "S"), np.array([run == run_id for run in self._run_of], np.bool_)

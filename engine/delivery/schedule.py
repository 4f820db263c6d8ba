"""The sample schedule: which positions of which deliveries are due; it knows no roads and no records."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from engine.arrays import Ints
from engine.delivery.timeline import NEVER_MS
from engine.motion.columns import Columns


class SampleSchedule:
    """The samples of n deliveries, of which k, from the next to the count, is due at depart + k * period."""

    def __init__(self) -> None:
        self._rows = Columns(dict.fromkeys(("depart_ms", "period_ms", "next_seq", "count", "next_due_ms"), np.int64))

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def next_seq(self) -> Ints:
        """The number of each delivery's next sample, (n,)."""
        return self._rows["next_seq"]

    def append(self, depart_ms: Sequence[int], period_ms: Sequence[int], next_seq: Sequence[int]) -> None:
        """Add deliveries, of which nothing is due before `set_counts`."""
        rows: dict[str, npt.ArrayLike] = {
            "depart_ms": depart_ms,
            "period_ms": period_ms,
            "next_seq": next_seq,
            "count": 0,
            "next_due_ms": NEVER_MS,
        }
        self._rows.append(rows, len(depart_ms))

    def keep(self, rows: Ints) -> None:
        """Keep some deliveries, ascending."""
        self._rows.keep(rows)

    def set_count(self, row: int, count: int) -> None:
        """Set how many samples a delivery has in all."""
        self.set_counts(np.array([row]), [count])

    def set_counts(self, rows: Ints, counts: Sequence[int]) -> None:
        """Set how many samples each of some deliveries has in all."""
        self._rows["count"][rows] = counts
        self._set_next_due(rows)

    def horizon(self, until_ms: int, at_most: int) -> int:
        """Return the latest instant up to which at most N samples are due, but none before the first that is."""
        rows = np.flatnonzero(self._rows["next_due_ms"] <= until_ms)
        if not rows.size or self._counts(rows, until_ms).sum() <= at_most:
            return until_ms
        low, high = int(self._rows["next_due_ms"][rows].min()), until_ms
        while high - low > 1:
            middle = (low + high) // 2
            few = np.maximum(self._counts(rows, middle), 0).sum() <= at_most
            low, high = (middle, high) if few else (low, middle)
        return low

    def take_due(self, until_ms: int) -> tuple[Ints, Ints, Ints]:
        """Return row, number and due instant of every sample due up to an instant, and go on to the next ones."""
        due_rows = np.flatnonzero(self._rows["next_due_ms"] <= until_ms)
        counts = self._counts(due_rows, until_ms)
        rows = np.repeat(due_rows, counts)
        seq: Ints = self._rows["next_seq"][rows] + np.arange(rows.size) - np.repeat(np.cumsum(counts) - counts, counts)
        due: Ints = self._rows["depart_ms"][rows] + seq * self._rows["period_ms"][rows]
        self._rows["next_seq"][due_rows] += counts
        self._set_next_due(due_rows)
        return rows, seq, due

    def _set_next_due(self, rows: Ints) -> None:
        seq = self._rows["next_seq"][rows]
        due = self._rows["depart_ms"][rows] + seq * self._rows["period_ms"][rows]
        self._rows["next_due_ms"][rows] = np.where(seq < self._rows["count"][rows], due, NEVER_MS)

    def _counts(self, rows: Ints, until_ms: int) -> Ints:
        due = (until_ms - self._rows["next_due_ms"][rows]) // self._rows["period_ms"][rows] + 1
        counts: Ints = np.minimum(due, self._rows["count"][rows] - self._rows["next_seq"][rows])
        return counts

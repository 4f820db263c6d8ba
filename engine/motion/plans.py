"""Plans: time-distance curves in straight pieces, many as one table.

The table keeps plans and finds pieces; `engine.motion.building` makes them.

A plan is the trip along one route by one class of vehicle at pace 1. In a piece latitude, longitude and distance are
affine in time, so that the place at any instant is ``A + B·t``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from engine.arrays import Floats, Ints

T0, D0, LAT0, LNG0, SPEED, LAT_RATE, LNG_RATE, BEARING = range(8)
"""Columns of a piece: eight float64, one cache line, so that a piece costs one look into memory."""

_LINEAR_STEPS = 4


@dataclass(frozen=True, slots=True)
class StopTimes:
    """When a plan reaches its route's stops, in seconds of the plan, and where, in metres."""

    arrival_s: tuple[float, ...] = ()
    distance_m: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class PlanTable:
    """P plans of N pieces in all.

    Plan p has the pieces ``offsets[p]:offsets[p+1]``; its last piece stands at the end for ever.

    Attributes
    ----------
    offsets : int64 (P+1,).
    pieces : float64 (N, 8): second of the plan, metres, latitude and longitude at the beginning; m/s and degrees per
        second; bearing in degrees. In a plan seconds rise strictly from 0 and metres never fall.
    t_end_s : float64 (N,), when the piece ends and the next begins; infinite for the last of a plan.
    duration_s, length_m : float64 (P,).
    wraps : bool (P,), longitudes leave [-180, 180] because the route crosses the antimeridian.
    stops : one per plan.
    """

    offsets: Ints
    pieces: Floats
    t_end_s: Floats
    duration_s: Floats
    length_m: Floats
    wraps: npt.NDArray[np.bool_]
    stops: tuple[StopTimes, ...]

    def __len__(self) -> int:
        return self.offsets.size - 1

    def plan(self, p: int) -> Floats:
        """Return the pieces of one plan, a view of shape (n, 8)."""
        return self.pieces[self.offsets[p] : self.offsets[p + 1]]

    @classmethod
    def concat(cls, tables: Iterable[PlanTable]) -> PlanTable:
        """Return one table with the plans of several, in order."""
        rows = list(tables)
        counts = np.concatenate([np.empty(0, dtype=np.int64), *(np.diff(table.offsets) for table in rows)])
        return cls(
            offsets=np.concatenate(([0], np.cumsum(counts))),
            pieces=np.concatenate([np.empty((0, 8)), *(table.pieces for table in rows)]),
            t_end_s=np.concatenate([np.empty(0), *(table.t_end_s for table in rows)]),
            duration_s=np.concatenate([np.empty(0), *(table.duration_s for table in rows)]),
            length_m=np.concatenate([np.empty(0), *(table.length_m for table in rows)]),
            wraps=np.concatenate([np.empty(0, dtype=np.bool_), *(table.wraps for table in rows)]),
            stops=tuple(stop for table in rows for stop in table.stops),
        )

    def take(self, plans: Ints) -> PlanTable:
        """Return a table of some of the plans, in the order asked for."""
        counts = np.diff(self.offsets)[plans]
        offsets = np.concatenate(([0], np.cumsum(counts)))
        rows = np.repeat(self.offsets[plans] - offsets[:-1], counts) + np.arange(offsets[-1])
        return PlanTable(
            offsets=offsets,
            pieces=self.pieces[rows],
            t_end_s=self.t_end_s[rows],
            duration_s=self.duration_s[plans],
            length_m=self.length_m[plans],
            wraps=self.wraps[plans],
            stops=tuple(self.stops[p] for p in plans.tolist()),
        )

    def locate(self, plan: Ints, t_s: Floats, hint: Ints) -> Ints:
        """Return the piece that each instant lies in: the one that begins at or before it and ends after it.

        Parameters
        ----------
        plan : (n,), which plan.
        t_s : (n,), seconds of the plan, >= 0.
        hint : (n,), a piece of the same plan; the nearer it is before the answer, the faster the search, and the answer
            does not depend on it.
        """
        found = hint.copy()
        behind = np.flatnonzero(t_s >= self.t_end_s[found])
        for _ in range(_LINEAR_STEPS):
            step = found[behind] + 1
            found[behind] = step
            behind = behind[t_s[behind] >= self.t_end_s[step]]
        wrong = np.concatenate((behind, np.flatnonzero(t_s < self.pieces[found, T0])))
        if wrong.size:
            found[wrong] = self._bisect(plan[wrong], t_s[wrong])
        return found

    def _bisect(self, plan: Ints, t_s: Floats) -> Ints:
        low, high = self.offsets[plan], self.offsets[plan + 1] - 1
        while (low < high).any():
            middle = (low + high) >> 1
            after = t_s >= self.t_end_s[middle]
            low, high = np.where(after, middle + 1, low), np.where(after, high, middle)
        return low

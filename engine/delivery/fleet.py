"""A fleet: where every driver is at any instant, by one vectorised expression.

It knows plans and clocks, and no ids.

A driver is a pure function of time. What the fleet remembers of the last instant (the piece each driver is in) only
makes the next answer faster; the answer is the same, bit for bit, whatever was asked before.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from engine.arrays import Floats, Ints
from engine.codec import Positions
from engine.delivery.spec import DeliverySpec
from engine.earth.geodesy import wrap_longitude
from engine.errors import InvalidInstant
from engine.motion.columns import Columns
from engine.motion.plans import BEARING, D0, LAT0, LAT_RATE, LNG0, LNG_RATE, SPEED, T0, PlanTable

_BLOCK_ROWS = 8192
"""Drivers moved at a time, so that what is computed for them stays in the processor's cache."""

_PIECE = ("t0_s", "d0_m", "lat0", "lng0", "speed_mps", "lat_rate", "lng_rate", "bearing_deg")
_FLOATS = ("depart_ms", "rate", "pace", "t_end_s", *_PIECE)


class Fleet:
    """Drivers on plans, n rows in the order they were added."""

    def __init__(
        self, specs: Sequence[DeliverySpec] = (), plans: PlanTable | None = None, plan_of: Sequence[int] | Ints = ()
    ) -> None:
        self._plans = PlanTable.concat([]) if plans is None else plans
        self._rows = Columns(
            dict.fromkeys(_FLOATS, np.float64)
            | {"trip_ms": np.int64, "plan": np.int64, "piece": np.int64, "pauses": np.int64}
        )
        self._pauses = _Pauses()
        self._wraps = False
        self.add(specs, self._plans, plan_of)

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def plan(self) -> Ints:
        """Which plan each driver follows, (n,)."""
        return self._rows["plan"]

    @property
    def trip_ms(self) -> Ints:
        """How long each trip lasts without pauses, in whole milliseconds, (n,).

        The driver is at the end after that time, and not before.
        """
        return self._rows["trip_ms"]

    def add(self, specs: Sequence[DeliverySpec], plans: PlanTable, plan_of: Sequence[int] | Ints) -> None:
        """Add drivers, each on the plan that `plan_of` names.

        `plans` takes the place of the fleet's table and begins with the same plans.
        """
        self._plans = plans
        plan = np.asarray(plan_of, dtype=np.int64)
        pace = np.array([spec.pace for spec in specs], dtype=np.float64)
        rate = pace / 1000.0
        piece = plans.offsets[plan]
        self._wraps = self._wraps or bool(plans.wraps[plan].any())
        first = {name: plans.pieces[piece, column] for column, name in enumerate(_PIECE)}
        self._rows.append(
            first
            | {
                "depart_ms": np.array([spec.depart_ms for spec in specs], dtype=np.float64),
                "rate": rate,
                "pace": pace,
                "t_end_s": plans.t_end_s[piece],
                "trip_ms": whole_trip_ms(plans.duration_s[plan], rate),
                "plan": plan,
                "piece": piece,
                "pauses": -1,
            },
            len(specs),
        )

    def keep(self, rows: Ints) -> None:
        """Keep some drivers, ascending; the others are forgotten."""
        self._rows.keep(rows)
        self._pauses.keep(self._rows["pauses"])

    def move_to(self, plans: PlanTable, new_of_old: Ints) -> None:
        """Take another table; plan p of the old one is plan ``new_of_old[p]`` of the new one."""
        old = self._rows["plan"]
        new = new_of_old[old]
        self._rows["piece"][:] += plans.offsets[new] - self._plans.offsets[old]
        self._rows["plan"][:] = new
        self._plans = plans

    def has_pauses(self, row: int) -> bool:
        """Tell whether a driver was ever given pauses."""
        return bool(self._rows["pauses"][row] >= 0)

    def set_pauses(self, row: int, intervals: Iterable[tuple[int, int | None]]) -> None:
        """Set the pauses of a driver: ``[from_ms, to_ms)`` in which its time stands still.

        They are in order and disjoint; None is for ever, as far as known.
        """
        self._rows["pauses"][row] = self._pauses.put(int(self._rows["pauses"][row]), intervals)

    def positions_at(self, t_ms: float | Floats) -> Positions:
        """Return where every driver is.

        Parameters
        ----------
        t_ms : virtual epoch ms, one for all or one per driver (n,). A driver before its departure stands at its first
            point.

        Raises
        ------
        InvalidInstant : a time that is NaN or infinite.
        """
        n = len(self)
        t = _checked_instants(t_ms)
        lat, lng, speed, bearing, distance = np.empty((5, n))
        finished = np.empty(n, dtype=np.bool_)
        for begin in range(0, n, _BLOCK_ROWS):
            block = slice(begin, min(begin + _BLOCK_ROWS, n))
            elapsed, stands = self._elapsed_ms(block, t if t.ndim == 0 else t[block])
            s = np.maximum(elapsed, 0.0)
            s *= self._rows["rate"][block]
            self._refresh(block, s)
            s -= self._rows["t0_s"][block]
            for out, start, slope in (
                (lat, "lat0", "lat_rate"),
                (lng, "lng0", "lng_rate"),
                (distance, "d0_m", "speed_mps"),
            ):
                np.multiply(self._rows[slope][block], s, out=out[block])
                out[block] += self._rows[start][block]
            np.multiply(self._rows["speed_mps"][block], self._rows["pace"][block], out=speed[block])
            speed[block][stands] = 0.0
            bearing[block] = self._rows["bearing_deg"][block]
            np.isinf(self._rows["t_end_s"][block], out=finished[block])
        lng = wrap_longitude(lng) if self._wraps else lng
        return Positions.of_drivers(lat, lng, finished, speed, bearing, distance)

    def positions_of(self, rows: Ints, t_ms: float | Floats | Ints) -> Positions:
        """Return where some drivers are, each at its own instant, as `positions_at` does.

        A driver may come more than once.
        """
        elapsed, stands = self._elapsed_ms(rows, _checked_instants(t_ms))
        s = np.maximum(elapsed, 0.0)
        s *= self._rows["rate"][rows]
        found = self._plans.locate(self._rows["plan"][rows], s, self._rows["piece"][rows])
        self._rows["piece"][rows] = found
        piece = self._plans.pieces.take(found, axis=0)
        s -= piece[:, T0]
        lng = piece[:, LNG_RATE] * s + piece[:, LNG0]
        speed = piece[:, SPEED] * self._rows["pace"][rows]
        speed[stands] = 0.0
        return Positions.of_drivers(
            lat_deg=piece[:, LAT_RATE] * s + piece[:, LAT0],
            lng_deg=wrap_longitude(lng) if self._wraps else lng,
            speed_mps=speed,
            bearing_deg=piece[:, BEARING].copy(),
            distance_m=piece[:, SPEED] * s + piece[:, D0],
            finished=np.isinf(self._plans.t_end_s[found]),
        )

    def _elapsed_ms(self, rows: slice | Ints, t: Floats) -> tuple[Floats, npt.NDArray[np.bool_]]:
        """Return drivers' time since departure, negative before it, and which of them stand still therefore."""
        elapsed: Floats = t - self._rows["depart_ms"][rows]
        stands = elapsed < 0
        if self._pauses:
            slot = self._rows["pauses"][rows]
            paused = np.flatnonzero(slot >= 0)
            lost, halted = self._pauses.until(slot[paused], np.broadcast_to(t, elapsed.shape)[paused])
            elapsed[paused] -= lost
            stands[paused] |= halted
        return elapsed, stands

    def _refresh(self, block: slice, s: Floats) -> None:
        """Bring the piece of every driver of a block up to date; only those that left theirs cost anything."""
        rows = self._rows
        stale = np.flatnonzero((s >= rows["t_end_s"][block]) | (s < rows["t0_s"][block]))
        if not stale.size:
            return
        found = self._plans.locate(rows["plan"][block][stale], s[stale], rows["piece"][block][stale])
        rows["piece"][block][stale] = found
        rows["t_end_s"][block][stale] = self._plans.t_end_s[found]
        piece = self._plans.pieces.take(found, axis=0)
        for column, name in enumerate(_PIECE):
            rows[name][block][stale] = piece[:, column]


class _Pauses:
    """The pauses of the few drivers that have any: one slot per driver, each a list of intervals."""

    def __init__(self) -> None:
        self._slots: list[list[tuple[float, float]]] = []
        self._table: tuple[Floats, Floats] | None = None

    def __bool__(self) -> bool:
        return bool(self._slots)

    def put(self, slot: int, intervals: Iterable[tuple[int, int | None]]) -> int:
        """Store a driver's intervals in its slot, -1 for a new one; return the slot."""
        if slot < 0:
            slot = len(self._slots)
            self._slots.append([])
        self._slots[slot] = [(begin, math.inf if end is None else end) for begin, end in intervals]
        self._table = None
        return slot

    def keep(self, slots: Ints) -> None:
        """Forget the slots that no driver has any more, and renumber the others, in place."""
        used = np.flatnonzero(slots >= 0)
        self._slots = [self._slots[slot] for slot in slots[used].tolist()]
        slots[used] = np.arange(used.size)
        self._table = None

    def until(self, slots: Ints, t: Floats) -> tuple[Floats, npt.NDArray[np.bool_]]:
        """Return the milliseconds that pauses took before each instant, and whether one is on."""
        if self._table is None:
            width = max((len(slot) for slot in self._slots), default=0)
            padded = np.array(
                [slot + [(0.0, 0.0)] * (width - len(slot)) for slot in self._slots], dtype=np.float64
            ).reshape(len(self._slots), width, 2)
            self._table = padded[:, :, 0], padded[:, :, 1]
        begin, end = self._table[0][slots], self._table[1][slots]
        instant = t[:, np.newaxis]
        lost = np.minimum(np.maximum(instant - begin, 0.0), end - begin).sum(axis=1)
        halted = np.asarray(((instant >= begin) & (instant < end)).any(axis=1), dtype=np.bool_)
        return np.asarray(lost), halted


def _checked_instants(t_ms: float | Floats | Ints) -> Floats:
    t = np.asarray(t_ms, dtype=np.float64)
    if not np.isfinite(t).all():
        bad = t.ravel()[~np.isfinite(t.ravel())][0]
        raise InvalidInstant(f"a time must be finite, found {bad}")
    return t


def whole_trip_ms(duration_s: Floats, rate: Floats) -> Ints:
    """Return the first whole ms with ``ms * rate >= duration_s``, in the arithmetic that positions use."""
    trip = np.ceil(duration_s / rate)
    trip += trip * rate < duration_s
    trip -= (trip - 1.0) * rate >= duration_s
    return trip.astype(np.int64)

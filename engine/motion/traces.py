"""Traces: recorded drives as load.

A trace is a road with the instants at which it was driven, so its plan is the recording, linear between two fixes.

A clone is a drive that is statistically like a trace: the same turns, stops and speeds in another place, another
direction, mirrored or not, at a slightly other pace. No files here (`engine.demand.trace_files`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from engine.arrays import Floats
from engine.chance import seeded_unit
from engine.codec import BOUNDS
from engine.errors import InvalidRoute
from engine.motion.plans import BEARING, D0, LAT0, LAT_RATE, LNG0, LNG_RATE, SPEED, T0, PlanTable, StopTimes
from engine.roads.route import Route

M_PER_DEGREE = 111_195.0
"""Of latitude, on a sphere: clones are shifted and turned on one."""

_SLOWER = 1.0 - 1e-15
"""Makes up for rounding, so that the end of a piece never lies beyond the beginning of the next."""


@dataclass(frozen=True, slots=True, eq=False)
class Trace(Route):
    """A road and when it was driven; made by `from_fixes`. f fixes.

    Attributes
    ----------
    fix_s : float64 (f,), seconds after the first fix, strictly rising from 0.
    fix_m : float64 (f,), metres driven by then; never falls.
    begun_s : epoch seconds of the first fix.
    """

    fix_s: Floats
    fix_m: Floats
    begun_s: float

    @classmethod
    def from_fixes(
        cls,
        id: str,  # noqa: A002 - the field's name
        title: str,
        time_s: npt.ArrayLike,
        lat_deg: npt.ArrayLike,
        lng_deg: npt.ArrayLike,
        *,
        source: str = "",
    ) -> Trace:
        """Return the trace through some fixes.

        Parameters
        ----------
        time_s : f epoch seconds, strictly rising.
        lat_deg, lng_deg : f points, longitudes -180 to 180; a vehicle that stands has the same point again.

        Raises
        ------
        InvalidRoute : times that do not rise, fewer than two distinct points, or a speed that no record can tell.
        InvalidCoordinate : a point that is not on Earth.
        """
        time, lat, lng = (np.array(values, dtype=np.float64) for values in (time_s, lat_deg, lng_deg))
        if time.shape != lat.shape or not np.isfinite(time).all() or (np.diff(time) <= 0).any():
            bad = int(np.argmax(~(np.diff(time) > 0))) + 1 if time.shape == lat.shape else 0
            raise InvalidRoute(f"trace {id} fix {bad}: times must rise from fix to fix")
        road = Route.from_points(id, title, lat, lng, source=source)
        point = np.concatenate(([0], np.cumsum((np.diff(lat) != 0) | (np.diff(lng) != 0))))
        given_m = road.cumulative_m[road.given]
        if point[-1] + 1 != given_m.size:
            raise InvalidRoute(f"trace {id}: two fixes are one place under two names, such as a pole")
        fix_m = given_m[point]
        speed = np.diff(fix_m) / np.diff(time)
        if speed.max() > BOUNDS["speed"][1]:
            bad = int(speed.argmax())
            raise InvalidRoute(
                f"trace {id} fix {bad + 1}: {speed[bad]:.1f} m/s from the fix before, "
                f"a record holds at most {BOUNDS['speed'][1]} m/s"
            )
        words = (
            road.id,
            road.title,
            road.lat_deg,
            road.lng_deg,
            road.limit_mps,
            road.stops,
            road.source,
            road.given,
            road.cumulative_m,
            road.bearing_deg,
        )
        return cls(*words, time - time[0], fix_m, float(time[0]))

    @property
    def duration_s(self) -> float:
        """Seconds from the first fix to the last."""
        return float(self.fix_s[-1])

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Trace):
            return NotImplemented
        same = (
            self.begun_s == other.begun_s
            and np.array_equal(self.fix_s, other.fix_s)
            and np.array_equal(self.fix_m, other.fix_m)
        )
        return same and Route.__eq__(self, other) is True

    def __hash__(self) -> int:
        return Route.__hash__(self)


def trace_plan(trace: Trace) -> PlanTable:
    """Return the plan that drives a trace as it was recorded: linear in time from fix to fix."""
    # Points of the road that are no fixes: the way bends there, the speed does not change.
    between = trace.cumulative_m[~trace.given]
    t = np.concatenate((trace.fix_s, np.interp(between, trace.fix_m, trace.fix_s)))
    d = np.concatenate((trace.fix_m, between))
    order = np.lexsort((d, t))
    t, d = t[order], d[order]
    rises = np.concatenate(([True], np.diff(t) > 0))
    t, d = t[rises], d[rises]
    lat, lng = np.interp(d, trace.cumulative_m, trace.lat_deg), np.interp(d, trace.cumulative_m, trace.lng_deg)
    lasts = np.append(np.diff(t), np.inf)
    pieces = np.empty((t.size, 8))
    pieces[:, T0], pieces[:, D0], pieces[:, LAT0], pieces[:, LNG0] = t, d, lat, lng
    for column, values in ((SPEED, d), (LAT_RATE, lat), (LNG_RATE, lng)):
        pieces[:, column] = np.append(np.diff(values), 0.0) / lasts * _SLOWER
    segment = np.clip(np.searchsorted(trace.cumulative_m, d, side="right") - 1, 0, trace.bearing_deg.size - 1)
    stands = pieces[:, SPEED] == 0
    # A vehicle that stands keeps the bearing of its last move, and before its first move has that one's.
    at = np.maximum.accumulate(np.where(stands, -1, np.arange(t.size)))
    pieces[:, BEARING] = trace.bearing_deg[segment[np.where(at < 0, np.argmin(stands), at)]]
    return PlanTable(
        offsets=np.array([0, t.size], dtype=np.int64),
        pieces=pieces,
        t_end_s=np.append(t[1:], np.inf),
        duration_s=t[-1:],
        length_m=d[-1:],
        wraps=np.array([bool((np.abs(lng) > 180.0).any())]),
        stops=(StopTimes(),),
    )


def clone(trace: Trace, number: int, seed: int, *, offset_m: float, retime: float) -> Trace:
    """Return clone `number` of a trace: turned, mirrored or not, shifted and re-timed.

    Every choice is drawn from the seed.

    Parameters
    ----------
    offset_m : greatest distance of its first point from the trace's; drawn evenly over that disc.
    retime : its times are stretched by a factor from 1 - retime to 1 + retime, within the speeds that a record can
        hold.
    """
    angle, mirror, radius, bearing, factor = (
        seeded_unit(seed, "clone", trace.id, str(number), word) for word in ("turn", "mirror", "far", "where", "time")
    )
    lat, lng = trace.lat_deg[trace.given], trace.lng_deg[trace.given]
    x, y = (lng - lng[0]) * np.cos(np.radians((lat + lat[0]) / 2)), lat - lat[0]
    x = -x if mirror < 0.5 else x
    cos, sin = math.cos(2 * math.pi * angle), math.sin(2 * math.pi * angle)
    reach = offset_m * math.sqrt(radius) / M_PER_DEGREE
    lat0 = lat[0] + reach * math.cos(2 * math.pi * bearing)
    lng0 = lng[0] + reach * math.sin(2 * math.pi * bearing) / max(math.cos(math.radians(lat[0])), 0.01)
    new_lat = lat0 + x * sin + y * cos
    new_lng = lng0 + (x * cos - y * sin) / np.cos(np.radians((new_lat + lat0) / 2))
    point = np.searchsorted(trace.cumulative_m[trace.given], trace.fix_m)
    fastest = float((np.diff(trace.fix_m) / np.diff(trace.fix_s)).max())
    stretch = max(1.0 - retime + 2.0 * retime * factor, fastest / (0.98 * BOUNDS["speed"][1]))
    wrapped = (new_lng[point] + 180.0) % 360.0 - 180.0
    return Trace.from_fixes(
        f"{trace.id}-c{number}",
        trace.title,
        trace.begun_s + trace.fix_s * stretch,
        np.clip(new_lat, -89.9, 89.9)[point],
        wrapped,
        source=trace.source,
    )


def with_clones(traces: Sequence[Trace], clones: int, seed: int, *, offset_m: float, retime: float) -> list[Trace]:
    """Return all traces, then the first clone of each, and so on, `clones` times."""
    return [
        *traces,
        *(clone(trace, number, seed, offset_m=offset_m, retime=retime) for number in range(clones) for trace in traces),
    ]

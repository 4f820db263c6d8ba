"""Motion: from a road and a class of vehicle to a plan. No driver, no clock, no chance.

1. Every point of the road gets a greatest speed: the limits of its segments, the vehicle's own, what a turn allows, and
   0 at both ends and at stops.
2. One pass forwards holds the acceleration, one backwards the braking. On v² both are straight lines in distance, so a
   pass is a running minimum.
3. In a segment the vehicle accelerates, cruises and brakes. Where it changes speed the curve is replaced by chords of
   at most `CHORD_S`, whose ends lie exactly on it; a chord's speed is the mean of its ends, so no limit is broken, and
   a place is wrong by at most a·CHORD_S²/8, some decimetres.

All values of a plan depend on its route and vehicle alone, bit for bit, whatever else is built with it: every step is
elementwise, the running minima run plan by plan, and times are added up as integers (ticks of 2⁻²⁰ s, always rounded
up, so that rounding never makes a vehicle faster).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from engine.arrays import Floats, Ints
from engine.motion.plans import BEARING, D0, LAT0, LAT_RATE, LNG0, LNG_RATE, SPEED, T0, PlanTable, StopTimes
from engine.motion.vehicle import MODELS, VehicleClass, VehicleModel
from engine.roads.route import RouteTable

__all__ = ["VehicleClass", "VehicleModel", "MODELS", "CHORD_S", "PlanTable", "build_plans"]

CHORD_S = 1.5
"""Longest chord over a change of speed, in seconds."""

_TICKS_PER_S = 2.0**20
_SNAP_M = 1e-3
"""Phases shorter than this are merged with a neighbour; a stop this near to a point is at it."""

_TURN_TANGENT_M = 12.0
"""A corner is rounded by an arc that leaves the road at most this far before it."""

_CRAWL_MPS = 1.5
"""Any turn can be taken at this speed, about-turns included."""

_SLOWER = 1.0 - 1e-15
"""Makes up for rounding, so that the end of a piece never lies beyond the beginning of the next."""

POINTS_AT_ONCE = 100_000
"""Most points of roads that are built at once, which bounds the memory it takes."""

_HALF_TURN_TAN = np.array([max(math.tan(math.radians(hundredth / 200)), 1e-12) for hundredth in range(18_001)])
"""tan(turn / 2) by hundredths of a degree.

A table, because the last bit of a vectorised tangent may depend on its place in an array.
"""


def build_plans(
    routes: RouteTable, pairs: Sequence[tuple[int, VehicleClass]], *, points_at_once: int = POINTS_AT_ONCE
) -> PlanTable:
    """Return the plans of some (row of the route table, vehicle class), in their order."""
    return PlanTable.concat(_build(_Road.of(routes, chunk)) for chunk in _chunks(routes, pairs, points_at_once))


def _chunks(
    routes: RouteTable, pairs: Sequence[tuple[int, VehicleClass]], most_points: int
) -> Iterator[Sequence[tuple[int, VehicleClass]]]:
    sizes = np.diff(routes.offsets)
    begin, points = 0, 0
    for end, (route, _) in enumerate(pairs):
        points += int(sizes[route])
        if points > most_points and end > begin:
            yield pairs[begin:end]
            begin, points = end, int(sizes[route])
    if begin < len(pairs):
        yield pairs[begin:]


@dataclass(frozen=True, slots=True)
class _Road:
    """The roads of P plans, point by point, M points in all, stops among them.

    Every array is (M,) but `offsets` (P+1,). At the last point of a plan `limit_mps` and `bearing_deg` are those of its
    last segment, `length_m` is 0.
    """

    offsets: Ints
    lat_deg: Floats
    lng_deg: Floats
    at_m: Floats
    limit_mps: Floats
    bearing_deg: Floats
    dwell_s: Floats  # NaN where there is no stop
    length_m: Floats
    first: npt.NDArray[np.bool_]
    last: npt.NDArray[np.bool_]
    acceleration: Floats
    braking: Floats
    lateral: Floats
    stop_points: tuple[Ints, ...]
    stop_distances: tuple[tuple[float, ...], ...]

    @classmethod
    def of(cls, routes: RouteTable, pairs: Sequence[tuple[int, VehicleClass]]) -> _Road:
        parts = [_points_of(routes, route) for route, _ in pairs]
        counts = np.array([part[0].shape[1] for part in parts], dtype=np.int64)
        offsets = np.concatenate(([0], np.cumsum(counts)))
        lat, lng, at, limit, bearing, dwell = np.concatenate([part[0] for part in parts], axis=1)
        models = [MODELS[vehicle] for _, vehicle in pairs]

        def per_point(name: str) -> Floats:
            return np.repeat(np.array([getattr(model, name) for model in models], dtype=np.float64), counts)

        first, last = np.zeros(lat.size, dtype=np.bool_), np.zeros(lat.size, dtype=np.bool_)
        first[offsets[:-1]] = last[offsets[1:] - 1] = True
        limit = np.minimum(np.where(np.isinf(limit), per_point("default_speed_mps"), limit), per_point("max_speed_mps"))
        return cls(
            offsets=offsets,
            lat_deg=lat,
            lng_deg=lng,
            at_m=at,
            limit_mps=limit,
            bearing_deg=bearing,
            dwell_s=dwell,
            length_m=np.where(last, 0.0, _following(at) - at),
            first=first,
            last=last,
            acceleration=per_point("acceleration_mps2"),
            braking=per_point("braking_mps2"),
            lateral=per_point("lateral_mps2"),
            stop_points=tuple(part[1] + offset for part, offset in zip(parts, offsets[:-1], strict=True)),
            stop_distances=tuple(tuple(float(stop.distance_m) for stop in routes.stops[route]) for route, _ in pairs),
        )


def _points_of(routes: RouteTable, i: int) -> tuple[Floats, Ints]:
    """Return the points of a route and which point each stop is at.

    The points are (6, n): latitude, longitude, metres, limit, bearing, dwell.
    """
    of = slice(int(routes.offsets[i]), int(routes.offsets[i + 1]))
    at = routes.cumulative_m[of]
    points = np.array(
        [
            routes.lat_deg[of],
            routes.lng_deg[of],
            at,
            routes.limit_mps[of],
            routes.bearing_deg[of],
            np.full(at.size, np.nan),
        ]
    )
    stops = routes.stops[i]
    if not stops:
        return points, np.empty(0, dtype=np.int64)
    for stop in stops:
        at = points[2]
        near = int(np.abs(at - stop.distance_m).argmin())
        if abs(at[near] - stop.distance_m) > _SNAP_M:
            near = int(np.searchsorted(at, stop.distance_m))
            before, after = points[:, near - 1], points[:, near]
            part = (stop.distance_m - before[2]) / (after[2] - before[2])
            place = before[:2] + (after[:2] - before[:2]) * part
            points = np.insert(points, near, [*place, stop.distance_m, before[3], before[4], np.nan], axis=1)
        points[5, near] = np.nan_to_num(points[5, near]) + stop.dwell_s
    return points, np.abs(points[2] - np.array([[stop.distance_m] for stop in stops])).argmin(axis=1)


def _following(values: Floats) -> Floats:
    return np.append(values[1:], values[-1:])


def _previous(values: Floats) -> Floats:
    return np.append(values[:1], values[:-1])


def _speeds_squared(road: _Road) -> Floats:
    """Return v² at every point: as fast as limits, turns, acceleration and braking allow."""
    turn = np.abs((road.bearing_deg - _previous(road.bearing_deg) + 180.0) % 360.0 - 180.0)
    tangent = np.minimum(np.minimum(_previous(road.length_m), road.length_m) / 2.0, _TURN_TANGENT_M)
    radius = tangent / _HALF_TURN_TAN[np.rint(turn * 100.0).astype(np.int64)]
    cap = np.maximum(road.lateral * radius, _CRAWL_MPS**2)
    slower_limit = np.minimum(_previous(road.limit_mps), road.limit_mps)
    cap = np.minimum(cap, slower_limit * slower_limit)
    stands = road.first | road.last | ~np.isnan(road.dwell_s)
    cap[stands] = 0.0
    rise, fall = 2.0 * road.acceleration * road.at_m, 2.0 * road.braking * road.at_m
    forwards, backwards = cap - rise, cap + fall
    for begin, end in zip(road.offsets[:-1].tolist(), road.offsets[1:].tolist(), strict=True):
        np.minimum.accumulate(forwards[begin:end], out=forwards[begin:end])
        np.minimum.accumulate(backwards[begin:end][::-1], out=backwards[begin:end][::-1])
    squared: Floats = np.maximum(np.minimum(np.minimum(forwards + rise, backwards - fall), cap), 0.0)
    squared[stands] = 0.0
    return squared


def _build(road: _Road) -> PlanTable:
    # 1. The greatest speed inside each segment, and where accelerating ends and braking begins, in metres from the
    #    segment's beginning.
    v0_sq = _speeds_squared(road)
    v1_sq = np.where(road.last, 0.0, _following(v0_sq))
    a, b, length = road.acceleration, road.braking, road.length_m
    peak_sq = np.minimum((a * v1_sq + b * v0_sq + 2.0 * a * b * length) / (a + b), road.limit_mps * road.limit_mps)
    peak_sq = np.maximum(peak_sq, np.maximum(v0_sq, v1_sq))
    rising, falling = (peak_sq - v0_sq) / (2.0 * a), (peak_sq - v1_sq) / (2.0 * b)
    risen = np.where(rising < _SNAP_M, 0.0, np.minimum(rising, length))
    falls = np.where(falling < _SNAP_M, length, np.maximum(length - falling, risen))
    short = falls - risen < _SNAP_M
    risen, falls = (
        np.where(short & (risen > 0), falls, risen),
        np.where(short & (risen == 0) & (falls < length), 0.0, falls),
    )

    # 2. Each point begins up to five phases: standing, accelerating, cruising, braking, and at the end standing for
    #    ever. A phase is cut into `parts`
    #    chords; it leads from `start` to `end` metres after the point and from speed `u` to speed `w`.
    v0, v1, peak, zero = np.sqrt(v0_sq), np.sqrt(v1_sq), np.sqrt(peak_sq), np.zeros(length.size)
    parts = np.column_stack(
        (
            road.dwell_s > 0,
            np.where(risen > 0, np.maximum(np.ceil((peak - v0) / (a * CHORD_S)), 1), 0),
            falls > risen,
            np.where(falls < length, np.maximum(np.ceil((peak - v1) / (b * CHORD_S)), 1), 0),
            road.last,
        )
    ).astype(np.int64)
    start, end = np.column_stack((zero, zero, risen, falls, zero)), np.column_stack((zero, risen, falls, length, zero))
    u, w = np.column_stack((zero, v0, peak, peak, zero)), np.column_stack((zero, peak, peak, v1, zero))

    # 3. The pieces: where each begins, on the curve, and its mean speed.
    phases = parts.ravel()
    phase = np.repeat(np.arange(phases.size), phases)
    step = (np.arange(phase.size) - (np.cumsum(phases) - phases)[phase]).astype(np.float64)
    point, kind = phase // 5, phase % 5
    n, u, w = phases[phase], u.ravel()[phase], w.ravel()[phase]
    v_from, v_to = u + (w - u) * (step / n), u + (w - u) * ((step + 1.0) / n)
    change = np.where(u == w, 1.0, w * w - u * u)
    x = start.ravel()[phase] + (end - start).ravel()[phase] * ((v_from * v_from - u * u) / change)
    at = road.at_m[point] + x
    stands, final = kind == 0, kind == 4
    travelled = np.where(stands | final, 0.0, _following(at) - at)
    lasts = np.where(stands, road.dwell_s[point], travelled / np.where(stands | final, 1.0, (v_from + v_to) / 2.0))

    # 4. Their times, as whole ticks; one tick at least, so that time rises strictly.
    ticks = np.where(final, 0, np.maximum(np.ceil(lasts * _TICKS_PER_S), 1)).astype(np.int64)
    offsets = np.concatenate(([0], np.flatnonzero(final) + 1))
    begun = np.cumsum(ticks) - ticks
    begun -= np.repeat(begun[offsets[:-1]], np.diff(offsets))
    t0 = begun / _TICKS_PER_S
    return _table(
        road, offsets, point, stands, x, at, t0, np.where(final, np.inf, (begun + ticks) / _TICKS_PER_S), travelled
    )


def _table(
    road: _Road,
    offsets: Ints,
    point: Ints,
    stands: npt.NDArray[np.bool_],
    x: Floats,
    at: Floats,
    t0: Floats,
    t_end: Floats,
    travelled: Floats,
) -> PlanTable:
    length = np.where(road.last, 1.0, road.length_m)
    lat_per_m = np.where(road.last, 0.0, _following(road.lat_deg) - road.lat_deg) / length
    lng_per_m = np.where(road.last, 0.0, _following(road.lng_deg) - road.lng_deg) / length
    pieces = np.empty((point.size, 8))
    pieces[:, T0] = t0
    pieces[:, D0] = at
    pieces[:, LAT0] = road.lat_deg[point] + lat_per_m[point] * x
    pieces[:, LNG0] = road.lng_deg[point] + lng_per_m[point] * x
    pieces[:, SPEED] = travelled / (t_end - t0) * _SLOWER
    pieces[:, LAT_RATE] = lat_per_m[point] * pieces[:, SPEED]
    pieces[:, LNG_RATE] = lng_per_m[point] * pieces[:, SPEED]
    # Who stands still looks where it came from.
    pieces[:, BEARING] = road.bearing_deg[np.where(stands & ~road.first[point], point - 1, point)]
    ends = offsets[1:] - 1
    return PlanTable(
        offsets=offsets,
        pieces=pieces,
        t_end_s=t_end,
        duration_s=t0[ends],
        length_m=at[ends],
        wraps=np.logical_or.reduceat(np.abs(pieces[:, LNG0]) > 180.0, offsets[:-1]),
        stops=tuple(
            StopTimes(tuple(t0[np.searchsorted(point, points)].tolist()), distances)
            for points, distances in zip(road.stop_points, road.stop_distances, strict=True)
        ),
    )

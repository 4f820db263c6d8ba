"""Roads to drive: one `Route`, and many of them as one `RouteTable`.

They know nothing of vehicles, files or networks.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from engine.arrays import Floats
from engine.earth.geodesy import (
    check_coordinates,
    densified,
    inverse,
    is_dense,
    unwrap_longitude,
    wrap_longitude,
)
from engine.earth.polylines import decode_polyline, encode_polyline
from engine.errors import InvalidRoute, MessageError
from engine.messages import RouteDefined, checked_id

MAX_POINTS = 100_000
"""Most points of a route: more do not fit a message, and would span more than the Earth."""

_PRECISION = 6
_STOP_SLACK_M = 1.0


@dataclass(frozen=True, slots=True)
class Stop:
    """A place on a route where the vehicle stands for a while.

    Attributes
    ----------
    distance_m : along the route, from its first point.
    dwell_s : how long it stands.
    """

    distance_m: float
    dwell_s: float
    name: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Route:
    """A polyline on Earth with cumulative geodesic distance; made by `from_points`.

    n points; arrays are read-only.

    Attributes
    ----------
    lat_deg, lng_deg : float64 (n,); longitudes are unwrapped, so they may leave [-180, 180] after crossing the
        antimeridian.
    limit_mps : float64 (n-1,), speed limit of each segment, infinite where unknown.
    given : bool (n,), False where a point was put between two given ones because they were far apart.
    cumulative_m : float64 (n,), metres driven at each point; strictly rising from 0.
    bearing_deg : float64 (n-1,), direction of each segment at its first point.
    """

    id: str
    title: str
    lat_deg: Floats
    lng_deg: Floats
    limit_mps: Floats
    stops: tuple[Stop, ...]
    source: str
    given: npt.NDArray[np.bool_]
    cumulative_m: Floats
    bearing_deg: Floats

    @classmethod
    def from_points(
        cls,
        id: str,  # noqa: A002 - the field's name
        title: str,
        lat_deg: npt.ArrayLike,
        lng_deg: npt.ArrayLike,
        *,
        limit_mps: npt.ArrayLike | None = None,
        stops: Iterable[Stop] = (),
        source: str = "",
    ) -> Route:
        """Return the route through some points.

        Consecutive repeated points are dropped. Segments longer than 1 km (less near the poles) get points in between,
        along their geodesic.

        Parameters
        ----------
        id : 1 to 96 characters of ``A-Z a-z 0-9 . _ : -``, neither ``.`` nor ``..``.
        lat_deg, lng_deg : n points, longitudes -180 to 180.
        limit_mps : n-1 speed limits > 0, infinite where unknown; None if all are unknown.
        stops : in the order of the road.

        Raises
        ------
        InvalidRoute : fewer than two distinct points, more than `MAX_POINTS`, or a limit, a stop or an id that cannot
            be.
        InvalidCoordinate : a point that is not on Earth.
        """
        place = f"route {_checked_route_id(id)}"
        lat, lng = np.array(lat_deg, dtype=np.float64), np.array(lng_deg, dtype=np.float64)
        check_coordinates(lat, lng, place)
        limit = _checked_limits(limit_mps, max(lat.size - 1, 0), place)
        lng = unwrap_longitude(lng)
        moves = (np.diff(lat) != 0) | (np.diff(lng) != 0)
        keep = np.concatenate(([True], moves))[: lat.size]
        lat, lng, limit = lat[keep], lng[keep], limit[moves]
        if lat.size < 2:
            raise InvalidRoute(f"{place} needs at least 2 distinct points, found {lat.size}")
        if lat.size > MAX_POINTS:
            raise InvalidRoute(f"{place} must have at most {MAX_POINTS} points, found {lat.size}")
        return cls._from_distinct(id, title, lat, lng, limit, tuple(stops), source)

    @classmethod
    def _from_distinct(
        cls, route_id: str, title: str, lat: Floats, lng: Floats, limit: Floats, stops: tuple[Stop, ...], source: str
    ) -> Route:
        place = f"route {route_id}"
        length, bearing = inverse(lat[:-1], lng[:-1], lat[1:], lng[1:])
        if not length.all():
            # Both ends are one place under two names, such as the pole: nothing to drive.
            keep = np.concatenate(([True], length > 0))
            if np.count_nonzero(keep) < 2:
                raise InvalidRoute(f"{place} needs at least 2 distinct points, found 1")
            return cls._from_distinct(route_id, title, lat[keep], lng[keep], limit[length > 0], stops, source)
        given = np.ones(lat.size, dtype=np.bool_)
        if not is_dense(length, lat):
            try:
                lat, lng, pieces = densified(lat, lng, MAX_POINTS)
            except InvalidRoute as error:
                raise InvalidRoute(f"{place}: {error}") from None
            limit = np.repeat(limit, pieces)
            given = np.zeros(lat.size, dtype=np.bool_)
            given[np.concatenate(([0], np.cumsum(pieces)))] = True
            length, bearing = inverse(lat[:-1], lng[:-1], lat[1:], lng[1:])
        cumulative = np.concatenate(([0.0], np.cumsum(length)))
        checked = _checked_stops(stops, float(cumulative[-1]), place)
        for array in (lat, lng, limit, given, cumulative, bearing):
            array.setflags(write=False)
        return cls(route_id, title, lat, lng, limit, checked, source, given, cumulative, bearing)

    @property
    def length_m(self) -> float:
        """Length of the whole route in metres."""
        return float(self.cumulative_m[-1])

    def to_message(self) -> RouteDefined:
        """Return the route as a message.

        Coordinates are rounded to 1e-6 degrees and the names of stops are left out.

        Only given points are sent: the reader puts the others in again, at the same places.
        """
        limit = self.limit_mps[self.given[:-1]]
        return RouteDefined(
            route_id=self.id,
            title=self.title,
            geometry=encode_polyline(self.lat_deg[self.given], wrap_longitude(self.lng_deg[self.given]), _PRECISION),
            limits=_run_lengths(limit) if np.isfinite(limit).any() else None,
            stops=[[stop.distance_m, stop.dwell_s] for stop in self.stops] or None,
            source=self.source or None,
        )

    @classmethod
    def from_message(cls, message: RouteDefined) -> Route:
        """Return the route in a message. A route whose points are multiples of 1e-6 degrees comes back equal.

        Raises
        ------
        MessageError : the geometry is no polyline, or the limits do not cover it.
        InvalidRoute, InvalidCoordinate : a geometry that cannot be driven.
        """
        points = decode_polyline(message.geometry, _PRECISION, f"geometry of route {message.route_id}")
        limits = None
        if message.limits is not None:
            limits = _from_run_lengths(message.limits, max(len(points) - 1, 0), f"limits of route {message.route_id}")
        stops = tuple(Stop(distance, dwell) for distance, dwell in message.stops or ())
        return cls.from_points(
            message.route_id,
            message.title,
            points[:, 0],
            points[:, 1],
            limit_mps=limits,
            stops=stops,
            source=message.source or "",
        )

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Route):
            return NotImplemented
        same_words = (self.id, self.title, self.stops, self.source) == (
            other.id,
            other.title,
            other.stops,
            other.source,
        )
        arrays = ("lat_deg", "lng_deg", "limit_mps", "given")  # the others follow from these
        return same_words and all(np.array_equal(getattr(self, name), getattr(other, name)) for name in arrays)

    def __hash__(self) -> int:
        return hash((self.id, self.lat_deg.size))


def _checked_route_id(route_id: str) -> str:
    try:
        checked_id(route_id, "route id")
    except MessageError as error:
        raise InvalidRoute(str(error)) from None
    if route_id in (
        ".",
        "..",
    ):  # a client takes them out of a URL's path, so the route could neither be read nor deleted
        raise InvalidRoute(f'route id must not be "." or "..", found {route_id!r}')
    return route_id


def _checked_limits(limit_mps: npt.ArrayLike | None, segments: int, place: str) -> Floats:
    if limit_mps is None:
        return np.full(segments, np.inf)
    limit = np.array(limit_mps, dtype=np.float64)
    if limit.shape != (segments,):
        raise InvalidRoute(
            f"{place} needs a speed limit for each of its {segments} segments, found shape {limit.shape}"
        )
    bad = ~(limit > 0)
    if bad.any():
        index = int(np.argmax(bad))
        raise InvalidRoute(f"{place} segment {index}: speed limit must be > 0 m/s, found {limit[index]:g}")
    return limit


def _checked_stops(stops: tuple[Stop, ...], length_m: float, place: str) -> tuple[Stop, ...]:
    checked = []
    for number, stop in enumerate(stops):
        if not 0 <= stop.distance_m <= length_m + _STOP_SLACK_M:
            raise InvalidRoute(
                f"{place} stop {number}: distance must be from 0 to {length_m:.1f} m, found {stop.distance_m:g}"
            )
        if not 0 <= stop.dwell_s < np.inf:
            raise InvalidRoute(f"{place} stop {number}: dwell must be finite and >= 0 s, found {stop.dwell_s:g}")
        checked.append(stop if stop.distance_m <= length_m else Stop(length_m, stop.dwell_s, stop.name))
    for number, (before, after) in enumerate(pairwise(checked)):
        if after.distance_m < before.distance_m:
            raise InvalidRoute(
                f"{place} stop {number + 1}: at {after.distance_m:g} m, "
                f"before the stop ahead of it at {before.distance_m:g} m"
            )
    return tuple(checked)


def _run_lengths(limit: Floats) -> list[list[float]]:
    """Return ``[[n_segments, mps], ...]``; 0 stands for unknown, since JSON has no infinity."""
    starts = np.concatenate(([0], np.flatnonzero(np.diff(limit) != 0) + 1)) if limit.size > 1 else np.array([0])
    counts = np.diff(np.append(starts, limit.size))
    return [
        [int(count), float(value) if np.isfinite(value) else 0.0]
        for count, value in zip(counts, limit[starts], strict=True)
    ]


def _from_run_lengths(runs: Sequence[Sequence[float]], segments: int, place: str) -> Floats:
    counts = [int(count) for count, _ in runs]
    if sum(counts) != segments:
        raise MessageError(f"{place}: must cover {segments} segments, found {sum(counts)}")
    values = np.array([value for _, value in runs], dtype=np.float64)
    return np.repeat(np.where(values == 0, np.inf, values), counts)


@dataclass(frozen=True, slots=True, eq=False)
class RouteTable:
    """Many routes as one table of points: R routes, N points in all.

    Route i has the points ``offsets[i]:offsets[i+1]``.

    Attributes
    ----------
    ids, titles, sources, stops : one per route.
    offsets : int64 (R+1,).
    lat_deg, lng_deg, cumulative_m, given : (N,), as in `Route`.
    limit_mps, bearing_deg : float64 (N,), of the segment that begins at the point; at a route's last point those of its
        last segment.
    """

    ids: tuple[str, ...]
    titles: tuple[str, ...]
    sources: tuple[str, ...]
    stops: tuple[tuple[Stop, ...], ...]
    offsets: npt.NDArray[np.int64]
    lat_deg: Floats
    lng_deg: Floats
    cumulative_m: Floats
    limit_mps: Floats
    bearing_deg: Floats
    given: npt.NDArray[np.bool_]
    _index: dict[str, int] = field(repr=False)

    @classmethod
    def from_routes(cls, routes: Iterable[Route]) -> RouteTable:
        """Return the table of some routes, in their order.

        Raises
        ------
        InvalidRoute : two routes have the same id.
        """
        rows = list(routes)
        index = {route.id: i for i, route in enumerate(rows)}
        if len(index) < len(rows):
            twice = next(route.id for i, route in enumerate(rows) if index[route.id] != i)
            raise InvalidRoute(f"route {twice} is there twice")
        return cls(
            ids=tuple(route.id for route in rows),
            titles=tuple(route.title for route in rows),
            sources=tuple(route.source for route in rows),
            stops=tuple(route.stops for route in rows),
            offsets=np.cumsum([0, *(route.lat_deg.size for route in rows)], dtype=np.int64),
            lat_deg=_joined([route.lat_deg for route in rows]),
            lng_deg=_joined([route.lng_deg for route in rows]),
            cumulative_m=_joined([route.cumulative_m for route in rows]),
            limit_mps=_joined([np.append(route.limit_mps, route.limit_mps[-1]) for route in rows]),
            bearing_deg=_joined([np.append(route.bearing_deg, route.bearing_deg[-1]) for route in rows]),
            given=np.concatenate([np.empty(0, dtype=np.bool_), *(route.given for route in rows)]),
            _index=index,
        )

    def __len__(self) -> int:
        return len(self.ids)

    def index_of(self, route_id: str) -> int:
        """Return the row of a route.

        Raises
        ------
        InvalidRoute : there is no such route.
        """
        try:
            return self._index[route_id]
        except KeyError:
            raise InvalidRoute(f"route {route_id!r} is unknown; the table has {len(self)} routes") from None

    def route(self, i: int) -> Route:
        """Return the route of a row; its arrays are views of the table."""
        i = range(len(self))[i]
        points = slice(self.offsets[i], self.offsets[i + 1])
        segments = slice(self.offsets[i], self.offsets[i + 1] - 1)
        return Route(
            id=self.ids[i],
            title=self.titles[i],
            lat_deg=self.lat_deg[points],
            lng_deg=self.lng_deg[points],
            limit_mps=self.limit_mps[segments],
            stops=self.stops[i],
            source=self.sources[i],
            given=self.given[points],
            cumulative_m=self.cumulative_m[points],
            bearing_deg=self.bearing_deg[segments],
        )


def _joined(arrays: Sequence[Floats]) -> Floats:
    joined = np.concatenate([np.empty(0, dtype=np.float64), *arrays])
    joined.setflags(write=False)
    return joined

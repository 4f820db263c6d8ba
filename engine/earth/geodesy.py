"""Distances and bearings on the WGS84 ellipsoid, and what counts as a coordinate. It knows no routes.

The geodesics are Karney's (doi:10.1007/s00190-012-0578-z) as in PROJ, good to 15 nm.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from pyproj import Geod

from engine.arrays import Floats
from engine.errors import InvalidCoordinate, InvalidRoute

_WGS84 = Geod(ellps="WGS84")
_RADIUS_M = 6_371_000.0

MAX_PIECE_M = 1000.0
"""A straight piece in latitude and longitude is at most this long, so that it follows its geodesic."""

_MAX_OFFSET_M = 0.5
_MIN_PIECE_M = 10.0
_POLAR_DEG = 87.0  # nearer to the equator, 1 km pieces stray less than _MAX_OFFSET_M


def inverse(
    lat1_deg: npt.ArrayLike, lng1_deg: npt.ArrayLike, lat2_deg: npt.ArrayLike, lng2_deg: npt.ArrayLike
) -> tuple[Floats, Floats]:
    """Return the length of geodesics in metres and their bearing at the first point.

    Bearings are degrees clockwise from north, in [0, 360).

    The four arguments broadcast against each other; longitudes may be unwrapped. The bearing between equal points is 0.
    """
    lat1, lng1, lat2, lng2 = np.broadcast_arrays(
        *(np.asarray(a, dtype=np.float64) for a in (lat1_deg, lng1_deg, lat2_deg, lng2_deg))
    )
    azimuth, _, distance = _WGS84.inv(lng1.ravel(), lat1.ravel(), lng2.ravel(), lat2.ravel())
    distance_m = np.asarray(distance, dtype=np.float64).reshape(lat1.shape)
    bearing = np.asarray(azimuth, dtype=np.float64).reshape(lat1.shape) % 360.0
    bearing = np.where((distance_m == 0) | (bearing == 360.0), 0.0, bearing)
    return distance_m, bearing


def direct(
    lat_deg: npt.ArrayLike, lng_deg: npt.ArrayLike, bearing_deg: npt.ArrayLike, distance_m: npt.ArrayLike
) -> tuple[Floats, Floats]:
    """Return the latitude and longitude reached from a point along a geodesic.

    The four arguments broadcast against each other; longitudes are in [-180, 180].
    """
    lat, lng, bearing, distance = np.broadcast_arrays(
        *(np.asarray(a, dtype=np.float64) for a in (lat_deg, lng_deg, bearing_deg, distance_m))
    )
    end_lng, end_lat, _ = _WGS84.fwd(lng.ravel(), lat.ravel(), bearing.ravel(), distance.ravel())
    return np.asarray(end_lat, dtype=np.float64).reshape(lat.shape), np.asarray(end_lng, dtype=np.float64).reshape(
        lat.shape
    )


def wrap_longitude(lng_deg: npt.ArrayLike) -> Floats:
    """Return longitudes in [-180, 180]; those already there stay as they are, bit for bit."""
    lng = np.asarray(lng_deg, dtype=np.float64)
    return np.where(np.abs(lng) <= 180.0, lng, (lng + 180.0) % 360.0 - 180.0)


def unwrap_longitude(lng_deg: npt.ArrayLike) -> Floats:
    """Return longitudes without jumps.

    Each is less than half a turn from the one before, so values may leave [-180, 180].
    """
    lng = np.asarray(lng_deg, dtype=np.float64)
    turns = np.concatenate(([0.0], np.cumsum(np.rint(np.diff(lng) / 360.0))))
    return lng - 360.0 * turns


def densified(lat_deg: Floats, lng_deg: Floats, most: int) -> tuple[Floats, Floats, npt.NDArray[np.int64]]:
    """Return a polyline with points added so that its straight pieces follow geodesics.

    A straight piece of length L strays from its geodesic by about L² tan(latitude) / 8R. So pieces are at most 1 km
    long, and near the poles shorter, which keeps the offset near half a metre until they are 10 m long.

    Parameters
    ----------
    lat_deg, lng_deg : n >= 2 points, longitudes unwrapped, none equal to the one before.
    most : the greatest number of points wanted back.

    Returns
    -------
    Latitudes and unwrapped longitudes of m >= n points, and int64 (n-1,), into how many pieces each segment was cut.
    Given points keep their places.

    Raises
    ------
    InvalidRoute : more than `most` points would be needed.
    """
    total = np.ones(lat_deg.size - 1, dtype=np.int64)
    for longest in (_longest_anywhere, _longest_by_latitude):
        length, bearing = inverse(lat_deg[:-1], lng_deg[:-1], lat_deg[1:], lng_deg[1:])
        pieces = np.maximum(np.ceil(length / longest(lat_deg) - 1e-6), 1).astype(np.int64)
        if pieces.max() == 1:
            continue
        if pieces.sum() >= most:
            raise InvalidRoute(
                f"{length.sum() / 1000:.0f} km are too long: they need {pieces.sum() + 1} points, at most {most}"
            )
        first = np.concatenate(([0], np.cumsum(total)[:-1]))
        total = np.add.reduceat(pieces, first)
        lat_deg, lng_deg = _cut(lat_deg, lng_deg, length, bearing, pieces)
    return lat_deg, lng_deg, total


def is_dense(length_m: Floats, lat_deg: Floats) -> bool:
    """Tell whether segments of these lengths between points at these latitudes need no points in between."""
    return bool(length_m.max() <= MAX_PIECE_M and np.abs(lat_deg).max() < _POLAR_DEG)


def _longest_anywhere(lat_deg: Floats) -> Floats:
    return np.full(lat_deg.size - 1, MAX_PIECE_M)


def _longest_by_latitude(lat_deg: Floats) -> Floats:
    steepest = np.tan(np.radians(np.clip(np.maximum(np.abs(lat_deg[1:]), np.abs(lat_deg[:-1])), 1.0, 89.9999)))
    return np.asarray(np.clip(np.sqrt(8.0 * _RADIUS_M * _MAX_OFFSET_M / steepest), _MIN_PIECE_M, MAX_PIECE_M))


def _cut(
    lat: Floats, lng: Floats, length: Floats, bearing: Floats, pieces: npt.NDArray[np.int64]
) -> tuple[Floats, Floats]:
    """Return the points with segment i cut into ``pieces[i]`` equal parts along its geodesic."""
    segment = np.repeat(np.arange(pieces.size), pieces)
    part = np.arange(segment.size) - np.repeat(np.cumsum(pieces) - pieces, pieces)
    new_lat, new_lng = direct(lat[segment], lng[segment], bearing[segment], length[segment] * (part / pieces[segment]))
    given = part == 0
    new_lat[given], new_lng[given] = lat[:-1], lng[:-1]
    return np.append(new_lat, lat[-1]), unwrap_longitude(np.append(new_lng, lng[-1]))


def check_coordinates(lat_deg: npt.ArrayLike, lng_deg: npt.ArrayLike, place: str) -> None:
    """Check that points are on Earth: finite, latitude -90 to 90, longitude -180 to 180.

    Raises
    ------
    InvalidCoordinate : names `place`, the index of the first bad point from 0, its value and the bound, and says if the
        two look swapped.
    """
    lat, lng = np.asarray(lat_deg, dtype=np.float64), np.asarray(lng_deg, dtype=np.float64)
    if lat.ndim != 1 or lat.shape != lng.shape:
        raise InvalidCoordinate(
            f"{place}: expected as many latitudes as longitudes, found shapes {lat.shape} and {lng.shape}"
        )
    bad = ~((np.abs(lat) <= 90.0) & (np.abs(lng) <= 180.0))
    if bad.any():
        index = int(np.argmax(bad))
        raise InvalidCoordinate(f"{place} point {index}: {coordinate_fault(float(lat[index]), float(lng[index]))}")


def coordinate_fault(lat_deg: float, lng_deg: float) -> str:
    """Return what is wrong with one point, as a text without its place; empty if nothing is."""
    if abs(lat_deg) > 90 and abs(lat_deg) <= 180 and abs(lng_deg) <= 90:
        return f"latitude must be from -90 to 90, found {lat_deg:g}; latitude and longitude ({lng_deg:g}) look swapped"
    if not abs(lat_deg) <= 90:
        return f"latitude must be from -90 to 90, found {lat_deg:g}"
    if not abs(lng_deg) <= 180:
        return f"longitude must be from -180 to 180, found {lng_deg:g}"
    return ""

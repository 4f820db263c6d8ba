"""Distances against published geodesics, and what counts as a coordinate."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.earth.geodesy import (
    check_coordinates,
    coordinate_fault,
    densified,
    direct,
    inverse,
    unwrap_longitude,
    wrap_longitude,
)
from engine.errors import InvalidCoordinate, InvalidRoute


@pytest.fixture(scope="module")
def truth(shared_data: Path) -> np.ndarray:
    return np.loadtxt(shared_data / "truth" / "GeodTest-100.dat")


def test_distances_agree_with_published_geodesics_to_1e_9(truth: npt.NDArray[np.float64]) -> None:
    lat1, lng1, azimuth, lat2, lng2, _, metres = truth.T[:7]
    distance, bearing = inverse(lat1, lng1, lat2, lng2)
    assert np.max(np.abs(distance - metres) / metres) < 1e-9
    turn = (bearing - azimuth + 180) % 360 - 180
    assert np.max(np.abs(turn)) < 1e-4  # between near antipodes the direction hangs on the last digits


def test_the_direct_problem_gives_the_published_end_points(truth: npt.NDArray[np.float64]) -> None:
    lat1, lng1, azimuth, lat2, lng2, _, metres = truth.T[:7]
    lat, lng = direct(lat1, lng1, azimuth, metres)
    missed, _ = inverse(lat, lng, lat2, lng2)
    assert missed.max() < 1e-3


def test_the_pieces_of_a_geodesic_are_together_as_long_as_the_geodesic(truth: npt.NDArray[np.float64]) -> None:
    for lat1, lng1, _, lat2, lng2, _, metres in truth[:20, :7]:
        lat, lng, pieces = densified(np.array([lat1, lat2]), unwrap_longitude([lng1, lng2]), 100_000)
        length, _ = inverse(lat[:-1], lng[:-1], lat[1:], lng[1:])
        assert abs(length.sum() - metres) / metres < 1e-9
        assert length.max() <= 1000 * (1 + 1e-5)
        assert pieces.tolist() == [lat.size - 1]


def test_too_long_a_geodesic_is_refused_before_it_is_cut() -> None:
    with pytest.raises(InvalidRoute, match=r"10002 km are too long: they need 10003 points, at most 100"):
        densified(np.array([0.0, 90.0]), np.array([0.0, 0.0]), 100)


@pytest.mark.parametrize(("end", "bearing"), [((1, 0), 0), ((0, 1), 90), ((-1, 0), 180), ((0, -1), 270), ((0, 0), 0)])
def test_bearings_go_clockwise_from_north(end: tuple[float, float], bearing: float) -> None:
    assert inverse(0, 0, *end)[1] == pytest.approx(bearing)


def test_arguments_broadcast() -> None:
    distance, bearing = inverse(0.0, 0.0, [[0.0], [1.0]], [0.0, 1.0, 2.0])
    assert distance.shape == bearing.shape == (2, 3)


@given(st.lists(st.floats(-180, 180), min_size=1, max_size=20))
def test_unwrapped_longitudes_never_jump_and_mean_the_same(lng: Any) -> None:
    unwrapped = unwrap_longitude(lng)
    assert np.abs(np.diff(unwrapped)).max(initial=0) <= 180 + 1e-9
    assert np.cos(np.radians(unwrapped)) == pytest.approx(np.cos(np.radians(lng)), abs=1e-9)
    assert np.abs(wrap_longitude(unwrapped)).max() <= 180


@given(st.floats(-180, 180))
def test_a_longitude_in_range_is_wrapped_to_itself(lng: Any) -> None:
    assert wrap_longitude([lng])[0] == lng


@pytest.mark.parametrize(
    ("lat", "lng", "fault"),
    [
        (math.nan, 0, "latitude must be from -90 to 90, found nan"),
        (0, math.inf, "longitude must be from -180 to 180, found inf"),
        (91, 200, "latitude must be from -90 to 90, found 91"),
        (0, -180.5, "longitude must be from -180 to 180, found -180.5"),
        (139.7, 35.6, "latitude must be from -90 to 90, found 139.7; latitude and longitude (35.6) look swapped"),
        (90, -180, ""),
    ],
)
def test_a_faulty_coordinate_is_named_with_its_bound(lat: float, lng: Any, fault: str | None) -> None:
    assert coordinate_fault(lat, lng) == fault


def test_a_faulty_coordinate_is_named_with_its_place() -> None:
    with pytest.raises(InvalidCoordinate, match=r"^route x point 1: latitude must be from -90 to 90, found nan$"):
        check_coordinates([1, math.nan], [2, 3], "route x")
    with pytest.raises(InvalidCoordinate, match="as many latitudes as longitudes"):
        check_coordinates([1, 2], [2], "route x")

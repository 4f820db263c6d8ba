"""What holds for every route, and for many of them in one table."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.earth.geodesy import inverse
from engine.errors import InvalidCoordinate, InvalidRoute, MessageError
from engine.messages import RouteDefined
from engine.roads.route import MAX_POINTS, Route, RouteTable, Stop

ON_GRID = st.tuples(st.integers(-90_000_000, 90_000_000), st.integers(-180_000_000, 180_000_000))
NEAR = st.lists(st.tuples(st.integers(-9_000, 9_000), st.integers(-9_000, 9_000)), min_size=2, max_size=30)


def route(lat: Any = (47.0, 47.001, 47.002), lng: Any = (9.0, 9.001, 9.0), **more: Any) -> Route:
    return Route.from_points(more.pop("id", "r"), more.pop("title", "A to B"), lat, lng, **more)


def from_steps(start: tuple[int, int], steps: list[tuple[int, int]]) -> Route | None:
    """Return the route that goes in small steps from a point of the grid, or None if it goes nowhere."""
    points = np.cumsum([start, *steps], axis=0)
    lat = np.clip(points[:, 0], -90_000_000, 90_000_000)
    lng = (points[:, 1] + 180_000_000) % 360_000_000 - 180_000_000
    try:
        return route(lat / 1e6, lng / 1e6)
    except InvalidRoute:
        return None


def test_distance_is_the_sum_of_geodesics() -> None:
    made = route()
    length, bearing = inverse(made.lat_deg[:-1], made.lng_deg[:-1], made.lat_deg[1:], made.lng_deg[1:])
    assert made.cumulative_m.tolist() == [0.0, length[0], length[0] + length[1]]
    assert made.length_m == length.sum()
    assert made.bearing_deg.tolist() == bearing.tolist()


@given(ON_GRID, NEAR)
def test_a_route_on_the_grid_survives_its_message(start: tuple[int, int], steps: list[tuple[int, int]]) -> None:
    made = from_steps(start, steps)
    if made is not None:
        assert Route.from_message(RouteDefined.from_json(made.to_message().to_json())) == made


@given(ON_GRID, ON_GRID)
@settings(max_examples=30, deadline=None)
def test_a_route_across_the_world_is_cut_into_short_pieces_and_survives_its_message(
    start: tuple[int, int], end: tuple[int, int]
) -> None:
    try:
        made = route([start[0] / 1e6, end[0] / 1e6], [start[1] / 1e6, end[1] / 1e6])
    except InvalidRoute:
        return  # both are the same place
    assert np.diff(made.cumulative_m).max() <= 1000.1
    assert np.count_nonzero(made.given) == 2
    assert made.length_m == pytest.approx(
        inverse(start[0] / 1e6, start[1] / 1e6, end[0] / 1e6, end[1] / 1e6)[0], rel=1e-9
    )
    assert Route.from_message(made.to_message()) == made


@given(ON_GRID, NEAR)
def test_distance_rises_strictly_and_longitudes_never_jump(
    start: tuple[int, int], steps: list[tuple[int, int]]
) -> None:
    made = from_steps(start, steps)
    if made is not None:
        assert (np.diff(made.cumulative_m) > 0).all()
        assert np.abs(np.diff(made.lng_deg)).max() <= 180


def test_everything_of_a_route_survives_its_message_but_the_names_of_stops() -> None:
    made = route(limit_mps=[13.9, math.inf], stops=[Stop(0, 5), Stop(50.5, 30, "bakery")], source="hand")
    back = Route.from_message(RouteDefined.from_json(made.to_message().to_json()))
    assert back == route(limit_mps=[13.9, math.inf], stops=[Stop(0, 5), Stop(50.5, 30)], source="hand")
    assert made.to_message().limits == [[1, 13.9], [1, 0.0]]


def test_repeated_points_are_dropped_with_their_limits() -> None:
    made = route([47, 47, 47.001, 47.001, 47.002], [9, 9, 9, 9, 9], limit_mps=[1, 2, 3, 4])
    assert made.lat_deg.tolist() == [47, 47.001, 47.002]
    assert made.limit_mps.tolist() == [2, 4]


@pytest.mark.parametrize(("lat", "found"), [([], 0), ([47.0], 1), ([47.0] * 5, 1)])
def test_a_route_of_one_place_is_refused(lat: Any, found: int) -> None:
    with pytest.raises(InvalidRoute, match=rf"^route r needs at least 2 distinct points, found {found}$"):
        route(lat, [9.0] * len(lat))


def test_the_pole_is_one_place_whatever_its_longitude() -> None:
    with pytest.raises(InvalidRoute, match="needs at least 2 distinct points, found 1"):
        route([90, 90], [0, 90])
    assert route([90, 90, 89.99], [0, 90, 90]).length_m == pytest.approx(1116.94, abs=0.01)


def test_a_route_across_the_antimeridian_takes_the_short_way() -> None:
    made = route([0, 0, 0], [179.999, -179.999, 179.998])
    assert made.lng_deg.tolist() == pytest.approx([179.999, 180.001, 179.998])
    assert made.length_m == pytest.approx(0.005 * 111_319.49, rel=1e-6)


@pytest.mark.parametrize("lat", [89.9, 89.999, -89.99])
def test_straight_pieces_near_a_pole_stay_near_their_geodesic(lat: Any) -> None:
    made = route([lat, lat], [0, 120])
    middle_lat, middle_lng = (made.lat_deg[1:] + made.lat_deg[:-1]) / 2, (made.lng_deg[1:] + made.lng_deg[:-1]) / 2
    length, bearing = inverse(made.lat_deg[:-1], made.lng_deg[:-1], made.lat_deg[1:], made.lng_deg[1:])
    to_middle, towards = inverse(made.lat_deg[:-1], made.lng_deg[:-1], middle_lat, middle_lng)
    offset = np.abs(np.sin(np.radians(towards - bearing))) * to_middle
    assert offset[length > 10.01].max(initial=0) < 1
    assert offset.max() < 3


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"limit_mps": [1]}, "needs a speed limit for each of its 2 segments"),
        ({"limit_mps": [1, 0]}, "segment 1: speed limit must be > 0 m/s, found 0"),
        ({"limit_mps": [math.nan, 1]}, "segment 0: speed limit must be > 0 m/s, found nan"),
        ({"stops": [Stop(1e6, 1)]}, "stop 0: distance must be from 0 to 269.4 m, found 1e+06"),
        ({"stops": [Stop(10, -1)]}, "stop 0: dwell must be finite and >= 0 s, found -1"),
        ({"stops": [Stop(10, 1), Stop(5, 1)]}, "stop 1: at 5 m, before the stop ahead of it at 10 m"),
        ({"id": "a b"}, "route id must be 1 to 96 characters"),
    ],
)
def test_what_cannot_be_is_refused(more: Any, message: str) -> None:
    with pytest.raises(InvalidRoute) as caught:
        route(**more)
    assert message in str(caught.value)


def test_a_point_that_is_not_on_earth_is_refused() -> None:
    with pytest.raises(InvalidCoordinate, match="route r point 2: latitude must be from -90 to 90, found inf"):
        route(lat=[1, 2, math.inf])


def test_a_route_of_too_many_points_is_refused() -> None:
    with pytest.raises(InvalidRoute, match=rf"must have at most {MAX_POINTS} points, found {MAX_POINTS + 1}"):
        route(np.linspace(0, 1, MAX_POINTS + 1), np.zeros(MAX_POINTS + 1))
    with pytest.raises(InvalidRoute, match="km are too long"):
        route([0, 89, 0, 89, 0, 89, 0, 89, 0, 89, 0, 89], [0] * 12)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"geometry": "_p~iF~ps|U_"}, "ends in the middle of a number"),
        ({"geometry": "_p~iF"}, "ends after a latitude without a longitude"),
        ({"geometry": "_p~iF é"}, 'must be from "?" to "~", found \' \''),
        ({"geometry": "~~~~~~~~~~?"}, "number larger than any coordinate"),
        ({"limits": [[5, 3.0]]}, "must cover 2 segments, found 5"),
        ({"limits": [[-1, 3.0], [3, 2.0]]}, "limits"),
        ({"limits": [[1.5, 3.0], [0.5, 2.0]]}, "limits"),
    ],
)
def test_a_damaged_message_is_refused(fields: dict[str, Any], message: str) -> None:
    good = {"route_id": "r", "geometry": route().to_message().geometry}
    with pytest.raises(MessageError) as caught:
        Route.from_message(RouteDefined(**{**good, **fields}))
    assert message in str(caught.value)


def test_a_deleted_route_cannot_be_driven() -> None:
    with pytest.raises(InvalidRoute, match="needs at least 2 distinct points, found 0"):
        Route.from_message(RouteDefined(route_id="r", deleted=True))


def test_a_route_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="read-only"):
        route().lat_deg[0] = 0


def test_a_table_gives_its_routes_back() -> None:
    routes = [
        route(id="a"),
        route([0, 0], [179.9, -179.9], id="b", stops=[Stop(3, 4, "x")]),
        route(id="c", limit_mps=[5, math.inf], source="s"),
    ]
    table = RouteTable.from_routes(routes)
    assert [table.route(i) for i in range(len(table))] == routes
    assert table.index_of("c") == 2
    assert table.offsets.tolist() == [0, 3, 3 + routes[1].lat_deg.size, 6 + routes[1].lat_deg.size]
    assert table.limit_mps[-3:].tolist() == [5, math.inf, math.inf]
    assert table.route(-1).cumulative_m.tolist() == routes[2].cumulative_m.tolist()
    assert table.route(1).bearing_deg.tolist() == routes[1].bearing_deg.tolist()


def test_a_table_may_be_empty() -> None:
    table = RouteTable.from_routes([])
    assert len(table) == 0
    assert table.offsets.tolist() == [0]


def test_a_table_refuses_two_routes_of_one_id_and_names_an_unknown_one() -> None:
    with pytest.raises(InvalidRoute, match="route r is there twice"):
        RouteTable.from_routes([route(), route()])
    with pytest.raises(InvalidRoute, match="route 'x' is unknown; the table has 1 routes"):
        RouteTable.from_routes([route()]).index_of("x")


@pytest.mark.parametrize("route_id", [".", ".."])
def test_an_id_that_a_url_path_loses_is_refused(route_id: str) -> None:
    with pytest.raises(InvalidRoute, match=r'route id must not be "\." or "\.\.", found'):
        Route.from_points(route_id, "", [47.0, 47.1], [9.0, 9.0])
    assert Route.from_points("...", "", [47.0, 47.1], [9.0, 9.0]).id == "..."

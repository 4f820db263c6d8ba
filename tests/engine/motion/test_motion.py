"""The laws of motion, over made-up roads of every kind."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.motion.building import CHORD_S, MODELS, VehicleClass, build_plans
from engine.motion.plans import D0, LAT0, LAT_RATE, LNG0, LNG_RATE, SPEED, T0, PlanTable
from engine.roads.route import Route, RouteTable, Stop

_SNAP_MPS = 0.1  # a phase of less than a millimetre is left to its neighbour


@st.composite
def roads(draw: st.DrawFn) -> Route:
    """Roads of 2 to 25 points, 2 cm to 3 km apart, with bends, about-turns, limits and stops."""
    n = draw(st.integers(1, 24))
    steps = np.array(
        draw(st.lists(st.sampled_from([0.02, 0.5, 3.0, 11.0, 28.0, 60.0, 400.0, 3000.0]), min_size=n, max_size=n))
    )
    turns = draw(st.lists(st.sampled_from([0.0, 0.0, 2.0, -5.0, 30.0, -90.0, 90.0, 180.0]), min_size=n, max_size=n))
    limits = draw(st.lists(st.sampled_from([np.inf, 2.0, 8.3, 13.9, 27.8, 60.0]), min_size=n, max_size=n))
    heading = np.radians(np.cumsum(turns))
    lat = 47.1 + np.concatenate(([0.0], np.cumsum(steps * np.cos(heading)))) / 111_200
    lng = 9.5 + np.concatenate(([0.0], np.cumsum(steps * np.sin(heading)))) / 75_800
    plain = Route.from_points("r", "", lat, lng, limit_mps=limits)
    parts = draw(st.lists(st.floats(0, 1), max_size=3).map(sorted))
    dwells = draw(st.lists(st.sampled_from([0.0, 5.0, 42.5]), min_size=len(parts), max_size=len(parts)))
    stops = [Stop(part * plain.length_m, dwell) for part, dwell in zip(parts, dwells, strict=True)]
    return Route.from_points("r", "", lat, lng, limit_mps=limits, stops=stops)


def plan_of(route: Route, vehicle: VehicleClass = VehicleClass.CAR) -> PlanTable:
    return build_plans(RouteTable.from_routes([route]), [(0, vehicle)])


def straight(length_m: float, *, stops: list[Stop] | None = None, points: int = 2) -> Route:
    return Route.from_points(
        "r", "", np.linspace(47.0, 47.0 + length_m / 111_200, points), np.full(points, 9.5), stops=stops or []
    )


vehicles = st.sampled_from(list(VehicleClass))


@settings(deadline=None)
@given(roads(), vehicles)
def test_a_plan_begins_at_the_first_point_and_ends_at_the_last_exactly(route: Route, vehicle: VehicleClass) -> None:
    table = plan_of(route, vehicle)
    first, last = table.pieces[0], table.pieces[-1]
    assert first[[T0, D0, LAT0, LNG0]].tolist() == [0.0, 0.0, route.lat_deg[0], route.lng_deg[0]]
    assert last[[D0, LAT0, LNG0]].tolist() == [route.length_m, route.lat_deg[-1], route.lng_deg[-1]]
    assert last[[SPEED, LAT_RATE, LNG_RATE]].tolist() == [0.0, 0.0, 0.0]
    assert table.duration_s[0] == last[T0]
    assert table.length_m[0] == route.length_m
    assert table.t_end_s[-1] == np.inf


@settings(deadline=None)
@given(roads(), vehicles)
def test_distance_is_the_integral_of_speed_and_never_falls(route: Route, vehicle: VehicleClass) -> None:
    table = plan_of(route, vehicle)
    pieces, lasts = table.pieces, np.diff(table.pieces[:, T0])
    assert (lasts > 0).all()
    assert (table.t_end_s[:-1] == pieces[1:, T0]).all()
    assert (pieces[:, SPEED] >= 0).all()
    reached = pieces[:-1, D0] + pieces[:-1, SPEED] * lasts
    assert (reached <= pieces[1:, D0]).all()
    np.testing.assert_allclose(reached, pieces[1:, D0], rtol=1e-12, atol=1e-9)


@settings(deadline=None)
@given(roads(), vehicles)
def test_the_place_is_on_the_road_at_the_distance_driven(route: Route, vehicle: VehicleClass) -> None:
    table = plan_of(route, vehicle)
    pieces, lasts = table.pieces, np.diff(table.pieces[:, T0])
    for start, rate, points in ((LAT0, LAT_RATE, route.lat_deg), (LNG0, LNG_RATE, route.lng_deg)):
        np.testing.assert_allclose(
            pieces[:, start], np.interp(pieces[:, D0], route.cumulative_m, points), rtol=0, atol=1e-11
        )
        np.testing.assert_allclose(
            pieces[:-1, start] + pieces[:-1, rate] * lasts, pieces[1:, start], rtol=0, atol=1e-11
        )


@settings(deadline=None)
@given(roads(), vehicles)
def test_no_piece_is_faster_than_the_road_or_the_vehicle_allows(route: Route, vehicle: VehicleClass) -> None:
    pieces = plan_of(route, vehicle).pieces[:-1]
    model = MODELS[vehicle]
    middle = pieces[:, D0] + np.diff(np.append(pieces[:, D0], route.length_m)) / 2
    limit = route.limit_mps[
        np.clip(np.searchsorted(route.cumulative_m, middle, side="right") - 1, 0, route.limit_mps.size - 1)
    ]
    allowed = np.minimum(np.where(np.isinf(limit), model.default_speed_mps, limit), model.max_speed_mps)
    assert (pieces[:, SPEED] <= allowed).all()


@settings(deadline=None)
@given(roads(), vehicles)
def test_speed_changes_no_faster_than_the_vehicle_can(route: Route, vehicle: VehicleClass) -> None:
    table = plan_of(route, vehicle)
    model = MODELS[vehicle]
    lasts = np.diff(table.pieces[:, T0])
    speed = table.pieces[:-1, SPEED]
    between = (lasts[1:] + lasts[:-1]) / 2  # from the middle of one piece to the middle of the next
    assert (np.diff(speed) <= model.acceleration_mps2 * between + _SNAP_MPS).all()
    assert (-np.diff(speed) <= model.braking_mps2 * between + _SNAP_MPS).all()
    assert speed[0] <= model.acceleration_mps2 * lasts[0] / 2 + _SNAP_MPS
    assert speed[-1] <= model.braking_mps2 * lasts[-1] / 2 + _SNAP_MPS


@settings(deadline=None)
@given(st.lists(st.tuples(roads(), vehicles), min_size=2, max_size=5))
def test_a_plan_is_the_same_whatever_is_built_with_it(pairs: list[tuple[Route, VehicleClass]]) -> None:
    routes = [
        Route.from_points(f"r{i}", "", r.lat_deg, r.lng_deg, limit_mps=r.limit_mps, stops=r.stops)
        for i, (r, _) in enumerate(pairs)
    ]
    together = build_plans(RouteTable.from_routes(routes), [(i, vehicle) for i, (_, vehicle) in enumerate(pairs)])
    for i, (route, vehicle) in enumerate(pairs):
        alone = plan_of(route, vehicle)
        assert alone.pieces.tobytes() == together.plan(i).tobytes()
        assert alone.stops[0] == together.stops[i]


def test_many_plans_are_built_in_chunks_with_the_same_values() -> None:
    routes = RouteTable.from_routes(
        [Route.from_points(f"r{i}", "", [47.0, 47.01 + i / 1000], [9.5, 9.5]) for i in range(7)]
    )
    pairs = [(i, VehicleClass.VAN) for i in range(7)]
    whole = build_plans(routes, pairs)
    chunked = build_plans(routes, pairs, points_at_once=5)
    assert chunked.pieces.tobytes() == whole.pieces.tobytes()
    assert chunked.offsets.tolist() == whole.offsets.tolist()
    assert chunked.stops == whole.stops


def test_a_car_on_a_long_straight_road_accelerates_cruises_and_brakes() -> None:
    route, model = straight(900.0), MODELS[VehicleClass.CAR]
    top, a, b = model.default_speed_mps, model.acceleration_mps2, model.braking_mps2
    ideal_s = top / a + top / b + (route.length_m - top**2 / (2 * a) - top**2 / (2 * b)) / top
    table = plan_of(route)
    assert table.duration_s[0] == pytest.approx(ideal_s, abs=1e-4)
    assert np.isclose(table.pieces[:, SPEED].max(), top, rtol=1e-6)


def test_knots_lie_on_the_curve_of_constant_acceleration() -> None:
    pieces, model = plan_of(straight(900.0)).pieces, MODELS[VehicleClass.CAR]
    rising = pieces[pieces[:, T0] <= model.default_speed_mps / model.acceleration_mps2]
    assert len(rising) >= model.default_speed_mps / model.acceleration_mps2 / CHORD_S
    np.testing.assert_allclose(rising[:, D0], model.acceleration_mps2 * rising[:, T0] ** 2 / 2, atol=1e-3)


def test_points_along_a_straight_road_change_nothing_but_pieces() -> None:
    few, many = plan_of(straight(900.0)), plan_of(straight(900.0, points=50))
    assert few.duration_s[0] == pytest.approx(many.duration_s[0], abs=1e-3)


def test_a_stop_is_reached_at_rest_and_held_for_its_dwell() -> None:
    table = plan_of(straight(800.0, stops=[Stop(300.0, 20.0), Stop(500.0, 0.0)]))
    (first_s, second_s), distances = table.stops[0].arrival_s, table.stops[0].distance_m
    assert distances == (300.0, 500.0)
    at = int(np.searchsorted(table.pieces[:, T0], first_s))
    assert table.pieces[at, [T0, D0, SPEED]].tolist() == [first_s, 300.0, 0.0]
    assert table.t_end_s[at] - first_s == 20.0
    assert table.pieces[at - 1, SPEED] < MODELS[VehicleClass.CAR].braking_mps2 * CHORD_S
    assert table.pieces[at + 1, SPEED] < MODELS[VehicleClass.CAR].acceleration_mps2 * CHORD_S
    assert second_s > first_s + 20.0


def test_stops_at_both_ends_and_twice_at_one_place_are_held() -> None:
    ends = [Stop(0.0, 10.0), Stop(200.0, 5.0), Stop(200.0, 7.0), Stop(straight(400.0).length_m, 30.0)]
    table, plain = plan_of(straight(400.0, stops=ends)), plan_of(straight(400.0, stops=[Stop(200.0, 0.0)]))
    assert table.duration_s[0] == pytest.approx(plain.duration_s[0] + 52.0, abs=1e-5)
    arrivals = table.stops[0].arrival_s
    assert arrivals[0] == 0.0
    assert arrivals[1] == arrivals[2]
    assert arrivals[3] == pytest.approx(table.duration_s[0] - 30.0, abs=1e-5)


def test_a_sharp_turn_is_taken_slowly_and_a_gentle_one_is_not() -> None:
    def speed_at_turn(degrees: float) -> float:
        turn = np.radians(degrees)
        lat = 47.0 + np.array([0.0, 300.0, 300.0 + 300.0 * np.cos(turn)]) / 111_200
        pieces = plan_of(
            Route.from_points("r", "", lat, 9.5 + np.array([0.0, 0.0, 300.0 * np.sin(turn)]) / 75_900)
        ).pieces
        return float(pieces[np.abs(pieces[:, D0] - 300.0) < 5.0, SPEED].min())

    assert speed_at_turn(3.0) == pytest.approx(MODELS[VehicleClass.CAR].default_speed_mps, rel=1e-3)
    assert 3.0 < speed_at_turn(90.0) < 8.0
    assert speed_at_turn(180.0) < 4.0


def test_plans_can_be_taken_and_joined() -> None:
    routes = RouteTable.from_routes(
        [Route.from_points(f"r{i}", "", [47.0, 47.01 + i / 500], [9.5, 9.5]) for i in range(4)]
    )
    table = build_plans(routes, [(i, VehicleClass.TRUCK) for i in range(4)])
    taken = table.take(np.array([2, 0]))
    again = PlanTable.concat([table.take(np.array([2])), table.take(np.array([0]))])
    for found in (taken, again):
        assert found.offsets.tolist() == [0, len(table.plan(2)), len(table.plan(2)) + len(table.plan(0))]
        assert found.plan(0).tobytes() == table.plan(2).tobytes()
        assert found.plan(1).tobytes() == table.plan(0).tobytes()
        assert found.duration_s.tolist() == table.duration_s[[2, 0]].tolist()

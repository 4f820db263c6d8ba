"""A driver is a pure function of time, whatever was asked before."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import astuple

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from engine.codec import Positions
from engine.delivery.fleet import Fleet
from engine.delivery.spec import DeliverySpec
from engine.errors import InvalidInstant
from engine.motion.building import PlanTable, VehicleClass, build_plans
from engine.motion.plans import SPEED, T0
from engine.roads.route import Route, RouteTable, Stop

BEGIN_MS = 1_700_000_000_000
ROUTES = [
    Route.from_points("short", "", [47.0, 47.0002], [9.5, 9.5]),
    Route.from_points(
        "bent",
        "",
        [47.0, 47.001, 47.001, 47.004, 47.005],
        [9.5, 9.5, 9.503, 9.503, 9.51],
        limit_mps=[8.3, 13.9, np.inf, 22.2],
    ),
    Route.from_points(
        "stops", "", [47.1, 47.11, 47.12], [9.5, 9.52, 9.51], stops=[Stop(100.0, 12.0), Stop(700.0, 3.0)]
    ),
    Route.from_points("date-line", "", [-17.0, -17.001, -17.0], [179.995, -179.999, -179.99]),
]
PLANS = build_plans(
    RouteTable.from_routes(ROUTES), [(i, vehicle) for i in range(len(ROUTES)) for vehicle in VehicleClass]
)


def spec(number: int = 0, depart_ms: int = BEGIN_MS, pace: float = 1.0) -> DeliverySpec:
    return DeliverySpec(f"d{number}", f"v{number}", "c", "r", "x", VehicleClass.CAR, depart_ms, 1000, pace)


def row(p: Positions, i: int) -> tuple[object, ...]:
    return tuple(column[i].tobytes() for column in astuple(p))


@st.composite
def fleets(draw: st.DrawFn) -> tuple[Fleet, list[float]]:
    """Return a fleet, and the paces of its drivers."""
    n = draw(st.integers(1, 12))
    paces = [draw(st.sampled_from([1.0, 0.93, 0.8123456789])) for _ in range(n)]
    specs = [spec(i, BEGIN_MS + draw(st.integers(0, 60_000)), pace) for i, pace in enumerate(paces)]
    fleet = Fleet(specs, PLANS, [draw(st.integers(0, len(PLANS) - 1)) for _ in range(n)])
    for i in draw(st.lists(st.integers(0, n - 1), max_size=3, unique=True)):
        begin = specs[i].depart_ms + draw(st.integers(0, 50_000))
        end = draw(st.none() | st.integers(begin + 1, begin + 40_000))
        fleet.set_pauses(i, [(begin, end)] if end is None else [(begin, end), (end + 2_000, end + 9_000)])
    return fleet, paces


instants = st.lists(st.integers(-5_000, 500_000) | st.floats(-5_000, 500_000), min_size=1, max_size=15).map(
    lambda ts: [BEGIN_MS + t for t in ts]
)


@settings(deadline=None)
@given(fleets(), instants)
def test_any_way_to_an_instant_gives_the_same_bytes(made: tuple[Fleet, list[float]], times: list[float]) -> None:
    fleet, rows = made[0], list(range(len(made[0])))
    for t in times:
        whole = fleet.positions_at(t)
        per_driver = fleet.positions_at(np.full(len(rows), t))
        some = fleet.positions_of(np.array(rows[::-1] + rows), t)
        assert [c.tobytes() for c in astuple(whole)] == [c.tobytes() for c in astuple(per_driver)]
        for i in rows:
            assert row(whole, i) == row(some, len(rows) - 1 - i) == row(some, len(rows) + i)
    backwards = fleet.positions_at(times[0])
    fresh = fleet.positions_of(np.array(rows), np.full(len(rows), times[0]))
    assert [c.tobytes() for c in astuple(backwards)] == [c.tobytes() for c in astuple(fresh)]


def resumed_between_two_samples() -> tuple[Fleet, list[float]]:
    """Return a fleet of one car that stands at one sample and the next, and drives at its fastest between."""
    plan = 2 * len(VehicleClass) + list(VehicleClass).index(VehicleClass.CAR)
    fleet = Fleet([spec()], PLANS, [plan])
    fastest = int(PLANS.plan(plan)[:, SPEED].argmax())
    at_ms = BEGIN_MS + round(float(PLANS.plan(plan)[fastest, T0]) * 1000)
    sample_ms = at_ms - at_ms % 250 + 250
    fleet.set_pauses(0, [(sample_ms - 1, sample_ms + 1), (sample_ms + 249, sample_ms + 20_000)])
    return fleet, [1.0]


@settings(deadline=None)
@given(fleets())
@example(resumed_between_two_samples())
def test_progress_never_falls_and_agrees_with_speed(made: tuple[Fleet, list[float]]) -> None:
    fleet, paces = made
    rows = range(len(fleet))
    times = BEGIN_MS + np.arange(0, 300_000, 250)
    p = fleet.positions_of(np.tile(rows, times.size), np.repeat(times, len(rows)))
    distance, speed = p.distance_m.reshape(times.size, -1), p.speed_mps.reshape(times.size, -1)
    fastest_mps = np.array([PLANS.plan(plan)[:, SPEED].max() for plan in fleet.plan]) * paces
    assert (np.diff(distance, axis=0) >= 0).all()
    assert (np.diff(distance, axis=0) <= 0.25 * fastest_mps + 1e-6).all()
    assert (speed <= fastest_mps + 1e-9).all()
    assert (np.abs(p.lng_deg) <= 180).all()
    assert ((p.bearing_deg >= 0) & (p.bearing_deg < 360)).all()


@pytest.mark.parametrize("plan", range(len(PLANS)))
@pytest.mark.parametrize("pace", [1.0, 0.9, 0.8123456789])
def test_a_trip_is_over_after_its_whole_milliseconds_and_not_before(plan: int, pace: float) -> None:
    fleet = Fleet([spec(pace=pace)], PLANS, [plan])
    trip = int(fleet.trip_ms[0])
    assert trip == pytest.approx(PLANS.duration_s[plan] / pace * 1000, abs=1.001)
    ends = fleet.positions_of(np.array([0, 0]), np.array([BEGIN_MS + trip - 1, BEGIN_MS + trip]))
    assert ends.finished.tolist() == [False, True]
    route = ROUTES[plan // len(VehicleClass)]
    late = fleet.positions_at(BEGIN_MS + trip + 10**9)
    for p, i in ((ends, 1), (late, 0)):
        last_lng = float(route.lng_deg[-1])
        lng = last_lng if abs(last_lng) <= 180 else (last_lng + 180) % 360 - 180
        assert (p.lat_deg[i], p.lng_deg[i], p.distance_m[i], p.speed_mps[i]) == (
            route.lat_deg[-1],
            lng,
            route.length_m,
            0.0,
        )


def test_before_its_departure_a_driver_stands_at_the_first_point() -> None:
    p = Fleet([spec()], PLANS, [7]).positions_at(BEGIN_MS - 1)
    assert (p.lat_deg[0], p.lng_deg[0], p.distance_m[0], p.speed_mps[0], p.finished[0]) == (47.0, 9.5, 0.0, 0.0, False)


def test_a_slower_driver_is_where_the_plan_was_earlier() -> None:
    fleet = Fleet([spec(0), spec(1, pace=0.5)], PLANS, [7, 7])
    p = fleet.positions_at(np.array([BEGIN_MS + 10_000.0, BEGIN_MS + 20_000.0]))
    assert p.distance_m[0] == p.distance_m[1] > 0
    assert p.speed_mps[1] == p.speed_mps[0] / 2


def test_time_stands_still_in_a_pause() -> None:
    fleet = Fleet([spec(0), spec(1)], PLANS, [7, 7])
    fleet.set_pauses(1, [(BEGIN_MS + 5_000, BEGIN_MS + 9_000)])
    paused = fleet.positions_at(BEGIN_MS + 7_000)
    held = fleet.positions_at(BEGIN_MS + 5_000)
    assert (paused.speed_mps[1], paused.distance_m[1]) == (0.0, held.distance_m[1])
    after, plain = fleet.positions_at(BEGIN_MS + 14_000), fleet.positions_at(BEGIN_MS + 10_000)
    assert after.distance_m[1] == plain.distance_m[0]
    assert after.speed_mps[1] == plain.speed_mps[0]


def test_drivers_may_come_and_go() -> None:
    half = PLANS.take(np.arange(10))
    fleet = Fleet([spec(i) for i in range(4)], half, [1, 3, 5, 7])
    fleet.set_pauses(3, [(BEGIN_MS + 1_000, None)])
    fleet.set_pauses(0, [(BEGIN_MS + 2_000, BEGIN_MS + 4_000)])
    before = fleet.positions_at(BEGIN_MS + 10_000)
    fleet.add([spec(4)], PLANS, [12])
    grown = fleet.positions_at(BEGIN_MS + 10_000)
    assert [row(grown, i) for i in range(4)] == [row(before, i) for i in range(4)]
    fleet.keep(np.array([1, 3, 4]))
    new_of_old = np.full(len(PLANS), -1)
    new_of_old[[3, 7, 12]] = [2, 0, 1]
    fleet.move_to(PLANS.take(np.array([7, 12, 3])), new_of_old)
    kept = fleet.positions_at(BEGIN_MS + 10_000)
    assert [row(kept, i) for i in range(3)] == [row(grown, i) for i in (1, 3, 4)]
    assert fleet.plan.tolist() == [2, 0, 1]
    later = fleet.positions_at(BEGIN_MS + 40_000)
    assert row(later, 0) == row(Fleet([spec(1)], PLANS, [3]).positions_at(BEGIN_MS + 40_000), 0)


def test_an_empty_fleet_is_nowhere() -> None:
    fleet = Fleet([], PlanTable.concat([]), [])
    assert fleet.positions_at(BEGIN_MS).lat_deg.shape == (0,)
    assert fleet.positions_of(np.array([], dtype=np.int64), np.array([])).finished.shape == (0,)


@pytest.mark.parametrize("t", [np.nan, np.inf, -np.inf])
def test_a_time_that_is_not_finite_is_refused(t: float) -> None:
    fleet = Fleet([spec(0), spec(1)], PLANS, [0, 1])
    asks: tuple[Callable[[], object], ...] = (
        lambda: fleet.positions_at(t),
        lambda: fleet.positions_at(np.array([BEGIN_MS, t])),
        lambda: fleet.positions_of(np.array([0]), np.array([t])),
    )
    for ask in asks:
        with pytest.raises(InvalidInstant, match="must be finite, found"):
            ask()

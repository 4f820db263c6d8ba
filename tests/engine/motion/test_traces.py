"""A trace is driven as it was recorded, and its clones are statistically like it."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from engine.delivery.fleet import Fleet
from engine.delivery.simulation import FleetSimulation
from engine.delivery.spec import DeliverySpec
from engine.demand.trace_files import load_traces
from engine.demand.world import fleet_of, routes_of
from engine.earth.geodesy import inverse
from engine.errors import InvalidRoute, RouteFileError, ScenarioError
from engine.motion.traces import Trace, clone, trace_plan
from engine.motion.vehicle import VehicleClass
from engine.roads.route import Route
from engine.scenario.scenario import RouteFiles, Scenario, Traces

BEGUN_S = 1_700_000_000.0
START_MS = 1_800_000_000_000


def recorded(name: str = "ride", n: int = 400, seed: int = 1) -> Trace:
    """Return a made-up recording: a wandering track, changing speeds, stops, uneven times of fixes."""
    chance = np.random.default_rng(seed)
    lasts = chance.choice([1.0, 2.0, 5.0], n - 1)
    speed = np.clip(9 + np.cumsum(chance.normal(0, 1, n - 1)), 0, 25)
    speed[60:75] = speed[200:230] = 0.0
    course = np.cumsum(chance.normal(0, 0.15, n - 1))
    north, east = (np.concatenate(([0.0], np.cumsum(speed * lasts * wave(course)))) for wave in (np.cos, np.sin))
    lat, lng = 47.1 + north / 111_195, 9.5 + east / 111_195 / np.cos(np.radians(47.1))
    return Trace.from_fixes(name, "A ride", BEGUN_S + np.concatenate(([0.0], np.cumsum(lasts))), lat, lng)


def spec_of(trace: Trace) -> DeliverySpec:
    return DeliverySpec("d", "v", "c", "run", trace.id, VehicleClass.CAR, START_MS, 1000)


def speeds_of(trace: Trace) -> np.ndarray:
    """Return the speed at each second of a drive, m/s."""
    at = np.arange(0.0, trace.duration_s, 1.0)
    return np.diff(np.interp(at, trace.fix_s, trace.fix_m))


def test_at_each_fix_the_driver_is_where_it_was_recorded() -> None:
    trace = recorded()
    lat, lng = (np.interp(trace.fix_m, trace.cumulative_m, values) for values in (trace.lat_deg, trace.lng_deg))
    n = len(trace.fix_s)
    fleet = Fleet([spec_of(trace)] * n, trace_plan(trace), [0] * n)
    at = fleet.positions_at(START_MS + trace.fix_s * 1000)
    assert inverse(at.lat_deg, at.lng_deg, lat, lng)[0].max() < 0.01
    assert at.distance_m == pytest.approx(trace.fix_m, abs=0.01)
    middle = (trace.fix_s[1:] + trace.fix_s[:-1]) / 2
    between = Fleet([spec_of(trace)] * (n - 1), trace_plan(trace), [0] * (n - 1)).positions_at(START_MS + middle * 1000)
    assert between.distance_m == pytest.approx((trace.fix_m[1:] + trace.fix_m[:-1]) / 2, abs=0.01)
    assert between.speed_mps == pytest.approx(np.diff(trace.fix_m) / np.diff(trace.fix_s), abs=1e-6)
    assert (between.speed_mps[60:75] == 0).all()


def test_a_plan_keeps_the_laws() -> None:
    plan = trace_plan(recorded())
    t, d = plan.pieces[:, 0], plan.pieces[:, 1]
    assert (np.diff(t) > 0).all()
    assert (np.diff(d) >= 0).all()
    assert (d[:-1] + plan.pieces[:-1, 4] * np.diff(t) <= d[1:]).all()
    assert t[0] == d[0] == 0.0


def test_a_long_leg_follows_the_geodesic_at_one_speed() -> None:
    trace = Trace.from_fixes(
        "far", "", [0.0, 1000.0, 1010.0, 2000.0], [60.0, 60.0, 60.0, 60.3], [10.0, 11.0, 11.0, 11.2]
    )
    assert trace.given.sum() == 3 < trace.lat_deg.size
    plan = trace_plan(trace)
    moving = plan.pieces[plan.pieces[:, 4] > 0]
    assert {round(float(speed), 6) for speed in moving[:, 4]} == {
        round(float(speed), 6) for speed in (trace.fix_m[1] / 1000, (trace.fix_m[3] - trace.fix_m[2]) / 990)
    }
    standing = plan.pieces[np.flatnonzero(plan.pieces[:-1, 4] == 0)]
    assert standing[:, 0].tolist() == [1000.0]


def test_a_trace_is_simulated_to_its_end_and_restarted_from_its_middle() -> None:
    trace = recorded()
    whole, late = FleetSimulation("run"), FleetSimulation("run")
    for made in (whole, late):
        made.define_routes([pickle.loads(pickle.dumps(trace))])
    whole.add([spec_of(trace)])
    late.add([spec_of(trace)], {"d": 100})
    first, second = (made.advance(START_MS + 10_000_000) for made in (whole, late))
    assert first.values[100:] == second.values
    assert [event.kind for event in first.events] == ["started", "delivered"]
    last = json.loads(first.values[-1])
    assert (last["finished"], last["distance"]) == (True, round(trace.length_m, 1))
    assert len(first.values) == int(np.ceil(trace.duration_s)) + 1


def test_clones_have_the_length_the_duration_and_the_speeds_of_their_trace() -> None:
    trace = recorded()
    clones = [clone(trace, number, 7, offset_m=2000.0, retime=0.1) for number in range(60)]
    lengths, durations = np.array([one.length_m for one in clones]), np.array([one.duration_s for one in clones])
    assert lengths == pytest.approx(trace.length_m, rel=0.01)
    assert durations.mean() == pytest.approx(trace.duration_s, rel=0.03)
    assert (durations.min() > 0.9 * trace.duration_s, durations.max() < 1.1 * trace.duration_s) == (True, True)
    assert durations.std() == pytest.approx(0.2 * trace.duration_s / 12**0.5, rel=0.25)
    speeds, own = np.concatenate([speeds_of(one) for one in clones]), speeds_of(trace)
    assert speeds.mean() == pytest.approx(own.mean(), rel=0.04)
    assert (speeds < 0.1).mean() == pytest.approx((own < 0.1).mean(), abs=0.01)
    quantiles = np.linspace(0.3, 0.95, 14)
    assert np.quantile(speeds, quantiles) == pytest.approx(np.quantile(own, quantiles), rel=0.06)
    away = inverse(
        *np.array([(trace.lat_deg[0], trace.lng_deg[0], one.lat_deg[0], one.lng_deg[0]) for one in clones]).T
    )[0]
    assert away.max() <= 2010.0
    assert np.median(away) == pytest.approx(2000.0 / 2**0.5, rel=0.25)


def test_clones_go_everywhere_half_of_them_mirrored_and_follow_from_the_seed() -> None:
    trace = recorded()
    clones = [clone(trace, number, 7, offset_m=0.0, retime=0.0) for number in range(80)]
    heading = np.radians([one.bearing_deg[0] for one in clones])
    assert abs(np.exp(1j * heading).mean()) < 0.25
    turned = np.array([np.sign(np.sum((np.diff(one.bearing_deg) + 180) % 360 - 180)) for one in clones])
    assert abs(turned.mean()) < 0.4
    assert clones[3] == clone(trace, 3, 7, offset_m=0.0, retime=0.0) != clone(trace, 3, 8, offset_m=0.0, retime=0.0)
    assert clones[3].duration_s == pytest.approx(trace.duration_s)


GPX = """<?xml version="1.0"?><gpx version="1.1" creator="t" xmlns="http://www.topografix.com/GPX/1/1"><trk><name>Morning</name><trkseg>
<trkpt lat="47.1" lon="9.5"><time>2023-11-14T22:13:20Z</time></trkpt>
<trkpt lat="47.101" lon="9.5"><time>2023-11-14T22:13:30.500Z</time></trkpt>
<trkpt lat="47.101" lon="9.5"><time>2023-11-14T22:13:40Z</time></trkpt>
</trkseg></trk></gpx>"""


def test_gpx_and_csv_of_the_same_ride_are_the_same_trace(tmp_path: Path) -> None:
    (tmp_path / "ride.gpx").write_text(GPX)
    rows = [(BEGUN_S, 47.1), (BEGUN_S + 20, 47.101), (BEGUN_S + 10.5, 47.101)]
    forms: dict[str, Callable[[float], str]] = {
        "s": lambda s: f"{s}",
        "ms": lambda s: f"{s * 1000:.0f}",
        "iso": lambda s: datetime.fromtimestamp(s, UTC).isoformat(),
    }
    for name, form in forms.items():
        (tmp_path / f"{name}.csv").write_text(
            "id,Time,lat,lon\n" + "".join(f"x,{form(s)},{lat},9.5\n" for s, lat in rows)
        )
        (csv_trace,) = load_traces(tmp_path / f"{name}.csv").traces
        (gpx_trace,) = load_traces(tmp_path / "ride.gpx").traces
        assert (csv_trace.id, gpx_trace.id, gpx_trace.title) == (f"{name}-0", "ride-0", "Morning 0.0")
        assert csv_trace.fix_s.tolist() == gpx_trace.fix_s.tolist() == [0.0, 10.5, 20.0]
        assert csv_trace.fix_m.tolist() == gpx_trace.fix_m.tolist()
        assert csv_trace.begun_s == gpx_trace.begun_s == BEGUN_S


@pytest.mark.parametrize(
    ("name", "text", "fault"),
    [
        (
            "a.csv",
            "lat,lng\n1,2\n",
            "a.csv line 1: expected a header with time, lat, lng and perhaps id, found 'lat,lng'",
        ),
        ("a.csv", "t,lat,lng\n1,47,9\nx,47,9\n", "a.csv line 3: expected a time, found 'x'"),
        ("a.csv", "t,lat,lng\n1,47,9\n2,47.1,9\n", "a.csv line 2 to line 3: trace a-0 fix 1: 11117"),
        ("a.csv", "t,lat,lng\n1,47,9\n2,47,9\n", "needs at least 2 distinct points, found 1"),
        ("a.csv", "t,lat,lng\n", "a.csv content: has no trace"),
        ("a.gpx", GPX.replace("<time>2023-11-14T22:13:40Z</time>", ""), "a.gpx track 0 segment 0 point 2: has no time"),
        ("a.gpx", "<gpx", "a.gpx content: damaged GPX"),
    ],
)
def test_a_damaged_recording_is_refused_with_its_place(tmp_path: Path, name: str, text: str, fault: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(RouteFileError) as refused:
        load_traces(tmp_path / name)
    assert fault in str(refused.value)


def test_times_that_do_not_rise_are_refused() -> None:
    with pytest.raises(InvalidRoute, match="trace x fix 2: times must rise"):
        Trace.from_fixes("x", "", [0.0, 1.0, 1.0], [47.0, 47.0001, 47.0002], [9.0, 9.0, 9.0])


def test_traces_and_clones_are_deliveries_beside_the_fleet(tmp_path: Path) -> None:
    path = tmp_path / "rides.csv"
    lines = [f"a,{100 + s},{47.1 + s / 1e5:.5f},9.5\nb,{130 + s},{47.2 + s / 1e5:.5f},9.6" for s in range(50)]
    path.write_text("id,t,lat,lng\n" + "\n".join(lines))
    scenario = Scenario(seed=3, routes=RouteFiles(ancestor=True), traces=Traces((path,), clones=20, shift_s=40.0))
    assert Scenario.from_toml(scenario.to_toml(), "again.toml") == Scenario.from_toml(scenario.to_toml(), "again.toml")
    routes = routes_of(scenario)
    specs = list(fleet_of(scenario, "run", routes, START_MS))
    assert len(specs) == 42
    assert [spec.depart_ms for spec in specs] == sorted(spec.depart_ms for spec in specs)
    departs = {spec.delivery_id: spec.depart_ms - START_MS for spec in specs}
    assert (departs["run-t0"], departs["run-t1"]) == (0, 30_000)
    assert all(0 <= departs[f"run-t{k}"] - 30_000 * (k % 2) <= 40_000 for k in range(2, 42))
    assert {spec.pace for spec in specs} == {1.0}
    made = FleetSimulation("run")
    made.define_routes(routes)
    made.add(specs)
    tick = made.advance(START_MS + 200_000)
    assert made.active == 0
    sent = [json.loads(value) for value in tick.values]
    of_a = [record["position"] for record in sent if record["deliveryId"] == "run-t0"]
    assert of_a == [pytest.approx([47.1 + s / 1e5, 9.5], abs=2e-7) for s in range(50)]


def test_a_plain_route_is_no_trace_and_a_scenario_may_be_of_traces_alone(tmp_path: Path) -> None:
    road = Route.from_points("ride", "A ride", [47.0, 47.1], [9.5, 9.5])
    assert recorded() != road
    path = tmp_path / "ride.gpx"
    path.write_text(GPX)
    scenario = Scenario.from_toml('[traces]\nfiles = ["ride.gpx"]', "x.toml", tmp_path)
    assert [spec.route_id for spec in fleet_of(scenario, "run", routes_of(scenario), 0)] == ["ride-0"]
    with pytest.raises(ScenarioError, match="5 drivers need at least 1 route"):
        fleet_of(scenario.with_drivers(5), "run", routes_of(scenario), 0)

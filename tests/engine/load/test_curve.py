"""The fleet's size over time is a plan that the deliveries keep to, sample by sample."""

from __future__ import annotations

import pickle
from collections import Counter, defaultdict
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.delivery.simulation import FleetSimulation
from engine.delivery.spec import DeliverySpec, make_spec
from engine.demand.demand import PlanDurations, deliveries
from engine.errors import InvalidInstant
from engine.load import FleetCurve, SamplingMix
from engine.messages import DeliveryEvent
from engine.roads.route import Route, RouteTable
from engine.scenario.scenario import Scenario

START_MS = 1_700_000_000_000
ROUTES = [Route.from_points(f"r{i}", "", [47.0, 47.001 + i / 1000], [9.5, 9.5]) for i in range(4)]
STAGES = """
seed = 5
[routes]
ancestor = true
[[stages]]
shape = "ramp"
duration_s = 40
drivers = 20
[[stages]]
shape = "hold"
duration_s = 30
[[stages]]
shape = "spike"
duration_s = 10
drivers = 50
[[stages]]
shape = "ramp"
duration_s = 20
drivers = 5
[[stages]]
shape = "soak"
duration_s = 20
drivers = 8
"""


def staged(text: str = STAGES) -> Scenario:
    return Scenario.from_toml(text, "staged.toml")


def demand(scenario: Scenario) -> list[DeliverySpec]:
    table = RouteTable.from_routes(ROUTES)
    return list(deliveries(scenario, table, PlanDurations(table), run_id="run", start_ms=START_MS))


def run(scenario: Scenario) -> tuple[Counter[int], dict[str, list[int]], list[DeliveryEvent]]:
    """Return positions by second since the start, the due instants by driver, and all events."""
    made = FleetSimulation("run")
    made.define_routes(ROUTES)
    specs = {spec.delivery_id: spec for spec in demand(scenario)}
    made.add(specs.values())
    seconds: Counter[int] = Counter()
    due: dict[str, list[int]] = defaultdict(list)
    events = []
    for now_ms in range(START_MS, START_MS + scenario.curve.end_ms + 1, 500):
        tick = made.advance(now_ms)
        seconds.update(((tick.due_ms - START_MS) // 1000).tolist())
        for key, at in zip(tick.keys, tick.due_ms.tolist(), strict=True):
            due[specs[key.decode()].driver_id].append(at)
        events += tick.events
    assert made.active == 0
    return seconds, due, events


def test_the_curve_by_value() -> None:
    curve = staged().curve
    assert [(s.begin_ms, s.end_ms, s.begin, s.end) for s in curve.segments] == [
        (0, 40_000, 0.0, 20.0),
        (40_000, 70_000, 20.0, 20.0),
        (70_000, 80_000, 50.0, 50.0),
        (80_000, 100_000, 20.0, 5.0),
        (100_000, 120_000, 8.0, 8.0),
    ]
    sizes = {
        0: 0,
        1_001: 1,
        20_000: 10,
        39_999: 20,
        55_000: 20,
        70_000: 50,
        79_999: 50,
        80_000: 20,
        90_000: 12,
        99_999: 5,
        100_000: 8,
        120_000: 0,
    }
    assert {t: curve.size_at(t) for t in sizes} == sizes
    assert (curve.peak, curve.end_ms) == (50, 120_000)
    assert curve.driver_seconds() == 400 + 600 + 500 + 250 + 160
    assert curve.intervals(0) == [(1_001, 120_000)]
    assert curve.intervals(30) == [(70_000, 80_000)]
    assert curve.intervals(7) == [(15_001, 96_667), (100_000, 120_000)]
    assert curve.intervals(50) == []


pieces = st.lists(
    st.tuples(st.integers(1, 300).map(lambda n: n / 10), st.integers(0, 30), st.integers(0, 30)), min_size=1, max_size=6
)


@given(pieces, st.data())
def test_the_drivers_on_the_road_are_the_curve_rounded_at_any_instant(
    shape: list[tuple[float, int, int]], data: st.DataObject
) -> None:
    curve = FleetCurve.through(shape)
    intervals = [curve.intervals(i) for i in range(curve.peak + 1)]
    assert intervals[curve.peak] == []
    for t in data.draw(st.lists(st.integers(-5, curve.end_ms + 5), min_size=20, max_size=40)):
        assert sum(any(begin <= t < end for begin, end in of) for of in intervals) == curve.size_at(t)
    for of in intervals:
        assert all(begin < end for begin, end in of)
        assert all(before < after for (_, before), (after, _) in pairwise(of))
    lived_s = sum(end - begin for of in intervals for begin, end in of) / 1000
    assert lived_s == pytest.approx(curve.driver_seconds(), abs=0.002 * (1 + sum(map(len, intervals))))


def test_the_positions_sent_are_the_integral_of_the_plan() -> None:
    scenario = staged()
    seconds, _, _ = run(scenario)
    assert sum(seconds.values()) == pytest.approx(
        scenario.curve.driver_seconds(), abs=12
    )  # each stretch on the road rounds to a whole sample
    assert {seconds[s] for s in range(41, 70)} == {20}
    assert {seconds[s] for s in range(71, 80)} == {50}
    assert {seconds[s] for s in range(101, 120)} == {8}
    assert max(seconds) == 119


def test_a_driver_sends_one_position_a_period_from_delivery_to_delivery() -> None:
    scenario = staged()
    _, due, events = run(scenario)
    assert len([event for event in events if event.kind == "delivered"]) > 30
    for i in range(scenario.fleet.size):
        on_road = scenario.curve.intervals(i)
        sent = due[f"courier-{i}"]
        assert sent == sorted(set(sent))
        for begin, end in on_road:
            inside = [at for at in sent if begin <= at - START_MS < end]
            assert set(np.diff(inside).tolist()) <= {1000}
            assert abs(len(inside) - (end - begin) / 1000) < 1
        assert all(any(begin <= at - START_MS < end for begin, end in on_road) for at in sent)


def test_who_leaves_the_road_says_how_many_positions_there_were() -> None:
    scenario = staged()
    made = FleetSimulation("run")
    made.define_routes(ROUTES)
    specs = demand(scenario)
    made.add(specs)
    told: Counter[str] = Counter()
    finals: dict[str, DeliveryEvent] = {}
    while True:
        tick = made.advance(made.now_ms + 700 if made.now_ms > 0 else START_MS)
        told.update(key.decode() for key in tick.keys)
        finals |= {event.delivery_id: event for event in tick.events if event.positions is not None}
        if not made.active:
            break
    assert {spec.delivery_id: told[spec.delivery_id] for spec in specs} == {
        name: event.positions for name, event in finals.items()
    }
    off_the_road = [event for event in finals.values() if event.kind == "suspended"]
    assert len(off_the_road) >= 50
    by_id = {spec.delivery_id: spec for spec in specs}
    assert all(event.event_time == by_id[event.delivery_id].until_ms for event in off_the_road)


def test_a_rate_is_so_many_drivers_and_mixed_samplings_keep_it() -> None:
    text = """
seed = 3
sampling = [{hz = 1.0, share = 3.0}, {hz = 5.0, share = 1.0}]
[routes]
ancestor = true
[[stages]]
shape = "hold"
duration_s = 30
rate = 400
"""
    scenario = staged(text)
    assert scenario.sampling_mix.mean_hz == 2.0
    assert scenario.fleet.size == 200
    seconds, due, _ = run(scenario)
    assert len({seconds[s] for s in range(1, 29)}) == 1
    assert seconds[10] == pytest.approx(400, rel=0.02)
    periods = Counter(min(np.diff(sent).tolist()) for sent in due.values())
    assert periods[1000] == pytest.approx(150, abs=3)
    assert periods[200] == pytest.approx(50, abs=3)


@given(st.integers(0, 2**32), st.integers(1, 2000), st.integers(0, 5000))
def test_any_part_of_a_fleet_has_nearly_the_same_mix_of_samplings(seed: int, count: int, begin: int) -> None:
    mix = SamplingMix([(1000, 0.7), (200, 0.2), (100, 0.1)], seed)
    drawn = Counter(mix.period_ms(i) for i in range(begin, begin + count))
    for period, share in ((1000, 0.7), (200, 0.2), (100, 0.1)):
        assert abs(drawn[period] - share * count) < 3 + 2 * np.log(count)


def test_a_shorter_duration_cuts_the_stages_and_other_sizes_scale_them() -> None:
    cut = replace(staged(), duration_s=50.0)
    assert {spec.until_ms for spec in demand(cut)} <= {START_MS + 50_000}
    twice = staged().with_drivers(100)
    assert [stage.drivers for stage in twice.stages] == [40, None, 100, 10, 16]
    assert twice.fleet.size == twice.curve.peak == 100


def test_a_delivery_off_the_road_stays_so_whatever_is_done_to_it() -> None:
    made = FleetSimulation("run")
    made.define_routes(ROUTES)
    one = make_spec(
        delivery_id="d",
        driver_id="v",
        client_id="c",
        run_id="run",
        route_id="r3",
        depart_ms=START_MS,
        period_ms=1000,
        seed=1,
        until_ms=START_MS + 9_500,
    )
    made.add([one])
    made.pause("d", START_MS + 4_000)
    tick = made.advance(START_MS + 30_000)
    assert [event.kind for event in tick.events] == ["started", "stopped", "suspended"]
    assert tick.events[-1].positions == len(tick.values) == -(-(START_MS + 9_500 - one.depart_ms) // 1000)
    assert made.cancel("d", START_MS + 40_000) is None


def test_specs_are_small_and_an_older_one_is_still_read() -> None:
    one = replace(demand(staged())[0], until_ms=None)
    assert len(pickle.dumps(one)) < 300
    older = pickle.loads(pickle.dumps(one))
    older.__setstate__(one.__getstate__()[:9])
    assert older == one
    with pytest.raises(InvalidInstant, match="until_ms must be an integer after depart_ms"):
        replace(one, until_ms=one.depart_ms)

"""Demand follows from the scenario alone, in order of departure."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import replace
from itertools import islice, pairwise

import pytest

from engine.delivery.spec import DeliverySpec
from engine.demand.demand import PlanDurations, deliveries
from engine.errors import ScenarioError
from engine.motion.building import build_plans
from engine.motion.vehicle import VehicleClass
from engine.roads.route import Route, RouteTable
from engine.scenario.scenario import Scenario

START_MS = 1_700_000_000_000
ROUTES = RouteTable.from_routes(
    [Route.from_points(f"r{i}", "", [47.0, 47.003 + i / 1000], [9.5, 9.5]) for i in range(6)]
)


def scenario(
    deliveries_part: str = 'mode = "continuous"\npause_s = [10.0, 40.0]', size: int = 50, head: str = "seed = 7"
) -> Scenario:
    fleet = f"[fleet]\nsize = {size}\n[fleet.mix]\ncar = 3\nbicycle = 1"
    return Scenario.from_toml(
        f"{head}\n[routes]\nancestor = true\n{fleet}\n[deliveries]\nstart_spread_s = 60.0\n{deliveries_part}\n",
        "demand.toml",
    )


def demand(of: Scenario, count: int | None = None) -> list[DeliverySpec]:
    return list(islice(deliveries(of, ROUTES, PlanDurations(ROUTES), run_id="run", start_ms=START_MS), count))


def test_the_same_scenario_gives_the_same_demand_in_order_of_departure() -> None:
    specs = demand(scenario(), 500)
    assert specs == demand(scenario(), 500)
    assert specs[:200] == demand(scenario(), 200)
    assert [spec.depart_ms for spec in specs] == sorted(spec.depart_ms for spec in specs)
    assert len({spec.delivery_id for spec in specs}) == 500
    assert specs != demand(scenario(head="seed = 8"), 500)


def test_demand_does_not_depend_on_the_name_of_the_run() -> None:
    other = list(islice(deliveries(scenario(), ROUTES, PlanDurations(ROUTES), run_id="other", start_ms=START_MS), 300))
    assert [
        replace(spec, run_id="run", delivery_id="run" + spec.delivery_id.removeprefix("other")) for spec in other
    ] == demand(scenario(), 300)


def test_a_driver_goes_on_after_its_arrival_and_a_rest() -> None:
    by_driver: dict[str, list[DeliverySpec]] = defaultdict(list)
    for spec in demand(scenario(), 600):
        by_driver[spec.driver_id].append(spec)
    assert len(by_driver) == 50
    for number, (driver, specs) in enumerate(
        sorted(by_driver.items(), key=lambda pair: int(pair[0].removeprefix("courier-")))
    ):
        assert [spec.delivery_id for spec in specs] == [f"run-{number}-{n}" for n in range(len(specs))]
        assert {(spec.driver_id, spec.vehicle, spec.pace, spec.depart_ms % 1000) for spec in specs} == {
            (driver, specs[0].vehicle, specs[0].pace, specs[0].depart_ms % 1000)
        }
        assert START_MS <= specs[0].depart_ms < START_MS + 61_000
        for before, after in pairwise(specs):
            lasts_s = (
                build_plans(ROUTES, [(ROUTES.index_of(before.route_id), before.vehicle)]).duration_s[0] / before.pace
            )
            rest_s = (after.depart_ms - before.depart_ms) / 1000 - lasts_s
            assert 10.0 <= rest_s <= 41.1


def test_once_is_one_delivery_for_each_driver() -> None:
    specs = demand(scenario('mode = "once"'))
    assert sorted(spec.driver_id for spec in specs) == sorted(f"courier-{i}" for i in range(50))


def test_nothing_departs_at_or_after_the_end() -> None:
    specs = demand(scenario(head="seed = 7\nduration_s = 300.0"))
    assert max(spec.depart_ms for spec in specs) < START_MS + 300_000
    assert specs == demand(scenario(), len(specs))


def test_vehicles_and_routes_are_drawn_by_their_shares() -> None:
    specs = demand(scenario('mode = "once"', size=4000))
    vehicles, routes = Counter(spec.vehicle for spec in specs), Counter(spec.route_id for spec in specs)
    assert vehicles[VehicleClass.CAR] / 4000 == pytest.approx(0.75, abs=0.03)
    assert set(vehicles) == {"car", "bicycle"}
    assert min(routes.values()) > 550
    assert all(0.8 < spec.pace <= 1 for spec in specs)


def test_a_first_wave_asks_for_no_plan() -> None:
    def refuse(pairs: object) -> list[float]:
        raise AssertionError("a duration was asked for")

    far = RouteTable.from_routes([Route.from_points("far", "", [47.0, 47.1], [9.5, 9.5])])
    first = list(islice(deliveries(scenario(), far, refuse, run_id="run", start_ms=START_MS), 50))
    assert len({spec.driver_id for spec in first}) == 50


def test_an_empty_fleet_asks_for_nothing_and_drivers_without_routes_are_refused() -> None:
    none = RouteTable.from_routes([])
    assert list(deliveries(scenario(size=0), none, PlanDurations(none), run_id="run", start_ms=START_MS)) == []
    with pytest.raises(ScenarioError, match="50 drivers need at least 1 route, found 0"):
        deliveries(scenario(), none, PlanDurations(none), run_id="run", start_ms=START_MS)

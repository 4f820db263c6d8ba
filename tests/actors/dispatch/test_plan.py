from __future__ import annotations

from datetime import UTC, datetime

import pytest

from actors.dispatch.dispatcher import start_lead_ms
from actors.dispatch.plan import make_run_id, plan_run
from engine.demand.world import fleet_of, offered_routes, routes_of
from engine.errors import MessageError
from engine.messages import checked_id
from engine.scenario.files import load_scenario


def test_a_runs_id_is_made_of_scenario_and_time() -> None:
    now = datetime(2026, 1, 31, 12, 0, 5, tzinfo=UTC)
    assert make_run_id(load_scenario("liechtenstein"), now) == "couriers-of-liechtenstein-20260131t120005"
    assert make_run_id(load_scenario("brasilia"), now) == "three-routes-in-brasilia-20260131t120005"
    assert checked_id(make_run_id(load_scenario("load-10k"), now), "runId")


def test_a_plan_follows_from_scenario_and_cpus() -> None:
    plan = plan_run(load_scenario("load-10k"), "r", 2.0)
    assert (plan.drivers, plan.duration_ms, plan.period_ms, plan.actors) == (
        10_000,
        60_000,
        1000,
        ("driver-0", "driver-1"),
    )


def test_a_fleet_that_grows_is_dealt_out_and_stays_where_it_sat() -> None:
    plan = plan_run(load_scenario("ramp-and-spike"), "r", 2.0)
    assert [plan.layout.actor_of(driver) for driver in range(5)] == [0, 1, 0, 1, 0]
    assert plan.resumed(plan.identity, 4.0).layout.is_dealt
    begun_before = {name: value for name, value in plan.identity.items() if name != "is_dealt"}
    assert not plan.resumed(begun_before, 4.0).layout.is_dealt
    assert not plan_run(load_scenario("load-10k"), "r", 2.0).layout.is_dealt


def test_the_lead_follows_what_must_be_there_at_the_beginning() -> None:
    at_once, slowly = load_scenario("load-10k"), load_scenario("ramp-and-spike").with_drivers(100_000)
    assert plan_run(at_once, "r", 2.0).at_first == 10_000
    assert plan_run(slowly, "r", 2.0).at_first == 4_167  # of 50,000 within 60 s
    assert plan_run(load_scenario("liechtenstein"), "r", 2.0).at_first == 300 * 5 // 20
    assert start_lead_ms(plan_run(at_once, "r", 2.0), 2000) == pytest.approx(100 + 100 + 1000 + 4000)
    assert start_lead_ms(plan_run(slowly, "r", 2.0), 1000) < 10_000


@pytest.mark.parametrize("run_id", ["", "with space", "x" * 65])
def test_a_run_id_that_cannot_begin_delivery_ids_is_refused(run_id: str) -> None:
    with pytest.raises(MessageError, match="runId"):
        plan_run(load_scenario("brasilia"), run_id, 2.0)


def test_the_ancestors_routes_are_there_in_every_run() -> None:
    brasilia = routes_of(load_scenario("brasilia"))
    assert [route.id for route in brasilia] == ["1", "2", "3"]
    assert offered_routes([]) == brasilia
    assert len(offered_routes(brasilia)) == 3


def test_the_same_scenario_makes_the_same_fleet() -> None:
    scenario = load_scenario("brasilia")
    routes = routes_of(scenario)
    first, second = fleet_of(scenario, "r", routes, 1000), fleet_of(scenario, "r", routes, 1000)
    assert [next(first) for _ in range(20)] == [next(second) for _ in range(20)]

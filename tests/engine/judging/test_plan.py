"""The load to come, as series."""

from __future__ import annotations

import pytest

from engine.judging.plan import load_plan
from engine.scenario.files import load_scenario
from engine.scenario.scenario import Scenario

HEAD = "[routes]\nancestor = true\n"


def test_a_plan_by_value() -> None:
    plan = load_plan(load_scenario("ramp-and-spike"), 10)
    assert plan.drivers == (2500, 5000, 5000, 5000, 5000, 5000, 10_000, 5000, 5000, 5000)
    assert (plan.end_s, plan.warm_up_s, plan.mean_hz, plan.peak, plan.column_s) == (300.0, 30.0, 1.0, 10_000, 30.0)
    assert plan.positions == 1_425_000 == sum(stage.positions for stage in plan.stages)
    assert [(stage.name, stage.begin_s, stage.end_s, stage.begin, stage.end) for stage in plan.stages] == [
        ("up", 0.0, 60.0, 0, 5000),
        ("hold", 60.0, 180.0, 5000, 5000),
        ("spike", 180.0, 210.0, 10_000, 10_000),
        ("recovery", 210.0, 270.0, 5000, 5000),
        ("down", 270.0, 300.0, 5000, 0),
    ]
    assert not plan.is_upper_bound


def test_a_spike_shorter_than_a_column_is_seen() -> None:
    stages = '[[stages]]\nshape = "hold"\nduration_s = 100\ndrivers = 5\n[[stages]]\nshape = "spike"\nduration_s = 0.2\ndrivers = 90\n'  # noqa: E501
    plan = load_plan(Scenario.from_toml(HEAD + stages + '[[stages]]\nshape = "hold"\nduration_s = 100', "x"), 4)
    assert max(plan.drivers) == 90


def test_a_fleet_without_stages_rises_over_its_spread() -> None:
    plan = load_plan(Scenario.from_toml(HEAD + "[fleet]\nsize = 100\n[deliveries]\nstart_spread_s = 300", "x"), 10)
    assert plan.is_endless
    assert plan.drivers == (20, 40, 60, 80, 100, 100, 100, 100, 100, 100)
    assert plan.positions == 45_000


def test_the_arrivals_of_a_day_add_up() -> None:
    plan = load_plan(load_scenario("rush-hour"), 18)
    assert plan.arrivals == pytest.approx(sum(plan.arrivals_per_s) * 3600)
    assert plan.arrivals_per_s[12] == max(plan.arrivals_per_s[:13]) or plan.arrivals_per_s[13] == max(
        plan.arrivals_per_s
    )
    assert plan.arrivals_per_s[0] / plan.arrivals_per_s[1] == pytest.approx(5 / 9)
    told = plan.to_json()
    assert told["series"]["atS"][:3] == [0.0, 3600.0, 7200.0]
    assert len(told["series"]["drivers"]) == len(told["series"]["arrivalsPerS"]) == 18

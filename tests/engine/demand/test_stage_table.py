"""Stages as instants: by value."""

from __future__ import annotations

from typing import Any

import pytest

from engine.demand.stage_table import FleetChange, stages_of
from engine.scenario.scenario import FleetMix, RouteFiles, Scenario, Shape, Stage

STAGES = (
    Stage(Shape.RAMP, 10.0, drivers=20, name="up"),
    Stage(Shape.HOLD, 20.0, name="peak"),
    Stage(Shape.RAMP, 5.0, drivers=0, name="down"),
)


def scenario(stages: tuple[Stage, ...] = STAGES, warm_up_s: float = 0.0, duration_s: float | None = None) -> Scenario:
    fleet = FleetMix(0 if stages else 20)
    return Scenario(
        "test", routes=RouteFiles(ancestor=True), fleet=fleet, stages=stages, warm_up_s=warm_up_s, duration_s=duration_s
    )


def table(of: Scenario, end_ms: int | None = 36_000, *changes: FleetChange) -> list[list[Any]]:
    return stages_of(of, 1_000, end_ms, changes)


def test_stages_follow_each_other_from_the_start_to_the_end() -> None:
    assert table(scenario()) == [["up", 1_000, 11_000], ["peak", 11_000, 31_000], ["down", 31_000, 36_000]]


def test_stages_past_the_runs_end_are_left_out() -> None:
    assert table(scenario(duration_s=15.0), 16_000) == [["up", 1_000, 11_000], ["peak", 11_000, 16_000]]


def test_a_scenario_without_stages_has_one() -> None:
    assert table(scenario(()), None) == [["run", 1_000, None]]
    assert table(scenario((), duration_s=5.0), 6_000) == [["run", 1_000, 6_000]]


@pytest.mark.parametrize(
    ("warm_up_s", "expected"),
    [
        (4.0, [["warm-up", 1_000, 5_000], ["up", 5_000, 11_000], ["peak", 11_000, 31_000], ["down", 31_000, 36_000]]),
        (10.0, [["warm-up", 1_000, 11_000], ["peak", 11_000, 31_000], ["down", 31_000, 36_000]]),
        (12.0, [["warm-up", 1_000, 13_000], ["peak", 13_000, 31_000], ["down", 31_000, 36_000]]),
    ],
)
def test_the_warm_up_cuts_what_it_covers(warm_up_s: float, expected: list[list[Any]]) -> None:
    assert table(scenario(warm_up_s=warm_up_s)) == expected


def test_an_endless_run_warms_up_too() -> None:
    assert table(scenario((), warm_up_s=2.0), None) == [["warm-up", 1_000, 3_000], ["run", 3_000, None]]


def test_a_change_ends_the_running_stage_and_those_to_come() -> None:
    assert table(scenario(), 36_000, FleetChange(15_000, 50, None), FleetChange(20_000, 5, "calm")) == [
        ["up", 1_000, 11_000],
        ["peak", 11_000, 15_000],
        ["fleet 50", 15_000, 20_000],
        ["calm", 20_000, 36_000],
    ]


def test_a_change_of_an_endless_run_has_no_end() -> None:
    assert table(scenario(()), None, FleetChange(15_000, 50, None)) == [
        ["run", 1_000, 15_000],
        ["fleet 50", 15_000, None],
    ]


def test_a_change_at_the_beginning_leaves_nothing_of_the_plan() -> None:
    assert table(scenario(), 36_000, FleetChange(900, 7, None)) == [["fleet 7", 1_000, 36_000]]


def test_a_change_in_the_warm_up_begins_after_it() -> None:
    assert table(scenario(warm_up_s=12.0), 36_000, FleetChange(3_000, 7, None)) == [
        ["warm-up", 1_000, 13_000],
        ["fleet 7", 13_000, 36_000],
    ]


def test_of_changes_at_one_instant_the_last_counts_and_none_begins_after_the_end() -> None:
    changes = FleetChange(15_000, 50, None), FleetChange(15_000, 60, None), FleetChange(36_000, 1, None)
    assert table(scenario(()), 36_000, *changes) == [["run", 1_000, 15_000], ["fleet 60", 15_000, 36_000]]


def test_every_stage_has_a_name_of_its_own() -> None:
    changes = FleetChange(15_000, 50, None), FleetChange(16_000, 20, "peak"), FleetChange(17_000, 50, None)
    assert [name for name, _, _ in table(scenario(), 36_000, *changes)] == [
        "up",
        "peak",
        "fleet 50",
        "peak (2)",
        "fleet 50 (2)",
    ]


def test_a_warm_up_longer_than_the_run_is_all_there_is() -> None:
    of = scenario((), warm_up_s=30.0, duration_s=31.0)
    assert table(of, 21_000) == [["warm-up", 1_000, 21_000]]

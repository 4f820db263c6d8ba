"""Thresholds in a scenario: the same checks, errors and values in a file and in code."""

from __future__ import annotations

import pickle
from dataclasses import replace
from typing import Any

import pytest

from engine.errors import ScenarioError
from engine.scenario.scenario import (
    Arrivals,
    DeliveryMode,
    DeliveryPattern,
    FleetMix,
    RouteFiles,
    Scenario,
    Shape,
    Stage,
)
from engine.scenario.thresholds import RUN_LIMITS, STAGE_LIMITS, Thresholds, latency_of
from engine.scenario.viewers import Viewers

STAGES = """[routes]
ancestor = true
[[stages]]
shape = "ramp"
duration_s = 10
drivers = 4
name = "up"
[[stages]]
shape = "hold"
duration_s = 10
name = "the peak"
"""

FULL = """[thresholds]
e2e_p99_ms = 300
lost = 0
produced_rate = 0.99
window_s = 10
abort = true
[thresholds.stages."the peak"]
e2e_p99_ms = 500.5
produced_per_s = 3
"""

IN_CODE = Thresholds(
    e2e_p99_ms=300,
    lost=0,
    produced_rate=0.99,
    window_s=10,
    abort=True,
    stages={"the peak": {"e2e_p99_ms": 500.5, "produced_per_s": 3}},
)


def built(thresholds: Any) -> Scenario:
    stages = (Stage(Shape.RAMP, 10, drivers=4, name="up"), Stage(Shape.HOLD, 10, name="the peak"))
    return Scenario(name="load", routes=RouteFiles(ancestor=True), stages=stages, thresholds=thresholds)


def faults_of(text: str) -> list[str]:
    with pytest.raises(ScenarioError) as refused:
        Scenario.from_toml(text, "x.toml")
    return str(refused.value).splitlines()


def test_a_file_and_code_make_the_same_thresholds_and_either_is_written_as_the_same_file() -> None:
    scenario = Scenario.from_toml(STAGES + FULL, "load.toml")
    assert scenario.thresholds == IN_CODE
    assert built(IN_CODE) == scenario
    assert Scenario.from_toml(scenario.to_toml(), "load.toml") == scenario
    assert pickle.loads(pickle.dumps(scenario)) == scenario
    assert repr(scenario.thresholds.limits["e2e_p99_ms"]) == "300.0"
    assert (
        FULL.replace("300", "300.0").replace("= 3\n", "= 3.0\n").split()
        == scenario.to_toml()[scenario.to_toml().index("[thresholds]") :].split()
    )


def test_a_table_serves_in_code_too() -> None:
    assert built({"lost": 0, "window_s": 3}).thresholds == Thresholds({"lost": 0}, window_s=3)
    assert built(None).thresholds is None


def test_a_stage_has_its_own_limits_before_those_of_all() -> None:
    assert IN_CODE.of_stage("the peak") == {"e2e_p99_ms": 500.5, "produced_rate": 0.99, "produced_per_s": 3}
    assert IN_CODE.of_stage("up") == {"e2e_p99_ms": 300, "produced_rate": 0.99}
    assert IN_CODE.of_run == {"lost": 0}


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (
            "[thresholds]\ne2e_p98_ms = 3",
            'x.toml line 13: thresholds.e2e_p98_ms is no key of [thresholds]; did you mean "e2e_p99_ms"?',
        ),
        (
            "[thresholds]\nlatenes_p99_ms = 3",
            'thresholds.latenes_p99_ms is no key of [thresholds]; did you mean "lateness_p99_ms"?',
        ),
        (
            "[thresholds]\ne2e_p99_ms = -3",
            "x.toml line 13: thresholds.e2e_p99_ms must be a number from 0 to 3.6e+06, found -3",
        ),
        (
            "[thresholds]\nlost = 0.5",
            "x.toml line 13: thresholds.lost must be a whole number from 0 to 1,000,000,000,000, found 0.5",
        ),
        (
            "[thresholds]\nproduced_rate = 99",
            "x.toml line 13: thresholds.produced_rate must be a number from 0 to 1, found 99",
        ),
        (
            "[thresholds]\nlost = 0\nwindow_s = 0",
            "x.toml line 14: thresholds.window_s must be a whole number from 1 to 86,400, found 0",
        ),
        ("[thresholds]\nlost = 0\nabort = 1", "x.toml line 14: thresholds.abort must be true or false, found 1"),
        (
            "[thresholds]\nwindow_s = 1",
            "x.toml line 12: thresholds must name a threshold, for example e2e_p99_ms = 300",
        ),
        (
            "[thresholds.stages.up]\nlost = 0",
            "x.toml line 13: thresholds.stages.up.lost is no key of [thresholds.stages.up]",
        ),
        (
            "[thresholds.stages.top]\ne2e_max_ms = 1",
            "x.toml line 12: thresholds.stages.top is no stage of the scenario; it has up, the peak",
        ),
        ("[thresholds.stages.'the peek']\ne2e_max_ms = 1", '; it has up, the peak; did you mean "the peak"?'),
        ("[thresholds]\nlost = 0\nstages = 3", "x.toml line 14: thresholds.stages must be a table, found 3"),
        ("[thresholds]\nlost = 0\nstages = {up = 3}", "x.toml line 14: thresholds.stages.up must be a table, found 3"),
        ("[[thresholds]]\nlost = 0", "x.toml line 12: thresholds must be a table of thresholds, found [{'lost': 0}]"),
    ],
)
def test_thresholds_that_cannot_be_are_refused_with_their_line(text: str, fault: str) -> None:
    assert any(fault in found for found in faults_of(STAGES + text)), faults_of(STAGES + text)


def test_all_faults_of_thresholds_in_code_are_listed_with_the_argument() -> None:
    with pytest.raises(ScenarioError) as refused:
        built(Thresholds(e2e_p99_s=1, lost=-1, stages={"up": {"viewed_max_ms": float("nan")}}))
    assert str(refused.value).splitlines() == [
        'Scenario thresholds.e2e_p99_s is no key of [thresholds]; did you mean "e2e_p99_ms"?',
        "Scenario thresholds.lost must be a whole number from 0 to 1,000,000,000,000, found -1",
        "Scenario thresholds.stages.up.viewed_max_ms must be a number from 0 to 3.6e+06, found nan",
    ]
    with pytest.raises(ScenarioError, match="Scenario thresholds must be a table of thresholds, found 3"):
        built(3)


def test_a_run_without_stages_has_the_one_stage_run() -> None:
    text = "[routes]\nancestor = true\n[fleet]\nsize = 1\n[thresholds.stages.%s]\ne2e_p50_ms = 1"
    assert Scenario.from_toml(text % "run", "x").thresholds == Thresholds(stages={"run": {"e2e_p50_ms": 1}})
    assert faults_of(text % "hold") == ["x.toml line 5: thresholds.stages.hold is no stage of the scenario; it has run"]


def test_a_share_of_the_plan_is_asked_for_only_where_the_plan_is_all_positions() -> None:
    plain = Scenario(routes=RouteFiles(ancestor=True), fleet=FleetMix(4), thresholds=Thresholds(produced_rate=0.99))
    told = "thresholds must not have produced_rate where drivers rest or end, or where"
    for changed in (
        {"arrivals": Arrivals("constant", per_second=1.0)},  # type: ignore[arg-type]
        {"deliveries": DeliveryPattern(DeliveryMode.ONCE)},
        {"deliveries": DeliveryPattern(pause_s=(0.0, 1.0))},
    ):
        with pytest.raises(ScenarioError, match=told):
            replace(plain, **changed)
        replace(plain, **changed, thresholds=Thresholds(produced_per_s=1))


def test_what_only_viewers_measure_needs_viewers() -> None:
    told = "thresholds must not have viewed_p99_ms without \\[viewers\\]: only simulated viewers measure it"
    for thresholds in (Thresholds(viewed_p99_ms=300), Thresholds(lost=0, stages={"up": {"viewed_p99_ms": 300}})):
        with pytest.raises(ScenarioError, match=told):
            built(thresholds)
        replace(built(None), viewers=Viewers(count=1), thresholds=thresholds)


def test_a_fleet_of_another_size_keeps_its_thresholds_and_those_in_positions_a_second_grow_with_it() -> None:
    larger = built(replace(IN_CODE, limits={"e2e_p99_ms": 300.0, "produced_per_s": 2.0})).with_drivers(8).thresholds
    assert larger == Thresholds(
        e2e_p99_ms=300,
        produced_per_s=4,
        window_s=10,
        abort=True,
        stages={"the peak": {"e2e_p99_ms": 500.5, "produced_per_s": 6}},
    )
    plain = Scenario(routes=RouteFiles(ancestor=True), fleet=FleetMix(10), thresholds=Thresholds(produced_per_s=9))
    assert plain.with_drivers(20).thresholds == Thresholds(produced_per_s=18)
    assert replace(plain, fleet=FleetMix(0)).with_drivers(20).thresholds == plain.thresholds


def test_a_stage_that_is_called_otherwise_keeps_its_thresholds() -> None:
    renamed = IN_CODE.renamed("the peak", "top")
    assert (renamed.of_stage("top"), renamed.of_stage("the peak")) == (
        IN_CODE.of_stage("the peak"),
        IN_CODE.of_stage("up"),
    )


def test_a_name_says_segment_and_percentile() -> None:
    found = {
        name: latency_of(name)
        for name in (
            "e2e_p999_ms",
            "lateness_max_ms",
            "produced_p50_ms",
            "produced_rate",
            "produced_per_s",
            "lost",
            "e2e_ms",
        )
    }
    assert found == {
        "e2e_p999_ms": ("e2e", 99.9),
        "lateness_max_ms": ("lateness", 100.0),
        "produced_p50_ms": ("produced", 50.0),
        "produced_rate": None,
        "produced_per_s": None,
        "lost": None,
        "e2e_ms": None,
    }
    assert sum(latency_of(name) is not None for name in STAGE_LIMITS) == 9 * 6
    assert set(RUN_LIMITS) == {"lost", "duplicated", "failed"}

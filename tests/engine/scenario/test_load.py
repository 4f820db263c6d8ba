"""Load in a scenario: the same checks and the same errors in a file and in code."""

from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path

import pytest

from engine.errors import ScenarioError
from engine.motion.vehicle import VehicleClass
from engine.scenario.scenario import (
    ArrivalProcess,
    Arrivals,
    DeliveryMode,
    DeliveryPattern,
    FleetMix,
    NetworkSource,
    RouteFiles,
    Sampling,
    Scenario,
    Shape,
    Stage,
)

ROADS = "[routes]\nancestor = true\n"

FULL = """name = "Load"
warm_up_s = 10.0
[routes]
ancestor = true
[route_weights]
"1" = 3
"city-*" = 0
[fleet.mix]
van = 1
[[stages]]
shape = "ramp"
duration_s = 30
rate = 100
[[stages]]
name = "peak"
shape = "spike"
duration_s = 5.5
drivers = 90
[arrivals]
process = "histogram"
per_hour = 3600
histogram = [1, 0, 3]
from_hour = 7.5
[[sampling]]
hz = 1
share = 3
[[sampling]]
hz = 5
"""


def faults_of(text: str) -> list[str]:
    with pytest.raises(ScenarioError) as refused:
        Scenario.from_toml(text, "x.toml")
    return str(refused.value).splitlines()


def built() -> Scenario:
    return Scenario(
        name="Load",
        warm_up_s=10,
        routes=RouteFiles(ancestor=True),
        route_weights={"1": 3, "city-*": 0},
        fleet=FleetMix(mix={VehicleClass.VAN: 1}),
        stages=(Stage(Shape.RAMP, 30, rate=100), Stage("spike", 5.5, drivers=90, name="peak")),  # type: ignore[arg-type]
        arrivals=Arrivals(ArrivalProcess.HISTOGRAM, per_hour=3600, histogram=(1, 0, 3), from_hour=7.5),
        sampling=(Sampling(1, 3), Sampling(5)),
    )


def test_a_file_and_code_make_the_same_scenario_and_either_is_written_as_the_same_file() -> None:
    scenario = built()
    assert scenario == Scenario.from_toml(FULL, "load.toml")
    assert Scenario.from_toml(scenario.to_toml(), "again.toml") == scenario
    assert pickle.loads(pickle.dumps(scenario)) == scenario
    assert (scenario.fleet.size, scenario.duration_s, scenario.warm_up_s) == (90, 35.5, 10.0)
    assert [stage.name for stage in scenario.stages] == ["ramp 1", "peak"]
    assert scenario.stages[1].shape is Shape.SPIKE
    assert isinstance(scenario.stages[0].rate, float)
    assert [piece.end for piece in scenario.curve.segments] == [
        50.0,
        90.0,
    ]  # 100 positions/s at 2 Hz a driver on average
    assert not scenario.is_endless


def test_the_least_that_code_must_say() -> None:
    scenario = Scenario(network=NetworkSource("liechtenstein"), fleet=FleetMix(5))
    assert scenario == Scenario.from_toml('[network]\nextract = "liechtenstein"\n[fleet]\nsize = 5', "scenario.toml")


def test_all_faults_of_a_scenario_in_code_are_listed_with_the_argument() -> None:
    with pytest.raises(ScenarioError) as refused:
        Scenario(
            name="",
            sample_hz=-1,
            network=NetworkSource("liechtenstien", routes=0),
            fleet=FleetMix(-3, {"carr": 2, "car": -1}),  # type: ignore[dict-item]
            stages=(Stage("climb", 3, drivers=2), Stage(Shape.HOLD, float("nan"))),  # type: ignore[arg-type]
        )
    assert str(refused.value).splitlines() == [
        "Scenario name must be a text, found ''",
        "Scenario sample_hz must be a number from 0.1 to 10, found -1",
        "Scenario network.extract must be one of liechtenstein, found 'liechtenstien'; did you mean \"liechtenstein\"?",
        "Scenario network.routes must be a whole number from 1 to 1,000,000, found 0",
        "Scenario fleet.size must be a whole number from 0 to 10,000,000, found -3",
        'Scenario fleet.mix.carr is no key of [fleet.mix]; did you mean "car"?',
        "Scenario fleet.mix.car must be a number from 0 to 1e+09, found -1",
        "Scenario stages[0].shape must be one of ramp, hold, spike, soak, found 'climb'",
        "Scenario stages[1].duration_s must be a number from 0.1 to 3.16224e+07, found nan",
    ]
    assert type(pickle.loads(pickle.dumps(refused.value))) is ScenarioError
    with pytest.raises(ScenarioError, match=r"^Scenario: a scenario needs either \[network\] or \[routes\]$"):
        Scenario()
    with pytest.raises(ScenarioError, match=r"^Scenario fleet must be a FleetMix, found 5$"):
        Scenario(routes=RouteFiles(ancestor=True), fleet=5)  # type: ignore[arg-type]
    with pytest.raises(ScenarioError, match=r"^Scenario duration_s must be a number from 1 to"):
        replace(built(), duration_s=0.5)
    with pytest.raises(ScenarioError, match=r"routes\.files names a file that does not exist: 'gone\.gpx'"):
        Scenario(routes=RouteFiles((Path("gone.gpx"),)))


def stages(*told: str) -> str:
    return ROADS + "".join(f"[[stages]]\n{one}\n" for one in told)


UP = 'shape = "ramp"\nduration_s = 10\ndrivers = 4'


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (stages(UP, UP + "\nrate = 3"), "x.toml line 11: stages[1].rate must not stand beside drivers: a stage has one target"),  # noqa: E501
        (stages(UP, 'shape = "spike"\nduration_s = 1'), "x.toml line 7: stages[1] of shape spike needs a target: drivers = ... or rate = ..."),  # noqa: E501
        (stages('shape = "hold"\nduration_s = 1'), "x.toml line 3: stages[0] of shape hold needs a target"),
        (stages("duration_s = 1\ndrivers = 4"), "x.toml line 3: stages[0].shape is missing: how the fleet's size goes: ramp, hold, spike or soak"),  # noqa: E501
        (stages(UP, UP + "\ndriver = 3"), 'x.toml line 11: stages[1].driver is no key of [stages[1]]; did you mean "drivers"?'),  # noqa: E501
        (stages(UP, UP.replace("10", "0")), "x.toml line 9: stages[1].duration_s must be a number from 0.1 to 3.16224e+07, found 0"),  # noqa: E501
        (stages(UP + '\nname = "a"', UP + '\nname = "a"'), "x.toml line 12: stages[1].name must be a name of its own, found 'a' twice"),  # noqa: E501
        (stages(UP.replace("drivers = 4", "rate = 1e8")), "x.toml line 3: stages must need at most 10,000,000 drivers, found 100,000,000"),  # noqa: E501
        (stages(UP) + "[fleet]\nsize = 9", "x.toml line 8: fleet.size must be absent or 4, the peak of the stages, found 9"),  # noqa: E501
        ("duration_s = 11\n" + stages(UP), "x.toml line 1: duration_s must be absent or at most 10, the length of all stages, found 11"),  # noqa: E501
        ("warm_up_s = 10\n" + stages(UP), "x.toml line 1: warm_up_s must be less than the run's 10 s, found 10"),
        (stages(UP) + '[deliveries]\nmode = "once"', 'line 8: deliveries.mode must be "continuous" or absent beside [[stages]], found \'once\''),  # noqa: E501
        (stages(UP) + "[deliveries]\npause_s = [0, 1]", "line 8: deliveries.pause_s must be [0, 0] or absent beside [[stages]], found [0.0, 1.0]"),  # noqa: E501
        (stages(UP) + "[deliveries]\nstart_spread_s = 2", "line 8: deliveries.start_spread_s must be 0 or absent beside [[stages]], found 2"),  # noqa: E501
        ("stages = 3\n" + ROADS, "x.toml line 1: stages must be at most 1,000 tables [[stages]], found 3"),
        (ROADS + "[arrivals]\nprocess = 'poisson'", "x.toml line 3: arrivals needs either per_second or per_hour"),
        (ROADS + "[arrivals]\nper_second = 0", "x.toml line 3: arrivals.process is missing: when deliveries come: constant, poisson or histogram"),  # noqa: E501
        (ROADS + "[arrivals]\nprocess = 'histogram'\nper_second = 1", "line 3: arrivals.histogram is missing: the relative intensities"),  # noqa: E501
        (ROADS + "[arrivals]\nprocess = 'histogram'\nper_second = 1\nhistogram = [0, 0]", "line 6: arrivals.histogram must be 1 to 1,440 numbers from 0"),  # noqa: E501
        (ROADS + "[arrivals]\nprocess = 'poisson'\nper_second = 1\nhistogram = [1]", 'line 6: arrivals.histogram goes with process = "histogram" and only'),  # noqa: E501
        (ROADS + "[fleet]\nsize = 1\n[[sampling]]\nhz = 1\nshare = 0", "x.toml line 5: sampling needs a share above 0"),
        (ROADS + "[fleet]\nsize = 1\n[[sampling]]\nhz = 11", "x.toml line 6: sampling[0].hz must be a number from 0.1 to 10, found 11"),  # noqa: E501
        (ROADS + "route_weights = 3\n[fleet]\nsize = 1", 'routes.route_weights is no key of [routes]'),
        ("route_weights = {a = -1}\n" + ROADS + "[fleet]\nsize = 1", "x.toml line 1: route_weights.a must be a number from 0 to 1e+09, found -1"),  # noqa: E501
    ],
)  # fmt: skip
def test_load_that_cannot_be_is_refused_with_its_line(text: str, fault: str) -> None:
    assert any(fault in found for found in faults_of(text)), faults_of(text)


def test_a_scenario_of_arrivals_alone_needs_no_fleet() -> None:
    scenario = Scenario.from_toml(
        ROADS + "[arrivals]\nprocess = 'constant'\nper_second = 2\n[deliveries]\nmode = 'once'", "x.toml"
    )
    assert scenario.fleet.size == 0
    assert scenario.is_endless
    assert scenario.deliveries == DeliveryPattern(DeliveryMode.ONCE)

"""Simulated viewers in a scenario: the same checks in a file and in code."""

from __future__ import annotations

import pytest

from engine.errors import ScenarioError
from engine.scenario.scenario import FleetMix, RouteFiles, Scenario, Viewers

ROADS = "[routes]\nancestor = true\n[fleet]\nsize = 5\n"


def test_a_file_and_code_say_the_same_viewers_and_are_written_as_the_same_file() -> None:
    read = Scenario.from_toml(f"{ROADS}[viewers]\ncount = 200\nstalled = 0.1\npan_s = 3\n", "scenario.toml")
    assert read == Scenario(
        routes=RouteFiles(ancestor=True), fleet=FleetMix(5), viewers=Viewers(200, stalled=0.1, pan_s=3)
    )
    assert read.viewers == Viewers(200, 0.0, 0.1, 0.0, 3.0)
    assert Scenario.from_toml(read.to_toml(), "again.toml").viewers == read.viewers
    assert Scenario.from_toml(ROADS, "x").viewers is None


@pytest.mark.parametrize(
    ("section", "complaint"),
    [
        ("count = 0", "x line 6: viewers.count must be a whole number from 1 to 100,000, found 0"),
        ("slow = 0.1", "x line 5: viewers.count is missing: how many"),
        ("count = 1\nsloww = 0.1", 'x line 7: viewers.sloww is no key of [viewers]; did you mean "slow"?'),
        (
            "count = 1\nslow = 0.5\nstalled = 0.6",
            "x line 5: viewers must have slow, stalled and reconnecting of at most 1 together, found 1.1",
        ),
    ],
)
def test_faulty_viewers_are_refused_with_value_bound_and_line(section: str, complaint: str) -> None:
    with pytest.raises(ScenarioError) as refused:
        Scenario.from_toml(f"{ROADS}[viewers]\n{section}\n", "x")
    assert str(refused.value) == complaint

"""Disturbances in a scenario: the same checks in a file and in code."""

from __future__ import annotations

import pytest

from engine.errors import ScenarioError
from engine.scenario.scenario import Disturbance, DisturbanceKind, FleetMix, RouteFiles, Scenario

BASE = "duration_s = 60\n[routes]\nancestor = true\n[fleet]\nsize = 3\n"


def test_a_file_and_code_say_the_same_and_a_file_reads_back() -> None:
    text = (
        BASE
        + '[[disturbances]]\nkind = "kill_driver"\nat_s = 5\n[[disturbances]]\nkind = "pause_consumers"\nat_s = 20.5\nduration_s = 3\n'  # noqa: E501
    )
    built = Scenario(
        name="s",
        duration_s=60,
        routes=RouteFiles(ancestor=True),
        fleet=FleetMix(size=3),
        disturbances=(
            Disturbance(DisturbanceKind.KILL_DRIVER, 5.0),
            Disturbance(DisturbanceKind.PAUSE_CONSUMERS, 20.5, 3.0),
        ),
    )
    assert Scenario.from_toml(text, "s.toml") == built
    assert Scenario.from_toml(built.to_toml(), "s.toml") == built
    assert [one.pause_s for one in built.disturbances] == [0.0, 3.0]


@pytest.mark.parametrize(
    ("section", "fault"),
    [
        (
            'kind = "kill_all"\nat_s = 1',
            "disturbances[0].kind must be one of kill_driver, kill_dispatcher, pause_consumers, reconnect_viewers, found",  # noqa: E501
        ),
        ('kind = "kill_driver"', "disturbances[0].at_s is missing"),
        (
            'kind = "reconnect_viewers"\nat_s = 1',
            "disturbances[0].kind needs [viewers]: without them there is no viewer to reconnect",
        ),
        ('kind = "kill_driver"\nat_s = 60', "disturbances[0].at_s must be less than the run's 60 s, found 60"),
        (
            'kind = "kill_driver"\nat_s = 1\nduration_s = 2',
            'disturbances[0].duration_s goes with kind = "pause_consumers" and only with it',
        ),
        (
            'kind = "pause_consumers"\nat_s = 1\nduration_s = 601',
            "disturbances[0].duration_s must be a number from 0.1 to 600, found 601",
        ),
    ],
)
def test_what_cannot_be_is_refused_with_its_line(section: str, fault: str) -> None:
    with pytest.raises(ScenarioError) as refused:
        Scenario.from_toml(f"{BASE}[[disturbances]]\n{section}\n", "s.toml")
    assert fault in str(refused.value)
    assert "s.toml line " in str(refused.value)

"""The dispatcher's process: what it cannot make a world of is refused, and not tried again."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from actors.dispatch.journal import FileJournal
from actors.dispatch.plan import plan_run
from actors.on_ray import dispatcher_actor
from actors.on_ray.dispatcher_actor import Dispatching
from actors.settings import Settings
from engine.scenario.scenario import FleetMix, NetworkSource, RouteFiles, Scenario


class NoCrew:
    """A crew without drivers."""

    def __init__(self, *_arguments: object) -> None:
        """Keep nothing."""

    def start(self) -> None:
        """Start nothing."""

    def dismiss(self) -> None:
        """End nothing."""


FAR = NetworkSource("liechtenstein", routes=2, min_length_m=500_000.0, max_length_m=600_000.0)


@pytest.mark.parametrize(
    ("network", "fault"),
    [
        (None, "t.txt line 2: latitude must be from -90 to 90, found nan"),
        (FAR, "found only 0 of 2 routes of 500000 to 600000 m from 240 places"),
    ],
)
def test_a_world_that_cannot_be_ends_the_run_with_its_reason(
    network: NetworkSource | None, fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "t.txt").write_text("47,9\nnan,9\n47.1,9\n")
    scenario = Scenario(
        network=network, routes=None if network else RouteFiles((tmp_path / "t.txt",)), fleet=FleetMix(1)
    )
    journal = FileJournal(tmp_path / "run.journal")
    monkeypatch.setattr(dispatcher_actor, "RayCrew", NoCrew)
    monkeypatch.setattr(dispatcher_actor, "open_journal", lambda *_arguments: journal)
    monkeypatch.setattr(os, "_exit", lambda _code: None)
    made = Dispatching(plan_run(scenario, "run", 1.0), scenario, Settings(), 1.0, "namespace")
    made.join(60.0)
    assert made.progress().refusal.endswith(fault)
    journal.close()

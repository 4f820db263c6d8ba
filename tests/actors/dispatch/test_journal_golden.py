"""The journal's entries stay as they are: those of an earlier version are read and written the same."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from actors.dispatch.journal import FileJournal, Table
from engine.messages import ControlRun, StartDelivery, StoryStatus

GOLDEN = Path(__file__).parents[2] / "golden" / "journal" / "run.journal"


def live(make_world: Callable[..., Any]) -> Any:
    """The run that the golden journal is of, up to the point where its dispatcher ends."""
    world = make_world(drivers=4, actors=2, deliveries=2)
    world.run(1)
    world.requests.put(
        StartDelivery("road-0", "me", "asked", vehicle="van"),
        StartDelivery("nowhere", "me", "waits"),
        ControlRun("run", "pause", "run-1-0"),
    )
    world.run(6)
    world.requests.put(ControlRun("run", "scale", time_scale=2.0))
    world.run(70)
    world.requests.put(StartDelivery("road-1", "me", "placed"), StartDelivery("later", "me", "still-waits"))
    world.run(0.3)
    return world


def lines(table: Table) -> list[str]:
    """Return a journal's entries as lines, an incarnation named after its actor."""
    for key, entry in table.items():
        if key.startswith("actor/"):
            entry["incarnation"] = f"incarnation of {key.removeprefix('actor/')}"
    return [json.dumps([key, entry], separators=(",", ":")) for key, entry in table.items()]


def test_the_same_run_writes_the_same_entries(make_world: Callable[..., Any]) -> None:
    assert lines(live(make_world).journal.read()) == GOLDEN.read_text().splitlines()


def test_a_dispatcher_continues_from_an_earlier_versions_file(make_world: Callable[..., Any], tmp_path: Path) -> None:
    world = live(make_world)
    path = tmp_path / "run.journal"
    path.write_bytes(GOLDEN.read_bytes())
    world.journal = FileJournal(path)
    world.restart_dispatcher()
    ids = ("run-1-0", "run-0-0", "asked", "placed", "still-waits", "waits")
    assert [world.dispatcher.story(delivery_id, world.now).status for delivery_id in ids] == [
        StoryStatus.ON_THE_ROAD,
        StoryStatus.FINISHED,
        StoryStatus.FINISHED,
        StoryStatus.ON_THE_ROAD,
        StoryStatus.WAITING,
        StoryStatus.UNKNOWN,
    ]
    world.requests.put(ControlRun("run", "resume", "run-1-0"))
    world.run(200)
    assert world.end()
    assert world.ledger().missing() == []
    world.journal.close()

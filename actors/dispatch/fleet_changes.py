"""How the journal tells of changes of the fleet: each with how many deliveries had been taken by then, so that a dispatcher that starts over takes the same."""

from __future__ import annotations

from dataclasses import asdict

from actors.dispatch.journal import Change, Table
from engine.load.curve import FleetChange

_KEY = "change/"


def noted(number: int, change: FleetChange, taken: int) -> Change:
    """Return what the journal is told of change `number`, from 0, with so many deliveries taken before it."""
    return f"{_KEY}{number}", {**asdict(change), "taken": taken}


def noted_changes(table: Table) -> list[tuple[FleetChange, int]]:
    """Return the changes that a journal holds, in the order in which they were asked for, and how many deliveries had been taken before each."""
    entries = sorted((int(key.removeprefix(_KEY)), entry) for key, entry in table.items() if key.startswith(_KEY))
    return [(FleetChange(entry["at_ms"], entry["drivers"], entry["stage"]), entry["taken"]) for _, entry in entries]

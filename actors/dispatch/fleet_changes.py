"""Changes of the fleet in the journal.

Each has the number of deliveries taken before it, so that a restarted dispatcher takes the same ones.
"""

from __future__ import annotations

from dataclasses import asdict

from actors.dispatch.journal import Change, Table
from engine.load.curve import FleetChange

_KEY = "change/"


def noted(number: int, change: FleetChange, taken: int) -> Change:
    """Return the journal entry of change `number`, from 0, with `taken` deliveries taken before it."""
    return f"{_KEY}{number}", {**asdict(change), "taken": taken}


def noted_changes(table: Table) -> list[tuple[FleetChange, int]]:
    """Return the changes in a journal, oldest first, each with how many deliveries were taken before it."""
    entries = sorted((int(key.removeprefix(_KEY)), entry) for key, entry in table.items() if key.startswith(_KEY))
    return [(FleetChange(entry["at_ms"], entry["drivers"], entry["stage"]), entry["taken"]) for _, entry in entries]

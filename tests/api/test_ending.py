"""The end of the application: every step is tried, and its longest time is the sum of its parts."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field

import pytest

from api import bounds
from api.app import create_app
from api.bounds import STORE_S, longest_end_s
from api.bus import MemoryBus
from api.deps import Stores
from api.errors import StoreUnavailable
from api.settings import Settings
from api.stores.memory import MemoryHistory, MemoryState
from engine.messages import RunEvent


class DeadHistory(MemoryHistory):
    """Refuses every question, as a database that must be opened again."""

    def __init__(self) -> None:
        super().__init__()
        self.is_closed = False

    async def holdings(self, run_id: str):  # type: ignore[no-untyped-def]
        raise StoreUnavailable("history.duckdb: database has been invalidated")

    async def close(self) -> None:
        self.is_closed = True


@dataclass
class FakeReader:
    """Notes how it was ended."""

    role: str = "history"
    is_assigned: bool = True
    stopped: list[float] = field(default_factory=list)

    def start(self) -> None: ...

    def stop(self, timeout_s: float) -> None:
        self.stopped.append(timeout_s)


async def test_a_store_that_refuses_does_not_keep_the_rest_from_ending(caplog: pytest.LogCaptureFixture) -> None:
    history, reader = DeadHistory(), FakeReader()
    app = create_app(Settings(), stores=Stores(MemoryState(), history), bus=MemoryBus())
    with caplog.at_level(logging.ERROR, "api.ending"):
        async with app.router.lifespan_context(app):
            parts = app.state.services
            parts.readers.append(reader)
            parts.tally.set_clock(RunEvent("run", "running", 0, 0, "s", 1, clock=[0, 0, 1.0]))
    assert (reader.stopped, history.is_closed) == ([STORE_S], True)
    assert caplog.messages == [
        "what is on its way is not waited for: history.duckdb: database has been invalidated",
        "the runs are not accounted for: history.duckdb: database has been invalidated",
    ]


def test_the_longest_end_is_the_sum_of_its_parts() -> None:
    parts = [value for name, value in vars(bounds).items() if name.isupper() and name != "DRAIN_S"]
    assert longest_end_s(7.0) == sum(parts) + 7.0

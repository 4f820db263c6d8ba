"""The data folder: each part that may be the first to make it makes it for its user alone."""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from actors.dispatch.journal import FileJournal
from api.stores.embedded import DuckDbHistory, SqliteState
from cli.local.child import Child
from cli.local.scenario_file import effective_scenario, write_run
from cli.local.services.errors import ServicesError
from cli.local.services.local import Services
from cli.local.settings import UpSettings


@pytest.fixture(autouse=True)
def _open_handed() -> Iterator[None]:
    """Others may enter what is made without a thought."""
    before = os.umask(0)
    yield
    os.umask(before)


def _store(store: SqliteState | DuckDbHistory) -> None:
    async def opened() -> None:
        await store.open()
        await store.close()

    asyncio.run(opened())


def _log(folder: Path) -> None:
    child = Child("the part", "this", [], {}, folder / "logs" / "part.log")
    child.start()
    child.stop(10.0)


def _services(folder: Path) -> None:
    services = Services(folder / "services", cache=folder.with_name("no-folder"))
    services.kafka.fetch = services.elasticsearch.fetch = services.mongodb.fetch = _cannot  # type: ignore[method-assign, assignment]
    with pytest.raises(ServicesError):
        services.start()


def _cannot(_: object) -> None:
    raise ServicesError("no fetching in a unit test")


@pytest.mark.parametrize(
    "make",
    [
        lambda folder: write_run(effective_scenario(UpSettings(drivers=1)), folder),
        lambda folder: FileJournal(folder / "journal" / "run.jsonl").close(),
        lambda folder: _store(SqliteState(folder / "state.sqlite3")),
        lambda folder: _store(DuckDbHistory(folder / "history.duckdb")),
        _log,
        _services,
    ],
    ids=["scenario", "journal", "state", "history", "log", "services"],
)
def test_others_cannot_enter_a_data_folder_that_is_made(make: Callable[[Path], object], tmp_path: Path) -> None:
    make(tmp_path / "data")
    assert stat.S_IMODE((tmp_path / "data").stat().st_mode) == 0o700

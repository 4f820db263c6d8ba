"""The stores that the contract is held against. A new adapter joins these lists and nothing else."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from api.stores.base import HistoryStore, StateStore
from api.stores.embedded import DuckDbHistory, SqliteState
from api.stores.memory import MemoryHistory, MemoryState

STATE_STORES: dict[str, Callable[[Path], StateStore]] = {
    "memory": lambda _: MemoryState(),
    "sqlite": lambda folder: SqliteState(folder / "state.sqlite3"),
}
HISTORY_STORES: dict[str, Callable[[Path], HistoryStore]] = {
    "memory": lambda _: MemoryHistory(),
    "duckdb": lambda folder: DuckDbHistory(folder / "history.duckdb"),
}


@pytest.fixture(params=list(STATE_STORES))
async def state(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[StateStore]:
    """An empty, open state store."""
    store = STATE_STORES[request.param](tmp_path)
    await store.open()
    yield store
    await store.close()


@pytest.fixture(params=list(HISTORY_STORES))
async def history(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[HistoryStore]:
    """An empty, open history store."""
    store = HISTORY_STORES[request.param](tmp_path)
    await store.open()
    yield store
    await store.close()

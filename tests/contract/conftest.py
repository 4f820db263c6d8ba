"""The stores that the contract is held against. A new adapter joins these lists and nothing else."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest
from elastic_prefixes import elasticsearch_url, prefix_for_a_test
from mongo_databases import database_for_a_test, mongodb_url

from api.stores.base import HistoryStore, StateStore
from api.stores.elastic import ElasticHistory, ElasticOptions
from api.stores.embedded import DuckDbHistory, SqliteState
from api.stores.memory import MemoryHistory, MemoryState
from api.stores.mongo import MongoState


@contextmanager
def _memory(_: pytest.FixtureRequest) -> Iterator[Callable[[], StateStore]]:
    store = MemoryState()
    yield lambda: store


@contextmanager
def _sqlite(request: pytest.FixtureRequest) -> Iterator[Callable[[], StateStore]]:
    folder = request.getfixturevalue("tmp_path")
    yield lambda: SqliteState(folder / "state.sqlite3")


@contextmanager
def _mongo(request: pytest.FixtureRequest) -> Iterator[Callable[[], StateStore]]:
    url = mongodb_url(request)
    with database_for_a_test(url) as name:
        yield lambda: MongoState(url, name)


STATE_STORES: dict[str, Callable[[pytest.FixtureRequest], AbstractContextManager[Callable[[], StateStore]]]] = {
    "memory": _memory,
    "sqlite": _sqlite,
    "mongo": _mongo,
}
"""Places for one test by name: every call makes one more store over the same facts, like a process."""


@contextmanager
def _memory_history(_: pytest.FixtureRequest) -> Iterator[HistoryStore]:
    yield MemoryHistory()


@contextmanager
def _duckdb(request: pytest.FixtureRequest) -> Iterator[HistoryStore]:
    yield DuckDbHistory(request.getfixturevalue("tmp_path") / "history.duckdb")


@contextmanager
def _elastic(request: pytest.FixtureRequest) -> Iterator[HistoryStore]:
    url = elasticsearch_url(request)
    with prefix_for_a_test(url) as prefix:
        yield ElasticHistory(url, ElasticOptions(prefix))


HISTORY_STORES: dict[str, Callable[[pytest.FixtureRequest], AbstractContextManager[HistoryStore]]] = {
    "memory": _memory_history,
    "duckdb": _duckdb,
    "elastic": _elastic,
}


@pytest.fixture(
    params=[pytest.param(name, marks=[pytest.mark.services] if name == "mongo" else []) for name in STATE_STORES]
)
def new_state(request: pytest.FixtureRequest) -> Iterator[Callable[[], StateStore]]:
    """Makes state stores over the same facts."""
    with STATE_STORES[request.param](request) as made:
        yield made


@pytest.fixture
async def state(new_state: Callable[[], StateStore]) -> AsyncIterator[StateStore]:
    """An empty, open state store."""
    store = new_state()
    await store.open()
    yield store
    await store.close()


@pytest.fixture
async def states(new_state: Callable[[], StateStore]) -> AsyncIterator[list[StateStore]]:
    """Two open state stores over the same facts, as two processes have them."""
    stores = [new_state(), new_state()]
    for store in stores:
        await store.open()
    yield stores
    for store in stores:
        await store.close()


@pytest.fixture(
    params=[pytest.param(name, marks=[pytest.mark.services] if name == "elastic" else []) for name in HISTORY_STORES]
)
async def history(request: pytest.FixtureRequest) -> AsyncIterator[HistoryStore]:
    """An empty, open history store."""
    with HISTORY_STORES[request.param](request) as store:
        await store.open()
        yield store
        await store.close()

"""The stores that the API's settings name, opened for reading. A file that is not there is not made."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

from api.deps import Stores
from api.settings import Settings
from api.stores.base import HistoryStore, PositionColumns, StateStore
from api.stores.embedded import DuckDbHistory, SqliteState
from api.stores.mongo import MongoState
from cli.verify.verification import AllPositions, CannotVerify


def stores_of(settings: Settings) -> Stores:
    """Return the two stores.

    Raises
    ------
    CannotVerify : the file of an embedded store is not there.
    """
    return Stores(_state(settings), _history(settings))


def all_in_state(stores: Stores, run_id: str, *, wanted: bool) -> AllPositions | None:
    """Return how every position that the state store keeps is read; None if it is of a kind that keeps the newest ones only.

    Parameters
    ----------
    wanted : read them even if there are none of the run.
    """
    state = stores.state
    if not isinstance(state, MongoState):
        return None

    async def read() -> AsyncIterator[PositionColumns] | None:
        return state.positions(run_id) if wanted or await state.has_positions(run_id) else None

    return read


def _state(settings: Settings) -> StateStore:
    if settings.mongodb_url is None:
        return SqliteState(_present("state", settings.data_dir / "state.sqlite3"))
    return MongoState(settings.mongodb_url.get_secret_value(), settings.mongodb_database)


def _history(settings: Settings) -> HistoryStore:
    return DuckDbHistory(_present("history", settings.data_dir / "history.duckdb"))


def _present(place: str, path: Path) -> Path:
    if not path.exists():
        raise CannotVerify(place, f"{path} is not there; DATA_DIR says where the run's files are")
    return path

"""The stores of the API's settings, opened for reading; a file that is absent is not created."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

from api.app import stores_of
from api.deps import Stores
from api.settings import Settings
from api.stores.base import PositionColumns
from api.stores.mongo import MongoState
from cli.kafka.verify.verification import AllPositions, CannotVerify


def stores_to_read(settings: Settings) -> Stores:
    """Return the two stores. Opening them deletes nothing, however old it is.

    Raises
    ------
    CannotVerify : the file of an embedded store is not there.
    """
    if settings.mongodb_url is None:
        _check("state", settings.data_dir / "state.sqlite3")
    if settings.elasticsearch_url is None:
        _check("history", settings.data_dir / "history.duckdb")
    return stores_of(settings.model_copy(update={"elasticsearch_retention_days": 0}))


def all_in_state(stores: Stores, run_id: str, *, wanted: bool) -> AllPositions | None:
    """Return how every position of the state store is read; None if it keeps the newest ones only.

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


def _check(place: str, path: Path) -> None:
    if not path.exists():
        raise CannotVerify(place, f"{path} is not there; DATA_DIR says where the run's files are")

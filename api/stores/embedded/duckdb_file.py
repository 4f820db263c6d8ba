"""One DuckDB file, opened again after an error that ends its database. It knows no deliveries.

A full disk at a checkpoint, for one, invalidates the database in memory: every later statement fails, with space or
without, until the file is opened again. Then it holds all that was committed, and perhaps the write that failed.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

import duckdb
import numpy as np
from numpy.typing import NDArray

from api.errors import StoreUnavailable
from engine.folders import make_private

T = TypeVar("T")

logger = logging.getLogger(__name__)


class DuckDbFile:
    """One file, written by one thread and read by several.

    Parameters
    ----------
    path : the file; it is made if it is not there.
    config : settings of DuckDB.

    Attributes
    ----------
    is_invalid : whether an error has ended the database, so that nothing works before `open`.
    """

    def __init__(self, path: Path, config: dict[str, Any]) -> None:
        self._path, self._config = path, config
        self._connection: duckdb.DuckDBPyConnection | None = None
        self._readers, self._changed = 0, threading.Condition()
        self.is_invalid = False

    def open(self) -> None:
        """Open the file, or open it again; called by the writing thread."""
        if self.is_invalid:
            logger.warning("%s is opened again after a fatal error", self._path)
        self.close()
        make_private(self._path.parent)
        connection = duckdb.connect(str(self._path), config=self._config)
        with self._changed:
            self._connection = connection
        self.is_invalid = False

    def limit_memory(self, limit: str) -> None:
        """Bound what DuckDB may use for itself, until the file is opened again; called by the writing thread."""
        self._opened().execute(f"SET memory_limit = '{limit}'")

    def close(self) -> None:
        """Close the file if it is open, once no reader is busy with it.

        Opened again beside readers, one file would have two databases.
        """
        with self._changed:
            connection, self._connection = self._connection, None
            self._changed.wait_for(lambda: self._readers == 0)
            if connection is not None:
                connection.close()

    def fetch(self, statement: str, values: Sequence[object] = ()) -> dict[str, Any]:
        """Return the columns that a query gives; called by any thread."""
        with self._changed:
            reader = self._opened().cursor()
            self._readers += 1
        try:
            with reader:
                return dict(reader.execute(statement, list(values)).fetchnumpy())
        finally:
            with self._changed:
                self._readers -= 1
                self._changed.notify_all()

    def matched(self, statement: str, asked: dict[str, NDArray[Any]]) -> dict[str, Any]:
        """Return the columns that a query over the columns `asked` gives; called by the writing thread."""
        connection = self._opened()
        connection.register("asked", asked)
        found = connection.execute(statement).fetchnumpy()
        connection.unregister("asked")
        return dict(found)

    @contextmanager
    def transaction(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """All of a write or nothing of it; called by the writing thread."""
        connection = self._opened()
        connection.begin()
        try:
            yield connection
            connection.commit()
        except BaseException:
            # After a commit that failed there is nothing to roll back, and an invalid database refuses it: the first
            # error is the one to report.
            with suppress(duckdb.Error):
                connection.rollback()
            raise

    def translated(self, work: Callable[[], T]) -> T:
        """Do some work; DuckDB's errors become ours, in one line."""
        try:
            return work()
        except (duckdb.Error, OSError) as error:
            self.is_invalid = self.is_invalid or isinstance(error, duckdb.FatalException)
            raise StoreUnavailable(f"{self._path}: {' '.join(str(error).split())}") from error

    def _opened(self) -> duckdb.DuckDBPyConnection:
        if self._connection is None:
            raise StoreUnavailable(f"{self._path} is not open")
        return self._connection


def insert(connection: duckdb.DuckDBPyConnection, table: str, columns: dict[str, NDArray[Any]]) -> None:
    """Insert columns of equal length, in the order of the table's."""
    connection.register("batch", columns)
    connection.execute(f"INSERT INTO {table} SELECT * FROM batch")
    connection.unregister("batch")


def texts(values: Sequence[str]) -> NDArray[np.object_]:
    """Return a column of texts."""
    return np.array(values, dtype=object)

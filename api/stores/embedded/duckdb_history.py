"""`HistoryStore` in one DuckDB file: every position as columns.

A delivery's ids are kept once and its positions carry a number. Each (deliveryId, seq) is kept once: per delivery the greatest stored seq is known in memory,
so what goes beyond it is new without a look, and only the rest is compared with the table. That costs a third of a primary key (measured: 0.6 µs a position
against 1.8 µs). Known in memory are some 200 bytes per delivery in the file.

DuckDB locks its file: while this process has it open, no other process can, not even for reading.
"""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import duckdb
import numpy as np
from numpy.typing import NDArray

from api.errors import StoreUnavailable
from api.stores.base import Holding, PositionColumns, Track, Written
from api.stores.embedded.threads import StoreThreads
from engine.codec import PositionBatch
from engine.faults import Label, labels_of
from engine.folders import make_private
from engine.messages import DeliveryEvent

T = TypeVar("T")

_TABLES = """
CREATE TABLE IF NOT EXISTS deliveries (
    no INTEGER, delivery_id VARCHAR, run_id VARCHAR, route_id VARCHAR, client_id VARCHAR, driver_id VARCHAR
);
CREATE TABLE IF NOT EXISTS positions (
    delivery INTEGER, seq BIGINT, event_time_ms BIGINT, lat_deg DOUBLE, lng_deg DOUBLE, speed_mps FLOAT, bearing_deg FLOAT, distance_m DOUBLE,
    finished BOOLEAN
);
CREATE TABLE IF NOT EXISTS events (
    delivery_id VARCHAR, seq BIGINT, run_id VARCHAR, kind VARCHAR, event_time_ms BIGINT, event VARCHAR, PRIMARY KEY (delivery_id, seq)
);
"""
_KNOWN = """
SELECT d.no, d.delivery_id, d.run_id, count(p.seq) AS held, coalesce(max(p.seq), -1) AS last_seq
FROM deliveries d LEFT JOIN positions p ON p.delivery = d.no GROUP BY ALL ORDER BY d.no
"""
_COLUMNS = ("seq", "event_time_ms", "lat_deg", "lng_deg", "speed_mps", "bearing_deg", "distance_m", "finished")
_TRACK = """
SELECT seq, event_time_ms, lat_deg, lng_deg, speed_mps, bearing_deg, distance_m FROM positions WHERE delivery = ? ORDER BY seq
"""
_FAULTS = """
SELECT delivery_id, event ->> '$.fault' AS fault, (event ->> '$.fromSeq')::BIGINT AS first, (event ->> '$.toSeq')::BIGINT AS last
FROM events WHERE run_id = ? AND kind = 'fault'
"""
_POSITIONS = "SELECT delivery, seq, lat_deg, lng_deg FROM positions WHERE rowid >= ? AND rowid < ?"
CHUNK_ROWS = 1_000_000
"""Positions that are read at a time when a run is verified: some 30 MB."""


class DuckDbHistory:
    """Positions and events in a file.

    Parameters
    ----------
    path : the file; it is made if it is not there.
    memory_limit : what DuckDB may use for itself.
    """

    def __init__(self, path: Path, memory_limit: str = "512MB") -> None:
        self._path, self._memory_limit = path, memory_limit
        self._threads = StoreThreads("history", self._translated)
        self._connection: duckdb.DuckDBPyConnection | None = None
        # Written by the writing thread, read by others under the lock: what is stored of each delivery, by its number.
        self._lock = threading.Lock()
        self._numbers: dict[bytes, int] = {}
        self._run_of: list[str] = []
        self._held = np.zeros(0, np.int64)
        self._last_seq = np.zeros(0, np.int64)

    async def open(self) -> None:
        await self._threads.write(self._open)

    async def close(self) -> None:
        self._threads.close()
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    async def ping(self) -> None:
        await self._threads.read(lambda: self._fetch("SELECT 1 AS one"))

    async def write_positions(self, batch: PositionBatch) -> Written:
        return await self._threads.write(lambda: self._write_positions(batch))

    async def write_events(self, events: Sequence[DeliveryEvent]) -> Written:
        return await self._threads.write(lambda: self._write_events(events))

    async def track(self, delivery_id: str) -> Track | None:
        number = self._numbers.get(delivery_id.encode())
        if number is None:
            return None
        columns = await self._threads.read(lambda: self._fetch(_TRACK, [number]))
        if not len(columns["seq"]):
            return None
        seq, event_time_ms, *measures = columns.values()
        return Track(np.asarray(seq).astype(np.int64), np.asarray(event_time_ms).astype(np.int64), *(np.asarray(m).astype(np.float64) for m in measures))

    async def events(self, delivery_id: str) -> list[DeliveryEvent]:
        columns = await self._threads.read(lambda: self._fetch("SELECT event FROM events WHERE delivery_id = ? ORDER BY seq", [delivery_id]))
        return [DeliveryEvent.from_json(event.encode()) for event in columns["event"]]

    async def holdings(self, run_id: str) -> dict[str, Holding]:
        return await self._threads.read(lambda: self._holdings(run_id))

    async def faults(self, run_id: str) -> dict[str, list[Label]]:
        columns = await self._threads.read(lambda: self._fetch(_FAULTS, [run_id]))
        return labels_of(zip(*(columns[name].tolist() for name in ("delivery_id", "fault", "first", "last")), strict=True))

    async def positions(self, run_id: str) -> AsyncIterator[PositionColumns]:
        [end] = (await self._threads.read(lambda: self._fetch("SELECT coalesce(max(rowid) + 1, 0) AS n FROM positions")))["n"].tolist()
        for first in range(0, end, CHUNK_ROWS):
            yield await self._threads.read(partial(self._positions, run_id, first))

    # -- inside the threads ----------------------------------------------------------------------------------------------------------------------------

    def _open(self) -> None:
        make_private(self._path.parent)
        # One thread of DuckDB's own: the drivers and the map need the cores more than a query does.
        self._connection = duckdb.connect(str(self._path), config={"threads": 1, "memory_limit": self._memory_limit})
        self._connection.execute(_TABLES)
        known = self._connection.execute(_KNOWN).fetchnumpy()
        with self._lock:
            self._numbers = {delivery_id.encode(): number for number, delivery_id in enumerate(known["delivery_id"].tolist())}
            self._run_of = known["run_id"].tolist()
            self._held, self._last_seq = (np.asarray(known[name]).astype(np.int64) for name in ("held", "last_seq"))

    def _write_positions(self, batch: PositionBatch) -> Written:
        numbers, fresh = self._numbered(batch)
        seq = batch.seq
        order = np.lexsort((seq, numbers))
        repeated = (np.diff(numbers[order]) == 0) & (np.diff(seq[order]) == 0)
        rows = order[np.concatenate(([True], ~repeated))] if len(order) else order
        known_last = np.concatenate((self._last_seq, np.full(len(fresh), -1, np.int64)))
        behind = rows[seq[rows] <= known_last[numbers[rows]]]
        if len(behind):
            rows = np.concatenate((rows[seq[rows] > known_last[numbers[rows]]], behind[self._is_missing(numbers[behind], seq[behind])]))
        columns: dict[str, NDArray[Any]] = {"delivery": numbers[rows].astype(np.int32)} | {name: getattr(batch, name)[rows] for name in _COLUMNS}
        with self._transaction() as connection:
            if fresh:
                self._insert(connection, "deliveries", _delivery_columns(batch, fresh, len(self._run_of)))
            if len(rows):
                self._insert(connection, "positions", columns)
        self._remember(batch, fresh, numbers[rows], seq[rows])
        return Written(len(rows), len(batch) - len(rows))

    def _numbered(self, batch: PositionBatch) -> tuple[NDArray[np.int64], dict[bytes, int]]:
        """Return each row's delivery number, and of deliveries not yet in the file a row each; nothing is remembered before it is stored."""
        ids = batch.delivery_id.tolist()
        known, fresh, first_row = self._numbers, dict[bytes, int](), dict[bytes, int]()
        numbers = np.empty(len(ids), np.int64)
        for row, delivery_id in enumerate(ids):
            number = known.get(delivery_id)
            if number is None:
                number = fresh.setdefault(delivery_id, len(known) + len(fresh))
                first_row.setdefault(delivery_id, row)
            numbers[row] = number
        return numbers, first_row

    def _is_missing(self, numbers: NDArray[np.int64], seq: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return which of some (delivery, seq) the table lacks, as indices."""
        connection = self._open_connection()
        connection.register("asked", {"row": np.arange(len(seq)), "delivery": numbers.astype(np.int32), "seq": seq})
        found = connection.execute("SELECT row FROM asked a ANTI JOIN positions p ON p.delivery = a.delivery AND p.seq = a.seq").fetchnumpy()
        connection.unregister("asked")
        return np.asarray(found["row"]).astype(np.int64)

    def _remember(self, batch: PositionBatch, fresh: dict[bytes, int], numbers: NDArray[np.int64], seq: NDArray[np.int64]) -> None:
        with self._lock:
            for delivery_id, row in fresh.items():
                self._numbers[delivery_id] = len(self._run_of)
                self._run_of.append(batch.run_id[row].decode())
            growth = len(self._run_of) - len(self._held)
            if growth:
                self._held = np.concatenate((self._held, np.zeros(growth, np.int64)))
                self._last_seq = np.concatenate((self._last_seq, np.full(growth, -1, np.int64)))
            np.add.at(self._held, numbers, 1)
            np.maximum.at(self._last_seq, numbers, seq)

    def _write_events(self, events: Sequence[DeliveryEvent]) -> Written:
        once = list({(event.delivery_id, event.seq): event for event in reversed(events)}.values())
        columns = {
            "delivery_id": _texts([event.delivery_id for event in once]),
            "seq": np.array([event.seq for event in once], np.int64),
            "run_id": _texts([event.run_id for event in once]),
            "kind": _texts([event.kind for event in once]),
            "event_time_ms": np.array([event.event_time for event in once], np.int64),
            "event": _texts([event.to_json().decode() for event in once]),
        }
        with self._transaction() as connection:
            new = self._insert(connection, "events", columns, "ON CONFLICT DO NOTHING") if once else 0
        return Written(new, len(events) - new)

    def _holdings(self, run_id: str) -> dict[str, Holding]:
        with self._lock:
            return {
                delivery_id.decode(): Holding(int(self._held[number]), int(self._last_seq[number]))
                for delivery_id, number in self._numbers.items()
                if self._run_of[number] == run_id
            }

    def _positions(self, run_id: str, first: int) -> PositionColumns:
        columns = self._fetch(_POSITIONS, [first, first + CHUNK_ROWS])
        with self._lock:
            ids, of_run = np.array(list(self._numbers), "S"), np.array([run == run_id for run in self._run_of], np.bool_)
        number = np.asarray(columns["delivery"])
        # A delivery whose first write has not returned yet may be in the table and not in memory.
        rows = np.flatnonzero(np.concatenate((of_run, [False]))[np.minimum(number, len(of_run))])
        seq, lat_deg, lng_deg = (np.asarray(columns[name])[rows] for name in ("seq", "lat_deg", "lng_deg"))
        return PositionColumns(ids[number[rows]], seq.astype(np.int64), lat_deg.astype(np.float64), lng_deg.astype(np.float64))

    def _fetch(self, statement: str, values: Sequence[object] = ()) -> dict[str, Any]:
        with self._open_connection().cursor() as cursor:
            return dict(cursor.execute(statement, list(values)).fetchnumpy())

    def _open_connection(self) -> duckdb.DuckDBPyConnection:
        if self._connection is None:
            raise StoreUnavailable(f"{self._path} is not open")
        return self._connection

    @contextmanager
    def _transaction(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """All of a write or nothing of it."""
        connection = self._open_connection()
        connection.begin()
        try:
            yield connection
        except BaseException:
            connection.rollback()
            raise
        connection.commit()

    def _insert(self, connection: duckdb.DuckDBPyConnection, table: str, columns: dict[str, Any], otherwise: str = "") -> int:
        """Insert columns of equal length and return how many rows went in."""
        connection.register("batch", columns)
        [(inserted,)] = connection.execute(f"INSERT INTO {table} SELECT * FROM batch {otherwise}").fetchall()
        connection.unregister("batch")
        return int(inserted)

    def _translated(self, work: Callable[[], T]) -> T:
        try:
            return work()
        except (duckdb.Error, OSError) as error:
            raise StoreUnavailable(f"{self._path}: {error}") from error


def _delivery_columns(batch: PositionBatch, fresh: dict[bytes, int], first_number: int) -> dict[str, Any]:
    rows = np.fromiter(fresh.values(), np.int64, len(fresh))
    names = ("delivery_id", "run_id", "route_id", "client_id", "driver_id")
    numbers = np.arange(first_number, first_number + len(rows), dtype=np.int32)
    return {"no": numbers} | {name: _texts(getattr(batch, name)[rows].astype(str).tolist()) for name in names}


def _texts(values: list[str]) -> NDArray[np.object_]:
    return np.array(values, dtype=object)

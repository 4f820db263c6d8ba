"""`HistoryStore` in one DuckDB file: every position as columns.

A delivery's ids are kept once; its positions and events carry a number. Each (deliveryId, seq) is kept once: per
delivery the greatest stored seq is known in memory, so what goes beyond it is new without a look, and only the rest is
compared with the table. That costs a third of a primary key (measured: 0.6 µs a position against 1.8 µs), and no memory
that grows with the rows.

DuckDB locks its file: while this process has it open, no other process can, not even for reading.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from api.stores.base import Holding, PositionColumns, Track, Written
from api.stores.embedded import duckdb_schema as sql
from api.stores.embedded.duckdb_file import DuckDbFile, insert, texts
from api.stores.embedded.duckdb_known import KnownDeliveries
from api.stores.embedded.threads import StoreThreads
from engine.codec import PositionBatch
from engine.delivery.faults import Label, labels_of
from engine.messages import DeliveryEvent

T = TypeVar("T")

CHUNK_ROWS = 1_000_000
"""Positions that are read at a time when a run is verified: some 30 MB."""

OPEN_MEMORY_LIMIT = "1GB"
"""What DuckDB may use for itself while a file is opened.

A file of an earlier version is brought up to date, and every delivery in it is counted.
"""

MEMORY_LIMIT = "32MB"
"""The same from then on.

It keeps what it has written in memory until then, and nothing reads that again but a track asked for.
"""

CHECKPOINT_THRESHOLD = "4MB"
"""How much is written beside the file before it is put into it; until then it is in memory too."""


@dataclass(frozen=True, slots=True)
class _Rows:
    """What is to be stored in a table.

    Attributes
    ----------
    delivery_ids : of each row.
    columns : of equal length, seq among them, in the order of the table's.
    ids_of : gives the columns of the table of deliveries for some rows.
    """

    table: str
    delivery_ids: list[bytes]
    columns: dict[str, NDArray[Any]]
    ids_of: Callable[[list[int]], dict[str, list[str]]]


class DuckDbHistory:
    """Positions and events in a file.

    Parameters
    ----------
    path : the file; it is made if it is not there.
    """

    def __init__(self, path: Path) -> None:
        # One thread of DuckDB's own: the drivers and the map need the cores more than a query does.
        self._file = DuckDbFile(
            path, {"threads": 1, "memory_limit": OPEN_MEMORY_LIMIT, "checkpoint_threshold": CHECKPOINT_THRESHOLD}
        )
        self._threads = StoreThreads("history", self._file.translated)
        self._known: KnownDeliveries

    async def open(self) -> None:
        """Implement `HistoryStore.open`."""
        await self._threads.write(self._open)

    async def close(self) -> None:
        """Implement `HistoryStore.close`."""
        self._threads.close()
        self._file.close()

    async def ping(self) -> None:
        """Implement `HistoryStore.ping`."""
        await self._fetch("SELECT 1 AS one")

    async def write_positions(self, batch: PositionBatch) -> Written:
        """Implement `HistoryStore.write_positions`."""
        return await self._write(lambda: _position_rows(batch))

    async def write_events(self, events: Sequence[DeliveryEvent]) -> Written:
        """Implement `HistoryStore.write_events`."""
        return await self._write(lambda: _event_rows(events))

    async def track(self, delivery_id: str) -> Track | None:
        """Implement `HistoryStore.track`."""
        columns = await self._fetch_of(delivery_id, sql.TRACK)
        if not columns or not len(columns["seq"]):
            return None
        seq, event_time_ms, *measures = columns.values()
        return Track(
            np.asarray(seq).astype(np.int64),
            np.asarray(event_time_ms).astype(np.int64),
            *(np.asarray(m).astype(np.float64) for m in measures),
        )

    async def events(self, delivery_id: str) -> list[DeliveryEvent]:
        """Implement `HistoryStore.events`."""
        columns = await self._fetch_of(delivery_id, sql.EVENTS)
        return [DeliveryEvent.from_json(event.encode()) for event in columns.get("event", ())]

    async def holdings(self, run_id: str) -> dict[str, Holding]:
        """Implement `HistoryStore.holdings`."""
        return await self._read(lambda: self._known.holdings(run_id))

    async def faults(self, run_id: str) -> dict[str, list[Label]]:
        """Implement `HistoryStore.faults`."""
        columns = await self._fetch(sql.FAULTS, [run_id])
        return labels_of(
            zip(*(columns[name].tolist() for name in ("delivery_id", "fault", "first", "last")), strict=True)
        )

    async def positions(self, run_id: str) -> AsyncIterator[PositionColumns]:
        """Implement `HistoryStore.positions`."""
        [end] = (await self._fetch(sql.POSITIONS_END))["n"].tolist()
        for first in range(0, end, CHUNK_ROWS):
            yield await self._read(partial(self._positions, run_id, first))

    # -- into the threads

    async def _read(self, work: Callable[[], T]) -> T:
        await self._mend()
        return await self._threads.read(work)

    async def _fetch(self, statement: str, values: Sequence[object] = ()) -> dict[str, Any]:
        return await self._read(lambda: self._file.fetch(statement, values))

    async def _fetch_of(self, delivery_id: str, statement: str) -> dict[str, Any]:
        number = self._known.number(delivery_id)
        return {} if number is None else await self._fetch(statement, [number])

    async def _write(self, rows: Callable[[], _Rows]) -> Written:
        await self._mend()
        return await self._threads.write(lambda: self._store(rows()))

    async def _mend(self) -> None:
        """Open the file again if a fatal error has ended the database.

        What it holds is read anew: the write that failed may be stored.
        """
        if self._file.is_invalid:
            await self._threads.write(lambda: self._open() if self._file.is_invalid else None)

    # -- inside the threads

    def _open(self) -> None:
        self._file.open()
        with self._file.transaction() as connection:
            connection.execute(sql.TABLES)
            if connection.execute(sql.HAS_OLD_EVENTS).fetchall() != [(0,)]:
                connection.execute(sql.MOVE_OLD_EVENTS)
            connection.execute(sql.EVENTS_VIEW)
        self._known = KnownDeliveries(self._file.fetch(sql.KNOWN))
        self._file.limit_memory(MEMORY_LIMIT)

    def _store(self, given: _Rows) -> Written:
        """Store the rows that a table lacks, each (delivery, seq) once, and the deliveries new in them."""
        known, seq = self._known, given.columns["seq"]
        numbers, fresh = known.numbered(given.delivery_ids)
        rows = self._lacking(given.table, numbers, seq)
        if len(rows):
            ids = given.ids_of(list(fresh.values()))
            with self._file.transaction() as connection:
                if fresh:
                    no = np.arange(len(known), len(known) + len(fresh), dtype=np.int32)
                    insert(connection, "deliveries", {"no": no} | {name: texts(values) for name, values in ids.items()})
                insert(
                    connection,
                    given.table,
                    {"delivery": numbers[rows].astype(np.int32)}
                    | {name: column[rows] for name, column in given.columns.items()},
                )
            known.remember(given.table, dict(zip(fresh, ids["run_id"], strict=True)), numbers[rows], seq[rows])
        return Written(len(rows), len(seq) - len(rows))

    def _lacking(self, table: str, numbers: NDArray[np.int64], seq: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the rows that a table lacks, of equal ones the first."""
        order = np.lexsort((seq, numbers))
        is_first = np.ones(len(order), np.bool_)
        is_first[1:] = (np.diff(numbers[order]) != 0) | (np.diff(seq[order]) != 0)
        rows: NDArray[np.int64] = order[is_first]
        is_behind = self._known.is_behind(table, numbers[rows], seq[rows])
        if not is_behind.any():
            return rows
        behind = rows[is_behind]
        asked: dict[str, NDArray[Any]] = {
            "row": behind,
            "delivery": numbers[behind].astype(np.int32),
            "seq": seq[behind],
        }
        lacking = np.asarray(self._file.matched(sql.lacking(table), asked)["row"]).astype(np.int64)
        return np.concatenate((rows[~is_behind], lacking))

    def _positions(self, run_id: str, first: int) -> PositionColumns:
        columns = self._file.fetch(sql.POSITIONS, [first, first + CHUNK_ROWS])
        ids, of_run = self._known.of_run(run_id)
        number = np.asarray(columns["delivery"])
        # A delivery whose first write has not returned yet may be in the table and not in memory.
        rows = np.flatnonzero(np.concatenate((of_run, [False]))[np.minimum(number, len(of_run))])
        seq, lat_deg, lng_deg = (np.asarray(columns[name])[rows] for name in ("seq", "lat_deg", "lng_deg"))
        return PositionColumns(
            ids[number[rows]], seq.astype(np.int64), lat_deg.astype(np.float64), lng_deg.astype(np.float64)
        )


def _position_rows(batch: PositionBatch) -> _Rows:
    columns = {name: getattr(batch, name) for name in sql.POSITION_COLUMNS}
    return _Rows(
        "positions",
        batch.delivery_id.tolist(),
        columns,
        lambda rows: {name: getattr(batch, name)[rows].astype(str).tolist() for name in sql.DELIVERY_COLUMNS},
    )


def _event_rows(events: Sequence[DeliveryEvent]) -> _Rows:
    columns: dict[str, NDArray[Any]] = {
        "seq": np.array([event.seq for event in events], np.int64),
        "kind": texts([event.kind for event in events]),
        "event_time_ms": np.array([event.event_time for event in events], np.int64),
        "event": texts([event.to_json().decode() for event in events]),
    }
    return _Rows(
        "delivery_events",
        [event.delivery_id.encode() for event in events],
        columns,
        lambda rows: {name: [getattr(events[row], name) for row in rows] for name in sql.DELIVERY_COLUMNS},
    )

"""`StateStore` in one SQLite file. It knows no Kafka and no HTTP.

The file is in WAL mode: other processes may read it while this one writes. A commit survives the end of this process,
however it ends; after a power cut the last commits may be missing (``synchronous=NORMAL``), which the embedded broker
would not survive either.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar

from api.errors import StoreBackpressure, StoreUnavailable
from api.stores.base import DeliveryQuery, Page
from api.stores.embedded import sqlite_schema as sql
from api.stores.embedded.threads import StoreThreads
from api.stores.model import DeliveryPhase, DeliveryRecord, StoredRoute, View, newest_rows, phase_after, state_seq
from engine.codec import PositionBatch
from engine.folders import make_private
from engine.messages import FINAL_KINDS, DeliveryEvent, EventKind, RunEvent

T = TypeVar("T")

BUSY_S = 5.0
"""How long a write waits for another process's lock before it is handed back as backpressure."""


class SqliteState:
    """Routes, deliveries' current state, runs and saved views, in a file.

    Parameters
    ----------
    path : the file; it is made if it is not there.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._threads = StoreThreads("state", self._translated)
        self._local = threading.local()
        self._connections: list[sqlite3.Connection] = []
        self._numbers: dict[bytes, int] = {}  # of the deliveries that are on their way

    @property
    def remembered(self) -> int:
        """Deliveries whose row number is held in memory: those that have not ended."""
        return len(self._numbers)

    async def open(self) -> None:
        """Implement `StateStore.open`."""
        await self._threads.write(self._create)

    async def close(self) -> None:
        """Implement `StateStore.close`."""
        self._threads.close()
        while self._connections:
            self._connections.pop().close()

    async def ping(self) -> None:
        """Implement `StateStore.ping`."""
        await self._threads.read(lambda: self._rows("SELECT 1"))

    # -- routes

    async def put_routes(self, routes: Sequence[StoredRoute]) -> None:
        """Implement `StateStore.put_routes`."""
        rows = [(r.id, r.title, r.source, r.length_m, r.points, *r.start, *r.end, r.definition, r.kept) for r in routes]
        await self._threads.write(lambda: self._write_many(sql.PUT_ROUTE, rows))

    async def delete_routes(self, route_ids: Sequence[str]) -> int:
        """Implement `StateStore.delete_routes`."""
        return await self._threads.write(
            lambda: self._write_many("DELETE FROM routes WHERE id = ?", [(route_id,) for route_id in route_ids])
        )

    async def route(self, route_id: str) -> StoredRoute | None:
        """Implement `StateStore.route`."""
        rows = await self._threads.read(lambda: self._rows("SELECT * FROM routes WHERE id = ?", (route_id,)))
        return _route(rows[0]) if rows else None

    async def routes(self, text: str = "", limit: int = 100, offset: int = 0) -> Page[StoredRoute]:
        """Implement `StateStore.routes`."""
        pattern = sql.like(text)
        where = "WHERE id LIKE ? ESCAPE '\\' OR title LIKE ? ESCAPE '\\'"

        def page() -> Page[StoredRoute]:
            [(total,)] = self._rows(f"SELECT count(*) FROM routes {where}", (pattern, pattern))
            rows = self._rows(
                f"SELECT * FROM routes {where} ORDER BY id LIMIT ? OFFSET ?", (pattern, pattern, limit, offset)
            )
            return Page([_route(row) for row in rows], total)

        return await self._threads.read(page)

    async def route_ids(self) -> list[str]:
        """Implement `StateStore.route_ids`."""
        return [
            route_id
            for (route_id,) in await self._threads.read(lambda: self._rows("SELECT id FROM routes ORDER BY id"))
        ]

    async def kept_routes(self) -> list[StoredRoute]:
        """Implement `StateStore.kept_routes`."""
        return [
            _route(row)
            for row in await self._threads.read(lambda: self._rows("SELECT * FROM routes WHERE kept ORDER BY id"))
        ]

    # -- deliveries

    async def apply_events(self, events: Sequence[DeliveryEvent]) -> None:
        """Implement `StateStore.apply_events`."""
        rows = [_event_row(event) for event in events]
        await self._threads.write(lambda: self._write_many(sql.APPLY_EVENT, rows))

    async def apply_positions(self, batch: PositionBatch) -> None:
        """Implement `StateStore.apply_positions`."""
        await self._threads.write(lambda: self._apply_positions(batch))

    async def delivery(self, delivery_id: str) -> DeliveryRecord | None:
        """Implement `StateStore.delivery`."""
        rows = await self._threads.read(lambda: self._rows(sql.DELIVERY, (delivery_id,)))
        return _delivery(rows[0]) if rows else None

    async def deliveries(self, query: DeliveryQuery) -> Page[DeliveryRecord]:
        """Implement `StateStore.deliveries`."""
        page, count, values = sql.deliveries_statements(query)

        def found() -> Page[DeliveryRecord]:
            [(total,)] = self._rows(count, values)
            return Page([_delivery(row) for row in self._rows(page, [*values, query.limit, query.offset])], total)

        return await self._threads.read(found)

    async def ended(self, run_id: str) -> dict[str, int]:
        """Implement `StateStore.ended`."""
        statement = "SELECT delivery_id, positions FROM deliveries WHERE run_id = ? AND positions IS NOT NULL"
        return dict(await self._threads.read(lambda: self._rows(statement, (run_id,))))

    # -- runs

    async def put_runs(self, events: Sequence[RunEvent]) -> None:
        """Implement `StateStore.put_runs`."""
        rows = [(event.run_id, event.event_time, event.seq, event.to_json()) for event in events]
        await self._threads.write(lambda: self._write_many(sql.PUT_RUN, rows))

    async def doubt_runs(self) -> None:
        """Implement `StateStore.doubt_runs`."""
        await self._threads.write(lambda: self._write_many("UPDATE runs SET silent = 1", [()]))

    async def silent_runs(self) -> frozenset[str]:
        """Implement `StateStore.silent_runs`."""
        return frozenset(
            run_id for (run_id,) in await self._threads.read(lambda: self._rows("SELECT run_id FROM runs WHERE silent"))
        )

    async def run(self, run_id: str) -> RunEvent | None:
        """Implement `StateStore.run`."""
        rows = await self._threads.read(lambda: self._rows("SELECT event FROM runs WHERE run_id = ?", (run_id,)))
        return RunEvent.from_json(rows[0][0]) if rows else None

    async def runs(self) -> list[RunEvent]:
        """Implement `StateStore.runs`."""
        rows = await self._threads.read(lambda: self._rows("SELECT event FROM runs ORDER BY event_time DESC, run_id"))
        return [RunEvent.from_json(event) for (event,) in rows]

    # -- views

    async def put_view(self, view: View) -> View:
        """Implement `StateStore.put_view`."""
        [row] = await self._threads.write(
            lambda: self._rows(sql.PUT_VIEW, (view.id, view.title, view.query, view.created_at_ms))
        )
        return View(*row)

    async def views(self) -> list[View]:
        """Implement `StateStore.views`."""
        return [
            View(*row)
            for row in await self._threads.read(lambda: self._rows("SELECT * FROM views ORDER BY created_at_ms, id"))
        ]

    async def delete_view(self, view_id: str) -> bool:
        """Implement `StateStore.delete_view`."""
        return await self._threads.write(lambda: self._write_many("DELETE FROM views WHERE id = ?", [(view_id,)])) > 0

    # -- inside the threads

    def _create(self) -> None:
        make_private(self._path.parent)
        connection = self._connection()
        [(version,)] = connection.execute("PRAGMA user_version").fetchall()
        if not 0 <= version <= sql.VERSION:
            raise StoreUnavailable(
                f"{self._path} has version {version}, this program reads 1 to {sql.VERSION}; "
                "move the file away to begin anew"
            )
        connection.execute("PRAGMA journal_mode = WAL")
        connection.executescript(sql.TABLES)
        connection.execute(f"PRAGMA user_version = {sql.VERSION}")

    def _connection(self) -> sqlite3.Connection:
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            # Closed by another thread, in `close`; used by this one alone.
            connection = sqlite3.connect(self._path, timeout=BUSY_S, isolation_level=None, check_same_thread=False)
            connection.execute("PRAGMA synchronous = NORMAL")
            self._local.connection = connection
            self._connections.append(connection)
        return connection

    def _rows(self, statement: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        with closing(self._connection().cursor()) as cursor:
            return cursor.execute(statement, values).fetchall()

    def _write_many(self, statement: str, rows: Sequence[tuple[object, ...]]) -> int:
        connection = self._connection()
        connection.execute("BEGIN IMMEDIATE")
        with connection:  # commits, or rolls back
            return connection.executemany(statement, rows).rowcount

    def _apply_positions(self, batch: PositionBatch) -> None:
        newest = batch.take(newest_rows(batch))
        self._number(newest)
        numbers = [self._numbers[delivery_id] for delivery_id in newest.delivery_id.tolist()]
        names = ("seq", "event_time_ms", "lat_deg", "lng_deg", "speed_mps", "bearing_deg", "distance_m", "finished")
        self._write_many(
            sql.APPLY_POSITION, list(zip(numbers, *(getattr(newest, name).tolist() for name in names), strict=True))
        )
        for delivery_id in newest.delivery_id[newest.finished].tolist():
            del self._numbers[delivery_id]

    def _number(self, batch: PositionBatch) -> None:
        """Learn the row numbers of the batch's deliveries; those that no event has named are put in."""
        unknown = [
            row for row, delivery_id in enumerate(batch.delivery_id.tolist()) if delivery_id not in self._numbers
        ]
        if not unknown:
            return
        names = ("delivery_id", "run_id", "route_id", "client_id", "driver_id")
        rows = list(zip(*(getattr(batch, name)[unknown].astype(str).tolist() for name in names), strict=True))
        self._write_many(f"INSERT INTO deliveries ({', '.join(names)}) VALUES (?,?,?,?,?) ON CONFLICT DO NOTHING", rows)
        for delivery_id, *_ in rows:
            [(number,)] = self._rows("SELECT no FROM deliveries WHERE delivery_id = ?", (delivery_id,))
            self._numbers[delivery_id.encode()] = number

    def _translated(self, work: Callable[[], T]) -> T:
        try:
            return work()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_FULL):
                raise StoreBackpressure(f"{self._path}: {error}", retry_after=1.0) from error
            raise StoreUnavailable(f"{self._path}: {error}") from error
        except (sqlite3.DatabaseError, OSError) as error:
            raise StoreUnavailable(f"{self._path}: {error}") from error


_DELIVERY_FIELDS = [field.name for field in fields(DeliveryRecord)]


def _route(row: tuple[Any, ...]) -> StoredRoute:
    route_id, title, source, length_m, points, start_lat, start_lng, end_lat, end_lng, definition, kept = row
    return StoredRoute(
        route_id, title, source, length_m, points, (start_lat, start_lng), (end_lat, end_lng), definition, bool(kept)
    )


def _delivery(row: tuple[Any, ...]) -> DeliveryRecord:
    values = dict(zip(_DELIVERY_FIELDS, row, strict=True))
    return DeliveryRecord(
        **values
        | {
            "phase": DeliveryPhase(values["phase"]),
            "finished": bool(values["finished"]),
            "run_is_silent": bool(values["run_is_silent"]),
        }
    )


def _event_row(event: DeliveryEvent) -> tuple[object, ...]:
    final = event.kind in FINAL_KINDS
    return (
        *(event.delivery_id, event.run_id, event.route_id, event.client_id, event.driver_id, event.vehicle),
        *(phase_after(event.kind).value, state_seq(event), event.reason),
        *(
            event.event_time if event.kind == EventKind.STARTED else None,
            event.planned_arrival,
            event.event_time if final else None,
        ),
        *(event.route_length, event.positions if final else None),
    )

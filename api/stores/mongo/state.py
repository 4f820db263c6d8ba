"""`StateStore` on MongoDB.

Any number of processes may write: every write is conditional on what it replaces, so their order does not matter.

- Positions: one ``$max`` each, in unordered bulks; the greater of two positions is the one with the greater seq.
- Events: read, decide by `api.stores.model.after_event`, write if the delivery's revision is still the one that was
  read; those that lost a race again.
- Runs: written if what is there is older.

An upsert that finds no document to change makes one, and is refused (error 11000) if there is one by then: it does not
fit the condition, or another process made it at the same instant. Where that matters a second attempt
tells these apart.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import TypeVar

from pymongo import UpdateOne

from api.errors import StoreBackpressure, StoreError
from api.stores.base import DeliveryQuery, Page, PositionColumns
from api.stores.model import DeliveryRecord, StoredRoute, View, after_event, is_newer, newest_rows
from api.stores.mongo import documents, queries
from api.stores.mongo.client import connect
from api.stores.mongo.protocol import Collection, Database, Document
from engine.codec import PositionBatch
from engine.messages import DeliveryEvent, RunEvent

T = TypeVar("T")

BULK = 1_000
"""Operations in one bulk: some 0.4 MB. Larger ones are no faster, and keep others waiting longer."""

CHUNK = 10_000
"""Documents read at a time where all of them are wanted."""

ROUTES_IN_A_BULK = 20
"""A route may have 900 KB, and a message to the server 48 MB."""

RACES = 30
"""How often an event's write may lose against other processes before the caller is asked to come back."""

_TITLE_AND_LENGTH = ("title", "lengthM")


class MongoState:
    """Routes, deliveries' current state, runs and saved views in a database, and every position if wanted.

    Parameters
    ----------
    url : ``mongodb://`` or ``mongodb+srv://``.
    keep_positions : keep every position too, in the collection ``positions``, as documents that Kafka Connect's sink
        would make as well.
    connect : gives the database; called in `open`.
    """

    def __init__(
        self,
        url: str,
        database: str,
        *,
        keep_positions: bool = False,
        connect: Callable[[str, str], Database] = connect,
    ) -> None:
        self._url, self._name, self._keep_positions, self._connect = url, database, keep_positions, connect
        self._database: Database | None = None

    async def open(self) -> None:
        """Implement `StateStore.open`."""
        self._database = database = self._connect(self._url, self._name)
        self._ping = database.ping
        self._routes, self._deliveries, self._runs = (
            database.collection(name) for name in ("routes", "deliveries", "runs")
        )
        self._views, self._positions = (database.collection(name) for name in ("views", "positions"))
        try:
            await self._create_indexes(database)
        except StoreError:
            await database.close()  # no caller closes what could not be opened
            raise

    async def _create_indexes(self, database: Database) -> None:
        for name, indexes in queries.INDEXES.items():
            if name != "positions" or self._keep_positions:
                await database.collection(name).create_indexes(indexes)

    async def close(self) -> None:
        """Implement `StateStore.close`."""
        if self._database is not None:
            await self._database.close()

    async def ping(self) -> None:
        """Implement `StateStore.ping`."""
        await self._ping()

    # -- routes

    async def put_routes(self, routes: Sequence[StoredRoute]) -> None:
        """Implement `StateStore.put_routes`."""
        kept = {route.id for route in routes if route.kept}
        newest = {route.id: route for route in routes}
        writes = [documents.route_write(route, kept=route.id in kept) for route in newest.values()]
        for part in parts(writes, ROUTES_IN_A_BULK):
            await self._settle(self._routes, part)

    async def delete_routes(self, route_ids: Sequence[str]) -> int:
        """Implement `StateStore.delete_routes`."""
        return await self._routes.delete_many({"_id": {"$in": list(route_ids)}})

    async def route(self, route_id: str) -> StoredRoute | None:
        """Implement `StateStore.route`."""
        found = await self._routes.find({"_id": route_id})
        return documents.route_of(found[0]) if found else None

    async def routes(self, text: str = "", limit: int = 100, offset: int = 0) -> Page[StoredRoute]:
        """Implement `StateStore.routes`."""
        where = queries.routes_like(text)
        found = await self._routes.find(where, order=[("_id", 1)], skip=offset, limit=limit)
        return Page([documents.route_of(document) for document in found], await self._routes.count(where))

    async def route_ids(self) -> list[str]:
        """Implement `StateStore.route_ids`."""
        return [document["_id"] for document in await self._routes.find({}, ("_id",), order=[("_id", 1)])]

    async def kept_routes(self) -> list[StoredRoute]:
        """Implement `StateStore.kept_routes`."""
        return [
            documents.route_of(document) for document in await self._routes.find({"kept": True}, order=[("_id", 1)])
        ]

    # -- deliveries: writing

    async def apply_events(self, events: Sequence[DeliveryEvent]) -> None:
        """Implement `StateStore.apply_events`."""
        by_delivery: dict[str, list[DeliveryEvent]] = {}
        for event in events:
            by_delivery.setdefault(event.delivery_id, []).append(event)
        for part in parts(by_delivery.items(), BULK):
            await self._apply_events(dict(part))

    async def _apply_events(self, events: Mapping[str, list[DeliveryEvent]]) -> None:
        for race in range(RACES):
            found = await self._deliveries.find({"_id": {"$in": list(events)}}, documents.EVENT_FIELDS)
            known = {document["_id"]: document for document in found}
            changes = [
                change
                for delivery_id, told in events.items()
                if (change := _change(known.get(delivery_id), told)) is not None
            ]
            lost = await self._deliveries.write([write for _, write in changes])
            if not lost:
                return
            events = {changes[i][0]: events[changes[i][0]] for i in lost}
            await asyncio.sleep(random.uniform(0, 0.002 * min(race, 10)))
        raise StoreBackpressure(
            f"{len(events)} deliveries were changed by others at each of {RACES} attempts to tell them of events",
            retry_after=0.5,
        )

    async def apply_positions(self, batch: PositionBatch) -> None:
        """Implement `StateStore.apply_positions`."""
        if self._keep_positions:
            for part in parts(documents.position_writes(batch), BULK):
                await self._settle(self._positions, part)
        for part in parts(documents.newest_writes(batch.take(newest_rows(batch))), BULK):
            await self._settle(self._deliveries, part)

    async def _settle(self, collection: Collection, writes: Sequence[UpdateOne]) -> None:
        """Carry out upserts by id alone.

        One is refused only if another process makes the document at the same instant, and then it is there.
        """
        refused = await collection.write(writes)
        await collection.write([writes[i] for i in refused])

    # -- deliveries: reading

    async def delivery(self, delivery_id: str) -> DeliveryRecord | None:
        """Implement `StateStore.delivery`."""
        found = await self._told(await self._deliveries.find({"_id": delivery_id}))
        return found[0] if found else None

    async def deliveries(self, query: DeliveryQuery) -> Page[DeliveryRecord]:
        """Implement `StateStore.deliveries`."""
        titled = (
            [document["_id"] for document in await self._routes.find({"title": queries.contains(query.text)}, ("_id",))]
            if query.text
            else []
        )
        silent = sorted(await self.silent_runs())
        where = queries.deliveries_like(query, titled, silent)
        order = queries.order_of(query)
        if order is None:
            ids = [document["_id"] for document in await self._deliveries.aggregate(queries.ids_in_order(query, where))]
            found = {document["_id"]: document for document in await self._deliveries.find({"_id": {"$in": ids}})}
            page = [found[delivery_id] for delivery_id in ids if delivery_id in found]
        else:
            page = await self._deliveries.find(where, order=order, skip=query.offset, limit=query.limit)
        return Page(await self._told(page), await self._deliveries.count(where))

    async def _told(self, found: Sequence[Document]) -> list[DeliveryRecord]:
        """Return deliveries with what their routes and runs say of them."""
        if not found:
            return []
        routes = await self._routes.find({"_id": {"$in": _different(found, "routeId")}}, _TITLE_AND_LENGTH)
        by_id = {route["_id"]: route for route in routes}
        runs = await self._runs.find({"_id": {"$in": _different(found, "runId")}, "silent": True}, ("_id",))
        silent = {run["_id"] for run in runs}
        return [
            documents.delivery_of(one, by_id.get(one["routeId"]), run_is_silent=one["runId"] in silent) for one in found
        ]

    async def ended(self, run_id: str) -> dict[str, int]:
        """Implement `StateStore.ended`."""
        found = await self._deliveries.find({"runId": run_id, "positions": {"$ne": None}}, ("positions",))
        return {document["_id"]: document["positions"] for document in found}

    async def has_positions(self, run_id: str) -> bool:
        """Return whether the collection of positions has any of a run; called when a run is verified."""
        return bool(await self._positions.find({"runId": run_id}, ("_id",), limit=1))

    async def positions(self, run_id: str) -> AsyncIterator[PositionColumns]:
        """Give what the collection of positions holds of a run, in chunks, in any order.

        Called when a run is verified.
        """
        async for part in self._positions.chunks({"runId": run_id}, documents.POSITION_FIELDS, CHUNK):
            yield documents.position_columns(part)

    # -- runs

    async def put_runs(self, events: Sequence[RunEvent]) -> None:
        """Implement `StateStore.put_runs`."""
        newest: dict[str, RunEvent] = {}
        for event in events:
            if is_newer(event, newest.get(event.run_id)):
                newest[event.run_id] = event
        changes = [documents.run_change(event) for event in newest.values()]
        refused = await self._runs.write([UpdateOne(where, update, upsert=True) for where, update in changes])
        await self._runs.write([UpdateOne(*changes[i]) for i in refused])

    async def doubt_runs(self) -> None:
        """Implement `StateStore.doubt_runs`."""
        await self._runs.update_many({}, {"$set": {"silent": True}})

    async def silent_runs(self) -> frozenset[str]:
        """Implement `StateStore.silent_runs`."""
        return frozenset(document["_id"] for document in await self._runs.find({"silent": True}, ("_id",)))

    async def run(self, run_id: str) -> RunEvent | None:
        """Implement `StateStore.run`."""
        found = await self._runs.find({"_id": run_id})
        return documents.run_of(found[0]) if found else None

    async def runs(self) -> list[RunEvent]:
        """Implement `StateStore.runs`."""
        return [
            documents.run_of(document) for document in await self._runs.find({}, order=[("eventTime", -1), ("_id", 1)])
        ]

    # -- views

    async def put_view(self, view: View) -> View:
        """Implement `StateStore.put_view`."""
        await self._settle(self._views, [documents.view_write(view)])
        found = await self._views.find({"_id": view.id})
        return documents.view_of(found[0]) if found else view

    async def views(self) -> list[View]:
        """Implement `StateStore.views`."""
        return [
            documents.view_of(document)
            for document in await self._views.find({}, order=[("createdAtMs", 1), ("_id", 1)])
        ]

    async def delete_view(self, view_id: str) -> bool:
        """Implement `StateStore.delete_view`."""
        return await self._views.delete_many({"_id": view_id}) > 0


def parts(things: Iterable[T], size: int) -> Iterator[list[T]]:
    """Give some things in lists of at most `size`."""
    rest = iter(things)
    while part := list(islice(rest, size)):
        yield part


def _different(found: Sequence[Document], field: str) -> list[str]:
    return sorted({document[field] for document in found})


def _change(known: Document | None, events: Sequence[DeliveryEvent]) -> tuple[str, UpdateOne] | None:
    """Return what events change in a delivery, as the operation that does it.

    None if they say nothing new.
    """
    before = record = None if known is None else documents.delivery_of(known)
    for event in events:
        record = after_event(record, event)
    if record is None or record == before:
        return None
    return record.delivery_id, documents.event_change(record, 0 if known is None else known["revision"])

"""`HistoryStore` on Elasticsearch 9.

A document for every position and every event, in indices by the time at which they happened.

A position's or an event's id is ``deliveryId:seq`` and it is only ever created, so what is delivered again is known by
a conflict. Acknowledged is what is in the server's translog, which it syncs before it answers (its default;
asynchronous translogs lost acknowledged documents in trials). Who asks sees what was written: an index is refreshed
before it is read, if anything may have been written since.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from api.errors import StoreError
from api.stores.base import Holding, PositionColumns, Refusal, Track, Written
from api.stores.elastic import lifecycle, queries
from api.stores.elastic.bulk import BulkWriter, Rows, all_of, portions
from api.stores.elastic.documents import delivery_lines, delivery_parts, event_lines
from api.stores.elastic.errors import asking
from api.stores.elastic.lines import lines_bytes, position_lines
from api.stores.elastic.names import END_MS, FIRST_MS, Kind, Names, Period
from api.stores.elastic.server import Server
from api.stores.elastic.templates import put_templates
from engine.codec import PositionBatch
from engine.delivery.faults import Label
from engine.messages import DeliveryEvent

logger = logging.getLogger(__name__)

OPEN_S = 30.0
"""How long a server may take to become ready when the store is opened."""

FRESH_S = 1.0
"""How long a refresh is good for if only other processes write."""

RETENTION_S = 3600.0
"""How often old indices are looked for."""


@dataclass(frozen=True, slots=True)
class ElasticOptions:
    """How the store keeps its indices.

    Attributes
    ----------
    prefix : begins every name.
    retention_days : indices older than this are deleted; 0 keeps them.
    lifecycle : who deletes them: this adapter by their names, or the server's lifecycle management.
    """

    prefix: str = "delivery"
    period: Period = Period.DAY
    retention_days: int = 0
    replicas: int = 0
    lifecycle: Literal["names", "ilm"] = "names"


class ElasticHistory:
    """Positions and events in Elasticsearch, and a document for every delivery.

    Parameters
    ----------
    url : of one server or more, comma-separated.
    open_s : seconds that `open` waits for a server.
    now_ms : the wall clock, epoch ms.
    """

    def __init__(
        self,
        url: str,
        options: ElasticOptions | None = None,
        *,
        api_key: str | None = None,
        open_s: float = OPEN_S,
        now_ms: Callable[[], float] = lambda: time.time() * 1000,
    ) -> None:
        self._options, self._open_s, self._now_ms = options or ElasticOptions(), open_s, now_ms
        self._names = Names(self._options.prefix, self._options.period)
        self._server = Server(url, api_key)
        self._bulk = BulkWriter(self._server)
        self._retention: asyncio.Task[None] | None = None
        self._writes = dict.fromkeys(Kind, 0)
        self._fresh: dict[Kind, tuple[int, float]] = {}
        self._held: tuple[str, dict[str, Holding]] = ("", {})

    async def open(self) -> None:
        """Implement `HistoryStore.open`."""
        options, names = self._options, self._names
        try:
            await self._server.open(self._open_s)
            with asking(self._server.place):
                policy = (
                    await lifecycle.put_policy(self._server, names, options.retention_days)
                    if options.lifecycle == "ilm"
                    else None
                )
                await put_templates(self._server.client, names, replicas=options.replicas, policy=policy)
                await self._server.client.options(ignore_status=400).indices.create(
                    index=names.deliveries
                )  # 400: it is there
            if options.retention_days and policy is None:
                await self.delete_old()
                self._retention = asyncio.create_task(self._delete_old_now_and_then())
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Implement `HistoryStore.close`."""
        if self._retention is not None:
            self._retention.cancel()
            self._retention = None
        await self._server.close()

    async def ping(self) -> None:
        """Implement `HistoryStore.ping`."""
        await self._server.ping()

    async def write_positions(self, batch: PositionBatch) -> Written:
        """Implement `HistoryStore.write_positions`."""

        def lines(rows: Rows) -> bytes:
            return position_lines(batch if len(rows) == len(batch) else batch.take(rows))

        return await self._create(Kind.POSITIONS, batch.event_time_ms, np.full(len(batch), lines_bytes(batch)), lines)

    async def write_events(self, events: Sequence[DeliveryEvent]) -> Written:
        """Implement `HistoryStore.write_events`."""
        documents = [event_lines(event) for event in events]
        time_ms = np.array([event.event_time for event in events], np.int64)
        written = await self._create(Kind.EVENTS, time_ms, _sizes(documents), lambda rows: _joined(documents, rows))
        refused = {refusal.row for refusal in written.refused}
        await self._update_deliveries([event for row, event in enumerate(events) if row not in refused])
        return written

    async def track(self, delivery_id: str) -> Track | None:
        """Implement `HistoryStore.track`."""
        alias = await self._refreshed(Kind.POSITIONS)
        with asking(self._server.place):
            return await queries.track(self._server.client, alias, delivery_id)

    async def events(self, delivery_id: str) -> list[DeliveryEvent]:
        """Implement `HistoryStore.events`."""
        alias = await self._refreshed(Kind.EVENTS)
        with asking(self._server.place):
            return await queries.events(self._server.client, alias, delivery_id)

    async def holdings(self, run_id: str) -> dict[str, Holding]:
        """Implement `HistoryStore.holdings`."""
        alias = await self._refreshed(Kind.POSITIONS)
        with asking(self._server.place):
            count = await queries.count(self._server.client, alias, run_id)
            # Documents are only created, so as many as before are the same as before; at a run's end this is asked many
            # times.
            known_run, known = self._held
            if known_run != run_id or sum(holding.count for holding in known.values()) != count:
                known = await queries.holdings(self._server.client, alias, run_id)
                self._held = (run_id, known)
        return dict(known)

    async def faults(self, run_id: str) -> dict[str, list[Label]]:
        """Implement `HistoryStore.faults`."""
        alias = await self._refreshed(Kind.EVENTS)
        with asking(self._server.place):
            return await queries.faults(self._server.client, alias, run_id)

    async def positions(self, run_id: str) -> AsyncIterator[PositionColumns]:
        """Implement `HistoryStore.positions`."""
        alias = await self._refreshed(Kind.POSITIONS)
        with asking(self._server.place):
            async for part in queries.positions(self._server.client, alias, run_id):
                yield part

    async def delete_old(self) -> list[str]:
        """Delete the indices that are older than the retention and return their names.

        Called at the start and every hour.
        """
        with asking(self._server.place):
            return await lifecycle.delete_old(
                self._server.client, self._names, self._options.retention_days, self._now_ms()
            )

    # -- within

    async def _create(
        self, kind: Kind, time_ms: NDArray[np.int64], sizes: NDArray[np.int64], lines: Callable[[Rows], bytes]
    ) -> Written:
        """Create documents, each in the index of its time.

        Parameters
        ----------
        time_ms : when each document happened, epoch ms.
        sizes : bytes of each document's lines, at most.
        lines : returns the lines of some documents.
        """
        has_index = (time_ms >= FIRST_MS) & (time_ms < END_MS)
        refused = [
            Refusal(row, f"eventTime {time_ms[row]} must be from {FIRST_MS} to {END_MS - 1}")
            for row in np.flatnonzero(~has_index).tolist()
        ]
        rows = np.flatnonzero(has_index)
        by_index = {index: rows[at] for index, at in self._names.split(kind, time_ms[rows]).items()}
        outcome = await all_of(
            self._bulk.write(index, some, lines) for index, at in by_index.items() for some in portions(at, sizes[at])
        )
        self._writes[kind] += 1
        return Written(
            outcome.new, outcome.known, tuple(sorted(refused + outcome.refused, key=lambda refusal: refusal.row))
        )

    async def _update_deliveries(self, events: Sequence[DeliveryEvent]) -> None:
        documents = [delivery_lines(delivery_id, part) for delivery_id, part in delivery_parts(events).items()]
        for rows in portions(np.arange(len(documents)), _sizes(documents)):
            outcome = await self._bulk.write(
                self._names.deliveries, rows, lambda rows: _joined(documents, rows), creates=False
            )
            for refusal in outcome.refused:
                logger.error("the document of a delivery was refused, though its events are stored: %s", refusal.reason)

    async def _refreshed(self, kind: Kind) -> str:
        """Return the alias of a kind once what was written can be found under it."""
        alias, writes, now = self._names.alias(kind), self._writes[kind], time.monotonic()
        known_writes, refreshed_at = self._fresh.get(kind, (-1, 0.0))
        if known_writes != writes or now - refreshed_at > FRESH_S:
            with asking(self._server.place):
                await self._server.client.indices.refresh(index=alias, ignore_unavailable=True)
            self._fresh[kind] = (writes, now)
        return alias

    async def _delete_old_now_and_then(self) -> None:
        while True:
            await asyncio.sleep(RETENTION_S)
            try:
                await self.delete_old()
            except StoreError as error:
                logger.warning("old indices stay for another hour: %s", error)


def _joined(documents: Sequence[bytes], rows: Rows) -> bytes:
    return b"".join([documents[row] for row in rows.tolist()])


def _sizes(documents: Sequence[bytes]) -> NDArray[np.int64]:
    return np.fromiter(map(len, documents), np.int64, len(documents))

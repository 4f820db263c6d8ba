"""Both stores in memory, without a file.

They serve tests, and are the plainest reading of the protocols. Nothing outlives the process.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from api.stores.base import DeliveryQuery, DeliverySort, Holding, Page, PositionColumns, Track, Written
from api.stores.model import DeliveryRecord, StoredRoute, View, after_event, is_newer, newest_rows
from engine.codec import PositionBatch
from engine.delivery.faults import Label, labels_of
from engine.messages import DeliveryEvent, EventKind, RunEvent

_SORT_KEYS: dict[DeliverySort, Callable[[DeliveryRecord], Any]] = {
    DeliverySort.STARTED_AT: lambda record: record.started_at,
    DeliverySort.PLANNED_ARRIVAL: lambda record: record.planned_arrival,
    DeliverySort.DELIVERY_ID: lambda record: record.delivery_id,
    DeliverySort.DRIVER_ID: lambda record: record.driver_id,
    DeliverySort.ROUTE_TITLE: lambda record: record.route_title,
    DeliverySort.VEHICLE: lambda record: record.vehicle,
    DeliverySort.PROGRESS: lambda record: record.progress or 0.0,
    DeliverySort.DISTANCE: lambda record: record.distance_m,
    DeliverySort.SPEED: lambda record: record.speed_mps,
}


class _Memory:
    async def open(self) -> None:
        """Do nothing: memory is always open."""

    async def close(self) -> None:
        """Do nothing: what was written can still be read."""

    async def ping(self) -> None:
        """Answer."""


class MemoryState(_Memory):
    """`StateStore` in dictionaries."""

    def __init__(self) -> None:
        self._routes: dict[str, StoredRoute] = {}
        self._deliveries: dict[str, DeliveryRecord] = {}
        self._runs: dict[str, RunEvent] = {}
        self._silent: set[str] = set()
        self._views: dict[str, View] = {}

    async def put_routes(self, routes: Sequence[StoredRoute]) -> None:
        """Implement `StateStore.put_routes`."""
        for route in routes:
            known = self._routes.get(route.id)
            self._routes[route.id] = replace(route, kept=route.kept or (known is not None and known.kept))

    async def delete_routes(self, route_ids: Sequence[str]) -> int:
        """Implement `StateStore.delete_routes`."""
        return sum(self._routes.pop(route_id, None) is not None for route_id in route_ids)

    async def route(self, route_id: str) -> StoredRoute | None:
        """Implement `StateStore.route`."""
        return self._routes.get(route_id)

    async def routes(self, text: str = "", limit: int = 100, offset: int = 0) -> Page[StoredRoute]:
        """Implement `StateStore.routes`."""
        found = [
            route for _, route in sorted(self._routes.items()) if text.lower() in f"{route.id}\n{route.title}".lower()
        ]
        return Page(found[offset : offset + limit], len(found))

    async def route_ids(self) -> list[str]:
        """Implement `StateStore.route_ids`."""
        return sorted(self._routes)

    async def kept_routes(self) -> list[StoredRoute]:
        """Implement `StateStore.kept_routes`."""
        return [route for _, route in sorted(self._routes.items()) if route.kept]

    async def apply_events(self, events: Sequence[DeliveryEvent]) -> None:
        """Implement `StateStore.apply_events`."""
        for event in events:
            self._deliveries[event.delivery_id] = after_event(self._deliveries.get(event.delivery_id), event)

    async def apply_positions(self, batch: PositionBatch) -> None:
        """Implement `StateStore.apply_positions`."""
        newest = batch.take(newest_rows(batch))
        for i, delivery_id in enumerate(newest.delivery_id.astype(str).tolist()):
            record = self._deliveries.get(delivery_id)
            if record is None:
                owner = (getattr(newest, name)[i].decode() for name in ("run_id", "route_id", "client_id", "driver_id"))
                record = DeliveryRecord(delivery_id, *owner)
            if newest.seq[i] > record.seq:
                record = replace(
                    record,
                    seq=int(newest.seq[i]),
                    event_time=int(newest.event_time_ms[i]),
                    lat_deg=float(newest.lat_deg[i]),
                    lng_deg=float(newest.lng_deg[i]),
                    speed_mps=float(newest.speed_mps[i]),
                    bearing_deg=float(newest.bearing_deg[i]),
                    distance_m=float(newest.distance_m[i]),
                    finished=bool(newest.finished[i]),
                )
            self._deliveries[delivery_id] = record

    def _titled(self, record: DeliveryRecord) -> DeliveryRecord:
        record = replace(record, run_is_silent=record.run_id in self._silent)
        route = self._routes.get(record.route_id)
        if route is None:
            return record
        return replace(record, route_title=route.title, route_length_m=record.route_length_m or route.length_m)

    async def delivery(self, delivery_id: str) -> DeliveryRecord | None:
        """Implement `StateStore.delivery`."""
        record = self._deliveries.get(delivery_id)
        return None if record is None else self._titled(record)

    async def deliveries(self, query: DeliveryQuery) -> Page[DeliveryRecord]:
        """Implement `StateStore.deliveries`."""
        key = _SORT_KEYS[query.sort]
        found = [record for record in map(self._titled, self._deliveries.values()) if _matches(record, query)]
        found.sort(key=lambda record: record.delivery_id)
        # An unknown value is smaller than any known one, as in the databases.
        found.sort(
            key=lambda record: (True, key(record)) if key(record) is not None else (False,), reverse=query.descending
        )
        return Page(found[query.offset : query.offset + query.limit], len(found))

    async def ended(self, run_id: str) -> dict[str, int]:
        """Implement `StateStore.ended`."""
        return {
            r.delivery_id: r.positions
            for r in self._deliveries.values()
            if r.run_id == run_id and r.positions is not None
        }

    async def put_runs(self, events: Sequence[RunEvent]) -> None:
        """Implement `StateStore.put_runs`."""
        for event in events:
            if is_newer(event, self._runs.get(event.run_id)):
                self._runs[event.run_id] = event
                self._silent.discard(event.run_id)

    async def doubt_runs(self) -> None:
        """Implement `StateStore.doubt_runs`."""
        self._silent = set(self._runs)

    async def silent_runs(self) -> frozenset[str]:
        """Implement `StateStore.silent_runs`."""
        return frozenset(self._silent)

    async def run(self, run_id: str) -> RunEvent | None:
        """Implement `StateStore.run`."""
        return self._runs.get(run_id)

    async def runs(self) -> list[RunEvent]:
        """Implement `StateStore.runs`."""
        return sorted(self._runs.values(), key=lambda event: (-event.event_time, event.run_id))

    async def put_view(self, view: View) -> View:
        """Implement `StateStore.put_view`."""
        known = self._views.get(view.id)
        self._views[view.id] = view = view if known is None else replace(view, created_at_ms=known.created_at_ms)
        return view

    async def views(self) -> list[View]:
        """Implement `StateStore.views`."""
        return sorted(self._views.values(), key=lambda view: (view.created_at_ms, view.id))

    async def delete_view(self, view_id: str) -> bool:
        """Implement `StateStore.delete_view`."""
        return self._views.pop(view_id, None) is not None


def _matches(record: DeliveryRecord, query: DeliveryQuery) -> bool:
    return (
        (not query.phases or record.shown_phase in query.phases)
        and query.text.lower() in f"{record.delivery_id}\n{record.driver_id}\n{record.route_title}".lower()
        and query.route_id in (None, record.route_id)
        and query.vehicle in (None, record.vehicle)
        and query.run_id in (None, record.run_id)
    )


class MemoryHistory(_Memory):
    """`HistoryStore` in dictionaries."""

    def __init__(self) -> None:
        self._positions: dict[str, dict[int, tuple[int, float, float, float, float, float]]] = defaultdict(dict)
        self._run_of: dict[str, str] = {}
        self._events: dict[str, dict[int, DeliveryEvent]] = defaultdict(dict)

    async def write_positions(self, batch: PositionBatch) -> Written:
        """Implement `HistoryStore.write_positions`."""
        new = 0
        names = ("event_time_ms", "lat_deg", "lng_deg", "speed_mps", "bearing_deg", "distance_m")
        rows = zip(*(getattr(batch, name).tolist() for name in names), strict=True)
        ids = zip(
            batch.delivery_id.astype(str).tolist(), batch.run_id.astype(str).tolist(), batch.seq.tolist(), strict=True
        )
        for (delivery_id, run_id, seq), row in zip(ids, rows, strict=True):
            held = self._positions[delivery_id]
            self._run_of.setdefault(delivery_id, run_id)
            new += seq not in held
            held.setdefault(seq, row)
        return Written(new, len(batch) - new)

    async def write_events(self, events: Sequence[DeliveryEvent]) -> Written:
        """Implement `HistoryStore.write_events`."""
        new = 0
        for event in events:
            held = self._events[event.delivery_id]
            new += event.seq not in held
            held.setdefault(event.seq, event)
        return Written(new, len(events) - new)

    async def track(self, delivery_id: str) -> Track | None:
        """Implement `HistoryStore.track`."""
        held = self._positions.get(delivery_id)
        if not held:
            return None
        seqs = sorted(held)
        times, *columns = zip(*(held[seq] for seq in seqs), strict=True)
        return Track(
            np.array(seqs, dtype=np.int64),
            np.array(times, dtype=np.int64),
            *(np.array(column, dtype=np.float64) for column in columns),
        )

    async def events(self, delivery_id: str) -> list[DeliveryEvent]:
        """Implement `HistoryStore.events`."""
        return [event for _, event in sorted(self._events.get(delivery_id, {}).items())]

    async def holdings(self, run_id: str) -> dict[str, Holding]:
        """Implement `HistoryStore.holdings`."""
        return {
            name: Holding(len(held), max(held))
            for name, held in self._positions.items()
            if self._run_of[name] == run_id
        }

    async def faults(self, run_id: str) -> dict[str, list[Label]]:
        """Implement `HistoryStore.faults`."""
        events = (event for told in self._events.values() for event in told.values() if event.run_id == run_id)
        return labels_of(
            (event.delivery_id, event.fault, event.from_seq, event.to_seq)
            for event in events
            if event.kind == EventKind.FAULT
        )

    async def positions(self, run_id: str) -> AsyncIterator[PositionColumns]:
        """Implement `HistoryStore.positions`."""
        for name, held in self._positions.items():
            if self._run_of[name] == run_id:
                _, lat_deg, lng_deg, *_ = (np.array(column) for column in zip(*held.values(), strict=True))
                yield PositionColumns(
                    np.full(len(held), name.encode()), np.array(list(held), np.int64), lat_deg, lng_deg
                )

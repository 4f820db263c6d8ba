"""The live map without Kafka, Ray and stores: an in-process fleet behind the real live socket, and the built UI.

    python benchmarks/fleet_server.py --port 8000 --drivers 10000 --ui ui/dist

For work on the UI and for measuring the map alone. Movers drive random polylines in Liechtenstein at a steady speed; each begins a next delivery after its
last. REST is reduced to what the page asks for when it opens.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
import uvicorn
from fastapi import FastAPI, HTTPException, Response
from fastapi.responses import FileResponse

from api.live import Hub, live_router
from engine.codec import PositionBatch
from engine.messages import DeliveryEvent, EventKind, RunEvent, RunState
from engine.route import Route
from engine.vehicle import VehicleClass

RUN = "fleet-server"
PERIOD_MS = 1000
VEHICLES = tuple(VehicleClass)
WEST, SOUTH, EAST, NORTH = 9.47, 47.05, 9.64, 47.27


class Movers:
    """Synthetic movers on random routes, a struct of arrays of shape (n,); every instant is wall time."""

    def __init__(self, drivers: int, *, routes: int = 300, seed: int = 1) -> None:
        self._chance = np.random.default_rng(seed)
        self.routes = [self._random_route(f"r{i}") for i in range(routes)]
        self._n = drivers
        self._phase_ms = self._chance.integers(0, PERIOD_MS, drivers)
        self._route = np.zeros(drivers, np.int64)
        self._trip = np.full(drivers, -1)
        self._depart_ms = np.zeros(drivers, np.int64)
        self._speed_mps = self._chance.uniform(4, 16, drivers)
        self._sent = np.zeros(drivers, np.int64)
        self._length_m = np.array([route.length_m for route in self.routes])

    def begin(self, now_ms: int) -> list[DeliveryEvent]:
        """Put every driver somewhere on a first delivery."""
        drivers = np.arange(self._n)
        events = self._depart(drivers, np.full(self._n, now_ms))
        done = self._chance.random(self._n) * self._length_m[self._route] / self._speed_mps
        self._sent = (done * 1000 // PERIOD_MS).astype(np.int64)
        self._depart_ms = now_ms + self._phase_ms - self._sent * PERIOD_MS
        return events

    def advance(self, now_ms: int) -> tuple[PositionBatch, list[DeliveryEvent]]:
        """Return the positions that are due, at most one of each driver, and what happened to deliveries."""
        due_ms = self._depart_ms + self._sent * PERIOD_MS
        rows = np.flatnonzero(due_ms <= now_ms)
        seq = self._sent[rows].copy()
        distance = np.minimum(seq * PERIOD_MS / 1000 * self._speed_mps[rows], self._length_m[self._route[rows]])
        finished = distance >= self._length_m[self._route[rows]]
        lat, lng, bearing = np.empty((3, len(rows)))
        for route in np.unique(self._route[rows]):
            here = self._route[rows] == route
            line = self.routes[route]
            lat[here] = np.interp(distance[here], line.cumulative_m, line.lat_deg)
            lng[here] = np.interp(distance[here], line.cumulative_m, line.lng_deg)
            leg = np.searchsorted(line.cumulative_m, distance[here], "right") - 1
            bearing[here] = line.bearing_deg[np.clip(leg, 0, len(line.bearing_deg) - 1)]
        names = [self._names(driver) for driver in rows.tolist()]
        batch = PositionBatch(
            *(np.array([name[i] for name in names], "S") for i in range(5)), lat, lng, finished, seq, due_ms[rows],
            np.where(finished, 0.0, self._speed_mps[rows]), bearing % 360, distance,
        )  # fmt: skip
        self._sent[rows] += 1
        ended = rows[finished]
        events = [self._event(EventKind.DELIVERED, driver, int(due_ms[driver]), positions=int(self._sent[driver])) for driver in ended.tolist()]
        return batch, events + self._depart(ended, due_ms[ended] + 3 * PERIOD_MS)

    def _depart(self, drivers: np.ndarray, at_ms: np.ndarray) -> list[DeliveryEvent]:
        self._trip[drivers] += 1
        self._route[drivers] = self._chance.integers(0, len(self.routes), len(drivers))
        self._depart_ms[drivers], self._sent[drivers] = at_ms, 0
        return [self._event(EventKind.STARTED, driver, int(self._depart_ms[driver])) for driver in drivers.tolist()]

    def _names(self, driver: int) -> tuple[bytes, ...]:
        route = self.routes[self._route[driver]].id.encode()
        return route, b"client", b"d%d-%d" % (driver, self._trip[driver]), b"driver-%d" % driver, RUN.encode()

    def _event(self, kind: EventKind, driver: int, at_ms: int, positions: int | None = None) -> DeliveryEvent:
        route, client, delivery, name, run = (word.decode() for word in self._names(driver))
        length_m = float(self._length_m[self._route[driver]])
        return DeliveryEvent(
            delivery_id=delivery, run_id=run, route_id=route, client_id=client, driver_id=name, vehicle=VEHICLES[driver % len(VEHICLES)], kind=kind,
            seq=int(kind == EventKind.DELIVERED), event_time=at_ms, distance=length_m if kind == EventKind.DELIVERED else 0.0, route_length=length_m,
            planned_arrival=at_ms + int(1000 * length_m / self._speed_mps[driver]), positions=positions,
        )  # fmt: skip

    def _random_route(self, route_id: str) -> Route:
        steps = self._chance.normal(0, 0.004, (25, 2)) + self._chance.normal(0, 0.003, 2)
        lat = np.clip(self._chance.uniform(SOUTH, NORTH) + np.cumsum(steps[:, 0]), SOUTH, NORTH)
        lng = np.clip(self._chance.uniform(WEST, EAST) + np.cumsum(steps[:, 1]), WEST, EAST)
        return Route.from_points(route_id, f"Route {route_id}", lat, lng)


async def drive(hub: Hub, movers: Movers) -> None:
    """Feed the hub for ever, every 50 ms."""
    for route in movers.routes:
        hub.on_route(route.to_message())
    began_ms = int(time.time() * 1000)
    hub.on_run(run_event(began_ms, 0, len(movers.routes)))
    for event in movers.begin(began_ms):
        hub.on_event(event)
    while True:
        batch, events = movers.advance(int(time.time() * 1000))
        for event in events:
            hub.on_event(event)
        hub.on_positions(batch)
        await asyncio.sleep(0.05)


def run_event(began_ms: int, seq: int, drivers: int) -> RunEvent:
    """Return the news of a run whose virtual time is wall time."""
    return RunEvent(run_id=RUN, state=RunState.RUNNING, seq=seq, event_time=began_ms, clock=[began_ms, began_ms, 1.0], drivers=drivers, active=drivers)


def create_app(drivers: int, ui: Path | None = None) -> FastAPI:
    """Return the app: the live sockets, the few answers the page asks for, and the page."""
    hub, movers = Hub(), Movers(drivers)

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        feed = asyncio.create_task(drive(hub, movers))
        yield
        feed.cancel()

    app = FastAPI(lifespan=lifespan)
    app.include_router(live_router(hub))
    by_id = {route.id: route for route in movers.routes}

    @app.get("/config.json")
    def config() -> dict[str, Any]:
        return {"basemap": None, "version": "bench", "attribution": "synthetic routes"}

    @app.get("/health/live")
    def health() -> dict[str, str]:
        return {"status": "ok"}

    @app.get("/routes")
    def routes(response: Response, limit: int = 100, offset: int = 0) -> list[dict[str, Any]]:
        response.headers["X-Total-Count"] = str(len(by_id))
        return [shown(route) for route in movers.routes[offset : offset + limit]]

    @app.get("/routes/{route_id}")
    def one_route(route_id: str) -> dict[str, Any]:
        route = by_id.get(route_id)
        if route is None:
            raise HTTPException(404)
        line = np.column_stack((route.lng_deg, route.lat_deg)).tolist()
        return {**shown(route), "geometry": {"type": "LineString", "coordinates": line}, "stops": []}

    @app.get("/deliveries")
    def deliveries(limit: int = 100, offset: int = 0) -> dict[str, Any]:
        slots = hub.world.visible().tolist()
        return {"items": [hub.delivery(slot) for slot in slots[offset : offset + min(limit, 100)]], "total": len(slots)}

    @app.get("/deliveries/{delivery_id}")
    def delivery(delivery_id: str) -> dict[str, Any]:
        slot = hub.find(delivery_id)
        found = hub.delivery(slot) if slot is not None else None
        if found is None:
            raise HTTPException(404)
        return found

    @app.get("/runs")
    def runs() -> list[dict[str, Any]]:
        return [{"runId": RUN, "state": "running", "drivers": drivers, "active": drivers}]

    @app.get("/metrics.json")
    def metrics() -> dict[str, float]:
        return hub.counters.as_metrics()

    @app.get("/{path:path}")
    def page(path: str) -> FileResponse:
        if ui is None:
            raise HTTPException(404)
        file = (ui / path).resolve()
        return FileResponse(file if file.is_file() and file.is_relative_to(ui.resolve()) else ui / "index.html")

    return app


def shown(route: Route) -> dict[str, Any]:
    """Return a route as the list of routes shows it."""
    start, end = ({"lat": route.lat_deg[i], "lng": route.lng_deg[i]} for i in (0, -1))
    return {"_id": route.id, "title": route.title, "startPosition": start, "endPosition": end, "lengthM": route.length_m, "points": len(route.lat_deg)}


def main() -> None:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(description="serve the live map from an in-process fleet")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--drivers", type=int, default=1000)
    parser.add_argument("--ui", type=Path, default=None, help="folder of the built UI")
    arguments = parser.parse_args()
    app = create_app(arguments.drivers, arguments.ui)
    uvicorn.run(app, host="127.0.0.1", port=arguments.port, log_level="warning", ws="websockets-sansio", ws_per_message_deflate=False)


if __name__ == "__main__":
    main()

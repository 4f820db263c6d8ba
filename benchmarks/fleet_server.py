"""The live map without Kafka, Ray and stores: an engine fleet behind the real live socket.

The built UI is served beside it.

    python benchmarks/fleet_server.py --port 8000 --drivers 10000 --ui ui/dist
    # a city of 42 x 67 km: the roads four times across and three times down
    python benchmarks/fleet_server.py --port 8000 --drivers 10000 --copies 4 3

For work on the UI and for measuring the map alone. The fleet drives the shipped network and is under way when the
server starts. Records are encoded and decoded as they would be for Kafka. REST is reduced to what the page asks for
when it opens.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import itertools
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

from api.basemap import Basemap
from api.delivery import Delivery
from api.live import Hub, live_router
from api.measuring.tuning import tune_process
from engine.codec import decode_positions
from engine.delivery.simulation import FleetSimulation
from engine.demand.demand import PlanDurations, deliveries
from engine.messages import RunEvent, RunState
from engine.roads.route import Route, RouteTable
from engine.roads.shipped import shipped_network
from engine.scenario.scenario import Scenario

RUN = "fleet-server"
UNDER_WAY_S = 240
STEP_S = 0.05
SCENARIO = """
name = "Fleet server"
seed = 1
sample_hz = 1.0
[network]
extract = "liechtenstein"
routes = {routes}
min_length_m = 2000.0
[fleet]
size = {drivers}
pace_spread = 0.2
[fleet.mix]
bicycle = 1
motorcycle = 1
car = 4
van = 3
truck = 1
[deliveries]
mode = "continuous"
start_spread_s = 10.0
pause_s = [5.0, 30.0]
"""


class Source:
    """A continuous fleet, paced by the wall clock, whose records go straight into a hub."""

    def __init__(self, drivers: int, copies: tuple[int, int] = (1, 1)) -> None:
        scenario = Scenario.from_toml(
            SCENARIO.format(drivers=drivers, routes=max(50, min(1000, drivers))), "fleet-server"
        )
        assert scenario.network is not None
        network = shipped_network("liechtenstein")
        found = network.random_routes(
            scenario.network.routes, scenario.seed, min_length_m=scenario.network.min_length_m
        )
        west, east = float(network.lng_deg.min()), float(network.lng_deg.max())
        south, north = float(network.lat_deg.min()), float(network.lat_deg.max())
        across, down = copies
        self.bounds = (west, south - (down - 1) * (north - south), west + across * (east - west), north)
        self.routes = [
            moved(route, -(i // across % down) * (north - south), i % across * (east - west))
            for i, route in enumerate(found)
        ]
        self.drivers = drivers
        self._simulation = FleetSimulation(RUN)
        self._simulation.define_routes(self.routes)
        table = RouteTable.from_routes(self.routes)
        self._began_ms = int(time.time() * 1000) - UNDER_WAY_S * 1000
        self._specs = deliveries(scenario, table, PlanDurations(table), run_id=RUN, start_ms=self._began_ms)
        self._next = next(self._specs)
        self._add_until(int(time.time() * 1000))

    async def feed(self, hub: Hub) -> None:
        """Drive for ever."""
        for route in self.routes:
            hub.on_route(route.to_message())
        for seq in itertools.count():
            now_ms = int(time.time() * 1000)
            if seq % 20 == 0:
                hub.on_run(self._news(seq, now_ms))
            self._add_until(now_ms + 1000)
            tick = self._simulation.advance(now_ms)
            for event in tick.events:
                hub.on_event(event)
            hub.on_positions(decode_positions(tick.values).batch)
            await asyncio.sleep(STEP_S)

    def _add_until(self, until_ms: int) -> None:
        """Take up what departs by an instant; what would have been sent before the server began is left out."""
        now_ms = int(time.time() * 1000)
        specs = []
        while self._next.depart_ms <= until_ms:
            specs.append(self._next)
            self._next = next(self._specs)
        past = {spec.delivery_id: max(0, (now_ms - spec.depart_ms) // spec.period_ms) for spec in specs}
        self._simulation.add(specs, past)

    def _news(self, seq: int, now_ms: int) -> RunEvent:
        clock = [float(self._began_ms), float(self._began_ms), 1.0]
        return RunEvent(
            run_id=RUN,
            state=RunState.RUNNING,
            seq=seq,
            event_time=now_ms,
            clock=clock,
            drivers=self.drivers,
            active=self._simulation.active,
            actors=1,
        )


def moved(route: Route, lat_by_deg: float, lng_by_deg: float) -> Route:
    """Return the route elsewhere."""
    if not lat_by_deg and not lng_by_deg:
        return route
    given = route.given
    lat, lng = route.lat_deg[given] + lat_by_deg, route.lng_deg[given] + lng_by_deg
    return Route.from_points(
        route.id, route.title, lat, lng, limit_mps=route.limit_mps[given[:-1]], source=route.source
    )


def create_app(drivers: int, ui: Path | None = None, copies: tuple[int, int] = (1, 1)) -> FastAPI:
    """Return the app: the live sockets, the few answers the page asks for, and the page."""
    hub, source, basemap = Hub(), Source(drivers, copies), Basemap("liechtenstein")

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        feeding = asyncio.create_task(source.feed(hub))
        yield
        feeding.cancel()

    app = FastAPI(lifespan=lifespan)
    app.include_router(live_router(hub))
    by_id = {route.id: route for route in source.routes}

    @app.get("/config.json")
    async def config() -> dict[str, Any]:
        found = await basemap.streets()
        return {
            "basemap": "liechtenstein",
            "version": "fleet-server",
            "attribution": found.attribution,
            "bounds": source.bounds,
        }

    @app.get("/basemap/streets.geojson")
    async def streets() -> Response:
        found = await basemap.streets()
        return Response(
            found.gzipped, media_type="application/geo+json", headers={"Content-Encoding": "gzip", "ETag": found.etag}
        )

    @app.get("/health/live")
    async def health() -> dict[str, str]:
        return {"status": "ok"}

    @app.get("/routes")
    async def routes(response: Response, limit: int = 100, offset: int = 0) -> list[dict[str, Any]]:
        response.headers["X-Total-Count"] = str(len(by_id))
        return [shown(route) for route in source.routes[offset : offset + limit]]

    @app.get("/routes/{route_id}")
    async def one_route(route_id: str) -> dict[str, Any]:
        route = by_id.get(route_id)
        if route is None:
            raise HTTPException(404)
        line = np.column_stack((route.lng_deg, route.lat_deg)).tolist()
        return {**shown(route), "geometry": {"type": "LineString", "coordinates": line}, "stops": []}

    @app.get("/deliveries")
    async def all_deliveries(limit: int = 100, offset: int = 0) -> dict[str, Any]:
        slots = hub.world.visible().tolist()
        return {"items": [hub.delivery(slot) for slot in slots[offset : offset + min(limit, 100)]], "total": len(slots)}

    @app.get("/deliveries/{delivery_id}")
    async def delivery(delivery_id: str) -> Delivery:
        slot = hub.find(delivery_id)
        found = hub.delivery(slot) if slot is not None else None
        if found is None:
            raise HTTPException(404)
        return found

    @app.get("/runs")
    async def runs() -> list[dict[str, Any]]:
        return [{"runId": RUN, "state": "running", "drivers": drivers, "active": drivers}]

    @app.get("/metrics.json")
    async def metrics() -> dict[str, float]:
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
    return {
        "_id": route.id,
        "title": route.title,
        "startPosition": start,
        "endPosition": end,
        "lengthM": route.length_m,
        "points": len(route.lat_deg),
    }


def main() -> None:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(description="serve the live map from an in-process fleet")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--drivers", type=int, default=1000)
    parser.add_argument("--ui", type=Path, default=None, help="folder of the built UI")
    parser.add_argument(
        "--copies",
        type=int,
        nargs=2,
        default=(1, 1),
        metavar=("ACROSS", "DOWN"),
        help="lay the roads out several times, for more room",
    )
    arguments = parser.parse_args()
    tune_process()  # as the API does
    app = create_app(arguments.drivers, arguments.ui, tuple(arguments.copies))
    uvicorn.run(
        app,
        host="127.0.0.1",
        port=arguments.port,
        log_level="warning",
        ws="websockets-sansio",
        ws_per_message_deflate=False,
    )


if __name__ == "__main__":
    main()

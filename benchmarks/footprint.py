"""What a driver and a position take: memory, disk and processor time.

Memory is that of a driver actor and of the live map, disk that of Kafka and Elasticsearch, processor time that of a
process that sends by the clock and of the sink.

There is no rival; `code-delivery size` counts with these figures (`cli/load/capacity/profile.json`). Positions are
those of drivers on real streets, for made-up ones compress otherwise. On disk is what the server's own folder and its
own account say, without replicas.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import Any

import psutil

from actors.producing.open_publisher import open_publisher
from actors.settings import Settings
from api.live import Hub
from api.stores.elastic import ElasticHistory, ElasticOptions
from benchmarks.elastic_sides import own_elasticsearch
from benchmarks.produce_fleet import START_MS, routes
from benchmarks.simulation import services
from benchmarks.size import sized
from engine.codec import PositionBatch, decode_positions
from engine.delivery.simulation import FleetSimulation
from engine.delivery.spec import make_spec

FEW, MANY = sized((20_000, 120_000), toy=(1_000, 6_000))
"""Memory a driver is the difference between fleets of these sizes, each in a process of its own."""

CHUNK = 5_000

DRIVERS, SECONDS = sized((10_000, 38), toy=(100, 3))
FULL = sized(50_000, toy=200)
"""Drivers with which one process is well filled."""

SETTLE_S = sized(8, toy=1)
"""Routes are planned and the process warms up meanwhile; it is not in the processor's figures."""

TICK_MS = 50
"""A driver actor's linger, so that records are sent in the batches of a run."""


def fleet(drivers: int, first: int = 0) -> FleetSimulation:
    """Return drivers at 1 Hz, numbered from `first` on, on the streets of Liechtenstein.

    Their phases are spread over the second.
    """
    roads = routes()
    simulation = FleetSimulation("live")
    simulation.define_routes(roads)
    simulation.add(
        make_spec(
            delivery_id=f"live-car-{first + i:06d}-3",
            driver_id=f"car-{first + i:06d}",
            client_id="scenario",
            run_id="live",
            route_id=roads[i % len(roads)].id,
            depart_ms=START_MS + i * 1000 // drivers,
            period_ms=1000,
            seed=1,
        )
        for i in range(drivers)
    )
    return simulation


def run() -> list[dict[str, Any]]:
    """Return the figures."""
    memory = {name: (_in_a_process(name, MANY) - _in_a_process(name, FEW)) / (MANY - FEW) for name in MEMORY}
    rows: list[dict[str, Any]] = [
        {"name": "footprint", "value": memory["driver"], "unit": "bytes of memory a driver, in a driver actor"},
        {
            "name": "footprint.live_vehicle",
            "value": memory["vehicle"],
            "unit": "bytes of memory a vehicle, in the live map",
        },
        *_kafka(),
        *asyncio.run(_elastic()),
    ]
    return rows


# -- memory
# --------------------------------------------------------------------------------------------------------------------


def _driver(drivers: int) -> object:
    """Let a fleet drive for ten seconds."""
    simulation = fleet(drivers)
    for second in range(1, 11):
        while simulation.advance(START_MS + second * 1000).more:
            pass
    return simulation


def _vehicle(drivers: int) -> object:
    """Let the live map take two positions of each vehicle.

    The vehicles come from small fleets, which leave little behind.
    """
    hub = Hub(START_MS)
    for first in range(0, drivers, CHUNK):
        simulation = fleet(CHUNK, first)
        for second in (1, 2):
            hub.on_positions(decode_positions(simulation.advance(START_MS + second * 1000).values).batch)
    hub.tick(START_MS + 2000)
    return hub


MEMORY = {"driver": _driver, "vehicle": _vehicle}


def _in_a_process(name: str, drivers: int) -> int:
    told = subprocess.run(
        [sys.executable, "-m", "benchmarks.footprint", name, str(drivers)], check=True, capture_output=True, text=True
    ).stdout
    return int(json.loads(told))


def _resident(name: str, drivers: int) -> int:
    """Return the memory that this process has when it holds what is measured, bytes."""
    held = MEMORY[name](drivers)
    resident = psutil.Process().memory_info().rss
    del held
    return int(resident)


# -- disk
# --------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Paced:
    """What sending by the wall's clock took.

    The number of positions; once it had settled, processor time a position, us, and how late ticks ended, ms.
    """

    positions: int
    cpu_us: float
    late_ms: list[float]


def _kafka() -> list[dict[str, Any]]:
    """Send a fleet's positions as a driver actor does, and look at the broker's folder.

    A larger fleet's follow, for the processor time.
    """
    with services("kafka") as found:
        small = _paced(found.kafka.address, DRIVERS)
        on_disk = sum(file.stat().st_size for file in found.folder.rglob("route.new-position-*/*.log"))
        large = _paced(found.kafka.address, FULL)
    rows = [
        {
            "name": "footprint.kafka",
            "value": on_disk / small.positions,
            "unit": f"bytes on disk a position, lz4, {DRIVERS:,} positions/s of one producer",
        }
    ]
    for name, paced, drivers in (("driver_cpu", large, FULL), ("driver_cpu_few", small, DRIVERS)):
        what = f"{drivers:,} drivers at 1 Hz in one process, ticks of {TICK_MS} ms"
        late_ms = statistics.quantiles(paced.late_ms, n=100)[98]
        rows.append({"name": f"footprint.{name}", "value": paced.cpu_us, "unit": f"us of CPU a position, {what}"})
        rows.append(
            {
                "name": f"footprint.{name}.late",
                "value": late_ms,
                "unit": "ms from a tick's instant to its positions' being handed over, p99",
            }
        )
    return rows


def _paced(bootstrap: str, drivers: int) -> Paced:
    """Send by the wall's clock, as a driver actor does."""
    publisher, simulation, sent, late_ms = open_publisher(Settings(kafka_bootstrap=bootstrap)), fleet(drivers), 0, []
    began, began_cpu, before = time.monotonic(), 0.0, 0
    for tick_ms in range(TICK_MS, SECONDS * 1000, TICK_MS):
        time.sleep(max(0.0, began + tick_ms / 1000 - time.monotonic()))
        if tick_ms == SETTLE_S * 1000:
            began_cpu, before = time.process_time(), sent
        tick = simulation.advance(START_MS + tick_ms)
        publisher.publish(tick.records, tick.events)
        publisher.poll()
        sent += len(tick.records)
        if tick_ms >= SETTLE_S * 1000:
            late_ms.append((time.monotonic() - began) * 1000 - tick_ms)
    cpu_s = time.process_time() - began_cpu
    if publisher.flush(60.0) or publisher.counts.failed:
        raise RuntimeError("the broker did not take all positions")
    return Paced(sent, cpu_s / (sent - before) * 1e6, late_ms)


async def _elastic() -> list[dict[str, Any]]:
    """Store a fleet's positions as the history sink does; ask the server what they take."""
    batches = await asyncio.to_thread(_batches)
    positions = sum(map(len, batches))
    with own_elasticsearch() as url:
        store = ElasticHistory(url, ElasticOptions("footprint"))
        await store.open()
        began = time.process_time()
        for batch in batches:
            await store.write_positions(batch)
        cpu_s = time.process_time() - began
        from elasticsearch import AsyncElasticsearch

        async with AsyncElasticsearch(url, request_timeout=120) as client:
            await client.indices.flush(index="footprint-positions*")
            await client.indices.forcemerge(index="footprint-positions*", max_num_segments=5)
            stats = (await client.indices.stats(index="footprint-positions*", metric="store"))["_all"]["primaries"][
                "store"
            ]["size_in_bytes"]
        await store.close()
    return [
        {
            "name": "footprint.elastic",
            "value": stats / positions,
            "unit": f"bytes on disk a document, of {positions:,}",
        },
        {
            "name": "footprint.sink_cpu",
            "value": cpu_s / positions * 1e6,
            "unit": "us of the sink's CPU a document, without reading Kafka",
        },
    ]


def _batches() -> list[PositionBatch]:
    simulation, found = fleet(DRIVERS), []
    for second in range(1, SECONDS + 1):
        tick = simulation.advance(START_MS + second * 1000)
        found.append(decode_positions(tick.values).batch)
    return found


if __name__ == "__main__":
    print(json.dumps(_resident(sys.argv[1], int(sys.argv[2]))))

"""What the Elasticsearch benchmarks have in common.

That is a server of their own, the positions, and ways to store them that take turns, each on fresh indices.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
import numpy as np
from elasticsearch import AsyncElasticsearch, Elasticsearch
from elasticsearch.helpers import async_bulk, bulk

from api.stores.elastic import ElasticHistory, ElasticOptions
from api.stores.elastic.bulk import MAX_REQUESTS, portions
from api.stores.elastic.lines import lines_bytes, position_lines
from benchmarks.simulation import services
from benchmarks.size import sized
from engine.codec import PositionBatch, PositionEncoder, Positions, decode_positions

DRIVERS = sized(10_000, toy=100)
SECONDS = sized(20, toy=2)
POSITIONS = DRIVERS * SECONDS
BATCH = 20_000
"""Positions of one write: what a sink finds waiting when Kafka is ahead of the store."""

ROUNDS = sized(5, toy=1)
BEGAN_MS = 1_767_225_600_000
INDEX = "positions-2026.01.01"


@dataclass(frozen=True)
class Work:
    """The positions as each side takes them.

    They are Kafka records' values, columns, and the bodies of bulk requests as our sink cuts them.
    """

    values: list[list[bytes]]
    batches: list[PositionBatch]
    bodies: list[bytes]


@dataclass(frozen=True)
class Target:
    """Indices without documents yet, behind the templates of a store that is open."""

    url: str
    prefix: str
    store: ElasticHistory


Side = Callable[[Work, Target], Awaitable[None]]


@contextmanager
def own_elasticsearch() -> Iterator[str]:
    """Give the address of an Elasticsearch that is ended, with all that it stored, afterwards."""
    with services("elasticsearch") as found:
        yield found.elasticsearch.address


def prepared() -> Work:
    """Return seconds of a fleet at 1 Hz, as its actors encode them."""
    chance, encoder = np.random.default_rng(1), PositionEncoder()
    names = [str(number) for number in range(DRIVERS)]
    rows = encoder.add_rows(
        [f"liechtenstein-{int(n) % 400:04d}" for n in names],
        [f"client-{n}" for n in names],
        [f"live-car-{n}-3" for n in names],
        [f"car-{n}" for n in names],
        "live",
    )
    n = DRIVERS
    encoded: list[bytes] = []
    for seq in range(SECONDS):
        lat, lng, speed = chance.uniform(47.0, 47.3, n), chance.uniform(9.4, 9.7, n), chance.uniform(0, 30, n)
        due = BEGAN_MS + seq * 1000 + np.arange(n) % 1000
        encoded += encoder.encode(
            rows,
            Positions(
                lat,
                lng,
                np.zeros(n, np.bool_),
                np.full(n, seq),
                due,
                speed,
                chance.uniform(0, 360, n),
                np.full(n, seq * 10.0),
            ),
        )
    values = [encoded[first : first + BATCH] for first in range(0, POSITIONS, BATCH)]
    batches = [decode_positions(some).batch for some in values]
    bodies = [
        position_lines(batch.take(some))
        for batch in batches
        for some in portions(np.arange(len(batch)), np.full(len(batch), lines_bytes(batch)))
    ]
    return Work(values, batches, bodies)


def rates(url: str, work: Work, sides: dict[str, Side], rounds: int = ROUNDS) -> list[dict[str, float]]:
    """Return positions/s of each side, in each of some rounds in which they take turns."""
    return asyncio.run(_rates(url, work, sides, rounds))


def compared(name: str, side: str, rival: str, rival_side: str, found: list[dict[str, float]]) -> dict[str, Any]:
    """Return one line of a benchmark's result: the round whose ratio is the median one.

    So a moment's noise on the machine decides nothing.
    """
    chosen = sorted(found, key=lambda rate: rate[side] / rate[rival_side])[len(found) // 2]
    value, rival_value = chosen[side], chosen[rival_side]
    return {
        "name": name,
        "value": value,
        "unit": "positions/s",
        "rival": rival,
        "rival_value": rival_value,
        "ratio": value / rival_value,
    }


async def _rates(url: str, work: Work, sides: dict[str, Side], rounds: int) -> list[dict[str, float]]:
    found: list[dict[str, float]] = []
    for number in range(rounds):
        order = list(sides.items())
        turn = order if number % 2 else order[::-1]
        found.append(
            {name: await _rate(url, f"bench-{name.replace('_', '-')}-{number}", work, side) for name, side in turn}
        )
    return found


async def _rate(url: str, prefix: str, work: Work, side: Side) -> float:
    store = ElasticHistory(url, ElasticOptions(prefix))
    await store.open()
    client = AsyncElasticsearch(url, request_timeout=60)
    try:
        await client.indices.create(index=f"{prefix}-{INDEX}")
        await client.cluster.health(index=f"{prefix}-{INDEX}", wait_for_status="yellow")
        began = time.perf_counter()
        await side(work, Target(url, prefix, store))
        rate = POSITIONS / (time.perf_counter() - began)
        await client.indices.refresh(index=f"{prefix}-{INDEX}")
        stored = (await client.count(index=f"{prefix}-{INDEX}"))["count"]
        assert stored == POSITIONS, f"{prefix} has {stored} of {POSITIONS} positions"
        return rate
    finally:
        await store.close()
        await client.indices.delete(index=f"{prefix}-{INDEX},{prefix}-deliveries-1")
        await client.close()


# -- the sides
# --------------------------------------------------------------------------------------------------------------------


async def sink(work: Work, target: Target) -> None:
    """Write columns, as the history sink does."""
    for batch in work.batches:
        await target.store.write_positions(batch)


async def sink_from_kafka(work: Work, target: Target) -> None:
    """Decode the values of Kafka records and write them."""
    for values in work.values:
        await target.store.write_positions(decode_positions(values).batch)


async def raw(work: Work, target: Target) -> None:
    """Send prepared bodies, as many at a time as the sink does, and check only whether all went well."""
    room = asyncio.Semaphore(MAX_REQUESTS)
    url = f"{target.url}/{target.prefix}-{INDEX}/_bulk?filter_path=errors"

    async def send(body: bytes) -> None:
        async with room, session.post(url, data=body, headers={"content-type": "application/x-ndjson"}) as answer:
            assert await answer.read() == b'{"errors":false}'

    async with aiohttp.ClientSession() as session:
        await asyncio.gather(*(send(body) for body in work.bodies))


async def helpers_async_bulk(work: Work, target: Target) -> None:
    """Give dictionaries to the client's own async_bulk, with requests of as many documents as the sink's."""
    async with AsyncElasticsearch(target.url) as client:
        await async_bulk(client, actions(work, target), chunk_size=_documents(work))


async def helpers_bulk(work: Work, target: Target) -> None:
    """Give dictionaries to the client's own bulk, with requests of as many documents as the sink's."""

    def store() -> None:
        with Elasticsearch(target.url) as client:
            bulk(client, actions(work, target), chunk_size=_documents(work))

    await asyncio.to_thread(store)


def _documents(work: Work) -> int:
    return round(POSITIONS / len(work.bodies))


def actions(work: Work, target: Target) -> Iterator[dict[str, Any]]:
    """Give a dictionary for each position, as one would write it at first."""
    index = f"{target.prefix}-{INDEX}"
    for batch in work.batches:
        ids = [
            getattr(batch, name).astype(str).tolist()
            for name in ("route_id", "client_id", "delivery_id", "driver_id", "run_id")
        ]
        names = ("lat_deg", "lng_deg", "finished", "seq", "event_time_ms", "speed_mps", "bearing_deg", "distance_m")
        numbers = [getattr(batch, name).tolist() for name in names]
        for route, client, delivery, driver, run, lat, lng, finished, seq, time_ms, speed, bearing, distance in zip(
            *ids, *numbers, strict=True
        ):
            document = {
                "routeId": route,
                "clientId": client,
                "deliveryId": delivery,
                "driverId": driver,
                "runId": run,
                "location": {"lat": lat, "lon": lng},
                "finished": finished,
                "seq": seq,
                "eventTime": time_ms,
                "speed": speed,
                "bearing": bearing,
                "distance": distance,
            }
            yield {"_op_type": "create", "_index": index, "_id": f"{delivery}:{seq}", "_source": document}

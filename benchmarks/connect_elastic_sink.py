"""The Elasticsearch sink of Kafka Connect, beside the API's own.

Both store the same records of one topic in the same Elasticsearch, in requests of the same size.

Both have the partitions to themselves and start at the oldest record; the figure is documents a second from the first
that is stored to the last. The sides take turns, each on fresh indices, and the best of some rounds counts: the
worker's Java is slow until it is warm.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient

from api.bus import KafkaBus
from api.kafka_clients import GROUP
from api.measuring.metrics import Metrics
from api.stores.elastic import ElasticHistory, ElasticOptions
from api.stores.elastic.bulk import MAX_BODY_BYTES, MAX_DOCUMENTS, MAX_REQUESTS
from api.stream.dead_letters import DeadLetters
from api.stream.sink_loop import SinkLoop
from api.stream.sinks import HistorySink
from api.tally import Tally
from benchmarks.elastic_sides import POSITIONS, Work, prepared
from benchmarks.simulation import services
from benchmarks.size import sized
from cli.kafka.connect_api import ConnectApi
from cli.kafka.connectors import FOLDER, filled, read_connectors
from cli.local.services import Services
from engine.contract.kafka_connection import KafkaConnection
from engine.messages import Topic

ROUNDS = sized(4, toy=1)
LOOK_S = 0.1
WAIT_S = 300.0

Start = Callable[[str], Awaitable[Callable[[], Awaitable[None]]]]
"""Begins to store under a prefix, and returns what ends it."""


def run() -> list[dict[str, Any]]:
    """Return documents/s of one task beside the Python sink, and of two tasks."""
    with services("kafka", "elasticsearch", "connect") as found:
        _produce(found.kafka.address, prepared())
        rates = asyncio.run(_rates(found))
    python = rates["python"]
    return [
        {
            "name": name,
            "value": rates[side],
            "unit": "documents/s",
            "rival": "the API's sink (Python)",
            "rival_value": python,
            "ratio": rates[side] / python,
        }
        for name, side in (("connect_elastic_sink", "1 task"), ("connect_elastic_sink.two_tasks", "2 tasks"))
    ]


def _produce(bootstrap: str, work: Work) -> None:
    producer = Producer(
        {
            "bootstrap.servers": bootstrap,
            "compression.type": "lz4",
            "linger.ms": 20,
            "queue.buffering.max.messages": 1_000_000,
        }
    )
    for values in work.values:
        for number, value in enumerate(values):
            producer.produce(Topic.NEW_POSITION, value, b"%d" % (number % 10_000))
        producer.flush()


async def _rates(services: Services) -> dict[str, float]:
    sides: dict[str, Start] = {
        "python": lambda prefix: _python(services, prefix),
        "1 task": lambda prefix: _connect(services, prefix, 1),
        "2 tasks": lambda prefix: _connect(services, prefix, 2),
    }
    best = dict.fromkeys(sides, 0.0)
    for number in range(ROUNDS):
        for name, start in list(sides.items())[:: 1 if number % 2 else -1]:
            best[name] = max(
                best[name], await _rate(services.elasticsearch.address, f"bench-{name[0]}-{number}", start)
            )
    return best


async def _rate(url: str, prefix: str, start: Start) -> float:
    """Return documents/s from the first one stored to the last."""
    store = ElasticHistory(url, ElasticOptions(prefix))
    await store.open()
    await store.close()
    end = await start(prefix)
    async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=30) as client:
        try:
            first, began = 0, time.perf_counter()
            deadline = began + WAIT_S
            while (stored := await _stored(client, prefix)) < POSITIONS:
                if not first:
                    first, began = stored, time.perf_counter()
                assert time.perf_counter() < deadline, (
                    f"{prefix} has {stored} of {POSITIONS} positions after {WAIT_S:g} s"
                )
                await asyncio.sleep(LOOK_S)
            rate = (POSITIONS - first) / (time.perf_counter() - began)
        finally:
            await end()
        (await client.delete(f"/{prefix}-positions-2026.01.01,{prefix}-deliveries-1")).raise_for_status()
    return rate


async def _stored(client: httpx.AsyncClient, prefix: str) -> int:
    """Return how many documents were ever put into the indices of positions; it needs no refresh."""
    answer = await client.get(
        f"/{prefix}-positions-*/_stats/indexing", params={"filter_path": "_all.primaries.indexing.index_total"}
    )
    return int(answer.json().get("_all", {}).get("primaries", {}).get("indexing", {}).get("index_total", 0))


async def _python(services: Services, prefix: str) -> Callable[[], Awaitable[None]]:
    store, kafka, tally, metrics = (
        ElasticHistory(services.elasticsearch.address, ElasticOptions(prefix)),
        KafkaConnection(services.kafka.address),
        Tally(),
        Metrics(),
    )
    await store.open()
    bus = KafkaBus(kafka)
    sink = HistorySink(store, tally, metrics)
    loop = SinkLoop(kafka, sink, DeadLetters(bus, tally, metrics), metrics, asyncio.get_running_loop())
    loop.start()

    async def end() -> None:
        await asyncio.to_thread(loop.stop, 10.0)
        await bus.close()
        await store.close()
        group, admin = f"{GROUP}-{sink.traits.role}", AdminClient({"bootstrap.servers": services.kafka.address})
        await asyncio.to_thread(admin.delete_consumer_groups([group])[group].result, 30)

    return end


async def _connect(services: Services, prefix: str, tasks: int) -> Callable[[], Awaitable[None]]:
    values = {
        "ELASTICSEARCH_URL": services.elasticsearch.address,
        "ELASTICSEARCH_PREFIX": prefix,
        "ELASTICSEARCH_INDEX_PERIOD": "day",
    }
    [shipped] = read_connectors(FOLDER, ["elasticsearch-sink"])
    sizes = {
        "batch.size": str(MAX_DOCUMENTS),
        "batch.bytes": str(MAX_BODY_BYTES),
        "max.in.flight.requests": str(MAX_REQUESTS),
    }
    config = (
        dict(filled(shipped, values).config) | sizes | {"tasks.max": str(tasks), "topics": Topic.NEW_POSITION.value}
    )
    api = ConnectApi(services.connect.address)
    await asyncio.to_thread(api.put, prefix, config)

    async def end() -> None:
        await asyncio.to_thread(api.delete, prefix)
        api.close()

    return end

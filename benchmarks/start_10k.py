"""Ten thousand deliveries asked for at once: how long until all of them move?

The requests are `StartDelivery` messages on Kafka, as the API writes them. A delivery moves when its first position is
on the topic; a driver samples at its own phase of the second, so that alone takes up to a second. The clock runs from
before the first request is handed to the producer.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from confluent_kafka import Producer, TopicPartition

from api.kafka_clients import MAX_POLL, lone_consumer, without_errors
from benchmarks.simulation import Simulation, account_of, environment_of, services
from benchmarks.size import sized
from engine.accounting.interner import Interner
from engine.codec import decode_positions
from engine.contract.kafka_connection import KafkaConnection
from engine.messages import StartDelivery, Topic

DELIVERIES, ROUTES, RUNNING = sized((10_000, 400, 100), toy=(50, 10, 10))
START_S, LIMIT_S = 150.0, 60.0

SCENARIO = f"""\
name = "requests"
seed = 6
[network]
extract = "liechtenstein"
routes = {ROUTES}
min_length_m = 5000.0
[fleet]
size = {RUNNING}
[deliveries]
start_spread_s = 1.0
"""


def run() -> list[dict[str, Any]]:
    """Return seconds until the first, half and all of the deliveries have a position."""
    with tempfile.TemporaryDirectory(prefix="code-delivery-bench-") as folder, services("kafka") as found:
        simulation = Simulation(environment_of(found), SCENARIO, Path(folder), "start")
        with simulation:
            watcher = _Watcher(found.kafka.address)
            watcher.wait_for(RUNNING, START_S)
            routes = watcher.routes()
            began = time.monotonic()
            _ask(found.kafka.address, routes)
            moving = [at - began for at in watcher.wait_for(RUNNING + DELIVERIES, LIMIT_S)[RUNNING:]]
            watcher.close()
            told = simulation.stop()
        account = account_of(found.kafka.address, "start")
    return [
        {"name": "start_10k", "value": moving[-1], "unit": "s until all 10,000 are moving"},
        {"name": "start_10k.half", "value": moving[DELIVERIES // 2], "unit": "s until half of them are"},
        {"name": "start_10k.first", "value": moving[0], "unit": "s until the first is"},
        {
            "name": "start_10k.lost",
            "value": account.missing + abs(told["produced"] - account.different),
            "unit": "positions",
        },
    ]


def _ask(bootstrap: str, routes: list[str]) -> None:
    producer = Producer({"bootstrap.servers": bootstrap, "linger.ms": 5, "compression.type": "lz4"})
    for number in range(DELIVERIES):
        request = StartDelivery(
            route_id=routes[number % len(routes)], client_id="benchmark", delivery_id=f"start-asked-{number}"
        )
        producer.produce(request.TOPIC.value, request.to_json(), request.key)
        producer.poll(0)
    if producer.flush(30):
        raise RuntimeError("the broker did not take the requests within 30 s")


class _Watcher:
    """Sees each delivery's first position."""

    def __init__(self, bootstrap: str) -> None:
        self._consumer = lone_consumer(KafkaConnection(bootstrap), "benchmark")
        topic = Topic.NEW_POSITION.value
        numbers = self._consumer.list_topics(topic, timeout=10).topics[topic].partitions
        self._consumer.assign([TopicPartition(topic, number, 0) for number in numbers])
        self._known, self._seen_s, self._routes = Interner(), list[float](), set[bytes]()

    def wait_for(self, deliveries: int, within_s: float) -> list[float]:
        """Read until some deliveries have a position; return when each was first seen, in order."""
        deadline = time.monotonic() + within_s
        while len(self._seen_s) < deliveries:
            if time.monotonic() > deadline:
                raise RuntimeError(f"{len(self._seen_s)} of {deliveries} deliveries moved within {within_s:g} s")
            messages = without_errors(self._consumer.consume(MAX_POLL, 0.05), "benchmark")
            if messages:
                self._take([message.value() or b"" for message in messages])
        return self._seen_s

    def _take(self, values: list[bytes]) -> None:
        now_s, batch = time.monotonic(), decode_positions(values).batch
        self._known.intern(batch.delivery_id)
        self._seen_s += [now_s] * (len(self._known) - len(self._seen_s))
        if len(self._routes) < RUNNING:
            self._routes |= set(np.unique(batch.route_id).tolist())

    def routes(self) -> list[str]:
        """Return routes that are driven."""
        return sorted(route.decode() for route in self._routes)

    def close(self) -> None:
        """Let go of the connections."""
        self._consumer.close()

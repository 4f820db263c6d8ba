"""The embedded broker's processor time after five minutes of 300 couriers' positions.

Three readers follow the newest positions, as the stores and the live map do. The rival is the same broker with 64
partitions and two driver actors: nearly every record is then a batch of its own, and the broker finds an offset by
walking the batches of a partition from the oldest on. The five minutes are produced as fast as they are acknowledged,
tick by tick, so that the batches are those of a run.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psutil
from confluent_kafka import OFFSET_END, TopicPartition

from actors.dispatch.actor_layout import lay_out
from actors.producing.open_publisher import open_publisher
from actors.producing.publisher import Publisher
from actors.settings import Settings
from api.kafka_clients import MAX_POLL, POLL_S, lone_consumer
from benchmarks.produce_fleet import START_MS, routes
from benchmarks.size import sized
from cli.local.broker import MAX_PARTITIONS, POSITIONS_PER_PARTITION, EmbeddedBroker
from engine.contract.kafka_connection import KafkaConnection
from engine.delivery.simulation import FleetSimulation
from engine.delivery.spec import make_spec
from engine.messages import Topic
from engine.roads.route import Route

COURIERS, CPUS = sized((300, 2), toy=(20, 2))
FILLED_S, SETTLE_S, MEASURED_S = sized((300, 2, 20), toy=(5, 1, 2))
FLUSH_S = 10.0
READERS = ("state", "history", "live")


class Actor:
    """Some of the couriers at 1 Hz, and their producer: a driver actor without Ray."""

    def __init__(self, publisher: Publisher, roads: Sequence[Route], couriers: Sequence[int]) -> None:
        self._publisher, self._simulation = publisher, FleetSimulation("bench")
        self._simulation.define_routes(roads)
        self._simulation.add(
            make_spec(
                delivery_id=f"bench-car-{i:05d}-1",
                driver_id=f"car-{i:05d}",
                client_id="scenario",
                run_id="bench",
                route_id=roads[i % len(roads)].id,
                depart_ms=START_MS + i * 1000 // COURIERS,
                period_ms=1000,
                seed=1,
            )
            for i in couriers
        )

    def tick(self, until_ms: int) -> None:
        """Send what is due by an instant."""
        tick = self._simulation.advance(until_ms)
        self._publisher.publish(tick.records, tick.events)
        self._publisher.poll()

    def flush(self) -> None:
        """Wait until everything has arrived."""
        if self._publisher.flush(FLUSH_S):
            raise RuntimeError(f"the broker acknowledged too little within {FLUSH_S:g} s")


@contextmanager
def _readers(bootstrap: str) -> Iterator[None]:
    """Let three readers follow the newest positions."""
    stopping = threading.Event()

    def read(role: str) -> None:
        consumer = lone_consumer(KafkaConnection(bootstrap), role)
        partitions = consumer.list_topics(Topic.NEW_POSITION, timeout=FLUSH_S).topics[Topic.NEW_POSITION].partitions
        consumer.assign([TopicPartition(Topic.NEW_POSITION, partition, OFFSET_END) for partition in partitions])
        while not stopping.is_set():
            consumer.consume(MAX_POLL, POLL_S)
        consumer.close()

    threads = [threading.Thread(target=read, args=(role,)) for role in READERS]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stopping.set()
        for thread in threads:
            thread.join()


def _cost(positions_per_s: float, actors: int) -> float:
    """Return the processor time, % of a core, of a broker for a load with some driver actors."""
    with EmbeddedBroker(positions_per_s) as broker:
        settings, roads = Settings(kafka_bootstrap=broker.bootstrap), routes()
        tick_ms = settings.tick_ms
        crew = [Actor(open_publisher(settings), roads, range(number, COURIERS, actors)) for number in range(actors)]
        now_ms = START_MS
        while now_ms < START_MS + FILLED_S * 1000:
            now_ms += tick_ms
            for actor in crew:
                actor.tick(now_ms)
            for actor in crew:
                actor.flush()
        process, begun, spent_s = psutil.Process(broker.pid), time.monotonic(), 0.0
        with _readers(broker.bootstrap):
            for number in range((SETTLE_S + MEASURED_S) * 1000 // tick_ms):
                if number == SETTLE_S * 1000 // tick_ms:
                    spent_s = sum(process.cpu_times()[:2])
                now_ms += tick_ms
                for actor in crew:
                    actor.tick(now_ms)
                time.sleep(max(0.0, begun + (number + 1) * tick_ms / 1000 - time.monotonic()))
            spent_s = sum(process.cpu_times()[:2]) - spent_s
    print(f"  {actors} actors: {100 * spent_s / MEASURED_S:.1f} % of a core", file=sys.stderr)
    return 100 * spent_s / MEASURED_S


def run() -> list[dict[str, Any]]:
    """Return what the broker costs beside its rival."""
    ours, rival = (
        _cost(COURIERS, lay_out(COURIERS, CPUS, COURIERS).actors),
        _cost(MAX_PARTITIONS * POSITIONS_PER_PARTITION, CPUS),
    )
    return [
        {
            "name": "embedded_broker",
            "value": ours,
            "unit": f"% of a core with {COURIERS} couriers, after {FILLED_S // 60} minutes of their positions",
            "rival": f"{MAX_PARTITIONS} partitions, a driver actor a core",
            "rival_value": rival,
            "ratio": rival / ours,
        }
    ]

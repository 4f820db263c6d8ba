"""How many records wait for a sink.

Those are the ones after the group's offsets, without those that an earlier consumer of the group has read.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import pytest
from confluent_kafka import TopicPartition

from api.bus import MemoryBus
from api.measuring.metrics import Metrics
from api.stores.memory import MemoryState
from api.stream.dead_letters import DeadLetters
from api.stream.sink_loop import SinkLoop
from api.stream.sinks import StateSink
from api.tally import Tally
from engine.contract.kafka_connection import KafkaConnection

TOPIC = "delivery.event"


@dataclass
class FakeConsumer:
    """A consumer of four partitions with 100 records each.

    The group has committed some of them, and this consumer has read others.
    """

    committed_: dict[int, int] = field(default_factory=lambda: {0: 100, 1: 60, 2: -1001, 3: 60})
    read: dict[int, int] = field(default_factory=lambda: {3: 90})
    asked: int = 0

    def assignment(self) -> list[TopicPartition]:
        return [TopicPartition(TOPIC, number) for number in range(4)]

    def position(self, parts: list[TopicPartition]) -> list[TopicPartition]:
        return [TopicPartition(TOPIC, one.partition, self.read.get(one.partition, -1001)) for one in parts]

    def committed(self, parts: list[TopicPartition], timeout: float) -> list[TopicPartition]:
        self.asked += 1
        return [TopicPartition(TOPIC, one.partition, self.committed_[one.partition]) for one in parts]

    def get_watermark_offsets(self, part: TopicPartition, *, cached: bool) -> tuple[int, int]:
        return 0, 100


@pytest.fixture
async def loop() -> SinkLoop:
    metrics, tally = Metrics(), Tally()
    sink = StateSink(MemoryState(), keeps_positions=False)
    return SinkLoop(
        KafkaConnection("127.0.0.1:1"),
        sink,
        DeadLetters(MemoryBus(), tally, metrics),
        metrics,
        asyncio.get_running_loop(),
    )


async def test_what_the_group_has_read_before_does_not_wait(loop: SinkLoop) -> None:
    consumer = FakeConsumer()
    loop._commit(consumer)  # type: ignore[arg-type]
    assert loop.gauges()["lag"] == 0 + 40 + 100 + 10


async def test_where_the_group_has_come_to_is_asked_once_for_each_assignment(loop: SinkLoop) -> None:
    consumer = FakeConsumer()
    for _ in range(3):
        loop._commit(consumer, now_or_never=True)  # type: ignore[arg-type]
    assert consumer.asked == 1
    loop._lost(consumer, [TopicPartition(TOPIC, 0)])  # type: ignore[arg-type]
    loop._commit(consumer, now_or_never=True)  # type: ignore[arg-type]
    assert consumer.asked == 2

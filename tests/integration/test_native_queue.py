"""Native batches hold what a real consumer's messages would, also after a rebalance."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from api.kafka_clients import client_id_of, group_consumer, lone_consumer
from api.stream.native_queue import NativeQueue
from engine.contract.kafka_connection import KafkaConnection
from engine.librdkafka.wheel import LibraryUnusable

TIMEOUT_S = 60.0
Row = tuple[int | None, int | None, bytes | None, bytes, int]


@pytest.fixture
def topic(embedded_broker: str) -> str:
    """A topic with three partitions of 40 records of many lengths, some without key or value."""
    name, producer = f"native-{uuid.uuid4().hex[:8]}", Producer({"bootstrap.servers": embedded_broker})
    producer.list_topics(name, timeout=10)
    deadline = time.monotonic() + TIMEOUT_S
    for number in range(120):
        value = b"x" * (number % 7) + b"%d" % number if number % 10 else None
        producer.produce(name, value, b"k" * (number % 4) or None, partition=number % 3, timestamp=1_000_000 + number)
    assert producer.flush(10) == 0
    assert time.monotonic() < deadline
    return name


def row_of(record: object) -> Row:
    """Return what a record says; a value that is missing and an empty one are the same to a reader."""
    key, value = record.key(), record.value()  # type: ignore[attr-defined]
    return (record.partition(), record.offset(), key, value or b"", record.timestamp()[1])  # type: ignore[attr-defined]


def until(rows: list[Row], count: int, more: Callable[[], list[Row]]) -> list[Row]:
    """Read until there are some rows."""
    deadline = time.monotonic() + TIMEOUT_S
    while len(rows) < count:
        rows += more()
        assert time.monotonic() < deadline, f"{len(rows)} records came, {count} are wanted"
    return sorted(rows, key=lambda row: (row[0] or 0, row[1] or 0))


def native(consumer: Consumer, queue: NativeQueue) -> list[Row]:
    """Take a batch, and let the consumer do its own work; no record may come by that way."""
    with queue.take(0.2) as records:
        assert consumer.consume(1000, 0) == []
        return [row_of(record) for record in records]


def test_native_batches_hold_what_messages_do(embedded_broker: str, topic: str) -> None:
    kafka = KafkaConnection(embedded_broker)
    places = [TopicPartition(topic, partition, 0) for partition in range(3)]

    plain = lone_consumer(kafka, "plain")
    plain.assign(places)
    expected = until([], 120, lambda: [row_of(message) for message in plain.consume(1000, 0.2)])
    plain.close()

    consumer = lone_consumer(kafka, "queue")
    queue = NativeQueue(consumer, client_id_of(kafka, "queue"), topic, 50, has_keys=True)
    queue.forward(range(3))
    consumer.assign(places)
    found = until([], 120, lambda: native(consumer, queue))
    assert found == expected
    assert [one.offset for one in consumer.position(places)] == [40, 40, 40]
    queue.close()
    consumer.close()


def test_partitions_that_go_and_come_back_are_read_natively_again(embedded_broker: str, topic: str) -> None:
    kafka, role = KafkaConnection(embedded_broker), f"group-{uuid.uuid4().hex[:8]}"
    producer = Producer({"bootstrap.servers": embedded_broker})
    everything = set(producer.list_topics(topic, timeout=10).topics[topic].partitions)

    def member() -> tuple[Consumer, NativeQueue, set[int]]:
        consumer, owned = group_consumer(kafka, role, lambda *_: None), set[int]()
        queue = NativeQueue(consumer, client_id_of(kafka, role), topic, 1000, has_keys=False)

        def assigned(_: Consumer, places: list[TopicPartition]) -> None:
            queue.forward(place.partition for place in places)
            owned.update(place.partition for place in places)

        def revoked(_: Consumer, places: list[TopicPartition]) -> None:
            owned.difference_update(place.partition for place in places)

        consumer.subscribe([topic], on_assign=assigned, on_revoke=revoked)
        return consumer, queue, owned

    def turn(condition: Callable[[], bool], *members: tuple[Consumer, NativeQueue, set[int]]) -> None:
        deadline = time.monotonic() + TIMEOUT_S
        while not condition():
            for consumer, queue, _ in members:
                rows.extend(native(consumer, queue))
            assert time.monotonic() < deadline, ([member[2] for member in members], len(rows))

    rows: list[Row] = []
    first = member()
    turn(lambda: first[2] == everything and len({row[:2] for row in rows}) == 120, first)
    second = member()
    turn(lambda: bool(first[2]) and bool(second[2]) and first[2] | second[2] == everything, first, second)
    second[1].close()
    second[0].close()
    turn(lambda: first[2] == everything, first)
    rows.clear()
    for partition in everything:
        producer.produce(topic, b"late", partition=partition)
    assert producer.flush(10) == 0
    turn(lambda: {row[0] for row in rows if row[3] == b"late"} == everything, first)
    first[1].close()
    first[0].close()


def test_an_object_that_is_another_client_is_refused(embedded_broker: str) -> None:
    kafka = KafkaConnection(embedded_broker)
    consumer = lone_consumer(kafka, "queue")
    with pytest.raises(LibraryUnusable, match="the client must be a consumer named other, found"):
        NativeQueue(consumer, "other", "t", 10, has_keys=False)
    consumer.close()

"""Both publishers on a real broker: order, partitions, refusals, and a kill without loss."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType

from actors.producing.native_publisher import NativePublisher
from actors.producing.options import producer_options
from actors.producing.publisher import Counts, Publisher
from actors.producing.python_publisher import PythonPublisher
from actors.settings import Settings
from cli.local.services import Kafka, Services
from engine.codec import EncodedRecords, KeyField, PositionEncoder, Positions
from engine.codec.partition_hash import murmur2, partitions_of
from engine.messages import DeliveryEvent, Topic

pytestmark = [pytest.mark.services, pytest.mark.timeout(240)]

DELIVERIES = 60


@pytest.fixture(scope="module")
def kafka(clean_services: Services) -> Kafka:
    """The session's broker with empty topics: these tests read them from the beginning."""
    return clean_services.kafka


@pytest.fixture(params=["python", "native"])
def make(request: pytest.FixtureRequest, kafka: Kafka) -> Callable[..., Publisher]:
    kinds: dict[str, Callable[[dict[str, Any]], Publisher]] = {"python": PythonPublisher, "native": NativePublisher}
    kind = kinds[request.param]
    return lambda **settings: kind(producer_options(Settings(kafka_bootstrap=kafka.address, **settings)))


@pytest.fixture
def run_id(request: pytest.FixtureRequest) -> str:
    return f"{request.node.originalname.removeprefix('test_')[:40]}-{request.node.callspec.id}"


class Source:
    """Positions of some deliveries; each call gives the next ones of every delivery."""

    def __init__(self, run_id: str, key: KeyField = "delivery") -> None:
        self._encoder = PositionEncoder(key)
        names = [f"{run_id}-{i}" for i in range(DELIVERIES)]
        self._rows = self._encoder.add_rows(
            ["1"] * DELIVERIES, ["c"] * DELIVERIES, names, [f"car-{i // 2}" for i in range(DELIVERIES)], run_id
        )
        self._next = 0

    def take(self, rounds: int) -> EncodedRecords:
        seq = np.repeat(np.arange(self._next, self._next + rounds), DELIVERIES)
        self._next += rounds
        n, zeros = len(seq), np.zeros(len(seq))
        rows = np.tile(self._rows, rounds)
        return EncodedRecords(
            self._encoder.encode_matrix(
                rows, Positions(zeros + 47.1, zeros + 9.5, np.zeros(n, np.bool_), seq, seq, zeros, zeros, zeros)
            )
        )


def read_run(bootstrap: str, run_id: str, expected: int) -> list[tuple[bytes, str, int, int]]:
    """Return key, delivery, seq and partition of a run's positions, each partition's in order."""
    consumer = Consumer(
        {"bootstrap.servers": bootstrap, "group.id": run_id, "enable.auto.commit": False, "log_level": 2}
    )
    topic = Topic.NEW_POSITION.value
    parts = list(consumer.list_topics(topic, timeout=30).topics[topic].partitions)
    left = sum(consumer.get_watermark_offsets(TopicPartition(topic, part), timeout=30)[1] for part in parts)
    consumer.assign([TopicPartition(topic, part, 0) for part in parts])
    found = []
    deadline = time.monotonic() + 60
    while left and time.monotonic() < deadline:
        for message in consumer.consume(10_000, 0.5):
            assert message.error() is None
            left -= 1
            if f'"runId":"{run_id}"'.encode() in (message.value() or b""):
                told = json.loads(message.value() or b"")
                found.append((message.key() or b"", told["deliveryId"], told["seq"], message.partition() or 0))
    consumer.close()
    assert len(found) == expected
    return found


def assert_whole_and_in_order(found: list[tuple[bytes, str, int, int]], positions: int) -> None:
    """Every delivery in one partition, every seq once, in order."""
    places = {(delivery, part) for _, delivery, _, part in found}
    assert len(places) == DELIVERIES
    for name in {delivery for delivery, _ in places}:
        assert [seq for _, delivery, seq, _ in found if delivery == name] == list(range(positions))


def test_every_record_arrives_where_its_keys_hash_says(
    make: Callable[..., Publisher], kafka: Kafka, run_id: str
) -> None:
    publisher, source = make(), Source(run_id)
    for _ in range(20):
        publisher.publish(source.take(10), [])
        publisher.poll()
    assert publisher.flush(60) == 0
    assert publisher.counts == Counts(12_000, 12_000, 0)
    found = read_run(kafka.address, run_id, 12_000)
    assert_whole_and_in_order(found, 200)
    keys = sorted({key for key, *_ in found})
    expected = dict(zip(keys, partitions_of(murmur2(keys), 12).tolist(), strict=True))
    assert {key: part for key, _, _, part in found} == expected


@pytest.mark.parametrize("key", ["driver", "route", "run"])
def test_whatever_the_key_a_delivery_stays_in_one_partition_and_in_order(
    make: Callable[..., Publisher], kafka: Kafka, key: KeyField, run_id: str
) -> None:
    publisher, source = make(), Source(run_id, key)
    for _ in range(5):
        publisher.publish(source.take(10), [])
        publisher.poll()
    assert publisher.flush(60) == 0
    found = read_run(kafka.address, run_id, 50 * DELIVERIES)
    assert_whole_and_in_order(found, 50)
    assert len({key for key, *_ in found}) == {"driver": DELIVERIES // 2, "route": 1, "run": 1}[key]


def test_a_broker_killed_in_mid_stream_costs_no_record_and_no_order(
    make: Callable[..., Publisher], kafka: Kafka, run_id: str
) -> None:
    publisher, source = make(kafka_queue_messages=5_000, kafka_linger_ms=1), Source(run_id)
    number = 0
    for beat in range(60):
        if beat == 20:
            kafka.kill()
        if beat == 25:
            kafka.start()
        number = publisher.publish(source.take(5), [])  # waits while the queue is full and the broker away
        publisher.poll()
        time.sleep(0.01)
    assert publisher.flush(60) == 0
    assert (publisher.settled, publisher.counts) == (number, Counts(300 * DELIVERIES, 300 * DELIVERIES, 0))
    assert_whole_and_in_order(read_run(kafka.address, run_id, 300 * DELIVERIES), 300)


def test_a_broker_that_is_away_settles_nothing_and_is_waited_for(
    make: Callable[..., Publisher], kafka: Kafka, run_id: str
) -> None:
    publisher, source = make(kafka_linger_ms=1), Source(run_id)
    publisher.publish(source.take(1), [])
    assert publisher.flush(60) == 0
    kafka.kill()
    try:
        publisher.publish(source.take(10), [])
        assert publisher.flush(0.5) == 10 * DELIVERIES
        assert (publisher.settled, publisher.counts) == (1, Counts(11 * DELIVERIES, DELIVERIES, 0))
    finally:
        kafka.start()
    assert publisher.flush(60) == 0
    assert_whole_and_in_order(read_run(kafka.address, run_id, 11 * DELIVERIES), 11)


@pytest.fixture
def narrow_topic(kafka: Kafka) -> Iterator[None]:
    """While it lasts the topic takes batches of at most 2,000 bytes."""
    admin = AdminClient({"bootstrap.servers": kafka.address})

    def alter(operation: AlterConfigOpType) -> None:
        entry = ConfigEntry("max.message.bytes", "2000", incremental_operation=operation)
        resource = ConfigResource(ResourceType.TOPIC, Topic.NEW_POSITION.value, incremental_configs=[entry])
        for future in admin.incremental_alter_configs([resource]).values():
            future.result()

    alter(AlterConfigOpType.SET)
    yield
    alter(AlterConfigOpType.DELETE)


def test_what_is_too_large_for_the_topic_is_counted_and_named_and_the_rest_goes_on(
    make: Callable[..., Publisher], kafka: Kafka, run_id: str, narrow_topic: None, caplog: pytest.LogCaptureFixture
) -> None:
    publisher, source = make(kafka_compression="none", kafka_linger_ms=50), Source(run_id)
    publisher.publish(source.take(20), [])
    assert publisher.flush(60) == 0
    counts = publisher.counts
    assert (counts.produced, counts.acked + counts.failed, publisher.settled) == (20 * DELIVERIES, 20 * DELIVERIES, 1)
    assert counts.failed > 0
    told = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert told[0].startswith(f"delivery {run_id}-")
    assert "MSG_SIZE_TOO_LARGE" in told[0]
    assert len(told) < 20
    assert (
        publisher.publish(EncodedRecords(), [DeliveryEvent(f"{run_id}-0", run_id, "1", "c", "car-0", "car", "started")])
        == 2
    )
    assert publisher.flush(60) == 0
    assert publisher.settled == 2

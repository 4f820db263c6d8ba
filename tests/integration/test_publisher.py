"""Every publisher keeps the same promises: the one in memory, and the two that produce to Kafka."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pytest
from confluent_kafka import Consumer, TopicPartition

from actors.producing.native_publisher import NativePublisher
from actors.producing.options import producer_options
from actors.producing.publisher import Counts, MemoryPublisher, ProducerFailed, Publisher
from actors.producing.python_publisher import PythonPublisher
from actors.settings import Settings
from cli.local.broker import BrokerCluster
from engine.codec import EncodedRecords, PositionEncoder, Positions
from engine.latency.histogram import Histogram
from engine.messages import DeliveryEvent, RunMetrics, Topic

Make = Callable[..., Publisher]

OVER_KAFKA: dict[str, Callable[[dict[str, Any]], Publisher]] = {"python": PythonPublisher, "native": NativePublisher}


@pytest.fixture(params=["memory", "python", "native"])
def make(request: pytest.FixtureRequest, embedded_broker: str) -> Make:
    """A publisher by settings of the producer."""
    return _maker(request.param, embedded_broker)


@pytest.fixture(params=["python", "native"])
def make_over_kafka(request: pytest.FixtureRequest, embedded_broker: str) -> Make:
    return _maker(request.param, embedded_broker)


def _maker(kind: str, bootstrap: str) -> Make:
    def made(**settings: Any) -> Publisher:
        if kind == "memory":
            return MemoryPublisher()
        return OVER_KAFKA[kind](producer_options(Settings(kafka_bootstrap=bootstrap, **settings)))

    return made


class Encoded:
    """Positions of some deliveries of a run, each with the next seq of its delivery.

    Their ids have different lengths, so that there are several layouts.
    """

    def __init__(self, run_id: str, deliveries: int = 7) -> None:
        self.run_id = run_id
        self._encoder = PositionEncoder()
        names = [f"{run_id}-{'x' * (8 * (i % 3))}{i}" for i in range(deliveries)]
        self._rows = self._encoder.add_rows(["1"] * deliveries, ["c"] * deliveries, names, ["car"] * deliveries, run_id)
        self._next = np.zeros(deliveries, np.int64)

    def take(self, rounds: int) -> EncodedRecords:
        """The next `rounds` positions of every delivery."""
        deliveries = len(self._rows)
        rows, seq = np.repeat(np.arange(deliveries), rounds), np.tile(np.arange(rounds), deliveries)
        seq = seq + self._next[rows]
        self._next += rounds
        n, zeros = len(rows), np.zeros(len(rows))
        return EncodedRecords(
            self._encoder.encode_matrix(
                self._rows[rows],
                Positions(
                    zeros + 47.1,
                    zeros + 9.5,
                    np.zeros(n, np.bool_),
                    seq,
                    seq + 1,
                    zeros,
                    zeros,
                    zeros + 5.0,
                ),
            )
        )


def event(run_id: str, seq: int = 0) -> DeliveryEvent:
    return DeliveryEvent(f"{run_id}-0", run_id, "1", "c", "car-1", "car", "started", seq)


def await_counts(publisher: Publisher, settled: int, timeout_s: float = 20.0) -> None:
    deadline = time.monotonic() + timeout_s
    while publisher.settled < settled and time.monotonic() < deadline:
        publisher.poll()
        time.sleep(0.005)
    assert publisher.settled == settled


def read_run(
    bootstrap: str, run_id: str, expected: int, topic: Topic = Topic.NEW_POSITION, timeout_s: float = 20.0
) -> list[tuple[str, int, int]]:
    """Delivery, seq and partition of a run's positions in the order of each partition."""
    consumer = Consumer(
        {"bootstrap.servers": bootstrap, "group.id": run_id, "enable.auto.commit": False, "log_level": 2}
    )
    parts = list(consumer.list_topics(topic.value, timeout=10).topics[topic.value].partitions)
    consumer.assign([TopicPartition(topic.value, part, 0) for part in parts])
    found: list[tuple[str, int, int]] = []
    deadline = time.monotonic() + timeout_s
    while len(found) < expected and time.monotonic() < deadline:
        for message in consumer.consume(10_000, 0.2):
            assert message.error() is None
            told = json.loads(message.value() or b"")
            if told["runId"] == run_id:
                assert message.key() == told["deliveryId"].encode()
                found.append((told["deliveryId"], told["seq"], message.partition() or 0))
    consumer.close()
    return found


def orders(found: Sequence[tuple[str, int, int]]) -> dict[str, list[int]]:
    by_delivery: dict[str, list[int]] = {}
    for delivery, seq, _ in found:
        by_delivery.setdefault(delivery, []).append(seq)
    return by_delivery


def test_what_is_published_is_numbered_and_settles(make: Make) -> None:
    publisher, encoded = make(), Encoded("settles")
    assert (publisher.settled, publisher.counts, publisher.figures) == (0, Counts(), None)
    assert publisher.publish(encoded.take(3), [event("settles")]) == 1
    assert publisher.publish(EncodedRecords(), [event("settles", 1)]) == 2
    assert publisher.publish(EncodedRecords(), []) == 3
    assert publisher.flush(60) == 0
    assert (publisher.settled, publisher.counts) == (3, Counts(21, 21, 0))


def test_polling_alone_learns_of_every_acknowledgement(make: Make) -> None:
    publisher, encoded = make(kafka_linger_ms=0), Encoded("polled")
    for number in range(1, 6):
        assert publisher.publish(encoded.take(2), []) == number
        await_counts(publisher, number)
    assert publisher.counts == Counts(70, 70, 0)


def test_every_record_arrives_with_its_key_and_in_its_deliverys_order(
    make_over_kafka: Make, embedded_broker: str, request: pytest.FixtureRequest
) -> None:
    run_id = f"order-{request.node.callspec.id}"
    publisher, encoded = make_over_kafka(), Encoded(run_id, 40)
    for _ in range(30):  # the first ones before anything is known of partitions
        publisher.publish(encoded.take(5), [event(run_id)])
        publisher.poll()
    assert publisher.flush(60) == 0
    found = read_run(embedded_broker, run_id, 6_000)
    assert len({(delivery, part) for delivery, _, part in found}) == 40, "a delivery stays in one partition"
    assert set(map(tuple, orders(found).values())) == {tuple(range(150))}
    assert len(orders(found)) == 40
    assert len(read_run(embedded_broker, run_id, 30, Topic.DELIVERY_EVENT)) == 30


def test_both_producers_put_a_delivery_into_the_same_partition(embedded_broker: str) -> None:
    for kind in OVER_KAFKA:
        publisher, encoded = _maker(kind, embedded_broker)(), Encoded("agree", 50)
        for _ in range(2):  # the second time ordered by the partitions that are known by then
            publisher.publish(encoded.take(1), [])
            assert publisher.flush(60) == 0
    found = read_run(embedded_broker, "agree", 200)
    assert len({(delivery, part) for delivery, _, part in found}) == 50


def test_a_full_queue_delays_and_drops_nothing(
    make_over_kafka: Make, embedded_broker: str, request: pytest.FixtureRequest
) -> None:
    run_id = f"full-{request.node.callspec.id}"
    publisher = make_over_kafka(kafka_queue_messages=1_000)
    assert publisher.publish(Encoded(run_id).take(800), []) == 1
    assert publisher.publish(EncodedRecords(), [event(run_id)]) == 2
    assert publisher.flush(60) == 0
    assert (publisher.settled, publisher.counts) == (2, Counts(5_600, 5_600, 0))
    assert set(map(tuple, orders(read_run(embedded_broker, run_id, 5_600)).values())) == {tuple(range(800))}


def test_what_the_queue_has_no_room_for_is_offered_again_in_order(embedded_broker: str) -> None:
    """The library's own bound is the smaller one here, so it refuses the end of each batch."""
    options = {
        **producer_options(Settings(kafka_bootstrap=embedded_broker, kafka_linger_ms=0)),
        "queue.buffering.max.messages": 100,
    }
    publisher = NativePublisher(options)
    publisher.queue_records = 10_000
    publisher.publish(Encoded("again").take(100), [event("again", seq) for seq in range(150)])
    assert publisher.flush(60) == 0
    assert (publisher.settled, publisher.counts) == (1, Counts(700, 700, 0))
    assert set(map(tuple, orders(read_run(embedded_broker, "again", 700)).values())) == {tuple(range(100))}


def test_nothing_is_settled_before_it_has_arrived(make_over_kafka: Make) -> None:
    publisher = make_over_kafka(kafka_linger_ms=5_000)
    publisher.publish(Encoded("early", 1).take(1), [])
    publisher.poll()
    assert (publisher.settled, publisher.counts) == (0, Counts(1, 0, 0))
    assert publisher.flush(60) == 0
    assert publisher.settled == 1


def metrics(run_id: str, seq: int) -> RunMetrics:
    return RunMetrics(run_id, "driver-0:1", "driver", seq, 5_000, 4, {"produced": Histogram().encode()}, {"cpuS": 1.5})


def test_what_is_told_arrives_and_is_neither_counted_nor_waited_for(
    make_over_kafka: Make, embedded_broker: str, request: pytest.FixtureRequest
) -> None:
    run_id = f"told-{request.node.callspec.id}"
    publisher, encoded = make_over_kafka(), Encoded(run_id)
    told = [metrics(run_id, seq) for seq in range(3)]
    publisher.publish_uncounted(told[:1])
    assert publisher.settled == 0
    publisher.publish(encoded.take(3), [])
    publisher.publish_uncounted(told[1:])
    assert publisher.settled == 0
    assert publisher.flush(60) == 0
    assert (publisher.settled, publisher.counts, publisher.waited_s) == (1, Counts(21, 21, 0), 0.0)
    consumer = Consumer(
        {"bootstrap.servers": embedded_broker, "group.id": run_id, "enable.auto.commit": False, "log_level": 2}
    )
    parts = list(consumer.list_topics(Topic.RUN_METRICS.value, timeout=10).topics[Topic.RUN_METRICS.value].partitions)
    consumer.assign([TopicPartition(Topic.RUN_METRICS.value, part, 0) for part in parts])
    found: list[RunMetrics] = []
    deadline = time.monotonic() + 20
    while len(found) < 3 and time.monotonic() < deadline:
        records = [message for message in consumer.consume(100, 0.2) if message.key() == run_id.encode()]
        found += [RunMetrics.from_json(message.value() or b"") for message in records]
    consumer.close()
    assert found == told


@pytest.fixture(params=["python", "native"])
def with_cluster(request: pytest.FixtureRequest) -> Callable[[BrokerCluster], Publisher]:
    """A publisher on a broker in this process, whose answers a test may choose."""
    return lambda cluster: _maker(request.param, cluster.bootstrap)(kafka_linger_ms=100)


@pytest.fixture
def cluster() -> Iterator[BrokerCluster]:
    cluster = BrokerCluster({Topic.NEW_POSITION: 1, Topic.DELIVERY_EVENT: 1, Topic.RUN_METRICS: 1})
    yield cluster
    cluster.close()


def test_what_the_broker_refuses_for_good_is_counted_named_and_does_not_block(
    with_cluster: Callable[[BrokerCluster], Publisher], cluster: BrokerCluster, caplog: pytest.LogCaptureFixture
) -> None:
    publisher, encoded = with_cluster(cluster), Encoded("refused", 2)
    publisher.publish(encoded.take(1), [])
    assert publisher.flush(60) == 0
    cluster.refuse_next_produce_requests(10)  # MSG_SIZE_TOO_LARGE
    publisher.publish(encoded.take(10), [])
    assert publisher.flush(60) == 0
    publisher.publish(encoded.take(1), [])
    assert publisher.flush(60) == 0
    assert (publisher.settled, publisher.counts) == (3, Counts(24, 4, 20))
    told = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert told[0].startswith("delivery refused-0 seq 1 was refused by Kafka for good: ")
    assert len(told) == 5 + 2, "five by name, then a count at 8 and at 16"


def test_what_is_told_and_refused_is_only_logged(
    with_cluster: Callable[[BrokerCluster], Publisher], cluster: BrokerCluster, caplog: pytest.LogCaptureFixture
) -> None:
    publisher, encoded = with_cluster(cluster), Encoded("told-refused", 2)
    publisher.publish_uncounted([metrics("told-refused", 0)])
    assert publisher.flush(60) == 0
    cluster.refuse_next_produce_requests(10)  # MSG_SIZE_TOO_LARGE
    publisher.publish_uncounted([metrics("told-refused", 1)])
    assert publisher.flush(60) == 0
    publisher.publish(encoded.take(1), [])
    assert publisher.flush(60) == 0
    assert (publisher.settled, publisher.counts) == (1, Counts(2, 2, 0))
    told = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert len(told) == 1
    assert told[0].startswith("what driver-0:1 measured, seq 1, was refused by Kafka for good: ")


def test_a_producer_that_can_promise_nothing_any_more_says_so_and_settles_nothing(
    with_cluster: Callable[[BrokerCluster], Publisher], cluster: BrokerCluster
) -> None:
    publisher, encoded = with_cluster(cluster), Encoded("fatal", 2)
    publisher.publish(encoded.take(1), [])
    assert publisher.flush(60) == 0
    cluster.refuse_next_produce_requests(*[45] * 5)  # OUT_OF_ORDER_SEQUENCE_NUMBER: the broker has lost data

    def go_on() -> None:
        for _ in range(100):
            publisher.publish(encoded.take(1), [])
            publisher.flush(0.2)

    with pytest.raises(ProducerFailed):
        go_on()
    assert publisher.settled == 1
    assert publisher.counts.failed == 0
    with pytest.raises(ProducerFailed):
        go_on()


def test_statistics_become_a_few_figures(make_over_kafka: Make, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    publisher, encoded = make_over_kafka(kafka_statistics_s=1), Encoded("figures")
    deadline = time.monotonic() + 20
    while (publisher.figures is None or not publisher.figures.batch_records) and time.monotonic() < deadline:
        publisher.publish(encoded.take(10), [])
        publisher.poll()
        time.sleep(0.02)
    figures = publisher.figures
    assert figures is not None
    assert figures.batch_records > 0
    assert figures.batch_bytes > 0
    assert (figures.round_trip_ms > 0, figures.errors) == (True, 0)
    assert "round trip p99" in caplog.text

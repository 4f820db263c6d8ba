"""The Kafka publisher against the embedded broker: everything arrives, however small the queue."""

from __future__ import annotations

from actors.kafka import producer_options
from actors.publisher import Counts, KafkaPublisher
from actors.settings import Settings
from engine.messages import DeliveryEvent


def test_a_full_queue_delays_and_drops_nothing(embedded_broker: str) -> None:
    publisher = KafkaPublisher(producer_options(Settings(kafka_bootstrap=embedded_broker, kafka_queue_messages=1_000)))
    keys = [f"publisher-{number % 7}".encode() for number in range(5_000)]
    assert publisher.publish(keys, [b"x" * 100] * 5_000, []) == 1
    event = DeliveryEvent("publisher-1", "r", "1", "c", "d", "car", "started")
    assert publisher.publish([], [], [event]) == 2
    assert publisher.flush(10) == 0
    assert publisher.settled == 2
    assert publisher.counts == Counts(5_000, 5_000, 0)


def test_nothing_is_settled_before_it_has_arrived(embedded_broker: str) -> None:
    publisher = KafkaPublisher({**producer_options(Settings(kafka_bootstrap=embedded_broker)), "linger.ms": 5_000})
    publisher.publish([b"publisher"], [b"x"], [])
    publisher.poll()
    assert (publisher.settled, publisher.counts) == (0, Counts(1, 0, 0))
    assert publisher.flush(10) == 0
    assert publisher.settled == 1


def test_a_record_that_can_never_be_sent_is_counted_and_does_not_block(embedded_broker: str) -> None:
    publisher = KafkaPublisher(producer_options(Settings(kafka_bootstrap=embedded_broker)))
    publisher.publish([b"publisher", b"publisher"], [b"x" * 2_000_000, b"y"], [])
    assert publisher.flush(10) == 0
    assert (publisher.settled, publisher.counts) == (1, Counts(2, 1, 1))

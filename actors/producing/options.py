"""Options of our Kafka clients, from the settings.

librdkafka's names of what a producer does are written here alone.
"""

from __future__ import annotations

import logging
from typing import Any

from confluent_kafka import Consumer, KafkaException, Producer

from actors.settings import Settings
from engine.contract.kafka_trouble import TroubleLog

Options = dict[str, object]

logger = logging.getLogger(__name__)


def connection_options(settings: Settings) -> Options:
    """Return what every client of Kafka needs, an admin client too.

    It holds the password: for constructors, not for logs.
    """
    # Reconnecting is librdkafka's own job; what it reports of it comes by the callback, so that its own lines would
    # only repeat it.
    return {**settings.kafka.options(), "error_cb": TroubleLog(logger, settings.kafka), "log_level": 2}


def producer_options(settings: Settings) -> Options:
    """Return the options of a producer that would rather be late than lose a record.

    ``message.timeout.ms=0`` keeps retrying for ever: a broker that is away fills the queue, and the tick waits and says
    so.
    """
    return {
        **connection_options(settings),
        "acks": settings.kafka_acks,
        "enable.idempotence": settings.kafka_idempotence,
        "compression.type": settings.kafka_compression,
        "linger.ms": settings.kafka_linger_ms,
        "batch.size": settings.kafka_batch_bytes,
        "batch.num.messages": 1_000_000,  # the bound is in bytes
        "message.timeout.ms": 0,
        "queue.buffering.max.messages": settings.kafka_queue_messages,
        # The bound is in records: one in bytes could refuse a long record and take the short one after it.
        "queue.buffering.max.kbytes": 2_147_483_647,
        "partitioner": settings.kafka_partitioner,
        "statistics.interval.ms": 1000 * settings.kafka_statistics_s,
    }


def consumer_options(settings: Settings, group: str) -> Options:
    """Return the options of a consumer that assigns itself its partitions and commits by hand."""
    return {
        **connection_options(settings),
        "group.id": group,
        "auto.offset.reset": "earliest",
        "enable.auto.commit": False,
        "fetch.wait.max.ms": 50,
    }


def topic_metadata(client: Consumer | Producer, topic: str, timeout_s: float) -> Any:
    """Return a topic's metadata, confluent_kafka's ``TopicMetadata``.

    Raises
    ------
    KafkaException : it does not answer; why is in the log before.
    """
    try:
        return client.list_topics(topic, timeout=timeout_s).topics[topic]
    except KafkaException:
        client.poll(0)  # only now does the client say what troubles its connection
        raise

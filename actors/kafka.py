"""Options of our Kafka clients, from the settings. The one place where librdkafka's option names are written."""

from __future__ import annotations

import logging

from actors.settings import Settings

Options = dict[str, str | int | float | bool | logging.Logger]

_quiet = logging.getLogger("actors.kafka.client")


def _common_options(settings: Settings) -> Options:
    return {
        "bootstrap.servers": settings.kafka_bootstrap,
        "client.id": settings.kafka_client_id,
        # librdkafka reports each lost connection; reconnecting is its own job, and shows as lateness.
        "log.connection.close": False,
        "logger": _quiet,
    }


def producer_options(settings: Settings) -> Options:
    """Return the options of a producer that would rather be late than lose a record.

    ``message.timeout.ms=0`` keeps retrying for ever: a broker that is away fills the queue, and the tick waits and says so.
    """
    return {
        **_common_options(settings),
        "acks": settings.kafka_acks,
        "enable.idempotence": settings.kafka_idempotence and settings.kafka_acks == "all",
        "compression.type": settings.kafka_compression,
        "linger.ms": settings.kafka_linger_ms,
        "message.timeout.ms": 0,
        "queue.buffering.max.messages": settings.kafka_queue_messages,
        "queue.buffering.max.kbytes": settings.kafka_queue_messages,  # a position is a quarter of a KiB, an event less than one
        "partitioner": "murmur2_random",  # what Java's clients do, so that every writer agrees on a key's partition
    }


def consumer_options(settings: Settings, group: str) -> Options:
    """Return the options of a consumer that assigns itself its partitions and commits by hand."""
    return {**_common_options(settings), "group.id": group, "auto.offset.reset": "earliest", "enable.auto.commit": False, "fetch.wait.max.ms": 50}

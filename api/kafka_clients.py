"""How the API's clients of Kafka are set up."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from operator import methodcaller

from confluent_kafka import Consumer, KafkaError, Message, TopicPartition

from engine.contract.kafka_connection import KafkaConnection
from engine.contract.kafka_trouble import TroubleLog

logger = logging.getLogger(__name__)

MAX_POLL = 10_000
POLL_S = 0.05

GATHER_S = 0.2
"""How long a sink's records are gathered before they are decoded together, s.

It is less than any sink lets facts wait for a write. Decoding a batch costs nearly the same for one position as for
some hundreds.
"""

GROUP = "code-delivery"

GROUP_WAIT_MS, LIVE_WAIT_MS = 200, 25
"""How long a broker gathers records before it answers a fetch, of a sink and of the live map.

Otherwise it would send nearly every produced batch by itself, to every reader.
"""

_ERROR = methodcaller("error")  # for map, without a step of Python for each record


def group_consumer(
    kafka: KafkaConnection, role: str, on_commit: Callable[[KafkaError | None, list[TopicPartition]], None]
) -> Consumer:
    """Return a consumer of a role's group.

    It begins at the oldest record, commits only when asked to, and reports within a poll how that went.
    """
    return Consumer(
        _consumer_options(kafka, role, GROUP_WAIT_MS)
        # The embedded broker hangs classic groups after their last member leaves; Kafka 4 prefers the new protocol as
        # well.
        | {
            "group.id": f"{GROUP}-{role}",
            "group.protocol": "consumer",
            "auto.offset.reset": "earliest",
            "on_commit": on_commit,
        }
    )


def lone_consumer(kafka: KafkaConnection, role: str) -> Consumer:
    """Return a consumer without a group: it reads what it is assigned, and leaves no trace in Kafka."""
    return Consumer(
        _consumer_options(kafka, role, LIVE_WAIT_MS) | {"group.id": f"{GROUP}-{role}", "auto.offset.reset": "latest"}
    )


def client_id_of(kafka: KafkaConnection, part: str) -> str:
    """Return the name by which a part's client is known to the broker."""
    return f"{kafka.client_id}-{part}"


def connection_options(kafka: KafkaConnection, part: str) -> dict[str, object]:
    """Return what every client of Kafka needs. It holds the password: for constructors, not for logs."""
    options = kafka.options()
    # What librdkafka reports of its connections comes by the callback; its own lines would only repeat it.
    return {
        **options,
        "client.id": client_id_of(kafka, part),
        "error_cb": TroubleLog(logger, kafka, part),
        "log_level": 2,
    }


def _consumer_options(kafka: KafkaConnection, role: str, wait_ms: int) -> dict[str, object]:
    return {
        **connection_options(kafka, role),
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "fetch.wait.max.ms": wait_ms,
        "fetch.min.bytes": 1024 * 1024,
        "queued.max.messages.kbytes": 32 * 1024,
        # The default of a second leaves a reader that catches up idle most of the time: measured 180,000 records/s, and
        # 1,200,000 with 10 ms.
        "fetch.queue.backoff.ms": 10,
        "max.partition.fetch.bytes": 4 * 1024 * 1024,
    }


def without_errors(messages: Sequence[Message], role: str) -> list[Message]:
    """Return the records among what a poll brought.

    Errors of the client are logged; it recovers by itself.
    """
    if list(map(_ERROR, messages)).count(None) == len(messages):
        return list(messages)
    records = []
    for message in messages:
        error = message.error()
        if error is None:
            records.append(message)
        elif error.code() != KafkaError._PARTITION_EOF:
            logger.warning("%s consumer: %s", role, error.str())
    return records

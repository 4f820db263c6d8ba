"""How our consumers are set up."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from confluent_kafka import Consumer, KafkaError, Message

logger = logging.getLogger(__name__)

MAX_POLL = 10_000
POLL_S = 0.05
GROUP = "code-delivery"


def group_consumer(bootstrap: str, role: str) -> Consumer:
    """Return a consumer of a role's group: it begins at the oldest record, and commits only when told to."""
    return Consumer(
        _common(bootstrap, role)
        # The embedded broker hangs classic groups after their last member leaves; Kafka 4 prefers the new protocol as well.
        | {"group.id": f"{GROUP}-{role}", "group.protocol": "consumer", "auto.offset.reset": "earliest"},
        logger=logging.getLogger("api.kafka"),
    )


def lone_consumer(bootstrap: str, role: str) -> Consumer:
    """Return a consumer without a group: it reads what it is assigned, and leaves no trace in Kafka."""
    return Consumer(_common(bootstrap, role) | {"group.id": f"{GROUP}-{role}", "auto.offset.reset": "latest"}, logger=logging.getLogger("api.kafka"))


def _common(bootstrap: str, role: str) -> dict[str, object]:
    return {
        "bootstrap.servers": bootstrap,
        "client.id": f"{GROUP}-{role}",
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "fetch.wait.max.ms": 50,
        "queued.max.messages.kbytes": 32 * 1024,
        "log_level": 3,
    }


def without_errors(messages: Sequence[Message], role: str) -> list[Message]:
    """Return the records among what a poll brought; errors of the client are logged, it recovers by itself."""
    records = []
    for message in messages:
        error = message.error()
        if error is None:
            records.append(message)
        elif error.code() != KafkaError._PARTITION_EOF:
            logger.warning("%s consumer: %s", role, error.str())
    return records

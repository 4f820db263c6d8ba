"""The dispatcher's facts on Kafka: few, one by one, with headers where a dead letter needs them."""

from __future__ import annotations

import logging

from confluent_kafka import KafkaError, Message, Producer

from actors.dispatch.facts import Fact
from actors.producing.options import Options
from engine.contract.topics import TOPICS
from engine.messages import DeadLetter, Topic

logger = logging.getLogger(__name__)

_DEFAULT_BYTES = 1_000_000


class KafkaFacts:
    """Sends facts through a producer of its own."""

    def __init__(self, options: Options) -> None:
        # The largest request that a broker takes must still fit when it has become a dead letter, with its reason.
        self._producer = Producer(
            {
                **options,
                "linger.ms": 0,
                "message.max.bytes": TOPICS[Topic.DEAD_LETTER].max_message_bytes or _DEFAULT_BYTES,
            }
        )

    def publish(self, fact: Fact) -> None:
        """Send a fact."""
        self._send(fact.TOPIC, fact.key, fact.to_json(), {})

    def publish_dead_letter(self, letter: DeadLetter) -> None:
        """Send what could not be read to the dead-letter topic, with the reason."""
        logger.warning(
            "%s partition %d offset %d goes to the dead letters: %s",
            letter.topic,
            letter.partition,
            letter.offset,
            letter.reason,
        )
        self._send(Topic.DEAD_LETTER, letter.key, letter.value, dict(letter.headers))

    def _send(self, topic: Topic, key: bytes | None, value: bytes, headers: dict[str, str | bytes | None]) -> None:
        while True:
            try:
                self._producer.produce(topic.value, value, key, headers=headers, on_delivery=_log_failure)
            except BufferError:
                self._producer.poll(0.05)
            else:
                break
        self._producer.poll(0)

    def flush(self, timeout_s: float) -> int:
        """Wait until everything has arrived."""
        return int(self._producer.flush(timeout_s))


def _log_failure(error: KafkaError | None, message: Message) -> None:
    if error is not None:
        logger.error("a record for %s was refused: %s", message.topic(), error)

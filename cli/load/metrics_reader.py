"""Reads what a run's workers publish on Kafka while it runs."""

from __future__ import annotations

import logging
from collections import Counter
from typing import Protocol

from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition

from api.kafka_clients import connection_options, without_errors
from engine.contract.kafka_connection import KafkaConnection
from engine.errors import MessageError
from engine.messages import DeliveryEvent, EventKind, RunEvent, RunMetrics, Topic

logger = logging.getLogger(__name__)

MOST = 5_000
QUIET_S = 1.5
"""Seconds without a message after which everything has been published."""

_ROLE = "loadtest"
_TOPICS = (Topic.RUN_EVENT, Topic.RUN_METRICS, Topic.DELIVERY_EVENT)
_ANSWER_S = 10.0


class Listener(Protocol):
    """A listener of what the workers publish."""

    def on_run(self, event: RunEvent) -> None:
        """Take how the run stands."""

    def on_metrics(self, metrics: RunMetrics) -> None:
        """Take what a worker has measured."""


class MetricsReader:
    """Reads what the workers of one run publish, from the topics' beginning on.

    Its consumer leaves no trace in Kafka.

    Attributes
    ----------
    faults : how many times each injected fault was reported, by its name.
    """

    def __init__(self, kafka: KafkaConnection, run_id: str, listener: Listener) -> None:
        self._run_id, self._listener = run_id, listener
        self.faults: Counter[str] = Counter()
        options = {
            "enable.auto.commit": False,
            "fetch.wait.max.ms": 50,
            "group.id": f"{kafka.client_id}-{_ROLE}",
            "auto.offset.reset": "earliest",
        }
        self._consumer = Consumer({**connection_options(kafka, _ROLE), **options})
        self._assign()

    def _assign(self) -> None:
        known = {
            topic: self._consumer.list_topics(topic, timeout=_ANSWER_S).topics[topic].partitions for topic in _TOPICS
        }
        self._consumer.assign(
            [
                TopicPartition(topic, number, OFFSET_BEGINNING)
                for topic, numbers in known.items()
                for number in sorted(numbers)
            ]
        )

    def read(self, wait_s: float) -> int:
        """Pass the messages that have come to the listener; return how many there were.

        Waits a while if there is none.
        """
        messages = without_errors(self._consumer.consume(MOST, wait_s), _ROLE)
        for message in messages:
            try:
                self._take(message.topic() or "", message.value() or b"")
            except MessageError as error:  # a sink sends it to the dead letters
                logger.info("%s offset %s is passed over: %s", message.topic(), message.offset(), error)
        return len(messages)

    def _take(self, topic: str, value: bytes) -> None:
        match topic:
            case Topic.RUN_EVENT:
                event = RunEvent.from_json(value)
                if event.run_id == self._run_id:
                    self._listener.on_run(event)
            case Topic.RUN_METRICS:
                metrics = RunMetrics.from_json(value)
                if metrics.run_id == self._run_id:
                    self._listener.on_metrics(metrics)
            case Topic.DELIVERY_EVENT if self._run_id.encode() in value and b'"fault"' in value:
                fault = DeliveryEvent.from_json(value)
                if fault.run_id == self._run_id and fault.kind == EventKind.FAULT and fault.fault is not None:
                    self.faults[fault.fault] += 1

    def read_the_rest(self) -> None:
        """Read until nothing comes any more."""
        while self.read(QUIET_S):
            pass

    def close(self) -> None:
        """Let go of the connections."""
        self._consumer.close()

"""The API's way out to Kafka: publish, and know that it was acknowledged."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from api.errors import BusUnavailable
from api.kafka_clients import connection_options
from engine.contract.kafka_connection import KafkaConnection
from engine.contract.kafka_trouble import TroubleLog
from engine.messages import ControlRun, RouteDefined, RunMetrics, StartDelivery

logger = logging.getLogger(__name__)

ACK_TIMEOUT_S = 10.0
"""How long Kafka may take to acknowledge before the caller gets an error."""

Told = StartDelivery | ControlRun | RouteDefined | RunMetrics
"""The messages that the API sends."""


@dataclass(frozen=True, slots=True)
class Record:
    """What goes to Kafka."""

    topic: str
    key: bytes | None
    value: bytes
    headers: Mapping[str, bytes] = field(default_factory=dict)

    @classmethod
    def of(cls, message: Told) -> Record:
        """Return a message as a record of its topic."""
        return cls(message.TOPIC, message.key, message.to_json())


class Bus(Protocol):
    """Publishes records. `KafkaBus` is the real one, `MemoryBus` the one for tests."""

    async def publish(self, records: Sequence[Record]) -> None:
        """Return once every record is acknowledged; raise `BusUnavailable` if one is not.

        Called by the REST interface and at the start.
        """

    async def ping(self) -> None:
        """Return if Kafka answers, raise `BusUnavailable` if not; called by the health endpoints."""

    async def close(self) -> None:
        """Let go of connections; called once, at the end."""


class MemoryBus:
    """Keeps what is published in a list; a bus for tests.

    Attributes
    ----------
    records : everything published so far.
    """

    def __init__(self) -> None:
        self.records: list[Record] = []

    async def publish(self, records: Sequence[Record]) -> None:
        """Implement `Bus.publish`."""
        self.records += records

    async def ping(self) -> None:
        """Answer."""

    async def close(self) -> None:
        """Do nothing."""


class KafkaBus:
    """Publishes through one producer; a thread of its own waits for the acknowledgements."""

    def __init__(self, kafka: KafkaConnection) -> None:
        self._kafka, self._trouble = kafka, TroubleLog(logger, kafka, "api")
        self._producer = Producer(
            connection_options(kafka, "api")
            | {
                "error_cb": self._trouble,
                "compression.type": "lz4",
                "linger.ms": 2,
                "acks": "all",
                "message.timeout.ms": int(ACK_TIMEOUT_S * 1000),
            }
        )
        self._closing = threading.Event()
        self._poller = threading.Thread(target=self._poll, name="bus-poller", daemon=True)
        self._poller.start()

    async def publish(self, records: Sequence[Record]) -> None:
        """Implement `Bus.publish`."""
        if not records:
            return
        waiting = _Acknowledgements(asyncio.get_running_loop(), len(records))
        try:
            for record in records:
                self._producer.produce(
                    record.topic, record.value, record.key, on_delivery=waiting.take, headers=dict(record.headers)
                )
        except (BufferError, KafkaException) as error:
            raise BusUnavailable(f"Kafka at {self._kafka} takes no records for {records[0].topic}: {error}") from error
        try:
            failure = await asyncio.wait_for(waiting.done, ACK_TIMEOUT_S + 1)
        except TimeoutError:
            failure = "no answer"
        if failure is not None:
            raise BusUnavailable(
                f"Kafka at {self._kafka} did not acknowledge {records[0].topic}: {failure}{self._reason()}"
            )
        self._trouble.is_well()

    async def ping(self) -> None:
        """Implement `Bus.ping`."""
        try:
            await asyncio.to_thread(self._producer.list_topics, timeout=2.0)
        except KafkaException as error:
            raise BusUnavailable(f"Kafka at {self._kafka} does not answer: {error}{self._reason()}") from error
        self._trouble.is_well()

    def _reason(self) -> str:
        return f"; the connection's last word: {self._trouble.last}" if self._trouble.last else ""

    async def close(self) -> None:
        """Implement `Bus.close`."""
        self._closing.set()
        await asyncio.to_thread(self._poller.join)
        await asyncio.to_thread(self._producer.flush, 1.0)

    def _poll(self) -> None:
        while not self._closing.is_set():
            self._producer.poll(0.1)


class _Acknowledgements:
    """Counts acknowledgements in the poller's thread and tells the event loop when the last one is there."""

    def __init__(self, loop: asyncio.AbstractEventLoop, count: int) -> None:
        self.done: asyncio.Future[str | None] = loop.create_future()
        self._loop, self._left = loop, count
        self._failure: str | None = None

    def take(self, error: KafkaError | None, _message: Message) -> None:
        self._left -= 1
        if error is not None:
            self._failure = str(error)
        if self._left == 0 and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._finish)

    def _finish(self) -> None:
        if not self.done.done():
            self.done.set_result(self._failure)

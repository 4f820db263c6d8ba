"""Publishers: how a tick's facts leave the process, and what is known of their arrival.

A publisher numbers what it is given. `settled` is the newest number up to which everything has been acknowledged (or has failed for good and was counted),
so a driver host can tell from one integer what need not be sent again. Accounting costs one small call a record and no memory per delivery.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from confluent_kafka import KafkaError, Message, Producer

from actors.kafka import Options
from engine.messages import DeliveryEvent, Topic

logger = logging.getLogger(__name__)

_WAIT_S = 0.05
"""One wait for room in the producer's queue; between two the caller is asked whether to go on."""


@dataclass(frozen=True, slots=True)
class Counts:
    """Positions since the process began.

    Attributes
    ----------
    produced : handed over.
    acked : acknowledged by Kafka.
    failed : refused by Kafka for good.
    """

    produced: int = 0
    acked: int = 0
    failed: int = 0


class Publisher(Protocol):
    """Where a tick's facts go. Used by one thread."""

    @property
    def counts(self) -> Counts:
        """Positions so far."""

    @property
    def settled(self) -> int:
        """Newest number given by `publish` up to which everything has arrived; 0 at first."""

    def publish(self, keys: Sequence[bytes], values: Sequence[bytes], events: Sequence[DeliveryEvent]) -> int:
        """Hand over positions and events of one tick, and return their number. It waits while the queue is full, and drops nothing."""

    def poll(self) -> None:
        """Take note of acknowledgements. The host calls it each tick."""

    def flush(self, timeout_s: float) -> int:
        """Wait until everything has arrived, and return how many records have not within the time."""


class _Tally:
    """Running totals of positions; written by the publishing thread alone, so any other may read them."""

    __slots__ = ("acked", "failed", "produced")

    def __init__(self) -> None:
        self.produced = self.acked = self.failed = 0


class _Handover:
    """What is still on its way of one `publish`."""

    __slots__ = ("left", "number", "tally")

    def __init__(self, number: int, left: int, tally: _Tally) -> None:
        self.number, self.left, self.tally = number, left, tally

    def position_arrived(self, error: KafkaError | None, message: Message | None) -> None:
        self.left -= 1
        if error is None:
            self.tally.acked += 1
        else:
            self.tally.failed += 1
            logger.error("position %s was refused: %s", "unsent" if message is None else message.key(), error)

    def event_arrived(self, error: KafkaError | None, message: Message | None) -> None:
        self.left -= 1
        if error is not None:
            logger.error("event %s was refused: %s", "unsent" if message is None else message.key(), error)


class KafkaPublisher:
    """Publishes through one producer of its own.

    Parameters
    ----------
    options : of the producer, see `actors.kafka.producer_options`.
    """

    def __init__(self, options: Options) -> None:
        self._producer = Producer(options)
        self._room = int(str(options.get("queue.buffering.max.messages", 100_000)))
        self._on_the_way: deque[_Handover] = deque()
        self._number = 0
        self._tally = _Tally()

    @property
    def counts(self) -> Counts:
        """Positions so far; any thread may ask."""
        return Counts(self._tally.produced, self._tally.acked, self._tally.failed)

    @property
    def settled(self) -> int:
        """Newest number up to which everything has arrived."""
        return self._on_the_way[0].number - 1 if self._on_the_way else self._number

    def publish(self, keys: Sequence[bytes], values: Sequence[bytes], events: Sequence[DeliveryEvent]) -> int:
        """Hand over positions, then events, of one tick; waits while the queue is full."""
        self._number += 1
        handover = _Handover(self._number, len(values) + len(events), self._tally)
        self._on_the_way.append(handover)
        records: list[dict[str, Any]] = [{"key": key, "value": value} for key, value in zip(keys, values, strict=True)]
        self._tally.produced += len(records)
        self._produce(Topic.NEW_POSITION, records, handover.position_arrived)
        self._produce(Topic.DELIVERY_EVENT, [{"key": event.key, "value": event.to_json()} for event in events], handover.event_arrived)
        return self._number

    def _produce(self, topic: Topic, records: list[dict[str, Any]], on_delivery: Callable[[KafkaError | None, Message | None], None]) -> None:
        # Only this thread fills the queue, so room that was seen is still there: no record is refused in mid-batch and none overtakes another.
        step = max(1, self._room // 4)
        for start in range(0, len(records), step):
            part = records[start : start + step]
            while len(self._producer) + len(part) > self._room:
                self._producer.poll(_WAIT_S)
            while part:
                self._producer.produce_batch(topic.value, part, on_delivery=on_delivery)
                part = self._refused_for_want_of_room(part, on_delivery)
                if part:
                    self._producer.poll(_WAIT_S)

    @staticmethod
    def _refused_for_want_of_room(part: list[dict[str, Any]], on_delivery: Callable[[KafkaError | None, Message | None], None]) -> list[dict[str, Any]]:
        """Return the records to offer again (the queue's limit in bytes); what can never be sent is counted as failed."""
        again = []
        for record in part:
            error = record.pop("_error", None)
            if error is not None and error.code() == KafkaError._QUEUE_FULL:
                again.append(record)
            elif error is not None:
                on_delivery(error, None)
        return again

    def poll(self) -> None:
        """Take note of acknowledgements."""
        self._producer.poll(0)
        self._settle()

    def _settle(self) -> None:
        while self._on_the_way and not self._on_the_way[0].left:
            self._on_the_way.popleft()

    def flush(self, timeout_s: float) -> int:
        """Wait until everything has arrived, and return how many records have not within the time."""
        left = int(self._producer.flush(timeout_s))
        self._settle()
        return left


class MemoryPublisher:
    """Keeps everything; for tests and for runs without Kafka. With `holding` set, acknowledgements wait until it is cleared."""

    def __init__(self) -> None:
        self.positions: list[tuple[bytes, bytes]] = []
        self.events: list[DeliveryEvent] = []
        self.holding = False
        self._number = self._settled = self._acked = 0

    @property
    def counts(self) -> Counts:
        """Positions so far."""
        return Counts(len(self.positions), self._acked)

    @property
    def settled(self) -> int:
        """Newest number up to which everything has arrived."""
        return self._settled

    def publish(self, keys: Sequence[bytes], values: Sequence[bytes], events: Sequence[DeliveryEvent]) -> int:
        """Keep positions and events of one tick."""
        self._number += 1
        self.positions += zip(keys, values, strict=True)
        self.events += events
        return self._number

    def poll(self) -> None:
        """Acknowledge everything, unless `holding`."""
        if not self.holding:
            self._settled, self._acked = self._number, len(self.positions)

    def flush(self, timeout_s: float) -> int:  # noqa: ARG002
        """Acknowledge everything, unless `holding`, and return how many positions are not."""
        self.poll()
        return len(self.positions) - self._acked

"""The publisher over confluent_kafka's public interface: one dictionary and one callback a record."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Producer
from confluent_kafka import Message as Record

from actors.producing.options import Options
from actors.producing.producer_figures import ProducerFigures
from actors.producing.publisher import WAIT_S, Counts, Message, ProducerFailed, Refusals, Tally
from engine.codec import EncodedRecords
from engine.messages import DeliveryEvent, Topic

_OnDelivery = Callable[[KafkaError | None, Record | None], None]


class KafkaPublisher:
    """Publishes through one producer of its own.

    Parameters
    ----------
    options : of the producer, see `actors.producing.options.producer_options`.
    """

    def __init__(self, options: Options) -> None:
        self._report: Any = options.get("error_cb", lambda _error: None)
        self._room = int(str(options.get("queue.buffering.max.messages", 100_000)))
        self._on_the_way: deque[_Handover] = deque()
        self._number = 0
        self._waited_s = 0.0
        self._tally, self._refusals = Tally(), Refusals()
        self._fatal = ""
        self._figures: ProducerFigures | None = None
        self._producer = Producer({**options, "error_cb": self._take_error, "stats_cb": self._take_statistics})

    @property
    def counts(self) -> Counts:
        """Positions so far."""
        return self._tally.counts

    @property
    def waited_s(self) -> float:
        """Seconds so far spent waiting for room."""
        return self._waited_s

    @property
    def settled(self) -> int:
        """Newest number up to which everything has arrived."""
        return self._on_the_way[0].number - 1 if self._on_the_way else self._number

    @property
    def unacknowledged(self) -> int:
        """Records that have not arrived."""
        return len(self._producer)

    @property
    def figures(self) -> ProducerFigures | None:
        """How the producer did lately."""
        return self._figures

    def publish(self, positions: EncodedRecords, events: Sequence[DeliveryEvent]) -> int:
        """Hand over positions, then events, of one tick; waits while the queue is full."""
        self._number += 1
        handover = _Handover(self._number, len(positions) + len(events), self._arrived)
        self._on_the_way.append(handover)
        records: list[dict[str, Any]] = [
            {"key": key, "value": value} for key, value in zip(positions.keys(), positions.values(), strict=True)
        ]
        self._tally.produced += len(records)
        self._produce(Topic.NEW_POSITION, records, handover.position_arrived)
        self._produce(
            Topic.DELIVERY_EVENT,
            [{"key": event.key, "value": event.to_json()} for event in events],
            handover.event_arrived,
        )
        return self._number

    def publish_uncounted(self, messages: Sequence[Message]) -> None:
        """Hand over messages of other topics."""
        for message in messages:
            self._produce(message.TOPIC, [{"key": message.key, "value": message.to_json()}], self._told)

    def _produce(self, topic: Topic, records: list[dict[str, Any]], on_delivery: _OnDelivery) -> None:
        # Only this thread fills the queue, so room that was seen is still there: no record is refused in mid-batch and
        # none overtakes another.
        step = max(1, self._room // 4)
        for start in range(0, len(records), step):
            part = records[start : start + step]
            while len(self._producer) + len(part) > self._room:
                self._wait()
            while part:
                self._producer.produce_batch(topic.value, part, on_delivery=on_delivery)
                part = self._refused_for_want_of_room(part, on_delivery)
                if part:
                    self._wait()

    def _wait(self) -> None:
        """Wait a little for room."""
        begun = time.monotonic()
        self._serve(WAIT_S)
        self._waited_s += time.monotonic() - begun

    def _refused_for_want_of_room(self, part: list[dict[str, Any]], on_delivery: _OnDelivery) -> list[dict[str, Any]]:
        """Return the records to offer again; what can never be sent is counted as failed."""
        again = []
        for record in part:
            error = record.pop("_error", None)
            if error is None:
                continue
            if error.code() == KafkaError._QUEUE_FULL:
                again.append(record)
            elif error.code() == KafkaError._FATAL:
                self._fatal = self._fatal or error.str()
            else:
                self._refusals.note(record["value"], error)
                on_delivery(error, None)
        self._check()
        return again

    def poll(self) -> None:
        """Take note of acknowledgements."""
        self._serve(0)
        while self._on_the_way and not self._on_the_way[0].left:
            self._on_the_way.popleft()

    def flush(self, timeout_s: float) -> int:
        """Wait until everything has arrived, and return how many records have not within the time."""
        left = self._served(self._producer.flush, timeout_s)
        self.poll()
        return left

    def _serve(self, wait_s: float) -> None:
        self._served(self._producer.poll, wait_s)

    def _served(self, call: Callable[[float], int], wait_s: float) -> int:
        """Let the client call back; it raises what is fatal, once."""
        try:
            found = int(call(wait_s))
        except KafkaException as error:
            self._fatal = self._fatal or str(error)
            raise ProducerFailed(self._fatal) from error
        self._check()
        return found

    def _check(self) -> None:
        if self._fatal:
            raise ProducerFailed(self._fatal)

    def _told(self, error: KafkaError | None, message: Record | None) -> None:
        self._arrived(error, message, is_position=False)

    def _arrived(self, error: KafkaError | None, message: Record | None, *, is_position: bool) -> bool:
        """Count a record; return whether it is settled. After a fatal error nothing is: what is purged then was not refused, and must be sent again."""
        if self._fatal or (error is not None and error.code() in (KafkaError._PURGE_QUEUE, KafkaError._PURGE_INFLIGHT)):
            return False
        if error is not None and message is not None:
            self._refusals.note(message.value(), error)
        self._tally.acked += is_position and error is None
        self._tally.failed += is_position and error is not None
        return True

    def _take_error(self, error: KafkaError) -> None:
        self._report(error)
        if error.fatal():
            self._fatal = error.str()

    def _take_statistics(self, statistics: str) -> None:
        self._figures = ProducerFigures.of(statistics)
        self._figures.log()


class _Handover:
    """What is still on its way of one `publish`."""

    __slots__ = ("_arrived", "left", "number")

    def __init__(self, number: int, left: int, arrived: Callable[..., bool]) -> None:
        self.number, self.left, self._arrived = number, left, arrived

    def position_arrived(self, error: KafkaError | None, message: Record | None) -> None:
        self.left -= self._arrived(error, message, is_position=True)

    def event_arrived(self, error: KafkaError | None, message: Record | None) -> None:
        self.left -= self._arrived(error, message, is_position=False)

"""The publisher over confluent_kafka's public interface: one dictionary and one callback a record."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Producer
from confluent_kafka import Message as Record

from actors.producing.options import Options
from actors.producing.publisher import Message, ProducerFailed
from actors.producing.queued_publisher import Handover, QueuedPublisher
from engine.codec import EncodedRecords
from engine.messages import DeliveryEvent, Topic

_OnDelivery = Callable[[KafkaError | None, Record | None], None]


class _Handover(Handover):
    """The records of one `publish`."""

    __slots__ = ("_arrived",)

    def __init__(self, number: int, left: int, arrived: Callable[..., bool]) -> None:
        super().__init__(number, left)
        self._arrived = arrived

    def position_arrived(self, error: KafkaError | None, message: Record | None) -> None:
        self.left -= self._arrived(error, message, is_position=True)

    def event_arrived(self, error: KafkaError | None, message: Record | None) -> None:
        self.left -= self._arrived(error, message, is_position=False)


class PythonPublisher(QueuedPublisher[_Handover]):
    """A publisher with one producer of its own.

    Parameters
    ----------
    options : of the producer, see `actors.producing.options.producer_options`.
    """

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self._fatal = ""
        self._producer = Producer({**options, "error_cb": self._take_error, "stats_cb": self._take_statistics})

    @property
    def unacknowledged(self) -> int:
        """Records that have not arrived."""
        return len(self._producer)

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
            self._produce(message.TOPIC, [{"key": message.key, "value": message.to_json()}], self._uncounted_arrived)

    def _produce(self, topic: Topic, records: list[dict[str, Any]], on_delivery: _OnDelivery) -> None:
        for part in self._parts(len(records)):
            left = records[part]
            while left:
                self._producer.produce_batch(topic.value, left, on_delivery=on_delivery)
                left = self._refused_by_a_full_queue(left, on_delivery)
                if left:
                    self._wait()

    def _refused_by_a_full_queue(self, part: list[dict[str, Any]], on_delivery: _OnDelivery) -> list[dict[str, Any]]:
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

    def _uncounted_arrived(self, error: KafkaError | None, message: Record | None) -> None:
        self._arrived(error, message, is_position=False)

    def _arrived(self, error: KafkaError | None, message: Record | None, *, is_position: bool) -> bool:
        """Count a record, and return whether it is settled.

        After a fatal error none is: what is purged then was not refused, and must be sent again.
        """
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

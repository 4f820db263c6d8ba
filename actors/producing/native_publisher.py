"""The publisher over librdkafka's batches.

A tick's byte matrix goes in as it is, acknowledgements come back as arrays.

Messages are handed over ordered by the partition that they will most likely get, each partition's in their own order.
librdkafka alone decides on partitions, so a wrong guess costs time and nothing else. A right one puts a partition's
messages side by side in memory, for everything that walks along its queue later: measured, a third less processor time
a record.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from confluent_kafka import KafkaError

from actors.producing.native_producer import (
    ClientError,
    Messages,
    NativeProducer,
    Refused,
    Reports,
    check_layout,
    messages_of,
    refused_of,
)
from actors.producing.options import Options
from actors.producing.publisher import Message, ProducerFailed
from actors.producing.queued_publisher import Handover, QueuedPublisher
from engine.codec import EncodedRecords, EncodedRows
from engine.codec.partition_hash import partitions_of
from engine.librdkafka.interface import MESSAGE
from engine.messages import DeliveryEvent, Topic

_PURGED = (KafkaError._PURGE_QUEUE, KafkaError._PURGE_INFLIGHT, KafkaError._FATAL)
_HURRY_S = 0.02

_UNCOUNTED = 0
"""The tag of uncounted messages; handovers' tags are greater."""


class _Handover(Handover):
    """The records of one call of the producer; `tag` marks them in its reports."""

    __slots__ = ("is_position", "tag")

    def __init__(self, tag: int, number: int, left: int, *, is_position: bool) -> None:
        super().__init__(number, left)
        self.tag, self.is_position = tag, is_position


class NativePublisher(QueuedPublisher[_Handover]):
    """A publisher with one producer of its own.

    Parameters
    ----------
    options : of the producer, see `actors.producing.options.producer_options`.

    Raises
    ------
    LibraryUnusable : librdkafka cannot be driven through its C interface here.
    """

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        check_layout()
        self._producer = NativeProducer(options)
        #: Of the newest handover; those on the way have tags without gaps.
        self._tag = 0
        self._pending = 0
        self._partitions = 1

    @property
    def unacknowledged(self) -> int:
        """Records that have not arrived."""
        return self._pending

    def publish(self, positions: EncodedRecords, events: Sequence[DeliveryEvent]) -> int:
        """Hand over positions, then events, of one tick; waits while the queue is full."""
        self._number += 1
        self._tally.produced += len(positions)
        for block in positions.blocks:
            self._send_numbered(Topic.NEW_POSITION, self._messages(block), is_position=True)
        if events:
            messages, _buffer = messages_of([(event.key, event.to_json()) for event in events])
            self._send_numbered(Topic.DELIVERY_EVENT, messages, is_position=False)
        return self._number

    def publish_uncounted(self, messages: Sequence[Message]) -> None:
        """Hand over messages of other topics."""
        for message in messages:
            record, _buffer = messages_of([(message.key, message.to_json())])
            self._await_places(1)
            record["tag"] = _UNCOUNTED
            self._send(message.TOPIC, record)

    def _messages(self, block: EncodedRows) -> Messages:
        count, width = block.matrix.shape
        messages = np.zeros(count, MESSAGE)
        if self._partitions > 1:
            rows = np.argsort(partitions_of(block.key_hash, self._partitions).astype(np.uint16), kind="stable")
            messages["key_bytes"] = block.key_bytes[rows]
        else:
            rows = np.arange(count)
            messages["key_bytes"] = block.key_bytes
        messages["payload"] = block.matrix.ctypes.data + width * rows
        messages["key"] = messages["payload"] + np.uint64(block.key_offset)
        messages["bytes"] = width
        return messages

    def _send_numbered(self, topic: Topic, messages: Messages, *, is_position: bool) -> None:
        for place in self._parts(len(messages)):
            part = messages[place]
            self._tag += 1
            self._on_the_way.append(_Handover(self._tag, self._number, len(part), is_position=is_position))
            part["tag"] = self._tag
            self._send(topic, part)

    def _send(self, topic: Topic, messages: Messages) -> None:
        self._pending += len(messages)
        while len(messages := self._again(self._producer.produce(topic.value, messages))):
            self._wait()

    def _again(self, untaken: Messages) -> Messages:
        """Return the messages to offer again; what can never be sent is counted as failed."""
        if not len(untaken):
            return untaken
        wants_room = untaken["err"] == KafkaError._QUEUE_FULL
        refused = tuple(refused_of(message) for message in untaken[~wants_room])
        if refused:
            self._settle(Reports(np.array([message.tag for message in refused], np.uint64), refused, -1))
        again: Messages = untaken[wants_room]
        return again

    def flush(self, timeout_s: float) -> int:
        """Wait until everything has arrived, and return how many records have not within the time."""
        deadline = time.monotonic() + timeout_s
        self.poll()
        while self._pending and time.monotonic() < deadline:
            self._producer.hurry(_HURRY_S)
            self.poll()
        return self._pending

    def _serve(self, wait_s: float) -> None:
        for event in self._producer.poll(wait_s):
            if isinstance(event, Reports):
                self._settle(event)
            elif isinstance(event, ClientError):
                self._report(event.error)
                if event.error.fatal():
                    raise ProducerFailed(event.error.str())
            else:
                self._take_statistics(event.json)

    def _settle(self, reports: Reports) -> None:
        if reports.refused:
            self._fail_if_fatal(reports.refused)
        self._partitions = max(self._partitions, reports.partition + 1)
        self._pending -= len(reports.tags)
        for refused in reports.refused:
            self._refusals.note(refused.value, refused.reason)
        tags = reports.tags[reports.tags != _UNCOUNTED]
        if len(tags):
            self._settle_numbered(tags, [refused.tag for refused in reports.refused if refused.tag != _UNCOUNTED])

    def _settle_numbered(self, tags: npt.NDArray[np.uint64], refused: Sequence[int]) -> None:
        oldest = self._on_the_way[0].tag
        counts = np.bincount((tags - np.uint64(oldest)).astype(np.int64))
        for place in np.flatnonzero(counts).tolist():
            handover, count = self._on_the_way[place], int(counts[place])
            handover.left -= count
            self._tally.acked += count * handover.is_position
        for tag in refused:
            is_position = self._on_the_way[tag - oldest].is_position
            self._tally.acked -= is_position
            self._tally.failed += is_position

    def _fail_if_fatal(self, refused: Sequence[Refused]) -> None:
        """Raise `ProducerFailed` after a fatal error.

        Nothing settles then: what is purged was not refused, and must be sent again by the next process.
        """
        reason = self._producer.fatal_error()
        if reason or any(message.code in _PURGED for message in refused):
            raise ProducerFailed(reason or refused[0].reason)

"""The publisher over librdkafka's batches.

A tick's byte matrix goes in as it is, acknowledgements come back as arrays.

Messages are handed over ordered by the partition that they will most likely get, each partition's in their own order.
librdkafka alone decides on partitions, so a wrong guess costs time and nothing else. A right one puts a partition's
messages side by side in memory, for everything that walks along its queue later: measured, a third less processor time
a record.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from typing import Any

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
from actors.producing.producer_figures import ProducerFigures
from actors.producing.publisher import WAIT_S, Counts, Message, ProducerFailed, Refusals, Tally
from engine.codec import EncodedRecords, EncodedRows
from engine.codec.partition_hash import partitions_of
from engine.librdkafka.interface import MESSAGE
from engine.messages import DeliveryEvent, Topic

_PURGED = (KafkaError._PURGE_QUEUE, KafkaError._PURGE_INFLIGHT, KafkaError._FATAL)
_HURRY_S = 0.02

_TOLD = 0
"""The tag of messages that no part waits for; handovers' tags are greater."""


class _Handover:
    """What is still on its way of one call of the producer."""

    __slots__ = ("is_position", "left", "number", "tag")

    def __init__(self, tag: int, number: int, left: int, *, is_position: bool) -> None:
        self.tag, self.number, self.left, self.is_position = tag, number, left, is_position


class NativePublisher:
    """Publishes through one producer of its own.

    Parameters
    ----------
    options : of the producer, see `actors.producing.options.producer_options`.

    Raises
    ------
    LibraryUnusable : librdkafka cannot be driven through its C interface here.
    """

    def __init__(self, options: Options) -> None:
        check_layout()
        self._producer = NativeProducer(options)
        self._report: Any = options.get("error_cb", lambda _error: None)
        self._room = int(str(options.get("queue.buffering.max.messages", 100_000)))
        #: In the order of their tags, which have no gaps.
        self._on_the_way: deque[_Handover] = deque()
        self._tag = self._number = self._pending = 0
        self._waited_s = 0.0
        self._partitions = 1
        self._tally, self._refusals = Tally(), Refusals()
        self._figures: ProducerFigures | None = None

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
        return self._pending

    @property
    def figures(self) -> ProducerFigures | None:
        """How the producer did lately."""
        return self._figures

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

    def tell(self, messages: Sequence[Message]) -> None:
        """Hand over messages of other topics."""
        for message in messages:
            told, _buffer = messages_of([(message.key, message.to_json())])
            self._make_room(1)
            told["tag"] = _TOLD
            self._send(message.TOPIC, told)

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
        # Only this thread fills the queue, so room that was seen is still there: no message is refused in mid-batch and
        # none overtakes another.
        step = max(1, self._room // 4)
        for start in range(0, len(messages), step):
            part = messages[start : start + step]
            self._make_room(len(part))
            self._tag += 1
            self._on_the_way.append(_Handover(self._tag, self._number, len(part), is_position=is_position))
            part["tag"] = self._tag
            self._send(topic, part)

    def _make_room(self, count: int) -> None:
        while self._pending + count > self._room:
            self._wait()

    def _send(self, topic: Topic, messages: Messages) -> None:
        self._pending += len(messages)
        while len(messages := self._again(self._producer.produce(topic.value, messages))):
            self._wait()

    def _wait(self) -> None:
        """Wait a little for room."""
        begun = time.monotonic()
        self._serve(WAIT_S)
        self._waited_s += time.monotonic() - begun

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

    def poll(self) -> None:
        """Take note of acknowledgements."""
        self._serve(0)
        while self._on_the_way and not self._on_the_way[0].left:
            self._on_the_way.popleft()

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
                self._figures = ProducerFigures.of(event.json)
                self._figures.log()

    def _settle(self, reports: Reports) -> None:
        if reports.refused:
            self._fail_if_fatal(reports.refused)
        self._partitions = max(self._partitions, reports.partition + 1)
        self._pending -= len(reports.tags)
        for refused in reports.refused:
            self._refusals.note(refused.value, refused.reason)
        tags = reports.tags[reports.tags != _TOLD]
        if len(tags):
            self._settle_numbered(tags, [refused.tag for refused in reports.refused if refused.tag != _TOLD])

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
        """Raise after a fatal error, before anything settles.

        What is purged then was not refused, and must be sent again by the next process.
        """
        reason = self._producer.fatal_error()
        if reason or any(message.code in _PURGED for message in refused):
            raise ProducerFailed(reason or refused[0].reason)

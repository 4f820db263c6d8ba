"""Records of a topic from a consumer in native batches: no record costs an object of Python.

The consumer is confluent_kafka's and stays in charge: groups, commits, callbacks and the other topics pass through it.
Only the topic's partitions are forwarded to a queue of our own, which is read through librdkafka's C interface.

What it relies on, and how that is kept:

- the client's handle is the first field of confluent_kafka's object: it must be a consumer with this client's name;
- keys and values are copied before their messages are given back, and no address is kept;
- librdkafka drops messages of partitions that were revoked, paused or sought while they stood in the queue.
"""

from __future__ import annotations

import ctypes
import logging
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, Final

import numpy as np
from confluent_kafka import Consumer, KafkaError

from api.stream.records import Records, Texts
from engine.arrays import Ints
from engine.librdkafka.interface import INT, POINTER, SIZE, TEXT, Addresses, Signatures, copied, gather, load
from engine.librdkafka.wheel import LibraryUnusable

logger = logging.getLogger(__name__)

_CONSUMER: Final = 1  # RD_KAFKA_CONSUMER
_HANDLE: Final = object.__basicsize__  # behind Python's own fields

_SIGNATURES: Signatures = {
    "rd_kafka_queue_new": (POINTER, [POINTER]),
    "rd_kafka_queue_destroy": (None, [POINTER]),
    "rd_kafka_queue_get_partition": (POINTER, [POINTER, TEXT, ctypes.c_int32]),
    "rd_kafka_queue_forward": (None, [POINTER, POINTER]),
    "rd_kafka_consume_batch_queue": (ctypes.c_ssize_t, [POINTER, INT, POINTER, SIZE]),
    "rd_kafka_name": (TEXT, [POINTER]),
    "rd_kafka_type": (INT, [POINTER]),
}
_QUICK_SIGNATURES: Signatures = {
    "rd_kafka_message_destroy": (None, [POINTER]),
    "rd_kafka_message_timestamp": (ctypes.c_int64, [POINTER, POINTER]),
}


@lru_cache(maxsize=1)
def _libraries() -> tuple[Any, Any]:
    return load(_SIGNATURES), load(_QUICK_SIGNATURES, holds_gil=True)


class NativeQueue:
    """The partitions of one topic that a consumer reads, in native batches. Used by the consumer's thread.

    Parameters
    ----------
    client_id : the consumer's, by which its handle is recognised.
    most : the greatest number of records of a batch.
    has_keys : whether the records' keys are wanted.

    Raises
    ------
    LibraryUnusable : the consumer cannot be read this way.
    """

    def __init__(self, consumer: Consumer, client_id: str, topic: str, most: int, *, has_keys: bool) -> None:
        self._library, self._quick = _libraries()
        self._consumer = consumer  # the handle is valid as long as this is
        self._client = _handle_of(consumer, client_id, self._library)
        self._topic, self._most, self._has_keys = topic, most, has_keys
        self._queue = self._library.rd_kafka_queue_new(self._client)
        self._partitions: dict[int, int] = {}
        self._pointers = np.empty(most, np.uint64)

    def forward(self, partitions: Iterable[int]) -> None:
        """Read some partitions through this queue; called each time before the consumer is assigned them.

        librdkafka ends the forwarding of a partition that is revoked.
        """
        for number in partitions:
            queue = self._library.rd_kafka_queue_get_partition(self._client, self._topic.encode(), number)
            self._library.rd_kafka_queue_forward(queue, self._queue)
            former, self._partitions[number] = self._partitions.get(number), queue
            if former is not None:
                self._library.rd_kafka_queue_destroy(former)

    @contextmanager
    def take(self, timeout_s: float) -> Iterator[Records]:
        """Give the records that come within some seconds, at most `most`.

        Their timestamps are known inside alone.
        """
        count = self._library.rd_kafka_consume_batch_queue(
            self._queue, int(timeout_s * 1000), self._pointers.ctypes.data, self._most
        )
        messages = self._pointers[: max(count, 0)]
        try:
            yield self._records(_without_errors(messages) if len(messages) else messages)
        finally:
            deque(map(self._quick.rd_kafka_message_destroy, messages.tolist()), maxlen=0)

    def close(self) -> None:
        """Give the queues back; called before the consumer is closed."""
        for queue in self._partitions.values():
            self._library.rd_kafka_queue_destroy(queue)
        self._partitions.clear()
        self._library.rd_kafka_queue_destroy(self._queue)

    def _records(self, messages: Addresses) -> Records:
        if not len(messages):
            nothing = np.empty(0, np.int64)
            texts = Texts(np.empty(0, np.uint8), nothing, nothing)
            return Records(self._topic, nothing, nothing, texts, None, lambda _: -1)
        return Records(
            self._topic,
            _int32(messages, "partition"),
            gather(messages, "offset").view(np.int64),
            _texts(messages, "payload", "bytes"),
            _texts(messages, "key", "key_bytes") if self._has_keys else None,
            self._timestamps(messages),
        )

    def _timestamps(self, messages: Addresses) -> Callable[[int], int]:
        kind = ctypes.c_int()
        return lambda row: int(self._quick.rd_kafka_message_timestamp(int(messages[row]), ctypes.addressof(kind)))


def _handle_of(consumer: Consumer, client_id: str, library: Any) -> int:
    """Return the handle of a consumer's client.

    Raises
    ------
    LibraryUnusable : what stands where the handle should be is not this client's.
    """
    handle = ctypes.c_void_p.from_address(id(consumer) + _HANDLE).value
    if not handle:
        raise LibraryUnusable("the consumer has no client")
    name = (library.rd_kafka_name(handle) or b"").decode(errors="replace")
    if library.rd_kafka_type(handle) != _CONSUMER or not name.startswith(f"{client_id}#consumer-"):
        raise LibraryUnusable(f"the client must be a consumer named {client_id}, found {name!r}")
    return handle


def _int32(messages: Addresses, field: str) -> Ints:
    return gather(messages, field).astype(np.uint32).view(np.int32).astype(np.int64)


def _without_errors(messages: Addresses) -> Addresses:
    codes = _int32(messages, "err")
    for code in codes[codes != 0].tolist():
        if code != KafkaError._PARTITION_EOF:
            logger.warning("a consumer's partition: %s", KafkaError(code).str())
    return messages if not codes.any() else messages[codes == 0]


def _texts(messages: Addresses, pointer: str, size: str) -> Texts:
    """Return copies of the keys or the values of messages."""
    addresses, lengths = gather(messages, pointer), gather(messages, size).view(np.int64)
    if (lengths == lengths[0]).all():
        length = int(lengths[0])
        buffer = copied(addresses, length).ravel() if length else np.empty(0, np.uint8)
        return Texts(buffer, np.arange(len(lengths)) * length, lengths)
    ends = np.cumsum(lengths)
    begins = ends - lengths
    buffer = np.empty(int(ends[-1]), np.uint8)
    for length in np.unique(lengths).tolist():
        if length:
            rows = np.flatnonzero(lengths == length)
            places = np.ndarray((len(buffer) - length + 1,), f"V{length}", buffer, 0, (1,))
            places[begins[rows]] = copied(addresses[rows], length).view(f"V{length}").ravel()
    return Texts(buffer, begins, lengths)

"""Records of a topic out of a consumer in native batches: no record costs an object of Python.

The consumer is confluent_kafka's and stays in charge: groups, commits, callbacks and the other topics go through it as
ever. Only the topic's partitions are forwarded to a queue of our own, which is read through librdkafka's C interface.

What it relies on, and how that is kept:

- the client's handle is the first field of confluent_kafka's object: it must be a consumer with this client's name;
- payloads and keys are copied before their messages are given back, and no address is kept;
- librdkafka drops messages of partitions that were revoked, paused or sought while they stood in the queue.
"""

from __future__ import annotations

import ctypes
import logging
import weakref
from collections import deque
from collections.abc import Iterable
from functools import lru_cache
from typing import Any, Final

import numpy as np
from confluent_kafka import Consumer

from api.stream.records import Records
from engine.librdkafka.interface import INT, POINTER, SIZE, TEXT, copied, gather, load
from engine.librdkafka.wheel import LibraryUnusable

logger = logging.getLogger(__name__)

_CONSUMER: Final = 1  # RD_KAFKA_CONSUMER
_HANDLE: Final = object.__basicsize__  # the first field behind Python's own

_BLOCKING: Final = {
    "rd_kafka_queue_new": (POINTER, [POINTER]),
    "rd_kafka_queue_destroy": (None, [POINTER]),
    "rd_kafka_queue_get_partition": (POINTER, [POINTER, TEXT, ctypes.c_int32]),
    "rd_kafka_queue_forward": (None, [POINTER, POINTER]),
    "rd_kafka_consume_batch_queue": (ctypes.c_ssize_t, [POINTER, INT, POINTER, SIZE]),
    "rd_kafka_name": (TEXT, [POINTER]),
    "rd_kafka_type": (INT, [POINTER]),
}
_QUICK: Final = {
    "rd_kafka_message_destroy": (None, [POINTER]),
    "rd_kafka_message_timestamp": (ctypes.c_int64, [POINTER, POINTER]),
}


@lru_cache(maxsize=1)
def _libraries() -> tuple[Any, Any]:
    return load(_BLOCKING), load(_QUICK, holds_gil=True)


class NativeQueue:
    """The partitions of one topic that a consumer reads, in native batches. Used by the consumer's thread.

    Parameters
    ----------
    client_id : the consumer's, by which its handle is recognised.
    most : records of a batch at most.

    Raises
    ------
    LibraryUnusable : this consumer cannot be read this way.
    """

    def __init__(self, consumer: Consumer, client_id: str, topic: str, most: int) -> None:
        self._topic, self._most = topic, most
        self._library, self._quick = _libraries()
        self._consumer = consumer  # its handle lives as long as it does
        self._client = _handle_of(consumer, client_id, self._library)
        self._queue = self._library.rd_kafka_queue_new(self._client)
        self._partitions: dict[int, int] = {}
        self._pointers = np.empty(most, np.uint64)

    def forward(self, partitions: Iterable[int]) -> None:
        """Read some partitions through this queue; call it before the consumer is assigned them."""
        for number in partitions:
            if number not in self._partitions:
                queue = self._library.rd_kafka_queue_get_partition(self._client, self._topic.encode(), number)
                self._library.rd_kafka_queue_forward(queue, self._queue)
                self._partitions[number] = queue

    def take(self, timeout_s: float) -> Records:
        """Return the records that have come, waiting for the first one for some time."""
        found = self._library.rd_kafka_consume_batch_queue(
            self._queue, int(timeout_s * 1000), self._pointers.ctypes.data, self._most
        )
        if found <= 0:
            return Records.empty()
        messages = self._pointers[:found]
        try:
            return self._records(messages)
        finally:
            deque(map(self._quick.rd_kafka_message_destroy, messages.tolist()), maxlen=0)

    def close(self) -> None:
        """Give the queues back; call it before the consumer is closed."""
        for queue in self._partitions.values():
            self._library.rd_kafka_queue_destroy(queue)
        self._partitions.clear()
        self._library.rd_kafka_queue_destroy(self._queue)

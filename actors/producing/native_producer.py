"""A producer of librdkafka that takes arrays of messages and gives arrays of reports.

Nothing here costs a Python call per record.

What it relies on, and how that is kept:

- payloads and keys are copied by librdkafka before `produce` returns, so no buffer of ours must outlive the call;
- addresses of messages in a report are read while their event lives, and never kept;
- the struct's layout is not believed but tried out, once a process, on a client that knows no broker (`check_layout`).
"""

from __future__ import annotations

import ctypes
import weakref
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
from confluent_kafka import KafkaError

from actors.producing import librdkafka
from engine.librdkafka.interface import MESSAGE, gather
from engine.librdkafka.wheel import LibraryUnusable

Messages = npt.NDArray[np.void]

_REPORTS = 65_536
"""Reports taken at a time."""

_TRIES = 100


@dataclass(frozen=True, slots=True)
class Refused:
    """A message that was not delivered.

    Attributes
    ----------
    code : librdkafka's, negative for its own errors.
    """

    code: int
    tag: int
    key: bytes
    value: bytes

    @property
    def reason(self) -> str:
        """The error in words."""
        return str(KafkaError(self.code))


@dataclass(frozen=True, slots=True)
class Reports:
    """What has become of some messages, of one partition.

    Attributes
    ----------
    tags : uint64 (n,), as they were given to `produce`.
    refused : those of the n that were not delivered.
    partition : of the first one; negative if it never got one.
    """

    tags: npt.NDArray[np.uint64]
    refused: tuple[Refused, ...]
    partition: int


@dataclass(frozen=True, slots=True)
class ClientError:
    """Something the client reports of itself or its connections."""

    error: KafkaError


@dataclass(frozen=True, slots=True)
class Statistics:
    """librdkafka's statistics, JSON."""

    json: bytes


class NativeProducer:
    """One client of librdkafka and the topics it was asked for. Used by one thread.

    Parameters
    ----------
    options : librdkafka's.

    Raises
    ------
    LibraryUnusable : the library cannot be driven this way.
    """

    def __init__(self, options: dict[str, object]) -> None:
        self._library: Any = librdkafka.load()
        events = librdkafka.EVENT_REPORTS | librdkafka.EVENT_ERROR | librdkafka.EVENT_STATISTICS
        self._client = librdkafka.open_client(options, events)
        self._queue = self._library.rd_kafka_queue_get_main(self._client)
        self._topics: dict[str, int] = {}
        self._pointers = np.empty(_REPORTS, np.uint64)
        # Not at the interpreter's end: another thread may still be inside the library then, and the process ends
        # anyway.
        weakref.finalize(self, _close, self._library, self._client, self._queue, self._topics).atexit = False

    def produce(self, topic: str, messages: Messages) -> Messages:
        """Hand over messages in their order; return those that were not taken, with `err` set."""
        if topic not in self._topics:
            self._topics[topic] = self._library.rd_kafka_topic_new(self._client, topic.encode(), None)
        messages["err"] = 0
        taken = self._library.rd_kafka_produce_batch(
            self._topics[topic], librdkafka.BY_PARTITIONER, librdkafka.COPY_PAYLOAD, messages.ctypes.data, len(messages)
        )
        return messages[:0] if taken == len(messages) else messages[messages["err"] != 0]

    def poll(self, timeout_s: float) -> Iterator[Reports | ClientError | Statistics]:
        """Give what has happened, waiting for the first event at most so long."""
        timeout_ms = int(timeout_s * 1000)
        while event := self._library.rd_kafka_queue_poll(self._queue, timeout_ms):
            timeout_ms = 0
            try:
                yield from self._read(event)
            finally:
                self._library.rd_kafka_event_destroy(event)

    def _read(self, event: int) -> Iterator[Reports | ClientError | Statistics]:
        match self._library.rd_kafka_event_type(event):
            case librdkafka.EVENT_REPORTS:
                while count := self._library.rd_kafka_event_message_array(event, self._pointers.ctypes.data, _REPORTS):
                    yield _reports(self._pointers[:count])
            case librdkafka.EVENT_ERROR:
                reason = (self._library.rd_kafka_event_error_string(event) or b"").decode(errors="replace")
                is_fatal = bool(self._library.rd_kafka_event_error_is_fatal(event))
                yield ClientError(KafkaError(self._library.rd_kafka_event_error(event), reason, is_fatal))
            case librdkafka.EVENT_STATISTICS:
                yield Statistics(self._library.rd_kafka_event_stats(event))

    def fatal_error(self) -> str:
        """Return why this producer can never again send anything; empty if it can."""
        reason = ctypes.create_string_buffer(512)
        code = self._library.rd_kafka_fatal_error(self._client, reason, len(reason))
        return f"{reason.value.decode(errors='replace')} [{code}]" if code else ""

    def hurry(self, timeout_s: float) -> None:
        """Send without lingering for some time.

        `poll` meanwhile, or what has arrived is not known to have.
        """
        self._library.rd_kafka_flush(self._client, int(timeout_s * 1000))

    def purge(self) -> None:
        """Give up everything that is on its way; each message is reported as purged."""
        self._library.rd_kafka_purge(self._client, librdkafka.PURGE_ALL)


def _close(library: Any, client: int, queue: int, topics: dict[str, int]) -> None:
    for topic in topics.values():
        library.rd_kafka_topic_destroy(topic)
    library.rd_kafka_queue_destroy(queue)
    library.rd_kafka_destroy(client)


def _reports(messages: npt.NDArray[np.uint64]) -> Reports:
    """Return what stands in messages, given their addresses.

    The addresses are valid until their event is destroyed.
    """
    tags, codes = gather(messages, "tag"), gather(messages, "err").astype(np.uint32).view(np.int32)
    partition = int(gather(messages[:1], "partition").astype(np.uint32).view(np.int32)[0])
    return Reports(tags, tuple(_refused(int(messages[i])) for i in np.flatnonzero(codes)), partition)


def _refused(address: int) -> Refused:
    return refused_of(np.frombuffer(ctypes.string_at(address, MESSAGE.itemsize), MESSAGE)[0])


def refused_of(message: np.void) -> Refused:
    """Return a message that was not taken or was reported, with copies of its key and value."""
    key, value = (
        ctypes.string_at(int(message[name]), int(message[size]))
        for name, size in (("key", "key_bytes"), ("payload", "bytes"))
    )
    return Refused(int(message["err"]), int(message["tag"]), key, value)


def messages_of(facts: Sequence[tuple[bytes, bytes]]) -> tuple[Messages, bytes]:
    """Return messages with some keys and values, and the buffer that these stand in.

    The buffer must be kept until the messages are handed over.
    """
    buffer = b"".join(text for fact in facts for text in fact)
    sizes = np.array([len(text) for fact in facts for text in fact], np.uint64)
    addresses = np.frombuffer(buffer, np.uint8).ctypes.data + np.cumsum(sizes) - sizes
    messages = np.zeros(len(facts), MESSAGE)
    messages["key"], messages["payload"] = addresses[::2], addresses[1::2]
    messages["key_bytes"], messages["bytes"] = sizes[::2], sizes[1::2]
    return messages, buffer


@lru_cache(maxsize=1)
def check_layout() -> None:
    """Try the struct's layout on a client without a broker.

    Messages go in, are purged, and must come back as they were. Nothing is sent.

    Raises
    ------
    LibraryUnusable : they do not.
    """
    producer = NativeProducer({"log_level": 0, "partitioner": "murmur2_random"})
    facts = [(b"key-1", b"value-1"), (b"key-22", b"value-22"), (b"key-333", b"value-333")]
    messages, _buffer = messages_of(facts)
    messages["tag"] = np.arange(len(facts)) + (1 << 40)
    if len(producer.produce("check", messages)):
        raise LibraryUnusable("librdkafka did not take messages in the layout that is known")
    producer.purge()
    reports: list[Reports] = []
    for _ in range(_TRIES):
        reports += [event for event in producer.poll(0.02) if isinstance(event, Reports)]
        if sum(len(report.tags) for report in reports) >= len(facts):
            break
    found = [
        (tag, message) for report in reports for tag, message in zip(report.tags.tolist(), report.refused, strict=True)
    ]
    tags = messages["tag"].tolist()
    if found != [(tag, Refused(KafkaError._PURGE_QUEUE, tag, *fact)) for tag, fact in zip(tags, facts, strict=True)]:
        raise LibraryUnusable(f"librdkafka gave messages back in another layout: {found}")

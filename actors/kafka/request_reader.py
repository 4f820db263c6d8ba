"""The reader of the request topics: it decodes and dead-letters; it decides nothing.

It assigns itself every partition, so that the successor of a killed dispatcher reads at once, without waiting for a
consumer group to notice. Offsets are committed by hand, after the dispatcher has journaled what it decided. Routes are
a table, not a queue: they are read from the beginning each time.
"""

from __future__ import annotations

import logging
import time

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Message, TopicPartition

from actors.dispatch.requests import Offsets, Received, decode
from actors.producing.options import Options, topic_metadata
from engine.messages import DeadLetter, Topic

logger = logging.getLogger(__name__)

GROUP = "code-delivery-dispatcher"

REQUEST_TOPICS = (Topic.NEW_DIRECTION, Topic.RUN_CONTROL, Topic.ROUTE_DEFINED)

_POLL_RECORDS = 1_000
ANSWER_S = 10.0
"""How long the broker may take to answer when the reader opens, s."""

_AGAIN_S = 0.1
_NO_COORDINATOR_YET = frozenset(
    {KafkaError.NOT_COORDINATOR, KafkaError.COORDINATOR_NOT_AVAILABLE, KafkaError.COORDINATOR_LOAD_IN_PROGRESS}
)


def _first(committed: TopicPartition, decided: Offsets) -> int:
    noted = decided.get(committed.topic, {}).get(str(committed.partition))
    if noted is not None:
        return noted
    return committed.offset if committed.offset >= 0 else OFFSET_BEGINNING


class RequestReader:
    """Reads the request topics.

    Parameters
    ----------
    options : of the consumer, see `actors.producing.options.consumer_options`.
    answer_s : how long the broker may take to answer when the reader opens, s.
    """

    def __init__(self, options: Options, answer_s: float = ANSWER_S) -> None:
        self._answer_s = answer_s
        self._consumer = Consumer({**options, "enable.partition.eof": True})
        self._at_end: set[int] = set()
        #: First offset that no dispatcher has handled yet, by topic and partition.
        self._unhandled: dict[tuple[str, int], int] = {}
        self._to_commit: dict[tuple[str, int], int] = {}
        self._next: dict[tuple[str, int], int] = {}
        self._own: set[int] = set()

    def expect_own(self, value: bytes) -> None:
        """Skip a route definition that this dispatcher has sent itself: reading thousands back costs time."""
        self._own.add(hash(value))

    def open(self, decided: Offsets) -> list[Received]:
        """Take all partitions, and return the routes that are there already. Called once.

        Parameters
        ----------
        decided : first offsets that this run has not decided on, from its journal. Where it says nothing, reading
            begins where the last run stopped.

        Raises
        ------
        KafkaException : the broker does not answer, or lacks a topic.
        """
        partitions = [part for topic in REQUEST_TOPICS for part in self._partitions(topic)]
        committed = self._committed(partitions)
        self._unhandled = {(part.topic, part.partition): max(0, part.offset) for part in committed}
        tables = [
            TopicPartition(part.topic, part.partition, OFFSET_BEGINNING)
            for part in partitions
            if part.topic == Topic.ROUTE_DEFINED
        ]
        queues = [
            TopicPartition(part.topic, part.partition, _first(part, decided))
            for part in committed
            if part.topic != Topic.ROUTE_DEFINED
        ]
        self._next = {(part.topic, part.partition): part.offset for part in queues if part.offset >= 0}
        self._consumer.assign(tables)
        routes = self._read_table(tables)
        self._consumer.incremental_assign(queues)
        return routes

    def _committed(self, partitions: list[TopicPartition]) -> list[TopicPartition]:
        """Return where the last run stopped.

        A broker that has just come up is asked again until it knows which node coordinates the group.
        """
        deadline = time.monotonic() + self._answer_s
        while True:
            try:
                return self._consumer.committed(partitions, timeout=self._answer_s)
            except KafkaException as error:
                if error.args[0].code() not in _NO_COORDINATOR_YET or time.monotonic() > deadline:
                    raise
                time.sleep(_AGAIN_S)

    def _partitions(self, topic: Topic) -> list[TopicPartition]:
        found = topic_metadata(self._consumer, topic.value, self._answer_s)
        if found.error is not None:
            raise KafkaException(found.error)
        return [TopicPartition(topic.value, number) for number in sorted(found.partitions)]

    def _read_table(self, parts: list[TopicPartition]) -> list[Received]:
        routes: list[Received] = []
        deadline = time.monotonic() + self._answer_s
        while len(self._at_end) < len(parts) and time.monotonic() < deadline:
            routes += [
                found for message in self._messages(0.05) if isinstance(found := self._decoded(message), Received)
            ]
        return routes

    def _messages(self, timeout_s: float) -> list[Message]:
        messages = self._consumer.consume(_POLL_RECORDS, timeout_s)
        for message in messages:
            error = message.error()
            if error is not None and error.code() == KafkaError._PARTITION_EOF:
                self._at_end.add(int(message.partition() or 0))
            elif error is not None:
                logger.warning("reading requests: %s", error)
        return [message for message in messages if message.error() is None]

    def _decoded(self, message: Message) -> Received | DeadLetter | None:
        """Return what a record asks for.

        It is None for a record of our own, and for an unreadable one that an earlier dispatcher has dead-lettered.
        """
        topic, partition, offset = str(message.topic()), int(message.partition() or 0), int(message.offset() or 0)
        if topic == Topic.ROUTE_DEFINED and hash(message.value()) in self._own:
            return None
        found = decode(topic, message.key(), message.value(), partition, offset)
        if isinstance(found, DeadLetter) and offset < self._unhandled.get((topic, partition), 0):
            return None
        self._to_commit[topic, partition] = self._next[topic, partition] = offset + 1
        return found

    def poll(self, timeout_s: float) -> list[Received | DeadLetter]:
        """Return what has been asked for since the last call, waiting a while if there is nothing."""
        return [found for message in self._messages(timeout_s) if (found := self._decoded(message)) is not None]

    def offsets(self) -> Offsets:
        """Return the first offset not read yet of every queue; routes are a table and have none."""
        found: Offsets = {}
        for (topic, partition), offset in self._next.items():
            if topic != Topic.ROUTE_DEFINED:
                found.setdefault(topic, {})[str(partition)] = offset
        return found

    def commit(self) -> None:
        """Commit everything polled so far as handled; called after the dispatcher has journaled and acted."""
        if not self._to_commit:
            return
        offsets = [TopicPartition(topic, partition, offset) for (topic, partition), offset in self._to_commit.items()]
        self._to_commit.clear()
        try:
            self._consumer.commit(offsets=offsets, asynchronous=True)
        except KafkaException as error:  # handled again at the worst, which starts nothing twice
            logger.warning("committing requests: %s", error)

    def close(self) -> None:
        """Leave Kafka."""
        self._consumer.close()

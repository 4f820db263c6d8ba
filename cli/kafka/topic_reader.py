"""Topics read from their beginning to a noted end, by a consumer that leaves no trace in Kafka.

It returns records as they are, in polls, and does not know their meaning.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

from confluent_kafka import OFFSET_INVALID, Consumer, KafkaError, KafkaException, Message, TopicPartition

from api.kafka_clients import MAX_POLL, connection_options
from cli.errors import CliError
from engine.contract.kafka_connection import KafkaConnection

ANSWER_S = 10.0
POLL_S = 0.1
STALL_S = 30.0
"""How long reading waits for a record or an end before it fails, s."""

Partition = tuple[str, int]


class TopicUnreadable(CliError):
    """A topic could not be read to its noted end; the message says which, where, and why."""


class TopicReader:
    """A reader of all partitions of some topics.

    `mark` notes where they end now, and `polls` reads up to there; both may be called again for later records.

    Parameters
    ----------
    part : name of the reader, for the brokers' logs.

    Raises
    ------
    TopicUnreadable : Kafka does not answer, or a topic is not there.
    """

    def __init__(self, kafka: KafkaConnection, topics: Sequence[str], part: str) -> None:
        self._kafka, self._topics = kafka, list(topics)
        options = {
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "fetch.wait.max.ms": 50,
            "queued.max.messages.kbytes": 64 * 1024,
        }
        self._consumer = Consumer(
            connection_options(kafka, part)
            | options
            | {"group.id": f"{kafka.client_id}-{part}", "auto.offset.reset": "earliest"}
        )
        self._end: dict[Partition, int] = {}
        try:
            self._partitions = [
                TopicPartition(topic, number) for topic in self._topics for number in self._numbers(topic)
            ]
            self._begin = {(part.topic, part.partition): self._watermarks(part)[0] for part in self._partitions}
            self._next = dict(self._begin)
        except BaseException:
            self._consumer.close()
            raise

    @property
    def trimmed(self) -> dict[Partition, int]:
        """Partitions whose oldest records Kafka no longer has, and the first offset that it does."""
        return {partition: low for partition, low in self._begin.items() if low > 0}

    def mark(self) -> int:
        """Note where every partition ends now, in the order of the topics; return how many records are left."""
        for part in self._partitions:
            self._end[part.topic, part.partition] = self._watermarks(part)[1]
        return sum(max(0, self._end[partition] - self._next[partition]) for partition in self._end)

    def polls(self) -> Iterator[list[Message]]:
        """Yield the records before the marks, a poll at a time, those of a partition in order.

        Raises
        ------
        TopicUnreadable : nothing came for `STALL_S`, or Kafka refuses.
        """
        left = {partition for partition, end in self._end.items() if self._next[partition] < end}
        self._consumer.assign([TopicPartition(topic, number, self._next[topic, number]) for topic, number in left])
        heard = time.monotonic()
        while left:
            records = []
            for message in self._consumer.consume(MAX_POLL, POLL_S):
                heard = time.monotonic()
                partition = (str(message.topic()), int(message.partition() or 0))
                if self._is_record(message) and partition in left and self._offset(message) < self._end[partition]:
                    records.append(message)
                    self._next[partition] = self._offset(message) + 1
            done = {partition for partition in left if self._next[partition] >= self._end[partition]}
            if done:
                self._consumer.incremental_unassign([TopicPartition(*partition) for partition in done])
                left -= done
            if records:
                yield records
                heard = time.monotonic()
            elif time.monotonic() - heard > STALL_S:
                first = min(left)
                raise TopicUnreadable(
                    f"{first[0]} at {self._kafka}: partition {first[1]} gave nothing for {STALL_S:g} s "
                    f"at offset {self._next[first]}"
                )

    def record_at(self, topic: str, partition: int, offset: int) -> Message:
        """Return one record.

        Raises
        ------
        TopicUnreadable : there is none; the message names those that there are.
        """
        if (topic, partition) not in self._begin:
            raise TopicUnreadable(f"{topic} has partitions 0 to {len(self._partitions) - 1}, not {partition}")
        first, end = self._watermarks(TopicPartition(topic, partition))
        if first <= offset < end:
            self._consumer.assign([TopicPartition(topic, partition, offset)])
            deadline = time.monotonic() + ANSWER_S
            while time.monotonic() < deadline:
                message = self._consumer.poll(POLL_S)
                if message is not None and message.error() is None:
                    if self._offset(message) == offset:
                        return message
                    break
        raise TopicUnreadable(
            f"{topic} partition {partition} has no record {offset}"
            + (f", only {first} to {end - 1}" if end > first else "")
        )

    def close(self) -> None:
        """Close the connections."""
        self._consumer.close()

    def _is_record(self, message: Message) -> bool:
        error = message.error()
        if error is None:
            return True
        if error.code() == KafkaError._PARTITION_EOF:
            partition = (str(message.topic()), int(message.partition() or 0))
            # Its end now, which may be beyond the mark; records between them are for the next reading.
            self._next[partition] = max(self._next[partition], min(self._offset(message), self._end[partition]))
        elif error.fatal() or error.code() in (KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.UNKNOWN_TOPIC_OR_PART):
            raise TopicUnreadable(f"{message.topic()} at {self._kafka}: {error.str()}")
        return False

    @staticmethod
    def _offset(message: Message) -> int:
        offset = message.offset()
        return OFFSET_INVALID if offset is None else offset

    def _numbers(self, topic: str) -> list[int]:
        try:
            found = self._consumer.list_topics(topic, timeout=ANSWER_S).topics[topic]
        except KafkaException as error:
            raise TopicUnreadable(f"{topic} at {self._kafka}: {error.args[0].str()}") from None
        if found.error is not None or not found.partitions:
            raise TopicUnreadable(
                f"{topic} at {self._kafka}: {found.error.str() if found.error is not None else 'no partitions'}"
            )
        return sorted(found.partitions)

    def _watermarks(self, part: TopicPartition) -> tuple[int, int]:
        try:
            low, high = self._consumer.get_watermark_offsets(part, timeout=ANSWER_S)
        except KafkaException as error:
            raise TopicUnreadable(
                f"{part.topic} at {self._kafka}: partition {part.partition}: {error.args[0].str()}"
            ) from None
        return max(low, 0), max(high, 0)

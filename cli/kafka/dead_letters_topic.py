"""The dead-letter topic: letters read from it, and their records put back to where they belong."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from api.kafka_clients import connection_options
from cli.kafka.dead_letters import REPLAYED_FROM, Letter, Wanted, letter_of
from cli.kafka.topic_reader import ANSWER_S, TopicReader, TopicUnreadable
from engine.contract.kafka_connection import KafkaConnection

FLUSH_S = 30.0

Progress = Callable[[int, int], None]
"""Takes how many more records were read, and how many there are."""


def letters(kafka: KafkaConnection, topic: str, wanted: Wanted, progress: Progress) -> Iterator[Letter]:
    """Yield the wanted letters of the dead-letter topic, those of a partition in order.

    All are read, because not every broker finds records by time.

    Raises
    ------
    TopicUnreadable : Kafka does not answer, or the topic is not there.
    """
    reader = TopicReader(kafka, [topic], "dead-letters")
    try:
        total = reader.mark()
        for records in reader.polls():
            progress(len(records), total)
            yield from filter(wanted.has, map(letter_of, records))
    finally:
        reader.close()


def letter_at(kafka: KafkaConnection, topic: str, partition: int, offset: int) -> Letter:
    """Return one letter.

    Raises
    ------
    TopicUnreadable : it is not there.
    """
    reader = TopicReader(kafka, [topic], "dead-letters")
    try:
        return letter_of(reader.record_at(topic, partition, offset))
    finally:
        reader.close()


class Replay:
    """Records put back to their topics, and how many of them Kafka acknowledged.

    A store that has a record already keeps it as it is, because the record has the same identity.

    Attributes
    ----------
    done : letters whose record was acknowledged.
    failed : letters whose record was not, and the reason.
    """

    def __init__(self, kafka: KafkaConnection, own_topic: str) -> None:
        self.done = 0
        self.failed: list[tuple[Letter, str]] = []
        self._kafka, self._own_topic = kafka, own_topic
        self._producer = Producer(
            connection_options(kafka, "dead-letters")
            | {"acks": "all", "enable.idempotence": True, "compression.type": "lz4", "message.timeout.ms": 20_000}
        )
        self._partitions: dict[str, int] = {}

    def send(self, letter: Letter, to: str | None = None, value: bytes | None = None) -> None:
        """Put a letter's record to a topic, into the partition where it was found if the topic is the same.

        Parameters
        ----------
        to : the topic; the one it was found in if absent.
        value : replaces the record's own if given.
        """
        target = to or letter.topic
        count = self._count(target)
        if count == 0:
            self.failed.append((letter, f"there is no topic {target}"))
            return
        headers: list[tuple[str, str | bytes | None]] = [
            (name, text) for name, text in letter.headers if name != REPLAYED_FROM
        ]
        headers.append((REPLAYED_FROM, f"{self._own_topic}/{letter.place}"))

        def acknowledged(error: KafkaError | None, _: Message) -> None:
            if error is None:
                self.done += 1
            else:
                self.failed.append((letter, error.str()))

        found_in = letter.topic_partition
        partition = found_in if target == letter.topic and found_in is not None and found_in < count else -1
        while True:
            try:
                self._producer.produce(
                    target,
                    letter.value if value is None else value,
                    letter.key,
                    partition,
                    acknowledged,
                    headers=headers,
                )
            except BufferError:
                self._producer.poll(0.1)
            except KafkaException as error:
                self.failed.append((letter, error.args[0].str()))
                return
            else:
                self._producer.poll(0)
                return

    def finish(self) -> None:
        """Wait until everything is acknowledged or has failed."""
        left = self._producer.flush(FLUSH_S)
        if left:
            raise TopicUnreadable(f"Kafka at {self._kafka} did not acknowledge {left} records within {FLUSH_S:g} s")

    def _count(self, topic: str) -> int:
        """Return how many partitions a topic has, 0 if it is not there.

        Raises
        ------
        TopicUnreadable : Kafka does not answer.
        """
        if not self._partitions:
            try:
                found = self._producer.list_topics(timeout=ANSWER_S).topics  # asking for one of them might make it
            except KafkaException as error:
                raise TopicUnreadable(f"Kafka at {self._kafka}: {error.args[0].str()}") from None
            self._partitions = {name: len(topic.partitions) for name, topic in found.items() if topic.error is None}
        return self._partitions.get(topic, 0)

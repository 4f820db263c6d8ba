"""A run's records as they came to Kafka, to be sent again at the same pace under another run's id."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from confluent_kafka import Message, Producer

from cli.kafka.topic_reader import TopicReader
from engine.contract.kafka_connection import KafkaConnection
from engine.messages import Topic

TOPICS = (Topic.RUN_EVENT, Topic.ROUTE_DEFINED, Topic.DELIVERY_EVENT, Topic.NEW_POSITION)
STEP_MS = 25
"""Records of one step are sent at once, as a tick's are."""

FLUSH_S = 30.0


@dataclass(frozen=True, slots=True)
class Sent:
    """One record.

    Attributes
    ----------
    at_ms : its timestamp, epoch ms.
    """

    topic: str
    partition: int
    key: bytes | None
    value: bytes
    at_ms: int


class Recording:
    """The records of one run, in the order of their timestamps.

    Parameters
    ----------
    run_id : the id in the records; a replay's id must have the same length, so that no record changes its size.
    """

    def __init__(self, run_id: str, records: Iterable[Sent]) -> None:
        self.run_id = run_id
        self._records = sorted(records, key=lambda one: one.at_ms)

    @classmethod
    def read(cls, bootstrap: str, run_id: str) -> Recording:
        """Return what the topics hold of a run."""
        reader = TopicReader(KafkaConnection(bootstrap), [topic.value for topic in TOPICS], "recording")
        try:
            reader.mark()
            found = [_sent(message) for messages in reader.polls() for message in messages]
        finally:
            reader.close()
        name = run_id.encode()
        return cls(run_id, [one for one in found if name in one.value or one.topic == Topic.ROUTE_DEFINED])

    def positions_between(self, from_s: float, to_s: float) -> int:
        """Return the number of positions sent in [from, to), s since the first record."""
        first_ms = self._records[0].at_ms
        return sum(
            one.topic == Topic.NEW_POSITION and from_s <= (one.at_ms - first_ms) / 1000 < to_s for one in self._records
        )

    def replay(self, bootstrap: str, run_id: str, before_step: Callable[[float], None] = lambda _: None) -> None:
        """Send every record at its pace, as the run `run_id`.

        Parameters
        ----------
        before_step : called before the records of each step are sent, with its time, s since the first record.

        Raises
        ------
        ValueError : the id has another length than the recorded one.
        """
        if len(run_id) != len(self.run_id):
            raise ValueError(f"a replay of {self.run_id} needs an id of {len(self.run_id)} characters, found {run_id}")
        before, after = self.run_id.encode(), run_id.encode()
        options = {"bootstrap.servers": bootstrap, "linger.ms": 5, "compression.type": "lz4", "batch.size": 1_000_000}
        producer = Producer({**options, "queue.buffering.max.messages": 1_000_000})
        began = time.monotonic()
        for due_s, step in _steps(self._records):
            time.sleep(max(0.0, began + due_s - time.monotonic()))
            before_step(due_s)
            for (topic, partition), group in groupby(sorted(step, key=_place), key=_place):
                producer.produce_batch(
                    topic,
                    [
                        {"key": one.key and one.key.replace(before, after), "value": one.value.replace(before, after)}
                        for one in group
                    ],
                    partition=partition,
                )
            producer.poll(0)
        if left := producer.flush(FLUSH_S):
            raise RuntimeError(f"the broker at {bootstrap} did not take {left} records within {FLUSH_S:g} s")


def _sent(message: Message) -> Sent:
    return Sent(
        message.topic() or "", message.partition() or 0, message.key(), message.value() or b"", message.timestamp()[1]
    )


def _place(one: Sent) -> tuple[str, int]:
    return one.topic, one.partition


def _steps(records: Sequence[Sent]) -> Iterator[tuple[float, list[Sent]]]:
    """Yield the records of each step, and when they are due, s since the first one."""
    first_ms = records[0].at_ms if records else 0
    for step, some in groupby(records, key=lambda one: (one.at_ms - first_ms) // STEP_MS):
        yield step * STEP_MS / 1000, list(some)

"""Stories of deliveries, asked of a run's dispatcher over Kafka."""

from __future__ import annotations

import asyncio
import time
from typing import Protocol

from confluent_kafka import Consumer, KafkaException, TopicPartition

from api.bus import Bus, Record
from api.errors import BusUnavailable, Refused
from api.kafka_clients import lone_consumer, without_errors
from engine.contract.kafka_connection import KafkaConnection
from engine.errors import MessageError
from engine.messages import ControlAction, ControlRun, DeliveryStory, Topic

ANSWER_S = 5.0
"""How long a dispatcher may take to answer."""

MAX_ASKING = 4
"""Stories that are asked for at the same time; each takes a consumer. Later ones wait."""

_METADATA_S = 5.0
_POLL_S = 0.1
_POLL_RECORDS = 100


class Stories(Protocol):
    """Asks a run's dispatcher for the story of a delivery."""

    async def ask(self, run_id: str, delivery_id: str) -> DeliveryStory:
        """Return the dispatcher's answer.

        Raises
        ------
        Refused : it does not answer in time, or there is nowhere to answer to.
        BusUnavailable : Kafka does not answer.
        """


class NoStories:
    """Stories of an application without a Kafka of its own: there is no dispatcher to ask."""

    async def ask(self, run_id: str, delivery_id: str) -> DeliveryStory:  # noqa: ARG002
        """Refuse."""
        raise Refused(503, f"the dispatcher of run {run_id} cannot be asked: this service reads no Kafka")


class KafkaStories:
    """Asks over ``run.control``, and reads the answer from ``delivery.story``.

    A consumer is opened at the topic's end for each story before the question is sent, so that no answer is missed. No
    group and no store is needed, so any process of the API may ask, whatever its roles are.

    Parameters
    ----------
    answer_s : how long a dispatcher may take to answer.
    """

    def __init__(self, kafka: KafkaConnection, bus: Bus, answer_s: float = ANSWER_S) -> None:
        self._kafka, self._bus, self._answer_s = kafka, bus, answer_s
        self._asking = asyncio.Semaphore(MAX_ASKING)

    async def ask(self, run_id: str, delivery_id: str) -> DeliveryStory:
        """Return the dispatcher's answer."""
        async with self._asking:
            try:
                consumer = await asyncio.to_thread(self._open)
            except KafkaException as error:
                raise BusUnavailable(f"Kafka at {self._kafka} does not answer: {error}") from error
            try:
                await self._bus.publish([Record.of(ControlRun(run_id, ControlAction.STORY, delivery_id))])
                told = await asyncio.to_thread(self._read, consumer, run_id, delivery_id)
            finally:
                await asyncio.to_thread(consumer.close)
        if told is None:
            raise Refused(
                504, f"the dispatcher of run {run_id} did not answer within {self._answer_s:g} s; is the run going on?"
            )
        return told

    def _open(self) -> Consumer:
        """Return a consumer at the end of the answers' topic."""
        consumer = lone_consumer(self._kafka, "story")
        try:
            topic = Topic.DELIVERY_STORY.value
            found = consumer.list_topics(topic, timeout=_METADATA_S).topics[topic]
            if found.error is not None:
                raise Refused(503, f"topic {topic} is missing ({found.error.str()}); mend: code-delivery topics apply")
            parts = [TopicPartition(topic, number) for number in sorted(found.partitions)]
            for part in parts:
                part.offset = consumer.get_watermark_offsets(part, timeout=_METADATA_S)[1]
            consumer.assign(parts)
        except BaseException:
            consumer.close()
            raise
        return consumer

    def _read(self, consumer: Consumer, run_id: str, delivery_id: str) -> DeliveryStory | None:
        deadline = time.monotonic() + self._answer_s
        while time.monotonic() < deadline:
            for record in without_errors(consumer.consume(_POLL_RECORDS, _POLL_S), "story"):
                if record.key() == delivery_id.encode() and (told := _read(record.value())) and told.run_id == run_id:
                    return told
        return None


def _read(value: bytes | None) -> DeliveryStory | None:
    try:
        return DeliveryStory.from_json(value or b"")
    except MessageError:
        return None

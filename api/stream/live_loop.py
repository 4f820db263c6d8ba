"""The loop between Kafka and the live map.

Every process reads everything, positions from now on, the rest from the beginning. Nothing is committed.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from typing import Protocol

from confluent_kafka import OFFSET_BEGINNING, OFFSET_END, Consumer, KafkaException, TopicPartition

from api.kafka_clients import lone_consumer
from api.measuring.metrics import Metrics
from api.stream.intake import Intake
from api.stream.native_queue import NativeQueue
from api.stream.polling import poll, position_queue
from engine.codec import PositionBatch
from engine.contract.kafka_connection import KafkaConnection
from engine.messages import DeliveryEvent, RouteDefined, RunEvent, Topic

logger = logging.getLogger(__name__)

MAX_UNDER_WAY = 4
"""Intakes given to the event loop and not yet taken by it.

Beyond this the loop is busy and reading waits.
"""

LEAST_GATHER_S, MOST_GATHER_S = 0.02, 0.125
"""How long positions are gathered before the hub gets them, at least and at most."""

LEAD_S = 0.025
"""How long before the hub's next picture it gets what was gathered for it, s.

What was gathered is decoded in one go, and in time.
"""

RETRY_S = 0.5
_TOPICS = (Topic.NEW_POSITION, Topic.DELIVERY_EVENT, Topic.ROUTE_DEFINED, Topic.RUN_EVENT)


class LiveHub(Protocol):
    """What the live map takes; called in the event loop."""

    @property
    def next_picture_s(self) -> float | None:
        """When positions are needed next, s of the monotonic clock; None if at once."""

    def on_positions(self, batch: PositionBatch) -> None:
        """Take a batch of positions."""

    def on_event(self, event: DeliveryEvent) -> None:
        """Take what happened to a delivery."""

    def on_run(self, event: RunEvent) -> None:
        """Take how a run stands."""

    def on_route(self, route: RouteDefined) -> None:
        """Take a route."""


class LiveLoop:
    """A thread that feeds the hub, in the event loop, a batch at a time."""

    role = "live"
    refusal = None

    def __init__(self, kafka: KafkaConnection, hub: LiveHub, metrics: Metrics, loop: asyncio.AbstractEventLoop) -> None:
        self._kafka, self._hub, self._metrics, self._loop = kafka, hub, metrics, loop
        self._room = threading.Semaphore(MAX_UNDER_WAY)
        self._stopping = threading.Event()
        self._positions: NativeQueue | None = None
        self._assigned = False
        self._thread = threading.Thread(target=self._run, name="consumer-live", daemon=True)

    @property
    def is_assigned(self) -> bool:
        """Whether the loop knows what to read."""
        return self._assigned and self._thread.is_alive()

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    def stop(self, timeout_s: float) -> None:
        """Read no more; blocks until the thread has ended."""
        self._stopping.set()
        self._thread.join(timeout_s)

    def _run(self) -> None:
        consumer = lone_consumer(self._kafka, self.role)
        self._positions = position_queue(consumer, self._kafka, self.role, has_keys=False)
        while not self._stopping.is_set():
            try:
                if not self._assigned:
                    self._assigned = self._assign(consumer)
                self._take(consumer)
            except Exception:
                # A picture may be late or lack something; it must never end.
                logger.exception("the live consumer continues after an unexpected error")
                time.sleep(RETRY_S)
        if self._positions is not None:
            self._positions.close()
        consumer.close()

    def _assign(self, consumer: Consumer) -> bool:
        """Assign every partition there is; return whether all topics were there."""
        try:
            known = {
                topic: sorted(consumer.list_topics(topic, timeout=RETRY_S).topics[topic].partitions)
                for topic in _TOPICS
            }
        except (KafkaException, KeyError) as error:
            consumer.poll(0)  # lets the client say what troubles its connection
            logger.info("the live consumer waits for Kafka: %s", error)
            self._stopping.wait(RETRY_S)
            return False
        if not all(known.values()):
            self._stopping.wait(RETRY_S)
            return False
        if self._positions is not None:
            self._positions.forward(known[Topic.NEW_POSITION])
        start = {topic: OFFSET_END if topic == Topic.NEW_POSITION else OFFSET_BEGINNING for topic in _TOPICS}
        consumer.assign(
            [
                TopicPartition(topic, partition, start[topic])
                for topic, partitions in known.items()
                for partition in partitions
            ]
        )
        return True

    def _take(self, consumer: Consumer) -> None:
        if not self._assigned:
            return
        gather_s = gathering_s(self._hub.next_picture_s, time.monotonic())
        intake = poll(consumer, self._positions, self.role, gather_s, keep_records=False)
        if intake is None:
            return
        self._metrics.consumed.labels(self.role).inc(len(intake.positions))
        self._metrics.events.labels(self.role).inc(len(intake.events))
        while not self._room.acquire(timeout=RETRY_S):
            if self._stopping.is_set():
                return
        self._loop.call_soon_threadsafe(self._deliver, intake)

    def _deliver(self, intake: Intake) -> None:
        self._room.release()
        # Runs first, for their clocks; routes before the deliveries that use them.
        for run in intake.runs:
            self._hub.on_run(run)
        for route in intake.routes:
            self._hub.on_route(route)
        for event in intake.events:
            self._hub.on_event(event)
        if len(intake.positions):
            self._hub.on_positions(intake.positions)


def gathering_s(next_picture_s: float | None, now_s: float) -> float:
    """Return how long positions may be gathered so that the next picture still has them.

    A batch costs nearly the same for one position as for some hundreds, so there is one batch a picture. When too
    little time is left before the next picture, the one after it is aimed at: with the same lead.

    Parameters
    ----------
    next_picture_s, now_s : s of the monotonic clock; None stands for positions that are needed at once.
    """
    if next_picture_s is None:
        return LEAST_GATHER_S
    left_s = next_picture_s - LEAD_S - now_s
    if left_s < LEAST_GATHER_S:
        left_s += MOST_GATHER_S
    return min(max(left_s, LEAST_GATHER_S), MOST_GATHER_S)

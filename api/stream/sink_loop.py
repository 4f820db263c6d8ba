"""The loop between Kafka and a sink: poll, hand over, wait until it is stored, commit.

The order is the point:

1. facts are stored,
2. what could not be read, or what the store refuses for good, is acknowledged in the dead-letter topic,
3. only then are their offsets committed.

So a crash repeats work and never loses it, and the stores make repeats harmless. While a write is under way the next
facts are read and decoded, up to a bound; beyond it nothing is read, and nothing is dropped. A store that fails is
asked again until it takes the same facts.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections import deque
from concurrent.futures import Future, wait

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from api.bounds import REVOKE_S
from api.errors import ApiError, StoreBackpressure, StoreUnavailable
from api.kafka_clients import GATHER_S, POLL_S, group_consumer
from api.measuring.metrics import Metrics
from api.stream.back_pressure import BackPressure
from api.stream.dead_letters import DeadLetters
from api.stream.intake import Intake, next_portion
from api.stream.native_queue import NativeQueue
from api.stream.offsets import Offsets, Partition
from api.stream.polling import UnreadPoll, poll, position_queue
from api.stream.sinks import Sink
from api.stream.write_schedule import WriteSchedule
from engine.contract.kafka_connection import KafkaConnection
from engine.messages import Topic

logger = logging.getLogger(__name__)


COMMIT_S = 1.0
RETRY_S = 1.0
COMMITTED_S = 2.0
"""How long Kafka may take to report a group's committed offsets, s.

It is asked again at the next commit.
"""

REFUSALS = 2
"""Attempts in a row after which a store counts as refusing.

A store that is busy for a moment takes a later one.
"""


class SinkLoop:
    """A thread that feeds one sink from one consumer group.

    Parameters
    ----------
    loop : where the sink's coroutines run.
    """

    def __init__(
        self,
        kafka: KafkaConnection,
        sink: Sink,
        dead_letters: DeadLetters,
        metrics: Metrics,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self._traits = traits = sink.traits
        self.role = traits.role
        self._kafka, self._sink, self._dead_letters, self._metrics, self._loop = (
            kafka,
            sink,
            dead_letters,
            metrics,
            loop,
        )
        self._consumer: Consumer | None = None
        self._positions: NativeQueue | None = None
        self._waiting: deque[Intake] = deque()
        self._waiting_since = 0.0
        self._writing: tuple[Intake, Future[None], float] | None = None
        self._schedule = WriteSchedule(traits.linger_s, traits.rest, traits.capacity)
        self._back_pressure = BackPressure(traits.capacity)
        self._retry_at, self._refusals, self._why = 0.0, 0, ""
        self._offsets = Offsets()
        #: The first offset to read, by partition, of what this loop was given.
        self._begins: dict[Partition, int] = {}
        self._committed_at = 0.0
        self._paused = False
        self._held, self._lag_records, self._write_s = 0, 0, 0.0
        self._ended_at = 0.0
        self._stopping = threading.Event()
        self._deadline = 0.0
        self._thread = threading.Thread(target=self._run, name=f"consumer-{traits.role}", daemon=True)

    @property
    def is_assigned(self) -> bool:
        """Whether the group has given this loop partitions to read."""
        return bool(self._offsets.owned) and self._thread.is_alive()

    @property
    def partitions(self) -> int:
        """Number of partitions that this loop reads now."""
        return len(self._offsets.owned)

    @property
    def refusals(self) -> int:
        """Number of attempts that the store has refused since it last took something."""
        return self._refusals

    @property
    def refusal(self) -> str | None:
        """Why the store takes nothing, attempt after attempt; None if it does."""
        return self._why if self._refusals >= REFUSALS else None

    def gauges(self) -> dict[str, float]:
        """Return how the loop stands.

        That is facts that wait or are being stored, whether reading pauses, records not yet read, and seconds spent in
        writes so far.
        """
        return {
            "queue": self._held,
            "paused": float(self._back_pressure.is_full),
            "lag": self._lag_records,
            "writeS": self._write_s,
        }

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    def stop(self, timeout_s: float) -> None:
        """Read no more, store what was read within some seconds, commit, and leave the group.

        It blocks until that is done.
        """
        self._deadline = time.monotonic() + timeout_s
        self._stopping.set()
        self._thread.join(timeout_s + REVOKE_S)

    # -- in the thread
    # ----------------------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        self._consumer = consumer = group_consumer(self._kafka, self.role, self._answered)
        self._positions = position_queue(
            consumer, self._kafka, self.role, has_keys=Topic.NEW_POSITION in self._traits.reports
        )
        consumer.subscribe(
            list(self._traits.topics), on_assign=self._assigned, on_revoke=self._revoked, on_lost=self._lost
        )
        while not self._stopping.is_set():
            try:
                self._take(consumer)
                self._advance()
                self._throttle(consumer)
                self._commit(consumer)
            except Exception:
                # The loop must outlive anything. What is not stored is not committed, so nothing is lost by going on.
                logger.exception("the %s consumer continues after an unexpected error", self.role)
                time.sleep(RETRY_S)
        self._finish(consumer)

    def _take(self, consumer: Consumer) -> None:
        if self._back_pressure.is_full and not self._paused:
            self._wait_for_the_store(POLL_S)
            return
        reports, began = self._traits.reports, time.monotonic()
        try:
            intake = poll(
                consumer,
                self._positions,
                self.role,
                GATHER_S,
                shape_routes=Topic.ROUTE_DEFINED in reports,
                keep_records=Topic.NEW_POSITION in reports,
            )
        except UnreadPoll as unread:
            # These records must come again, or the commits of later ones would pass over them.
            self._rewind(consumer, unread.first_offsets)
            raise
        if intake is None:
            return
        self._offsets.read(intake.offsets)
        if not self._waiting:
            self._waiting_since = began  # what was gathered has waited since then, at most
        self._waiting.append(intake)
        self._sink.note(intake)
        self._metrics.consumed.labels(self.role).inc(len(intake.positions))
        self._metrics.events.labels(self.role).inc(len(intake.events))

    def _rewind(self, consumer: Consumer, first: dict[Partition, int]) -> None:
        for partition, offset in first.items():
            if partition in self._offsets.owned:
                try:
                    consumer.seek(TopicPartition(*partition, offset))
                except KafkaException as error:
                    logger.error("%s[%d] is read again from %d by its next owner: %s", *partition, offset, error)
                    self._disown([partition])

    def _advance(self, *, at_once: bool = False) -> None:
        """Record a write that has ended and begin the next one, once enough was gathered or `at_once`."""
        now = time.monotonic()
        if self._writing is not None and self._writing[1].done():
            intake, future, began = self._writing
            self._writing = None
            ended = max(began, self._ended_at)  # not when it is noticed, which is after a poll
            self._metrics.write.labels(self.role).observe(ended - began)
            self._schedule.wrote(ended, ended - began)
            error = StoreUnavailable("the write was cancelled") if future.cancelled() else future.exception()
            if error is None:
                self._offsets.stored(intake.offsets)
                if self._refusals:
                    logger.info("the %s sink writes again after %d attempts", self.role, self._refusals + 1)
                self._refusals = 0
            else:
                self._put_back(intake, error, now)
        is_ripe = at_once or self._schedule.is_ripe(now, self._facts_waiting(), self._waiting_since)
        if self._writing is None and self._waiting and is_ripe and now >= self._retry_at:
            intake = next_portion(
                self._waiting, self._traits.portion
            )  # what stays has waited for a whole write, and is ripe
            self._writing = (intake, asyncio.run_coroutine_threadsafe(self._store(intake), self._loop), now)

    async def _store(self, intake: Intake) -> None:
        began = time.monotonic()
        try:
            try:
                refused = await self._sink.write(intake)
            finally:
                self._write_s += time.monotonic() - began
            letters = [letter for letter in intake.rejected if letter.topic in self._traits.reports] + refused
            await self._dead_letters.send(letters)
        finally:
            self._ended_at = time.monotonic()

    def _put_back(self, intake: Intake, error: BaseException, now: float) -> None:
        self._waiting.appendleft(intake)
        self._retry_at = now + (error.retry_after if isinstance(error, StoreBackpressure) else RETRY_S)
        self._metrics.retries.labels(self.role).inc()
        self._refusals += 1
        self._why = str(error)
        if isinstance(error, ApiError):
            if self._refusals == 1:
                logger.warning("the %s sink waits and tries again: %s", self.role, error)
        else:
            logger.error("the %s sink failed and tries again", self.role, exc_info=error)

    def _facts_waiting(self) -> int:
        return sum(intake.facts for intake in self._waiting)

    def _throttle(self, consumer: Consumer) -> None:
        """Read no more when the sink is full.

        Only where that lasts are the partitions paused, until half of what the sink held is stored.
        """
        now, held = time.monotonic(), self._facts_waiting() + (self._writing[0].facts if self._writing else 0)
        self._held = held
        self._back_pressure.holds(now, held)
        if self._back_pressure.is_full_for_long(now):
            consumer.pause(consumer.assignment())  # each time: a rebalance may have brought new ones
            if not self._paused:
                logger.info("the %s sink is full with %d facts: its partitions are paused", self.role, held)
            self._paused = True
        elif self._paused and not self._back_pressure.is_full:
            consumer.resume(consumer.assignment())
            self._paused = False
        self._metrics.waiting.labels(self.role).set(held)
        self._metrics.paused.labels(self.role).set(self._back_pressure.is_full)

    def _wait_for_the_store(self, seconds: float) -> None:
        """Wait until the write that is under way has ended, or for some seconds."""
        if self._writing is not None:
            wait([self._writing[1]], seconds)
        else:
            time.sleep(seconds)  # until a store that failed may be asked again

    def _commit(self, consumer: Consumer, *, now_or_never: bool = False) -> None:
        """Commit what is stored, of the partitions that are still ours, every `COMMIT_S`.

        `now_or_never` commits at once and waits for the answer.
        """
        now = time.monotonic()
        if not now_or_never and now - self._committed_at < COMMIT_S:
            return
        offsets = [
            TopicPartition(topic, partition, offset) for (topic, partition), offset in self._offsets.to_commit().items()
        ]
        self._committed_at = now
        try:
            if offsets and now_or_never:
                consumer.commit(offsets=offsets, asynchronous=False)
            elif offsets:
                consumer.commit(offsets=offsets)
            self._learn_begins(consumer)
            self._lag_records = self._lag(consumer)
            self._metrics.lag.labels(self.role).set(self._lag_records)
        except KafkaException as error:
            logger.warning("the %s consumer could not commit: %s", self.role, error)
            self._answered(error.args[0], offsets)

    def _answered(self, error: KafkaError | None, offsets: list[TopicPartition]) -> None:
        """Record the answer to a commit; called by a poll, and for a commit that failed at once."""
        for one in offsets:
            if error is not None or one.error is not None:
                self._offsets.failed((one.topic, one.partition), one.offset)

    def _lag(self, consumer: Consumer) -> int:
        lag = 0
        for position in consumer.position(consumer.assignment()):
            low, high = consumer.get_watermark_offsets(position, cached=True)
            begin = (
                position.offset if position.offset >= 0 else self._begins.get((position.topic, position.partition), 0)
            )
            lag += max(0, high - max(begin, low, 0)) if high > 0 else 0
        return lag

    def _learn_begins(self, consumer: Consumer) -> None:
        """Ask for the group's offsets in partitions of which nothing was read yet.

        What is before them is not waiting.
        """
        known = self._begins.keys()
        unread = [
            one
            for one in consumer.position(consumer.assignment())
            if one.offset < 0 and (one.topic, one.partition) not in known
        ]
        for one in consumer.committed(unread, timeout=COMMITTED_S) if unread else ():
            self._begins[one.topic, one.partition] = max(one.offset, 0)

    # -- rebalances, called within a poll

    def _assigned(self, _consumer: Consumer, partitions: list[TopicPartition]) -> None:
        if self._positions is not None:
            self._positions.forward(one.partition for one in partitions if one.topic == Topic.NEW_POSITION)
        self._offsets.assigned((one.topic, one.partition) for one in partitions)
        logger.info("the %s consumer reads %d partitions", self.role, len(self._offsets.owned))

    def _revoked(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self._settle(time.monotonic() + REVOKE_S)
        self._commit(consumer, now_or_never=True)
        self._lost(consumer, partitions)

    def _lost(self, _consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self._disown([(one.topic, one.partition) for one in partitions])
        logger.info("the %s consumer gave up %d partitions", self.role, len(partitions))

    def _disown(self, partitions: list[Partition]) -> None:
        self._begins = {partition: begin for partition, begin in self._begins.items() if partition not in partitions}
        under_way = [*self._waiting, *([self._writing[0]] if self._writing else [])]
        self._offsets.lost(partitions, [intake.offsets for intake in under_way])

    # -- the end
    # ----------------------------------------------------------------------------------------------------------------

    def _settle(self, deadline: float) -> None:
        """Store what was read, as long as there is time."""
        while (self._waiting or self._writing) and time.monotonic() < deadline:
            self._advance(at_once=True)
            self._wait_for_the_store(POLL_S)

    def _finish(self, consumer: Consumer) -> None:
        self._settle(self._deadline)
        if self._waiting or self._writing:
            logger.warning(
                "the %s consumer ends with %d facts not stored; they will be read again",
                self.role,
                self._facts_waiting(),
            )
        self._commit(consumer, now_or_never=True)
        if self._positions is not None:
            self._positions.close()
        consumer.close()

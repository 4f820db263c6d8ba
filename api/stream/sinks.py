"""Where facts go: the state store, the history store. A sink is told what polls brought and returns when it is stored."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterator, Sequence
from typing import ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from api.bus import Bus, Record
from api.errors import BusUnavailable
from api.measuring.metrics import Metrics
from api.stores.base import HistoryStore, StateStore, Written
from api.stream.intake import Intake, dead_letter
from api.stream.records import Inbound
from api.stream.tally import Tally
from engine.codec import PositionBatch
from engine.messages import DeadLetter, Topic

logger = logging.getLogger(__name__)

MAX_DEAD_LETTER_BYTES = 512 * 1024
"""A longer record is cut in the dead-letter topic, so that it passes Kafka's own limit together with its headers."""

MAX_KEY_BYTES = 4 * 1024
"""A longer key is cut likewise."""

PORTION = 10_000
"""Positions in one write where each of them costs the store something; so none waits for the writing of many others."""


class Sink(Protocol):
    """What a consumer loop hands facts to.

    Attributes
    ----------
    role : names the consumer group and the metrics.
    topics : what is read for this sink.
    reports : the topics whose bad records this sink's loop sends to the dead-letter topic; each topic has one such
        sink, so a bad record is told once.
    linger_s : how long facts may be gathered before a write; a store takes few large writes better than many small
        ones.
    capacity : facts read and not stored beyond which no more is read.
    portion : facts that one write takes at most, if more wait; one poll's are never parted.
    rest : for how many times as long as a write took nothing is written after it. A store whose writes replace each
        other is spared what a newer fact replaces meanwhile, the more the busier it is.
    """

    @property
    def role(self) -> str: ...
    @property
    def topics(self) -> tuple[Topic, ...]: ...
    @property
    def reports(self) -> frozenset[Topic]: ...
    @property
    def linger_s(self) -> float: ...
    @property
    def rest(self) -> float: ...
    @property
    def capacity(self) -> int: ...
    @property
    def portion(self) -> int: ...

    def note(self, intake: Intake) -> None:
        """Count what a poll brought; called by the loop's thread, once per poll."""

    async def write(self, intake: Intake) -> list[DeadLetter]:
        """Store facts and return those that the store will never take; called in the event loop, one write at a time.

        After an error it is called again with the same facts.
        """


class StateSink:
    """Routes, deliveries' current state and runs into the state store.

    Parameters
    ----------
    keeps_positions : whether the store keeps every position. Then newer facts replace nothing: the store gets no rest,
        and no large portions.
    """

    role: ClassVar[str] = "state"
    topics: ClassVar[tuple[Topic, ...]] = (
        Topic.NEW_POSITION,
        Topic.DELIVERY_EVENT,
        Topic.ROUTE_DEFINED,
        Topic.RUN_EVENT,
    )
    reports: ClassVar[frozenset[Topic]] = frozenset({Topic.DELIVERY_EVENT, Topic.ROUTE_DEFINED, Topic.RUN_EVENT})
    linger_s: ClassVar[float] = 0.25
    capacity: ClassVar[int] = 400_000

    def __init__(self, store: StateStore, *, keeps_positions: bool = False) -> None:
        self._store = store
        self.rest, self.portion = (0.0, PORTION) if keeps_positions else (4.0, self.capacity)

    def note(self, intake: Intake) -> None:
        """Count nothing of its own."""

    async def write(self, intake: Intake) -> list[DeadLetter]:
        gone = [route_id for route_id, route in intake.shaped.items() if route is None]
        routes = [route for route in intake.shaped.values() if route is not None]
        if routes:
            await self._store.put_routes(routes)
        if gone:
            await self._store.delete_routes(gone)
        if intake.events:
            await self._store.apply_events(intake.events)
        if len(intake.positions):
            await self._store.apply_positions(intake.positions)
        if intake.runs:
            await self._store.put_runs(intake.runs)
        return []


class HistorySink:
    """Every position and every event into the history store, counted by run."""

    role: ClassVar[str] = "history"
    topics: ClassVar[tuple[Topic, ...]] = (Topic.NEW_POSITION, Topic.DELIVERY_EVENT, Topic.RUN_EVENT)
    reports: ClassVar[frozenset[Topic]] = frozenset({Topic.NEW_POSITION})
    linger_s: ClassVar[float] = 0.5
    rest: ClassVar[float] = 0.0
    capacity: ClassVar[int] = 50_000
    portion: ClassVar[int] = PORTION

    def __init__(self, store: HistoryStore, tally: Tally, metrics: Metrics) -> None:
        self._store, self._tally, self._metrics = store, tally, metrics

    def note(self, intake: Intake) -> None:
        self._tally.read(intake.positions.run_id)
        for event in intake.runs:
            self._tally.set_clock(event)

    async def write(self, intake: Intake) -> list[DeadLetter]:
        letters: list[DeadLetter] = []
        if intake.events:
            written = await self._store.write_events(intake.events)
            letters += _letters(intake.event_records, written)
        # Counted once all of it is stored: a write that is made again after an error counts what the first attempt
        # stored as duplicated, no more.
        stored = [
            (run_id, rows, batch, await self._store.write_positions(batch))
            for run_id, rows, batch in by_run(intake.positions)
        ]
        for run_id, rows, batch, written in stored:
            self._tally.stored(run_id, written.new, written.known, len(written.refused))
            self._metrics.stored.inc(written.new)
            self._metrics.duplicated.inc(written.known)
            self._metrics.end_to_end.observe(self._tally.ages_s(run_id, batch.event_time_ms, time.time() * 1000))
            if written.refused:
                letters += _letters([intake.position_records[row] for row in rows.tolist()], written)
        return letters


def _letters(records: Sequence[Inbound], written: Written) -> list[DeadLetter]:
    return [dead_letter(records[refusal.row], f"the store refuses it: {refusal.reason}") for refusal in written.refused]


def by_run(batch: PositionBatch) -> Iterator[tuple[str, NDArray[np.int64], PositionBatch]]:
    """Give each run, the rows of its positions, and these; of one run, as nearly always, the batch itself."""
    for run_id, rows in rows_by_run(batch.run_id):
        yield run_id, rows, batch if len(rows) == len(batch) else batch.take(rows)


def rows_by_run(run_ids: NDArray[np.bytes_]) -> Iterator[tuple[str, NDArray[np.int64]]]:
    """Give each run and the rows of its positions."""
    if not len(run_ids):
        return
    if (run_ids == run_ids[0]).all():
        yield run_ids[0].decode(), np.arange(len(run_ids))
        return
    for run_id in np.unique(run_ids):
        yield run_id.decode(), np.flatnonzero(run_ids == run_id)


class DeadLetters:
    """Sends what could not be read or stored to the dead-letter topic."""

    def __init__(self, bus: Bus, tally: Tally, metrics: Metrics, *, retry_s: float = 1.0) -> None:
        self._bus, self._tally, self._metrics, self._retry_s = bus, tally, metrics, retry_s

    async def send(self, letters: list[DeadLetter]) -> None:
        """Return once the letters are acknowledged.

        A bus that does not take them is asked again from here: the facts that came with them are stored, and need not
        be stored again because Kafka is away.
        """
        while letters:
            try:
                await self._bus.publish([_record(letter) for letter in letters])
                break
            except BusUnavailable as error:
                logger.warning("%d dead letters wait: %s", len(letters), error)
                await asyncio.sleep(self._retry_s)
        self._tally.add_dead_letters(len(letters))
        for letter in letters:
            self._metrics.dead_letters.labels(letter.topic).inc()


def _record(letter: DeadLetter) -> Record:
    headers, key = dict(letter.headers), letter.key
    if len(letter.value) > MAX_DEAD_LETTER_BYTES:
        headers["original-bytes"] = str(len(letter.value)).encode()
    if key is not None and len(key) > MAX_KEY_BYTES:
        headers["original-key-bytes"] = str(len(key)).encode()
        key = key[:MAX_KEY_BYTES]
    return Record(Topic.DEAD_LETTER, key, letter.value[:MAX_DEAD_LETTER_BYTES], headers)

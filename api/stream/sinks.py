"""Where facts go: the state store and the history store.

A sink is given what polls brought, and returns once it is stored.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from api.measuring.metrics import Metrics
from api.stores.base import HistoryStore, StateStore, Written
from api.stream.intake import Intake, dead_letter
from api.stream.records import Inbound
from api.tally import Tally
from engine.codec import PositionBatch
from engine.messages import DeadLetter, Topic

PORTION = 10_000
"""Positions in one write to a store where each of them costs something.

So no position waits for the writing of many others.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class SinkTraits:
    """What a consumer loop has to know of its sink.

    Attributes
    ----------
    role : names the consumer group and the metrics.
    topics : what is read for this sink.
    reports : the topics whose bad records this sink's loop sends to the dead-letter topic; each topic has one such
        sink, so a bad record is reported once.
    linger_s : how long facts may be gathered before a write; a store takes few large writes better than many small
        ones.
    rest : nothing is written after a write for this many times as long as the write took. A store whose writes replace
        each other is spared what a newer fact replaces meanwhile, the more the busier it is.
    capacity : facts read and not stored beyond which no more is read.
    portion : facts that one write takes at most, if more wait; those of one poll are never parted.
    """

    role: str
    topics: tuple[Topic, ...]
    reports: frozenset[Topic]
    linger_s: float
    rest: float
    capacity: int
    portion: int


class Sink(Protocol):
    """What a consumer loop hands facts to."""

    @property
    def traits(self) -> SinkTraits:
        """What the loop has to know of this sink; the same at every call."""

    def note(self, intake: Intake) -> None:
        """Count what a poll brought; called by the loop's thread, once per poll."""

    async def write(self, intake: Intake) -> list[DeadLetter]:
        """Store facts and return those that the store will never take.

        It is called in the event loop, one write at a time.

        After an error it is called again with the same facts.
        """


STATE: Final = SinkTraits(
    role="state",
    topics=(Topic.NEW_POSITION, Topic.DELIVERY_EVENT, Topic.ROUTE_DEFINED, Topic.RUN_EVENT),
    reports=frozenset({Topic.DELIVERY_EVENT, Topic.ROUTE_DEFINED, Topic.RUN_EVENT}),
    linger_s=0.25,
    rest=4.0,
    capacity=400_000,
    portion=400_000,
)
"""Of a state store that keeps each delivery's newest position."""

STATE_OF_ALL_POSITIONS: Final = replace(STATE, rest=0.0, portion=PORTION)
"""Of a state store that keeps every position.

Newer facts replace nothing, so the store gets no rest, and no large portions.
"""

HISTORY: Final = SinkTraits(
    role="history",
    topics=(Topic.NEW_POSITION, Topic.DELIVERY_EVENT, Topic.RUN_EVENT),
    reports=frozenset({Topic.NEW_POSITION}),
    linger_s=0.5,
    rest=0.0,
    capacity=50_000,
    portion=PORTION,
)


class StateSink:
    """Routes, deliveries' current state and runs into the state store.

    Parameters
    ----------
    keeps_positions : whether the store keeps every position.
    """

    def __init__(self, store: StateStore, *, keeps_positions: bool = False) -> None:
        self._store = store
        self.traits = STATE_OF_ALL_POSITIONS if keeps_positions else STATE

    def note(self, intake: Intake) -> None:
        """Count nothing of its own."""

    async def write(self, intake: Intake) -> list[DeadLetter]:
        """Store what is; nothing is ever refused."""
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

    def __init__(self, store: HistoryStore, tally: Tally, metrics: Metrics, *, traits: SinkTraits = HISTORY) -> None:
        self.traits = traits
        self._store, self._tally, self._metrics = store, tally, metrics

    def note(self, intake: Intake) -> None:
        """Count positions by run, and take the runs' clocks."""
        self._tally.read(intake.positions.run_id)
        for event in intake.runs:
            self._tally.set_clock(event)

    async def write(self, intake: Intake) -> list[DeadLetter]:
        """Store events and positions, and count what became of them."""
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
    """Yield each run, the rows of its positions, and these.

    The batch of one run, the usual case, is given as it is.
    """
    for run_id, rows in rows_by_run(batch.run_id):
        yield run_id, rows, batch if len(rows) == len(batch) else batch.take(rows)


def rows_by_run(run_ids: NDArray[np.bytes_]) -> Iterator[tuple[str, NDArray[np.int64]]]:
    """Yield each run and the rows of its positions."""
    if not len(run_ids):
        return
    if (run_ids == run_ids[0]).all():
        yield run_ids[0].decode(), np.arange(len(run_ids))
        return
    for run_id in np.unique(run_ids):
        yield run_id.decode(), np.flatnonzero(run_ids == run_id)

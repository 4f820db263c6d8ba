"""The places that hold a run's positions, each read as a whole.

They are the topic, the history, the state, and MongoDB's collection of positions.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import TypeVar

import numpy as np

from api.stores.base import MAX_PAGE, DeliveryQuery, DeliverySort, PositionColumns, StateStore
from api.stores.model import DeliveryRecord, is_newer
from cli.kafka.topic_reader import TopicReader
from cli.kafka.verify.compare import Expectation, Newest, Place
from engine.accounting.digest import DigestBuilder
from engine.codec import decode_positions
from engine.contract.kafka_connection import KafkaConnection
from engine.delivery.faults import labels_of
from engine.errors import EngineError
from engine.messages import FINAL_KINDS, DeliveryEvent, EventKind, RunEvent, RunState, Topic

T = TypeVar("T", DeliveryEvent, RunEvent)

Progress = Callable[[int], None]
"""Takes how many more records were read."""

TOPICS = (Topic.DELIVERY_EVENT, Topic.RUN_EVENT, Topic.NEW_POSITION)
"""The topics that are read, in the order in which their ends are noted.

A final event comes after its positions, so the positions that it counts are before the noted end of theirs.
"""

ENDED = frozenset({RunState.FINISHED, RunState.CANCELLED})


class TopicPlace:
    """The positions and events of one run in Kafka.

    `read` may be called again, and continues where it ended.

    Attributes
    ----------
    run : the newest event of the run; None if there is none.
    """

    def __init__(self, kafka: KafkaConnection, run_id: str) -> None:
        self.run: RunEvent | None = None
        self._run_id = run_id.encode()
        self._reader = TopicReader(kafka, TOPICS, "verify")
        self._builder = DigestBuilder()
        self._last_event: dict[str, tuple[int, int | None]] = {}
        self._labels: dict[str, dict[int, DeliveryEvent]] = {}
        self._foreign = self._unreadable = 0

    def mark(self) -> int:
        """Note how far the topics reach now, and return how many records there are to read."""
        return self._reader.mark()

    def read(self, progress: Progress) -> None:
        """Read what lies before the mark."""
        for records in self._reader.polls():
            values: dict[str, list[bytes]] = {}
            for record in records:
                values.setdefault(str(record.topic()), []).append(record.value() or b"")
            self._take_positions(values.get(Topic.NEW_POSITION, []))
            self._take_events(values.get(Topic.DELIVERY_EVENT, []))
            self._take_runs(values.get(Topic.RUN_EVENT, []))
            progress(len(records))

    def place(self) -> Place:
        """Return the positions read so far."""
        trimmed = self._reader.trimmed
        lost = sum(1 for topic, _ in trimmed if topic == Topic.NEW_POSITION)
        remarks = (f"Kafka no longer has the oldest records of {lost} partitions",) if lost else ()
        return Place(
            "topic", self._builder.digest(), True, self._foreign, self._unreadable + self._builder.unnumbered, remarks
        )

    def expectation(self) -> Expectation:
        """Return what is expected by the events read so far."""
        ended = {name: positions for name, (_, positions) in self._last_event.items() if positions is not None}
        faults = (event for events in self._labels.values() for event in events.values())
        labels = labels_of((event.delivery_id, event.fault, event.from_seq, event.to_seq) for event in faults)
        return Expectation(ended, self.run is not None and self.run.state not in ENDED, labels)

    def close(self) -> None:
        """Close the connections."""
        self._reader.close()

    def _take_positions(self, values: list[bytes]) -> None:
        decoded = decode_positions(values)
        self._unreadable += len(decoded.rejected)
        batch = decoded.batch
        mine = batch.run_id == self._run_id
        self._foreign += len(batch) - int(np.count_nonzero(mine))
        chosen = batch if mine.all() else batch.take(mine)
        self._builder.add(chosen.delivery_id, chosen.seq, chosen.lat_deg, chosen.lng_deg)

    def _take_events(self, values: list[bytes]) -> None:
        for value in values:
            event = self._parsed(DeliveryEvent, value)
            if event is not None and event.kind == EventKind.FAULT:
                self._labels.setdefault(event.delivery_id, {})[event.seq] = event
            elif event is not None and event.seq >= self._last_event.get(event.delivery_id, (-1, None))[0]:
                self._last_event[event.delivery_id] = (
                    event.seq,
                    event.positions if event.kind in FINAL_KINDS else None,
                )

    def _take_runs(self, values: list[bytes]) -> None:
        for value in values:
            event = self._parsed(RunEvent, value)
            if event is not None and is_newer(event, self.run):
                self.run = event

    def _parsed(self, kind: type[T], value: bytes) -> T | None:
        """Return a message of this run, None for others.

        Those of other runs, which may be very many, are recognised by their bytes, without parsing.
        """
        if self._run_id not in value:
            self._foreign += 1
            return None
        try:
            message = kind.from_json(value)
        except EngineError:
            self._unreadable += 1
            return None
        if message.run_id.encode() == self._run_id:
            return message
        self._foreign += 1
        return None


async def read_positions(name: str, chunks: AsyncIterator[PositionColumns], progress: Progress) -> Place:
    """Read a place that returns positions in chunks."""
    builder = DigestBuilder()
    async for columns in chunks:
        builder.add(columns.delivery_id, columns.seq, columns.lat_deg, columns.lng_deg)
        progress(len(columns.seq))
    return Place(name, builder.digest(), unreadable=builder.unnumbered)


async def read_newest(state: StateStore, run_id: str, progress: Progress) -> Newest:
    """Return the newest position of each delivery of a run."""
    found: dict[str, DeliveryRecord] = {}
    offset = 0
    while True:
        query = DeliveryQuery(
            run_id=run_id, sort=DeliverySort.DELIVERY_ID, descending=False, limit=MAX_PAGE, offset=offset
        )
        page = await state.deliveries(query)
        found |= {record.delivery_id: record for record in page.items}
        progress(len(page.items))
        offset += len(page.items)
        if len(page.items) < MAX_PAGE:
            return _newest(list(found.values()))


def _newest(records: list[DeliveryRecord]) -> Newest:
    builder, placed = DigestBuilder(), [record for record in records if record.seq >= 0]
    ids = np.array([record.delivery_id.encode() for record in placed], "S")
    seq = np.array([record.seq for record in placed], np.int64)
    lat_deg, lng_deg = (
        np.array([getattr(record, name) for record in placed], np.float64) for name in ("lat_deg", "lng_deg")
    )
    builder.add(ids, seq, lat_deg, lng_deg)
    return Newest(
        "state",
        builder.digest(),
        {record.delivery_id: record.positions for record in records if record.positions is not None},
    )

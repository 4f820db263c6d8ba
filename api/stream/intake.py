"""From Kafka records to facts: what one poll brought, sorted by what it is.

Pure; what cannot be read becomes a dead letter with its reason.

A position without a seq (the ancestor's four fields) takes its record's offset for one and, without a time, its
record's timestamp: both are the same when the record is read again, so it too is stored once.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from operator import methodcaller
from typing import TypeVar

import numpy as np

from api.stores.model import StoredRoute
from api.stream.offsets import Partition
from api.stream.records import Inbound, Joined, Records
from engine.codec import PositionBatch, decode_buffer, decode_positions
from engine.errors import EngineError
from engine.messages import DeadLetter, DeliveryEvent, RouteDefined, RunEvent, Topic

T = TypeVar("T")

_TOPIC, _PARTITION, _VALUE = (
    methodcaller(name) for name in ("topic", "partition", "value")
)  # for map, without a step of Python each


@dataclass(frozen=True, slots=True)
class Intake:
    """The facts of one or more polls, each list in the order of its partitions.

    Attributes
    ----------
    position_records, event_records : the record that each position and each event came from, should a store refuse it;
        those of positions if they were kept.
    shaped : the routes in stored form, where the reader was asked for it; None stands for one that is deleted.
    offsets : the next offset to read of every partition that brought something.
    """

    positions: PositionBatch = field(default_factory=PositionBatch.empty)
    position_records: Sequence[Inbound] = ()
    events: list[DeliveryEvent] = field(default_factory=list)
    event_records: list[Inbound] = field(default_factory=list)
    routes: list[RouteDefined] = field(default_factory=list)
    shaped: dict[str, StoredRoute | None] = field(default_factory=dict)
    runs: list[RunEvent] = field(default_factory=list)
    rejected: list[DeadLetter] = field(default_factory=list)
    offsets: dict[Partition, int] = field(default_factory=dict)

    @property
    def facts(self) -> int:
        """How many positions and events there are."""
        return len(self.positions) + len(self.events)

    @classmethod
    def merged(cls, intakes: Sequence[Intake]) -> Intake:
        """Return what several polls brought, the later ones last."""
        if len(intakes) == 1:
            return intakes[0]
        merged = cls(
            PositionBatch.concat(intake.positions for intake in intakes if len(intake.positions)),
            Joined([intake.position_records for intake in intakes]),
        )
        for intake in intakes:
            merged.events.extend(intake.events)
            merged.event_records.extend(intake.event_records)
            merged.routes.extend(intake.routes)
            merged.shaped.update(intake.shaped)
            merged.runs.extend(intake.runs)
            merged.rejected.extend(intake.rejected)
            merged.offsets.update(intake.offsets)
        return merged


def next_portion(waiting: deque[Intake], most: int) -> Intake:
    """Take the first intakes out of those that wait.

    They have at most `most` facts together; but one is always taken, for none is parted.
    """
    portion = [waiting.popleft()]
    facts = portion[0].facts
    while waiting and (facts := facts + waiting[0].facts) <= most:
        portion.append(waiting.popleft())
    return Intake.merged(portion)


def read_messages(messages: Sequence[Inbound], *, shape_routes: bool = False, keep_records: bool = True) -> Intake:
    """Return the facts in some messages.

    Parameters
    ----------
    shape_routes : also bring routes into their stored form, which measures them; one that cannot be driven is rejected
        then.
    keep_records : keep the records of positions, which take twice as much room as the positions; for a reader that may
        refuse some.
    """
    intake = Intake()
    by_topic = _by_topic(messages)
    for topic, found in by_topic.items():
        partitions = list(map(_PARTITION, reversed(found)))
        for partition in set(partitions):
            last = found[-1 - partitions.index(partition)]  # they come in order
            intake.offsets[topic, partition or 0] = (last.offset() or 0) + 1
    batch, records = _positions(by_topic.pop(Topic.NEW_POSITION, []), intake.rejected)
    for record, event in _parsed(by_topic.pop(Topic.DELIVERY_EVENT, []), DeliveryEvent.from_json, intake.rejected):
        intake.events.append(event)
        intake.event_records.append(record)
    intake.runs.extend(
        run for _, run in _parsed(by_topic.pop(Topic.RUN_EVENT, []), RunEvent.from_json, intake.rejected)
    )
    for _, (route, stored) in _parsed(
        by_topic.pop(Topic.ROUTE_DEFINED, []), _shaped if shape_routes else _unshaped, intake.rejected
    ):
        intake.routes.append(route)
        if shape_routes:
            intake.shaped[route.route_id] = stored
    return replace(intake, positions=batch, position_records=records if keep_records else ())


def read_records(records: Records, *, keep_records: bool = True) -> Intake:
    """Return the positions in some records; `keep_records` as in `read_messages`."""
    offsets = {(records.topic, partition): offset for partition, offset in records.next_offsets().items()}
    rejected: list[DeadLetter] = []
    batch, kept = _positions(records, rejected)
    return Intake(batch, kept if keep_records else (), rejected=rejected, offsets=offsets)


def _by_topic(messages: Sequence[Inbound]) -> dict[str, list[Inbound]]:
    topics = list(map(_TOPIC, messages))
    if len(set(topics)) == 1:
        return {topics[0] or "": list(messages)}
    by_topic: dict[str, list[Inbound]] = {}
    for topic, message in zip(topics, messages, strict=True):
        by_topic.setdefault(topic or "", []).append(message)
    return by_topic


def _positions(records: Sequence[Inbound], rejected: list[DeadLetter]) -> tuple[PositionBatch, Sequence[Inbound]]:
    if not len(records):
        return PositionBatch.empty(), ()
    if isinstance(records, Records):
        values = records.values
        decoded = decode_buffer(values.buffer, values.begins, values.lengths)
    else:
        decoded = decode_positions([value or b"" for value in map(_VALUE, records)])
    if decoded.rejected:
        rejected.extend(dead_letter(records[index], reason) for index, reason in decoded.rejected)
        rows = decoded.rows
        records = records.take(rows) if isinstance(records, Records) else [records[row] for row in rows.tolist()]
    return _identified(decoded.batch, records), records


def _identified(batch: PositionBatch, messages: Sequence[Inbound]) -> PositionBatch:
    """Return the batch with a seq and a time in every row; `messages` are its records."""
    nameless = np.flatnonzero(batch.seq < 0)
    if not nameless.size:
        return batch
    seq, event_time_ms = batch.seq.copy(), batch.event_time_ms.copy()
    for row in nameless.tolist():
        seq[row] = messages[row].offset() or 0
        if event_time_ms[row] < 0:
            event_time_ms[row] = max(messages[row].timestamp()[1], 0)
    return batch.with_columns(seq=seq, event_time_ms=event_time_ms)


def _unshaped(value: bytes) -> tuple[RouteDefined, None]:
    return RouteDefined.from_json(value), None


def _shaped(value: bytes) -> tuple[RouteDefined, StoredRoute | None]:
    message = RouteDefined.from_json(value)
    return message, None if message.deleted else StoredRoute.from_message(message)


def _parsed(
    messages: Iterable[Inbound], parse: Callable[[bytes], T], rejected: list[DeadLetter]
) -> Iterator[tuple[Inbound, T]]:
    for message in messages:
        try:
            yield message, parse(message.value() or b"")
        except EngineError as error:
            rejected.append(dead_letter(message, str(error)))


def dead_letter(message: Inbound, reason: str) -> DeadLetter:
    """Return the dead letter of a record."""
    return DeadLetter(
        message.value() or b"",
        message.key(),
        reason,
        message.topic() or "",
        message.partition() or 0,
        message.offset() or 0,
    )

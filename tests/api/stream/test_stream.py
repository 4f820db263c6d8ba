"""What the consumers make of records, without Kafka: facts, dead letters, counts, ages."""

from __future__ import annotations

import pickle
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pytest

from api.bus import MemoryBus, Record
from api.errors import ApiError, BusUnavailable, Refused, StoreBackpressure, StoreUnavailable
from api.measuring.metrics import BatchHistogram, Metrics
from api.stores.base import DeliveryQuery, Holding, Refusal, Written
from api.stores.memory import MemoryHistory, MemoryState
from api.stream.dead_letters import MAX_DEAD_LETTER_BYTES, MAX_KEY_BYTES, DeadLetters
from api.stream.intake import Intake, next_portion, read_messages
from api.stream.offsets import Offsets
from api.stream.sinks import HISTORY, STATE, HistorySink, StateSink
from api.tally import Tally
from engine.codec import PositionBatch
from engine.messages import DeadLetter, DeliveryEvent, RouteDefined, RunEvent, Topic
from engine.roads.route import Route

T0 = 1_700_000_000_000


@dataclass(frozen=True)
class Inbound:
    """A record as a Kafka client hands it over."""

    topic_: str
    value_: bytes | None
    offset_: int = 0
    partition_: int = 0

    def topic(self) -> str:
        return self.topic_

    def partition(self) -> int:
        return self.partition_

    def offset(self) -> int:
        return self.offset_

    def key(self) -> bytes:
        return b"key"

    def value(self) -> bytes | None:
        return self.value_

    def timestamp(self) -> tuple[int, int]:
        return 1, T0 + self.offset_


def position(delivery: str, seq: int, run: str = "run") -> bytes:
    return (
        f'{{"routeId":"r","clientId":"c","position":[47.1,9.5],"finished":false,"deliveryId":"{delivery}","driverId":"x","runId":"{run}",'
        f'"seq":{seq},"eventTime":{T0 + seq},"speed":1,"bearing":2,"distance":3}}'
    ).encode()


def event(kind: str = "started", seq: int = 0) -> bytes:
    return DeliveryEvent(
        "d", "run", "r", "c", "x", "car", kind, seq, T0, positions=5 if kind == "delivered" else None
    ).to_json()


def run_event(seq: int = 0, scale: float = 1.0) -> bytes:
    return RunEvent("run", "running", seq, T0, clock=[T0, T0, scale]).to_json()


ROUTE = Route.from_points("r", "Road", [47.0, 47.1], [9.0, 9.0]).to_message()


def test_records_are_sorted_by_what_they_are_and_remember_where_to_go_on() -> None:
    intake = read_messages(
        [
            Inbound(Topic.NEW_POSITION, position("d", 0), 5, 3),
            Inbound(Topic.DELIVERY_EVENT, event(), 7, 1),
            Inbound(Topic.NEW_POSITION, position("d", 1), 6, 3),
            Inbound(Topic.RUN_EVENT, run_event(), 0),
            Inbound(Topic.ROUTE_DEFINED, ROUTE.to_json(), 2),
        ],
        shape_routes=True,
    )
    assert intake.positions.seq.tolist() == [0, 1]
    assert [one.kind for one in intake.events] == ["started"]
    assert [one.run_id for one in intake.runs] == ["run"]
    assert intake.shaped["r"] is not None
    assert intake.rejected == []
    assert intake.offsets == {
        (Topic.NEW_POSITION, 3): 7,
        (Topic.DELIVERY_EVENT, 1): 8,
        (Topic.RUN_EVENT, 0): 1,
        (Topic.ROUTE_DEFINED, 0): 3,
    }


def test_what_cannot_be_read_keeps_its_place_and_reason() -> None:
    messages = [
        Inbound(topic, b"\xff", 4, 2)
        for topic in (Topic.NEW_POSITION, Topic.DELIVERY_EVENT, Topic.RUN_EVENT, Topic.ROUTE_DEFINED)
    ]
    intake = read_messages([*messages, Inbound(Topic.NEW_POSITION, None, 5, 2)])
    assert [(letter.topic, letter.partition, letter.offset, letter.key) for letter in intake.rejected] == [
        (Topic.NEW_POSITION, 2, 4, b"key"),
        (Topic.NEW_POSITION, 2, 5, b"key"),
        (Topic.DELIVERY_EVENT, 2, 4, b"key"),
        (Topic.RUN_EVENT, 2, 4, b"key"),
        (Topic.ROUTE_DEFINED, 2, 4, b"key"),
    ]
    assert all(letter.reason for letter in intake.rejected)


def test_a_route_that_cannot_be_driven_is_rejected_where_routes_are_shaped() -> None:
    standing = RouteDefined(route_id="r", title="t", geometry="_p~iF~ps|U").to_json()
    assert (
        read_messages([Inbound(Topic.ROUTE_DEFINED, standing)], shape_routes=True).rejected[0].topic
        == Topic.ROUTE_DEFINED
    )


def test_the_ancestors_four_fields_take_offset_and_timestamp_for_seq_and_time() -> None:
    value = b'{"routeId":"1","clientId":"c","position":[-15.8,-47.9],"finished":false}'
    batch = read_messages(
        [
            Inbound(Topic.NEW_POSITION, b"bad", 10),
            Inbound(Topic.NEW_POSITION, value, 11),
            Inbound(Topic.NEW_POSITION, position("d", 4), 12),
        ]
    ).positions
    assert batch.seq.tolist() == [11, 4]
    assert batch.event_time_ms.tolist() == [T0 + 11, T0 + 4]
    assert batch.lat_deg[0] == -15.8


def test_intakes_merge_with_the_later_one_last() -> None:
    first = read_messages(
        [Inbound(Topic.NEW_POSITION, position("d", 0), 5), Inbound(Topic.ROUTE_DEFINED, ROUTE.to_json())],
        shape_routes=True,
    )
    second = read_messages(
        [
            Inbound(Topic.NEW_POSITION, position("d", 1), 6),
            Inbound(Topic.ROUTE_DEFINED, b'{"routeId":"r","deleted":true}', 1),
        ],
        shape_routes=True,
    )
    merged = Intake.merged([first, second])
    assert merged.positions.seq.tolist() == [0, 1]
    assert merged.offsets == {(Topic.NEW_POSITION, 0): 7, (Topic.ROUTE_DEFINED, 0): 2}
    assert merged.shaped == {"r": None}


def test_a_portion_is_the_first_that_fit_and_at_least_one() -> None:
    def polls(*sizes: int) -> deque[Intake]:
        return deque(
            read_messages([Inbound(Topic.NEW_POSITION, position("d", seq), seq) for seq in range(size)])
            for size in sizes
        )

    for sizes, most, taken, left in (
        ((3, 4, 2), 7, 7, [2]),
        ((3, 4, 2), 6, 3, [4, 2]),
        ((9, 1), 5, 9, [1]),
        ((2, 2), 100, 4, []),
    ):
        waiting = polls(*sizes)
        assert next_portion(waiting, most).facts == taken, (sizes, most)
        assert [one.facts for one in waiting] == left, (sizes, most)


async def test_the_state_sink_keeps_what_is() -> None:
    store = MemoryState()
    messages = [
        Inbound(Topic.ROUTE_DEFINED, ROUTE.to_json()),
        Inbound(Topic.DELIVERY_EVENT, event()),
        Inbound(Topic.NEW_POSITION, position("d", 3)),
    ]
    await StateSink(store).write(read_messages([*messages, Inbound(Topic.RUN_EVENT, run_event())], shape_routes=True))
    [delivery] = (await store.deliveries(DeliveryQuery())).items
    assert (delivery.seq, delivery.route_title, delivery.event_seq) == (3, "Road", 0)
    assert [run.run_id for run in await store.runs()] == ["run"]
    await StateSink(store).write(
        read_messages([Inbound(Topic.ROUTE_DEFINED, b'{"routeId":"r","deleted":true}')], shape_routes=True)
    )
    assert await store.route_ids() == []


class ChoosyHistory(MemoryHistory):
    """Refuses for good every position and every event with an odd seq."""

    async def write_positions(self, batch: PositionBatch) -> Written:
        good = batch.seq % 2 == 0
        return replace(
            await super().write_positions(batch.take(good)),
            refused=tuple(Refusal(row, "odd") for row in np.flatnonzero(~good).tolist()),
        )

    async def write_events(self, events: Sequence[DeliveryEvent]) -> Written:
        written = await super().write_events([one for one in events if one.seq % 2 == 0])
        return replace(written, refused=tuple(Refusal(row, "odd") for row, one in enumerate(events) if one.seq % 2))


async def test_what_a_store_refuses_becomes_a_dead_letter_with_the_bytes_it_came_in() -> None:
    tally, store = Tally(), ChoosyHistory()
    values = [(run, seq) for seq in range(4) for run in ("one", "two")]
    records = [
        Inbound(Topic.NEW_POSITION, position(f"{run}-d", seq, run), number, 3)
        for number, (run, seq) in enumerate(values)
    ]
    records.insert(2, Inbound(Topic.NEW_POSITION, b"unreadable", 99, 3))
    events = [Inbound(Topic.DELIVERY_EVENT, event(seq=seq), seq, 1) for seq in range(3)]
    polls = [read_messages(records[:5]), read_messages([*records[5:], *events])]
    for poll in polls:
        tally.read(poll.positions.run_id)
    letters = await HistorySink(store, tally, Metrics()).write(Intake.merged(polls))
    told = {(letter.topic, letter.partition, letter.offset): letter for letter in letters}
    odd = [
        record
        for record in records
        if (record.value_ or b"").find(b'"seq":1,') > 0 or (record.value_ or b"").find(b'"seq":3,') > 0
    ]
    assert told.keys() == {(Topic.NEW_POSITION, 3, record.offset_) for record in odd} | {(Topic.DELIVERY_EVENT, 1, 1)}
    assert {letter.value for letter in letters} == {record.value_ for record in odd} | {events[1].value_}
    assert {letter.reason for letter in letters} == {"the store refuses it: odd"}
    assert await store.holdings("one") == {"one-d": Holding(2, 2)}
    assert [tally.of(run).waiting for run in ("one", "two")] == [0, 0]


async def test_the_history_sink_counts_by_run() -> None:
    tally, metrics = Tally(), Metrics()
    sink = HistorySink(MemoryHistory(), tally, metrics)
    positions = [
        Inbound(Topic.NEW_POSITION, position(f"{run}-d", seq, run), seq)
        for run in ("run", "other")
        for seq in (0, 1, 1)
    ]
    intake = read_messages([*positions, Inbound(Topic.RUN_EVENT, run_event())])
    sink.note(intake)
    assert (tally.of("run").waiting, tally.of("other").waiting) == (3, 3)
    await sink.write(intake)
    assert [(tally.of(run).waiting, tally.of(run).duplicated) for run in ("run", "other")] == [(0, 1), (0, 1)]
    text = metrics.text().decode()
    assert "delivery_positions_stored_total 4.0" in text
    assert "delivery_positions_duplicated_total 2.0" in text
    assert "delivery_end_to_end_seconds_count 3.0" in text


def test_an_age_is_counted_in_wall_time_from_when_a_position_was_due() -> None:
    tally = Tally()
    tally.set_clock(RunEvent.from_json(run_event(scale=10.0)))
    assert tally.ages_s("run", np.array([T0, T0 + 10_000]), T0 + 3000.0).tolist() == [3.0, 2.0]
    assert tally.ages_s("nobody", np.array([T0]), T0 + 3000.0).size == 0
    tally.set_clock(RunEvent("run", "paused", 1, T0, clock=[T0, T0, 0.0]))
    assert tally.ages_s("run", np.array([T0]), T0 + 3000.0).size == 0


async def test_a_dead_letter_tells_where_it_was_found_and_is_cut_to_what_kafka_takes() -> None:
    bus, tally = MemoryBus(), Tally()
    letter = DeadLetter(b"x" * (MAX_DEAD_LETTER_BYTES + 5), b"k", "too large", Topic.NEW_POSITION, 3, 9)
    await DeadLetters(bus, tally, Metrics()).send([letter])
    [record] = bus.records
    assert (record.topic, record.key, len(record.value)) == (Topic.DEAD_LETTER, b"k", MAX_DEAD_LETTER_BYTES)
    assert record.headers == {
        "reason": b"too large",
        "topic": b"route.new-position",
        "partition": b"3",
        "offset": b"9",
        "original-bytes": str(MAX_DEAD_LETTER_BYTES + 5).encode(),
    }
    assert tally.dead_lettered == 1


async def test_a_huge_key_is_cut_too() -> None:
    bus = MemoryBus()
    await DeadLetters(bus, Tally(), Metrics()).send([DeadLetter(b"v", b"k" * 900_000, "why", Topic.NEW_POSITION, 0, 0)])
    [record] = bus.records
    assert record.key == b"k" * MAX_KEY_BYTES
    assert record.headers["original-key-bytes"] == b"900000"


class QuietBus(MemoryBus):
    """Takes records at the third time of asking."""

    asked = 0

    async def publish(self, records: Sequence[Record]) -> None:
        self.asked += 1
        if self.asked < 3:
            raise BusUnavailable("quiet")
        await super().publish(records)


async def test_dead_letters_are_sent_until_they_are_acknowledged() -> None:
    bus, tally = QuietBus(), Tally()
    await DeadLetters(bus, tally, Metrics(), retry_s=0.0).send(
        [DeadLetter(b"v", None, "why", Topic.NEW_POSITION, 0, 0)]
    )
    assert (bus.asked, len(bus.records), tally.dead_lettered) == (3, 1, 1)


P, Q = ("topic", 0), ("topic", 1)


def test_only_what_is_stored_is_committed_and_only_once() -> None:
    offsets = Offsets()
    offsets.assigned([P, Q])
    assert offsets.to_commit() == {}
    offsets.stored({P: 5})
    offsets.stored({P: 7, Q: 1})
    assert offsets.to_commit() == {P: 7, Q: 1}
    assert offsets.to_commit() == {}


def test_a_commit_that_failed_goes_along_with_the_next_one_but_never_after_a_later_one() -> None:
    offsets = Offsets()
    offsets.assigned([P, Q])
    offsets.stored({P: 5, Q: 5})
    offsets.to_commit()
    offsets.stored({Q: 6})
    assert offsets.to_commit() == {Q: 6}
    offsets.failed(P, 5)
    offsets.failed(Q, 5)
    assert offsets.to_commit() == {P: 5}


def test_nothing_that_was_read_of_a_lost_partition_is_committed_even_if_it_comes_back() -> None:
    offsets = Offsets()
    offsets.assigned([P, Q])
    offsets.stored({P: 3})
    offsets.to_commit()
    offsets.stored({P: 5, Q: 5})
    writing, waiting = {P: 7, Q: 7}, {P: 9}
    offsets.lost([P], [writing, waiting])
    within_the_poll = {P: 11, Q: 8}
    offsets.read(within_the_poll)
    offsets.assigned([P])
    offsets.failed(P, 3)
    for one in (writing, waiting, within_the_poll):
        offsets.stored(one)
    assert offsets.to_commit() == {Q: 8}
    again = {P: 4}
    offsets.read(again)
    offsets.stored(again)
    assert offsets.to_commit() == {P: 4}


def test_each_topic_has_one_sink_that_reports_its_bad_records() -> None:
    facts = {Topic.NEW_POSITION, Topic.DELIVERY_EVENT, Topic.ROUTE_DEFINED, Topic.RUN_EVENT}
    assert STATE.reports | HISTORY.reports == facts
    assert not STATE.reports & HISTORY.reports


def test_a_batch_is_counted_into_buckets_with_their_upper_bounds() -> None:
    metrics = Metrics()
    histogram = BatchHistogram("some_seconds", "some", (1.0, 2.0), metrics.registry)
    histogram.observe(np.array([0.5, 1.0, 1.5, 9.0]))
    histogram.observe(np.empty(0))
    text = metrics.text().decode()
    for line in (
        'some_seconds_bucket{le="1.0"} 2.0',
        'some_seconds_bucket{le="2.0"} 3.0',
        'some_seconds_bucket{le="+Inf"} 4.0',
        "some_seconds_sum 12.0",
    ):
        assert line in text


@pytest.mark.parametrize(
    "error",
    [Refused(404, "gone", ["a"]), StoreBackpressure("full", 2.0), StoreUnavailable("away"), BusUnavailable("quiet")],
    ids=repr,
)
def test_errors_keep_what_they_say_across_processes(error: ApiError) -> None:
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), str(again), again.__dict__) == (type(error), str(error), error.__dict__)

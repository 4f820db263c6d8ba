"""What the API measures of positions on their way, and how it publishes it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import replace

import numpy as np
import pytest
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st

from api.bus import MemoryBus, Record
from api.errors import BusUnavailable, StoreUnavailable
from api.live import Hub
from api.live.socket import Audience
from api.measuring.metering import HEARD_MS, Station, worker_name
from api.measuring.metrics import Metrics
from api.measuring.metrics_publisher import KEEP_MS, MetricsPublisher
from api.stores.base import Refusal, Written
from api.stores.memory import MemoryHistory, MemoryState
from api.stream.intake import Intake
from api.stream.measured_sink import MeasuredSink
from api.stream.sinks import HISTORY, HistorySink, StateSink
from api.tally import Tally
from engine.codec import PositionBatch
from engine.latency.histogram import Histogram
from engine.latency.meter import Measured, Meter, Segment
from engine.messages import RunEvent, RunMetrics, Topic, Worker, checked_id

T0 = 1_700_000_000_000


class Watch:
    """A wall clock that is set by hand, epoch ms."""

    def __init__(self, now_ms: float = T0) -> None:
        self.now_ms = now_ms

    def __call__(self) -> float:
        return self.now_ms


class Found:
    """A record's place; its bytes do not matter here."""

    def __init__(self, offset: int) -> None:
        self._offset = offset

    def topic(self) -> str:
        return Topic.NEW_POSITION

    def partition(self) -> int:
        return 3

    def offset(self) -> int:
        return self._offset

    def key(self) -> bytes:
        return b"d"

    def value(self) -> bytes:
        return b"{}"

    def timestamp(self) -> tuple[int, int]:
        return 1, T0


def positions(*seqs: int, run: str = "run", delivery: str = "d") -> PositionBatch:
    """Positions, the one of seq n due n seconds after the run began."""
    return PositionBatch.of(
        [
            (b"r", b"c", delivery.encode(), b"x", run.encode(), 47.1, 9.5, False, seq, T0 + seq * 1000, 1.0, 2.0, 3.0)
            for seq in seqs
        ]
    )


def news(seq: int = 0, state: str = "running", run: str = "run", scale: float = 1.0) -> RunEvent:
    return RunEvent(run, state, seq, T0 + seq, clock=[T0, T0, scale])


def intake(batch: PositionBatch, *runs: RunEvent) -> Intake:
    return Intake(batch, [Found(offset) for offset in range(len(batch))], runs=list(runs))


Told = dict[tuple[str, int, str], list[int]]
"""By run, second since T0, and segment: the greatest value of every position's bucket, µs."""


def figures(measured: Iterable[Measured]) -> Told:
    return {
        (one.run_id, one.due_s - T0 // 1000, segment): values(histogram)
        for one in measured
        for segment, histogram in one.histograms.items()
    }


def values(histogram: Histogram) -> list[int]:
    return [histogram.percentile_us(100 * (n + 1) / histogram.total) or 0 for n in range(histogram.total)]


def ms(value: float) -> int:
    """Return the greatest value of a latency's bucket, µs."""
    histogram = Histogram()
    histogram.add([value * 1000])
    return histogram.max_us or 0


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
def station(watch: Watch) -> Station:
    """A station that has heard of a run that began at T0, at the pace of the wall clock."""
    station = Station(watch)
    station.hear([news()])
    return station


def history_sink(station: Station, store: MemoryHistory | None = None) -> MeasuredSink:
    return MeasuredSink(HistorySink(store or MemoryHistory(), Tally(), Metrics()), station, Segment.INDEXED, reads=True)


async def test_the_history_sink_measures_what_it_reads_and_what_it_has_stored_from_when_it_was_due(
    watch: Watch,
) -> None:
    station = Station(watch)
    sink, batch = history_sink(station), intake(positions(0, 1, 1), news())
    watch.now_ms = T0 + 1500
    sink.note(batch)
    watch.now_ms = T0 + 2500
    await sink.write(batch)
    assert figures(station.take()) == {
        ("run", 0, "consumed"): [ms(1500)],
        ("run", 1, "consumed"): [ms(500), ms(500)],
        ("run", 0, "indexed"): [ms(2500)],
        ("run", 1, "indexed"): [ms(1500), ms(1500)],
    }
    assert list(station.take()) == []


async def test_beside_a_history_sink_the_state_sink_measures_what_it_has_stored_alone(watch: Watch) -> None:
    station = Station(watch)
    sink = MeasuredSink(StateSink(MemoryState()), station, Segment.STORED, reads=False)
    batch = intake(positions(0, 1), news())
    sink.note(batch)
    watch.now_ms = T0 + 1040
    await sink.write(batch)
    assert figures(station.take()) == {("run", 0, "stored"): [ms(1040)], ("run", 1, "stored"): [ms(40)]}


def test_a_measured_sink_reads_as_its_sink_does(station: Station) -> None:
    sink = history_sink(station)
    assert sink.traits == HISTORY


class ChoosyHistory(MemoryHistory):
    """Refuses for good every position with an odd seq."""

    async def write_positions(self, batch: PositionBatch) -> Written:
        good = batch.seq % 2 == 0
        return replace(
            await super().write_positions(batch.take(good)),
            refused=tuple(Refusal(row, "odd") for row in np.flatnonzero(~good).tolist()),
        )


async def test_what_a_store_refuses_is_not_measured_as_indexed(station: Station, watch: Watch) -> None:
    station.hear([news(run="other")])
    batch = PositionBatch.concat([positions(0, 1, 2), positions(1, 2, 3, run="other", delivery="e")])
    watch.now_ms = T0 + 3000
    letters = await history_sink(station, ChoosyHistory()).write(intake(batch))
    assert [letter.offset for letter in letters] == [3, 5, 1]
    assert figures(station.take()) == {
        ("run", 0, "indexed"): [ms(3000)],
        ("run", 2, "indexed"): [ms(1000)],
        ("other", 2, "indexed"): [ms(1000)],
    }


class FickleHistory(MemoryHistory):
    """Fails after it has stored one of two runs, the first time."""

    writes = 0

    async def write_positions(self, batch: PositionBatch) -> Written:
        self.writes += 1
        if self.writes == 2:
            raise StoreUnavailable("away")
        return await super().write_positions(batch)


async def test_a_write_that_is_made_again_is_measured_once_when_it_has_succeeded(
    station: Station, watch: Watch
) -> None:
    station.hear([news(run="other")])
    sink = history_sink(station, FickleHistory())
    batch = intake(PositionBatch.concat([positions(0), positions(0, run="other", delivery="e")]))
    with pytest.raises(StoreUnavailable):
        await sink.write(batch)
    assert list(station.take()) == []
    watch.now_ms = T0 + 700
    await sink.write(batch)
    assert figures(station.take()) == {(run, 0, "indexed"): [ms(700)] for run in ("other", "run")}


def measured(station: Station, event_time_ms: Sequence[int], now_ms: float, run: str = "run") -> Told:
    station.measure(run, Segment.STORED, np.array(event_time_ms), now_ms)
    return figures(station.take())


def test_while_a_runs_clock_is_unknown_or_stands_still_nothing_is_measured(station: Station) -> None:
    assert measured(station, [T0], T0 + 5, run="unheard") == {}
    station.hear([news(1, "paused", scale=0.0)])
    assert measured(station, [T0], T0 + 5) == {}
    station.hear([news(2, scale=10.0)])
    assert measured(station, [T0 + 20_000], T0 + 2005) == {("run", 2, "stored"): [ms(5)]}


def test_old_news_of_a_run_changes_nothing(station: Station) -> None:
    station.hear([news(2, scale=10.0), news(1, scale=1.0)])
    assert measured(station, [T0 + 20_000], T0 + 2005) == {("run", 2, "stored"): [ms(5)]}


def test_what_no_calendar_has_a_date_for_is_not_measured(station: Station) -> None:
    assert measured(station, [T0, -5, 2**62], T0 + 5) == {("run", 0, "stored"): [ms(5)]}


@given(st.lists(st.lists(st.integers(0, 200_000), min_size=1, max_size=30), max_size=8))
def test_however_many_seconds_positions_are_of_each_counts_where_one_meter_would_count_it(
    polls: list[list[int]],
) -> None:
    station, meter = Station(Watch()), Meter()
    station.hear([news()])
    for number, late_ms in enumerate(polls):
        due_ms, now_ms = T0 - np.array(late_ms), T0 + number * 50.0
        station.measure("run", Segment.STORED, due_ms, now_ms)
        meter.measure("run", Segment.STORED, due_ms.astype(np.float64), now_ms)
    assert figures(station.take()) == figures(meter.take())


def hub_with(station: Station) -> Hub:
    hub = Hub(T0)
    hub.station = station
    hub.on_run(news())
    return hub


def test_the_newest_position_of_each_delivery_is_measured_as_pushed_when_a_snapshot_is_ready(watch: Watch) -> None:
    station = Station(watch)
    hub = hub_with(station)
    hub.on_positions(positions(0, 2, 1))
    hub.on_positions(positions(1, delivery="e"))
    hub.on_positions(positions(3, run="unheard", delivery="f"))
    hub.tick(T0 + 2100)
    hub.pushed(T0 + 2104)
    hub.pushed(T0 + 2105)
    assert figures(station.take()) == {("run", 2, "pushed"): [ms(104)], ("run", 1, "pushed"): [ms(1104)]}
    hub.on_positions(positions(1))  # late: never on the map
    hub.tick(T0 + 2200)
    hub.pushed(T0 + 2201)
    assert list(station.take()) == []


def test_with_no_viewer_positions_are_measured_when_they_could_have_been_sent(watch: Watch) -> None:
    station = Station(watch)
    hub = hub_with(station)
    hub.on_positions(positions(0))
    watch.now_ms = T0 + 130
    Audience(hub, watch).show()
    assert figures(station.take()) == {("run", 0, "pushed"): [ms(130)]}


def told(bus: MemoryBus) -> list[RunMetrics]:
    return [RunMetrics.from_json(record.value) for record in bus.records]


def publisher_of(bus: MemoryBus, watch: Watch, station: Station) -> MetricsPublisher:
    publisher = MetricsPublisher(bus, 8000, now_ms=watch)
    publisher.add("history", Worker.SINK, station, lambda: {"queue": 7})
    return publisher


async def test_a_message_tells_what_was_measured_in_one_second_and_one_of_them_how_the_part_stands(
    station: Station, watch: Watch
) -> None:
    bus, batch = MemoryBus(), np.array([T0, T0 + 1, T0 + 1000])
    station.measure("run", Segment.CONSUMED, batch, T0 + 1500)
    station.measure("run", Segment.INDEXED, batch, T0 + 1700)
    watch.now_ms = T0 + 2000
    await publisher_of(bus, watch, station).publish()
    assert {(record.topic, record.key) for record in bus.records} == {(Topic.RUN_METRICS, b"run")}
    first, second = told(bus)
    assert (first.run_id, first.part, first.seq, first.told_ms, first.due_s) == (
        "run",
        "sink",
        0,
        T0 + 2000,
        T0 // 1000,
    )
    assert (second.worker, second.part, second.seq, second.told_ms, second.due_s) == (
        first.worker,
        "sink",
        1,
        T0 + 2000,
        T0 // 1000 + 1,
    )
    found = [
        {name: values(Histogram.decode(text)) for name, text in (message.histograms or {}).items()}
        for message in (first, second)
    ]
    assert found == [
        {"consumed": [ms(1499), ms(1500)], "indexed": [ms(1699), ms(1700)]},
        {"consumed": [ms(500)], "indexed": [ms(700)]},
    ]
    assert second.gauges is None
    gauges = first.gauges or {}
    assert gauges.keys() == {"cpuS", "rssBytes", "queue"}
    assert gauges["queue"] == 7
    assert gauges["cpuS"] > 0
    assert gauges["rssBytes"] > 1e6


async def test_a_quiet_part_tells_how_it_stands_while_a_run_runs_and_is_heard_of(
    station: Station, watch: Watch
) -> None:
    bus = MemoryBus()
    publisher = publisher_of(bus, watch, station)
    station.hear(
        [
            news(run="ended"),
            news(1, "finished", run="ended"),
            news(run="paused"),
            news(1, "paused", run="paused", scale=0.0),
        ]
    )
    await publisher.publish()
    [message] = told(bus)
    assert (message.run_id, message.seq, message.due_s, message.histograms) == ("run", 0, None, None)
    watch.now_ms += HEARD_MS + 1
    await publisher.publish()
    assert len(bus.records) == 1
    station.measure("ended", Segment.INDEXED, np.array([T0]), watch.now_ms)
    await publisher.publish()
    last = told(bus)[-1]
    assert (last.run_id, last.seq, last.due_s, last.gauges) == ("ended", 1, T0 // 1000, None)


async def test_a_process_that_begins_again_has_other_names(watch: Watch) -> None:
    bus = MemoryBus()
    for _ in range(2):
        station = Station(watch)
        station.hear([news()])
        publisher = publisher_of(bus, watch, station)
        await publisher.publish()
        await publisher.publish()
    messages = told(bus)
    assert [message.seq for message in messages] == [0, 1, 0, 1]
    assert len({message.worker for message in messages}) == 2


def test_any_host_makes_a_name_that_messages_take() -> None:
    assert worker_name("history", "node 3.é", 8000, "5f1c9e07") == "history-node-3.--8000:5f1c9e07"
    assert checked_id(worker_name("history", "x" * 300, 65535, "5f1c9e07"), "worker")


class AbsentBus(MemoryBus):
    """Takes nothing while it is `away`."""

    away = True

    async def publish(self, records: Sequence[Record]) -> None:
        if self.away:
            raise BusUnavailable("away")
        await super().publish(records)


async def test_what_kafka_does_not_take_is_told_later_and_once(
    station: Station, watch: Watch, caplog: pytest.LogCaptureFixture
) -> None:
    bus = AbsentBus()
    publisher = publisher_of(bus, watch, station)
    for second in range(3):
        watch.now_ms = T0 + second * 1000.0
        station.measure("run", Segment.INDEXED, np.array([T0 + second * 1000]), watch.now_ms)
        await publisher.publish()
    bus.away = False
    await publisher.publish()
    await publisher.publish()
    messages = told(bus)
    assert [(message.seq, message.due_s) for message in messages] == [(n, T0 // 1000 + n) for n in range(3)] + [
        (3, None),
        (4, None),
    ]
    assert [record.levelname for record in caplog.records if record.name == "api.measuring.metrics_publisher"] == [
        "WARNING"
    ]


async def test_what_could_not_be_told_for_a_minute_is_forgotten(station: Station, watch: Watch) -> None:
    bus = AbsentBus()
    publisher = publisher_of(bus, watch, station)
    for late_ms in (0, KEEP_MS // 2, KEEP_MS + 1):
        watch.now_ms = T0 + float(late_ms)
        station.measure("run", Segment.INDEXED, np.array([T0 + late_ms]), watch.now_ms)
        await publisher.publish()
    bus.away = False
    await publisher.publish()
    assert [message.due_s for message in told(bus) if message.due_s] == [
        (T0 + KEEP_MS // 2) // 1000,
        (T0 + KEEP_MS + 1) // 1000,
    ]


class SilentBus(MemoryBus):
    """Never answers, as a Kafka that is gone for long."""

    async def publish(self, records: Sequence[Record]) -> None:
        await asyncio.Event().wait()


async def test_a_kafka_that_never_answers_does_not_hold_up_the_end(
    station: Station, watch: Watch, caplog: pytest.LogCaptureFixture
) -> None:
    publisher = publisher_of(SilentBus(), watch, station)
    publisher.start()
    await publisher.end(0.5)
    assert "1 messages of what was measured are not published" in caplog.text


class FaultyBus(MemoryBus):
    """Fails at first in an unforeseen way."""

    def __init__(self) -> None:
        super().__init__()
        self.asked, self.answered = 0, asyncio.Event()

    async def publish(self, records: Sequence[Record]) -> None:
        self.asked += 1
        if self.asked == 1:
            raise RuntimeError("a fault of ours")
        await super().publish(records)
        self.answered.set()


async def test_a_fault_of_ours_while_publishing_loses_nothing(station: Station, watch: Watch) -> None:
    bus = FaultyBus()
    publisher = MetricsPublisher(bus, 8000, period_s=0.0, now_ms=watch)
    publisher.add("history", Worker.SINK, station, dict)
    station.measure("run", Segment.INDEXED, np.array([T0]), T0 + 1.0)
    publisher.start()
    await bus.answered.wait()
    await publisher.end(10.0)
    messages = told(bus)
    assert [message.seq for message in messages] == list(range(len(messages)))
    assert [message.due_s for message in messages if message.due_s] == [T0 // 1000]


async def test_an_application_tells_at_its_end_what_it_has_measured(
    app_of: Callable[..., AbstractAsyncContextManager[FastAPI]], bus: MemoryBus
) -> None:
    async with app_of() as app:
        station = Station()
        station.hear([news()])
        app.state.services.metrics_publisher.add("history", Worker.SINK, station, dict)
        station.measure("run", Segment.INDEXED, np.array([T0]), T0 + 40.0)
    metrics = [RunMetrics.from_json(record.value) for record in bus.records if record.topic == Topic.RUN_METRICS]
    [message] = [message for message in metrics if message.due_s is not None]
    assert (message.run_id, message.due_s, list(message.histograms or {})) == ("run", T0 // 1000, ["indexed"])

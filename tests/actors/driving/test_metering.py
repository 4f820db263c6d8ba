"""What driver hosts measure of their positions and tell, and the stages that a run's events name."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from actors.dispatch.actor_layout import ActorLayout
from actors.dispatch.actor_registry import ActorRegistry
from actors.dispatch.announcements import RunReporter
from actors.dispatch.plan import RunPlan
from actors.dispatch.run_lifecycle import RunLifecycle
from actors.driving.assignment import Batch
from actors.driving.host import DriverHost
from actors.driving.metering import Metering, due_by
from actors.producing.publisher import Counts, MemoryPublisher
from engine.delivery.simulation import FleetSimulation
from engine.delivery.spec import DeliverySpec
from engine.demand.stage_table import stages_of
from engine.latency.histogram import Histogram
from engine.latency.meter import Segment
from engine.messages import RunMetrics
from engine.motion.clock import RunClock
from engine.roads.route import Route
from engine.scenario.load import Shape, Stage
from engine.scenario.scenario import NetworkSource, Scenario

START_MS = 1_700_000_000_000
START_S = START_MS // 1000


class Bench:
    """One host with three deliveries, under a clock that the test moves.

    They depart at the start and are due each second.
    """

    def __init__(self, routes: list[Route], specs: list[DeliverySpec], scale: float = 1.0) -> None:
        self.now = float(START_MS)
        self.publisher = MemoryPublisher()
        self.host = DriverHost("driver-0", FleetSimulation("run"), self.publisher, lambda: self.now)
        self.host.set_clock(RunClock(START_MS, START_MS, scale))
        self.host.add(Batch(1, tuple(replace(spec, depart_ms=START_MS) for spec in specs), tuple(routes)))

    def tick_at(self, *after_ms: float) -> None:
        for ms in after_ms:
            self.now = START_MS + ms
            self.host.tick()

    def end(self) -> bool:
        self.host.suspend()
        return self.host.flush(0.0)

    def told(self) -> list[RunMetrics]:
        return [message for message in self.publisher.uncounted if isinstance(message, RunMetrics)]

    def latencies(self, segment: Segment) -> Histogram:
        """Everything that was reported of a segment."""
        return Histogram.merged(
            Histogram.decode((message.histograms or {})[segment])
            for message in self.told()
            if segment in (message.histograms or {})
        )

    def ms(self, segment: Segment) -> list[tuple[int, int]]:
        """Latencies in whole ms, and how many there are of each."""
        counts = self.latencies(segment).counts
        buckets = [Histogram(np.where(np.arange(len(counts)) == index, counts, 0)) for index in np.flatnonzero(counts)]
        return [(round((bucket.mean_us or 0.0) / 1000), bucket.total) for bucket in buckets]


@pytest.fixture
def bench(routes: list[Route], specs: list[DeliverySpec]) -> Bench:
    return Bench(routes, specs)


def test_latencies_count_from_due_to_the_handover(bench: Bench) -> None:
    bench.tick_at(30, 1_070, 2_130, 3_500)
    assert bench.end()
    assert bench.ms(Segment.PRODUCED) == [(30, 3), (70, 3), (130, 3), (500, 3)]
    assert bench.latencies(Segment.ACKED).total == len(bench.publisher.positions) == 12


def test_at_sixty_times_the_pace_latencies_are_still_of_the_wall_clock(
    routes: list[Route], specs: list[DeliverySpec]
) -> None:
    bench = Bench(routes, specs, 60.0)
    bench.tick_at(100)
    assert bench.end()
    assert bench.ms(Segment.PRODUCED) == [(0, 3), (17, 3), (33, 3), (50, 3), (67, 3), (83, 3), (100, 3)]


def test_an_acknowledgement_counts_when_it_is_noticed_between_two_ticks_too(bench: Bench) -> None:
    bench.publisher.holding = True
    bench.tick_at(50)
    bench.now += 40
    bench.host.settle()
    waits = [bench.host.has_on_the_way]
    bench.publisher.holding = False
    bench.now += 10
    bench.host.settle()
    bench.host.settle()
    waits.append(bench.host.has_on_the_way)
    bench.tick_at(110, 160)
    assert bench.end()
    assert waits == [True, False]
    assert (bench.ms(Segment.PRODUCED), bench.ms(Segment.ACKED)) == ([(50, 3)], [(100, 3)])


def test_what_a_stuck_broker_has_not_taken_is_not_acknowledged(bench: Bench) -> None:
    bench.publisher.holding = True
    bench.tick_at(10, 1_010)
    assert not bench.end()
    assert bench.host.status().unacknowledged == 6
    assert (bench.latencies(Segment.PRODUCED).total, bench.latencies(Segment.ACKED).total) == (6, 0)
    assert (bench.told()[-1].gauges or {})["queue"] == 6


def test_once_a_second_is_told_what_came_since_the_last_time(bench: Bench) -> None:
    bench.tick_at(*range(20, 5_020, 50))
    told = bench.told()
    assert [message.seq for message in told] == list(range(len(told)))
    assert len({message.worker for message in told}) == 1
    assert told[0].worker == f"driver-0:{bench.host.status().incarnation[:8]}"
    assert [(message.told_ms - START_MS, (message.due_s or 0) - START_S, message.part) for message in told] == [
        (20 + 1_000 * k, k, "driver") for k in range(5)
    ]
    totals = [Histogram.decode(text).total for message in told for text in (message.histograms or {}).values()]
    assert totals == [3] * 10
    assert bench.end()
    assert bench.latencies(Segment.PRODUCED).total == bench.latencies(Segment.ACKED).total == 15


def test_messages_say_how_the_process_stands(bench: Bench) -> None:
    bench.tick_at(20, 1_020)
    gauges = bench.told()[-1].gauges or {}
    assert gauges.keys() == {"cpuS", "rssBytes", "computeS", "sendS", "waitS", "queue", "drivers"}
    assert (gauges["drivers"], gauges["queue"], gauges["waitS"]) == (3, 0, 0)
    assert all(gauges[name] > 0 for name in ("cpuS", "rssBytes", "computeS", "sendS"))
    assert bench.end()
    assert (bench.told()[-1].gauges or {})["drivers"] == 0


def test_without_anything_measured_only_gauges_that_have_changed_are_told() -> None:
    publisher, cpu_s = MemoryPublisher(), [1.0]
    metering = Metering(
        "run", "driver-0:1", publisher, seconds=iter(range(100)).__next__, process=lambda: {"cpuS": cpu_s[0]}
    )
    for now_ms in (0.0, 1_000.0, 1_900.0):
        metering.report_in_time(now_ms, 2)
    cpu_s[0] = 2.0
    with metering.computing():
        pass
    for now_ms in (1_950.0, 2_000.0, 500.0):
        metering.report_in_time(now_ms, 2)
    gauges = {"cpuS": 1.0, "computeS": 0.0, "sendS": 0.0, "waitS": 0.0, "queue": 0.0, "drivers": 2.0}
    assert publisher.uncounted == [
        RunMetrics("run", "driver-0:1", "driver", 0, 0, gauges=gauges),
        RunMetrics("run", "driver-0:1", "driver", 1, 2_000, gauges={**gauges, "cpuS": 2.0, "computeS": 1.0}),
    ]


def test_what_is_told_is_no_position(bench: Bench) -> None:
    bench.tick_at(20, 1_020, 2_020)
    assert bench.host.status().counts == Counts(9, 9, 0)


def test_a_new_process_is_another_worker_and_counts_again_what_it_makes_again(
    bench: Bench, routes: list[Route], specs: list[DeliverySpec]
) -> None:
    bench.tick_at(20, 1_020)
    second = Bench(routes, specs)
    second.tick_at(1_980)
    assert second.end()
    assert second.told()[0].seq == 0
    assert second.told()[0].worker != bench.told()[0].worker
    assert second.ms(Segment.PRODUCED) == [(980, 3), (1_980, 3)]


def test_what_was_due_before_the_clock_changed_was_due_by_the_clock_before() -> None:
    fast, begin = RunClock(0.0, 0.0, 60.0), np.array([5_000, 6_000, 7_000])
    slow, still = RunClock(6_000.0, 100.0, 1.0), RunClock(7_000.0, 120.0, 0.0)
    assert due_by(slow, fast, begin).wall_ms.tolist() == pytest.approx([5_000 / 60, 100.0, 1_100.0])
    assert due_by(still, fast, begin).wall_ms.tolist() == pytest.approx([5_000 / 60, 100.0, 7_000 / 60])
    assert due_by(slow, None, begin).wall_ms.tolist() == [-900.0, 100.0, 1_100.0]
    assert due_by(still, None, begin).wall_ms.tolist() == []


def test_positions_that_were_due_together_are_counted_together() -> None:
    clock = RunClock(1_000.0, 50_000.0, 2.0)
    together = due_by(clock, None, np.array([1_000, 1_002, 1_000, 1_002, 1_002]))
    assert (together.wall_ms.tolist(), together.times.tolist()) == ([50_000.0, 50_001.0], [2, 3])
    apart = due_by(clock, None, np.array([1_000, 9_000]))
    assert (apart.wall_ms.tolist(), apart.times.tolist()) == ([50_000.0, 54_000.0], [1, 1])
    assert due_by(clock, None, np.empty(0, np.int64)).wall_ms.tolist() == []


def test_positions_of_the_tick_in_which_a_run_is_slowed_or_paused_are_not_late(
    routes: list[Route], specs: list[DeliverySpec]
) -> None:
    bench = Bench(routes, specs, 60.0)
    bench.tick_at(50)
    bench.host.set_clock(RunClock(START_MS + 6_000, START_MS + 100, 0.0))
    bench.tick_at(110, 4_990)
    bench.host.set_clock(RunClock(START_MS + 6_000, START_MS + 5_000, 1.0))
    bench.tick_at(5_500, 6_025)
    assert bench.end()
    # by the first clock 3 s of it by 50 ms and 3 s more by 100 ms, and one by the last clock
    assert bench.ms(Segment.PRODUCED) == [(0, 3), (10, 3), (17, 3), (25, 3), (27, 3), (33, 3), (43, 3), (50, 3)]


def test_every_run_event_names_the_stages_by_virtual_instants() -> None:
    stages = (Stage(Shape.RAMP, 60.0, 10, name="up"), Stage(Shape.HOLD, 30.0, name="top"))
    scenario = Scenario(network=NetworkSource("liechtenstein"), stages=stages, warm_up_s=10.0)
    plan = RunPlan("run", "test", 1, 1000, 60.0, 10, ActorLayout(1, 10, 0.1), 90_000, START_MS)
    lifecycle = RunLifecycle(plan, 5_000.0)
    reporter = RunReporter(plan, lifecycle, ActorRegistry(["driver-0"]), partial(stages_of, scenario))
    lifecycle.begin(6_000)
    table = [
        ["warm-up", START_MS, START_MS + 10_000],
        ["up", START_MS + 10_000, START_MS + 60_000],
        ["top", START_MS + 60_000, START_MS + 90_000],
    ]
    assert reporter.run_event(0, 6_000.0).stages == table
    assert RunReporter(plan, lifecycle, ActorRegistry(["driver-0"])).run_event(0, 6_000.0).stages is None

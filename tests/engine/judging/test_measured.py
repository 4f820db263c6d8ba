"""Workers' reports become one run's figures, in any order, repeated or not, of any number of workers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hdrh.histogram import HdrHistogram
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.accounting.ledger import Account
from engine.delivery.faults import FaultKind
from engine.demand.stage_table import FleetChange, stages_of
from engine.judging.due import DuePositions, fleet_changes
from engine.judging.figures import MeasuredLoad
from engine.judging.ledger_totals import LedgerTotals
from engine.judging.measured import Collector
from engine.judging.run_time import RunTime, StageSpan
from engine.judging.workers import WorkerUse
from engine.latency.histogram import DIGITS, HIGHEST_US, LOWEST_US, Histogram
from engine.latency.meter import Meter, Segment
from engine.messages import RunEvent, RunMetrics, RunState
from engine.motion.clock import RunClock
from engine.scenario.faults import InjectedFault
from engine.scenario.load import Shape
from engine.scenario.scenario import Arrivals, FleetMix, RouteFiles, Scenario, Stage

BEGIN_S = 1_700_000_000
BEGIN_MS = BEGIN_S * 1000
START_MS = 5_000_000  # virtual

STAGED = Scenario(
    name="staged",
    routes=RouteFiles(ancestor=True),
    warm_up_s=2,
    stages=(Stage(Shape.RAMP, 4, drivers=8, name="up"), Stage(Shape.HOLD, 6, name="peak")),
)


def run(seq: int, scenario: Scenario = STAGED, **changed: Any) -> RunEvent:
    stages = stages_of(
        scenario, START_MS, None if scenario.duration_s is None else START_MS + round(scenario.duration_s * 1000)
    )
    told: dict[str, Any] = {
        "run_id": "r",
        "state": "running",
        "event_time": START_MS,
        "clock": [START_MS, BEGIN_MS, 1.0],
        "drivers": scenario.fleet.size,
        "stages": stages,
    }
    return RunEvent(**told | changed | {"seq": seq})


def metrics(
    seq: int,
    due_s: int,
    latencies_ms: list[float],
    segment: Segment = Segment.PRODUCED,
    worker: str = "driver-0:a",
    **changed: Any,
) -> RunMetrics:
    meter = Meter()
    due_ms = np.full(len(latencies_ms), due_s * 1000.0)
    meter.measure("r", segment, due_ms, due_ms + np.array(latencies_ms))
    histograms = {str(name): histogram.encode() for one in meter.take() for name, histogram in one.histograms.items()}
    told: dict[str, Any] = {
        "run_id": "r",
        "worker": worker,
        "part": "driver",
        "seq": seq,
        "told_ms": due_s * 1000,
        "due_s": due_s,
        "histograms": histograms,
    }
    return RunMetrics(**told | changed)


def collected(*messages: RunEvent | RunMetrics, scenario: Scenario = STAGED, now_s: float = 60.0) -> MeasuredLoad:
    collector = Collector(scenario)
    for message in messages:
        collector.on_run(message) if isinstance(message, RunEvent) else collector.on_metrics(message)
    return collector.load(BEGIN_MS + now_s * 1000)


def test_positions_belong_to_the_stage_in_which_they_were_due() -> None:
    load = collected(run(0), *(metrics(number, BEGIN_S + number, [1.0 + number] * 2) for number in range(10)))
    assert [(stage.name, stage.judged, stage.seconds, stage.counts) for stage in load.stages] == [
        ("warm-up", False, 2, {Segment.PRODUCED: 4}),
        ("up", True, 2, {Segment.PRODUCED: 4}),
        ("peak", True, 6, {Segment.PRODUCED: 12}),
    ]
    assert [stage.planned for stage in load.stages] == [4.0, 12.0, 48.0]
    assert [second.planned for second in load.seconds] == [1, 3, 5, 7, 8, 8, 8, 8, 8, 8]
    assert load.stage("peak").histograms[Segment.PRODUCED].max_us == 10_007
    assert load.seconds[9].segments[Segment.PRODUCED].p50_us == 10_007
    assert (load.run_id, load.scenario, load.started_ms, load.ended_ms, load.run_s, load.is_plan_exact) == (
        "r",
        "staged",
        BEGIN_MS,
        None,
        10.0,
        True,
    )


def test_a_second_that_a_boundary_cuts_goes_to_the_stage_that_holds_its_middle() -> None:
    begun_late = run(0, clock=[START_MS, BEGIN_MS + 700, 1.0])  # stages change 0.7 s after a full second
    load = collected(begun_late, *(metrics(number, BEGIN_S + number, [1.0]) for number in range(11)))
    assert [
        (second.due_s - BEGIN_S, second.stage)
        for second in load.seconds
        if second.due_s - BEGIN_S in (0, 1, 2, 3, 4, 5, 10)
    ] == [
        (0, "warm-up"),  # begins in it, though its middle lies before
        (1, "warm-up"),
        (2, "warm-up"),
        (3, "up"),
        (4, "up"),
        (5, "peak"),
        (10, "peak"),
    ]
    assert sum(second.planned for second in load.seconds) == pytest.approx(64.0)
    assert [round(second.ran_s, 6) for second in load.seconds] == [0.3, *[1.0] * 9, 0.7]


def test_what_is_due_outside_of_the_run_is_in_no_stage() -> None:
    load = collected(run(0), metrics(0, BEGIN_S - 3, [1.0]), metrics(1, BEGIN_S + 30, [1.0]))
    assert [(second.due_s - BEGIN_S, second.stage, second.planned) for second in load.seconds if second.segments] == [
        (-3, "", 0.0),
        (30, "", 0.0),
    ]
    assert load.counts == {Segment.PRODUCED: 2}
    assert all(stage.counts == {} for stage in load.stages)


def test_time_goes_by_the_clock_that_was_in_force() -> None:
    events = [
        run(0),
        run(1, clock=[START_MS + 3_000, BEGIN_MS + 3_000, 0.0], state="paused"),  # stands for 4 s
        run(2, clock=[START_MS + 3_000, BEGIN_MS + 7_000, 2.0]),  # then runs twice as fast
    ]
    load = collected(*events, *(metrics(number, BEGIN_S + number, [1.0]) for number in range(12)))
    stages = [second.stage for second in load.seconds]
    assert stages == ["warm-up"] * 2 + ["up"] * 5 + ["peak"] * 4 + [""]  # 7 to 10.5 s are the virtual seconds 3 to 10
    assert [second.planned for second in load.seconds] == [1, 3, 5, 0, 0, 0, 0, 15, 16, 16, 8, 0]
    assert [second.ran_s for second in load.seconds] == [1, 1, 1, 0, 0, 0, 0, 1, 1, 1, 0.5, 0]


def test_a_clock_that_begins_where_another_one_does_replaces_it() -> None:
    time = RunTime(
        [(5, RunClock(100.0, 1_000.0, 3.0)), (4, RunClock(100.0, 1_000.0, 0.0)), (1, RunClock(0.0, 900.0, 1.0))], ()
    )
    assert (time.virtual(950.0), time.virtual(1_010.0), time.wall(130.0), time.moved_s(900.0, 2_000.0)) == (
        50.0,
        130.0,
        1_010.0,
        1.1,
    )


def test_what_a_standing_clock_never_reaches_is_never() -> None:
    time = RunTime([(1, RunClock(0.0, 0.0, 1.0)), (2, RunClock(50.0, 50.0, 0.0))], StageSpan.table([["run", 0, None]]))
    assert (time.wall(50.0), time.wall(51.0), time.end_ms, time.stage_of(3)) == (
        50.0,
        float("inf"),
        float("inf"),
        "run",
    )


samples = np.random.default_rng(5).lognormal(3, 1.5, 2_000)


@pytest.mark.parametrize("workers", [1, 64])
def test_the_same_samples_split_over_any_number_of_workers_give_the_packages_percentiles(workers: int) -> None:
    parts = np.array_split(samples, workers)
    told = [
        metrics(0, BEGIN_S + 5 + number % 3, part.tolist(), worker=f"driver-{number}:a")
        for number, part in enumerate(parts)
    ]
    load = collected(run(0), *told)
    theirs = HdrHistogram(LOWEST_US, HIGHEST_US, DIGITS)
    for value in np.maximum((np.float64(BEGIN_MS + 5000) + samples - np.float64(BEGIN_MS + 5000)) * 1000.0, 0.0):
        theirs.record_value(int(value))
    found = load.stage("peak").histograms[Segment.PRODUCED]
    assert [found.percentile_us(p) for p in (50, 90, 95, 99, 99.9, 100)] == [
        theirs.get_value_at_percentile(p) for p in (50, 90, 95, 99, 99.9, 100)
    ]
    assert found.total == 2_000
    assert len(load.workers) == workers


MESSAGES: list[RunEvent | RunMetrics] = [
    run(0, event_time=START_MS, active=1),
    run(1_000, event_time=START_MS + 1_000, active=3),
    run(3_000, event_time=START_MS + 3_000, clock=[START_MS + 3_000, BEGIN_MS + 3_100, 0.0], state="paused", active=6),
    run(5_000, event_time=START_MS + 4_000, clock=[START_MS + 3_000, BEGIN_MS + 5_100, 4.0], active=8),
    run(
        9_000,
        event_time=START_MS + 10_000,
        clock=[START_MS + 3_000, BEGIN_MS + 5_100, 4.0],
        state="finished",
        produced=60,
        acked=60,
    ),
    *(
        metrics(
            seq,
            BEGIN_S + seq,
            [float(1 + seq), 20.0],
            segment,
            f"{part}-{number}:x",
            part=part,
            gauges={"cpuS": seq / 3, "queue": float(seq)},
        )
        for part, segment in (("driver", Segment.PRODUCED), ("sink", Segment.STORED))
        for number in range(2)
        for seq in range(7)
    ),
    metrics(
        7,
        BEGIN_S + 7,
        [],
        worker="sink-0:x",
        part="sink",
        histograms={"stored": "nonsense", "eaten": Histogram().encode()},
    ),
    metrics(8, BEGIN_S + 2, [500.0], Segment.ACKED, "driver-1:x", told_ms=BEGIN_MS + 8_000),
]


@settings(max_examples=60, deadline=None)
@given(
    st.permutations(range(len(MESSAGES))),
    st.lists(st.integers(0, len(MESSAGES) - 1), max_size=15),
    st.sets(st.integers(0, len(MESSAGES))),
)
def test_neither_order_nor_repetition_nor_looking_changes_the_figures(
    order: list[int], again: list[int], looks: set[int]
) -> None:
    collector = Collector(STAGED)
    for number, index in enumerate([*order, *again]):
        message = MESSAGES[index]
        collector.on_run(message) if isinstance(message, RunEvent) else collector.on_metrics(message)
        if number in looks:
            collector.load(BEGIN_MS + 3_000 + number * 100)
    assert collector.load(BEGIN_MS + 9_000) == collected(*MESSAGES, now_s=9.0)


def test_a_stage_in_which_nothing_is_due_by_the_plan_is_a_pause() -> None:
    stages = (
        Stage(Shape.HOLD, 4, drivers=8, name="up"),
        Stage(Shape.HOLD, 6, drivers=0, name="rest"),
        Stage(Shape.HOLD, 4, drivers=2, name="on"),
    )
    scenario = replace(STAGED, warm_up_s=0, stages=stages, duration_s=None)
    assert [(stage.name, stage.is_pause) for stage in collected(run(1, scenario), scenario=scenario).stages] == [
        ("up", False),
        ("rest", True),
        ("on", False),
    ]
    arriving = replace(scenario, arrivals=Arrivals("constant", per_second=1.0))  # type: ignore[arg-type]
    assert not any(stage.is_pause for stage in collected(run(1, arriving), scenario=arriving).stages)


def test_the_newest_event_says_how_the_run_stands() -> None:
    load = collected(*MESSAGES, now_s=9.0)
    assert (load.state, load.produced, load.acked, load.active, load.is_running) == ("finished", 60, 60, 0, False)
    assert (load.run_s, load.ended_ms) == (10.0, BEGIN_MS + 5_100 + 7_000 / 4)
    assert {second.due_s - BEGIN_S: second.active for second in load.seconds if second.active is not None} == {
        0: 1,
        1: 3,
        3: 6,
        5: 8,
        6: 0,
    }
    [error] = load.errors
    assert error.startswith("sink-0:x message 7, stored: not an encoded histogram: ")


def test_a_run_that_was_cancelled_has_nothing_due_after_it() -> None:
    load = collected(run(0), run(1, event_time=START_MS + 6_500, state="cancelled"))
    assert [second.planned for second in load.seconds] == [1, 3, 5, 7, 8, 8, 4]
    assert [(stage.name, stage.seconds, stage.ran_s) for stage in load.stages] == [
        ("warm-up", 2, 2.0),
        ("up", 2, 2.0),
        ("peak", 3, 2.5),
    ]
    assert load.ended_ms == BEGIN_MS + 6_500


def test_of_the_present_second_only_so_much_is_due() -> None:
    load = collected(run(0), now_s=5.25)
    assert [(second.planned, second.ran_s) for second in load.seconds[-2:]] == [(8.0, 1.0), (2.0, 0.25)]


def test_before_anything_is_told_of_the_run_there_are_figures_without_stages() -> None:
    assert collected() == MeasuredLoad(run_id="", scenario="staged", now_ms=BEGIN_MS + 60_000)
    load = collected(metrics(0, BEGIN_S, [1.0]))
    assert (load.stages, load.state, load.is_running, [second.stage for second in load.seconds]) == ((), "", True, [""])
    assert collected(run(0, stages=None), metrics(0, BEGIN_S, [1.0])).counts == {Segment.PRODUCED: 1}


def test_a_fleet_that_was_changed_is_due_as_it_was_changed() -> None:
    changes = [
        FleetChange(START_MS + 5_000, 20),
        FleetChange(START_MS + 8_000, 8, "again"),
    ]  # the last one is the peak of the stages
    stages = stages_of(STAGED, START_MS, START_MS + 10_000, changes)
    events = [run(0), run(1, event_time=START_MS + 5_100, drivers=20), run(2, event_time=START_MS + 8_100, drivers=8)]
    load = collected(*(replace(event, stages=stages) for event in events))
    assert [second.planned for second in load.seconds] == [1, 3, 5, 7, 8, 20, 20, 20, 8, 8]
    assert [(stage.name, stage.planned) for stage in load.stages] == [
        ("warm-up", 4),
        ("up", 12),
        ("peak", 8),
        ("fleet 20", 60),
        ("again", 16),
    ]


def test_a_change_that_nothing_was_told_in_has_the_newest_size() -> None:
    table = StageSpan.table(stages_of(STAGED, START_MS, START_MS + 10_000, [FleetChange(START_MS + 5_000, 20)]))
    assert fleet_changes(STAGED, table, [(START_MS, 8), (START_MS + 4_990, 20)]) == [(START_MS + 5_000, 20)]
    assert fleet_changes(STAGED, (), [(START_MS, 8)]) == []


def test_what_a_fault_leaves_out_is_not_due_and_what_it_sends_twice_is_due_twice() -> None:
    faults = (
        InjectedFault(FaultKind.DUPLICATED, 0.5),
        InjectedFault(FaultKind.STUCK, 0.5),
        InjectedFault(FaultKind.LOST, 0.1),
        InjectedFault(FaultKind.TUNNEL, 0.5),
        InjectedFault(FaultKind.LATE, 0.2),
    )
    sent, free_for_doubles = 0.5 * 0.9, 0.5 * 0.9 * 0.8
    assert DuePositions(replace(STAGED, faults=faults), 0.0).between(5_000.0, 6_000.0) == pytest.approx(
        8 * (sent + free_for_doubles * 0.5)
    )
    assert DuePositions(STAGED, 0.0).between(5_000.0, 6_000.0) == 8.0


def test_a_plan_is_exact_where_nobody_rests_or_comes_by_himself() -> None:
    plain = Scenario(routes=RouteFiles(ancestor=True), fleet=FleetMix(5))
    assert plain.is_plan_exact
    assert collected(scenario=replace(plain, arrivals=Arrivals("constant", per_second=1.0))).is_plan_exact is False  # type: ignore[arg-type]
    assert DuePositions(plain, 0.0).between(1e9, 1e9 + 2_000) == 10.0  # endless


def test_a_worker_is_told_by_its_counts_and_gauges() -> None:
    told = [
        metrics(
            number,
            BEGIN_S + number,
            [1.0] * 4,
            gauges={
                "cpuS": 10 + number * 0.5,
                "rssBytes": 100.0 + number,
                "waitS": number * 0.8,
                "queue": float(number),
            },
        )
        for number in range(21)
    ]
    load = collected(run(0), *told)
    [worker] = load.workers
    assert (worker.first_ms, worker.last_ms, worker.counts) == (BEGIN_MS, BEGIN_MS + 20_000, {Segment.PRODUCED: 84})
    assert (worker.cpu_s, worker.cpu_share, worker.per_s, worker.rss_bytes) == (
        10.0,
        0.5,
        {Segment.PRODUCED: 4.0},
        120.0,
    )
    assert worker.gauges == {"cpuS": 20.0, "rssBytes": 120.0, "waitS": 16.0, "queue": 20.0}
    [use] = load.stage("peak").uses
    shares = {name: round(share, 9) for name, share in use.shares.items()}
    assert replace(use, shares=shares) == WorkerUse(
        "driver-0:a", "driver", {"cpu": 0.5, "wait": 0.8}, 0.0, {"queue": 5.0}
    )


def test_viewers_are_the_end_of_the_way_if_there_are_any() -> None:
    assert collected(run(0)).e2e is Segment.PUSHED
    assert (
        collected(run(0), metrics(0, BEGIN_S, [1.0], Segment.VIEWED, "viewer-0:a", part="viewer")).e2e is Segment.VIEWED
    )


def account(**changed: Any) -> Account:
    return replace(
        Account(
            produced=10, acked=10, consumed=8, stored=8, dead_lettered=0, duplicated=3, missing=0, lost_on_purpose=2
        ),
        **changed,
    )


def test_what_was_lost_on_purpose_is_no_loss_and_what_was_sent_twice_on_purpose_no_duplicate() -> None:
    collector = Collector(STAGED)
    collector.on_ledger(account(stored=1))
    collector.on_ledger(account(), duplicated_on_purpose=3)
    assert collector.load(0.0).ledger == LedgerTotals(10, 10, 0, 8, 8, 0, 0, 0, 2)
    assert [
        LedgerTotals.of(one).lost
        for one in (account(), account(stored=7), account(missing=4), account(lost_on_purpose=0))
    ] == [0, 1, 4, 2]


def test_a_load_is_complete_when_all_that_was_produced_is_measured() -> None:
    ended = run(1, state=RunState.FINISHED.value, event_time=START_MS + 10_000, produced=4, acked=4)
    produced, acked = metrics(0, BEGIN_S, [1.0] * 3), metrics(1, BEGIN_S, [1.0] * 3, Segment.ACKED)
    collector = Collector(STAGED)
    collector.on_run(run(0))
    collector.on_metrics(produced)
    collector.on_metrics(acked)
    assert not collector.load(BEGIN_MS).is_complete
    collector.on_run(ended)
    assert not collector.load(BEGIN_MS).is_complete
    collector.on_ledger(account(produced=4, acked=4, stored=3, lost_on_purpose=1))
    assert collector.load(BEGIN_MS).is_complete
    collector.on_metrics(metrics(0, BEGIN_S, [1.0] * 2, Segment.INDEXED, "sink-0:a", part="sink"))
    assert not collector.load(BEGIN_MS).is_complete

"""Verdicts by value: what holds, what fails, and when nothing can be said for want of the load."""

from __future__ import annotations

from dataclasses import replace

import pytest

from engine.judging.figures import Brief, MeasuredLoad, SecondLoad, StageLoad
from engine.judging.ledger_totals import LedgerTotals
from engine.judging.verdict import Bound, Check, Outcome, exit_code, judge
from engine.judging.workers import WorkerUse
from engine.latency.histogram import Histogram
from engine.latency.latencies import Latencies
from engine.latency.meter import Segment
from engine.scenario.thresholds import Thresholds

BEGIN_S = 1_700_000_000
PER_S = 100


def second(
    number: int, stage: str, latencies_ms: dict[Segment, list[float]], planned: float = PER_S, ran_s: float = 1.0
) -> SecondLoad:
    histograms = {}
    for segment, values in latencies_ms.items():
        histograms[segment] = Histogram()
        histograms[segment].add([value * 1000 for value in values])
    briefs = {segment: Brief.of(histogram) for segment, histogram in histograms.items()}
    return SecondLoad(
        BEGIN_S + number,
        stage,
        planned,
        briefs,
        {segment: Latencies.of(one) for segment, one in histograms.items()},
        ran_s=ran_s,
    )


def of(
    seconds: list[SecondLoad], uses: tuple[WorkerUse, ...] = (), state: str = "finished", now_s: float = 1_000.0
) -> MeasuredLoad:
    """Return the load of some seconds; a stage called warm-up is not judged."""
    stages = []
    for name in dict.fromkeys(one.stage for one in seconds):
        own = [one for one in seconds if one.stage == name]
        found = {
            segment: Latencies.merged(one.latencies[segment] for one in own if segment in one.latencies)
            for segment in Segment
        }
        measured = {segment: histogram for segment, histogram in found.items() if histogram.total}
        planned, ran_s = sum(one.planned for one in own), sum(one.ran_s for one in own)
        stages.append(
            StageLoad(name, 0, None, name != "warm-up", len(own), planned, measured, uses, ran_s, is_pause=not planned)
        )
    return MeasuredLoad("r", "s", (BEGIN_S + now_s) * 1000, state=state, stages=tuple(stages), seconds=tuple(seconds))


def steady(
    stage: str = "hold", seconds: int = 20, first: int = 0, count: int = PER_S, **late_ms: float
) -> list[SecondLoad]:
    """Return seconds with `count` equally late positions in each segment, by default produced and pushed."""
    late_ms = {"produced": 10.0, "pushed": 50.0} | late_ms
    return [
        second(first + number, stage, {Segment(name): [value] * count for name, value in late_ms.items()})
        for number in range(seconds)
    ]


def test_what_holds_passes() -> None:
    verdict = judge(of(steady()), Thresholds(e2e_p99_ms=60, produced_rate=0.99, produced_per_s=100, lateness_max_ms=11))
    assert verdict.checks == (
        Check("e2e_p99_ms", "hold", 60, 50.015, True),
        Check("produced_rate", "hold", 0.99, 1.0, True),
        Check("produced_per_s", "hold", 100, 100.0, True),
        Check("lateness_max_ms", "hold", 11, 10.007, True),
    )
    assert (verdict.outcome, verdict.too_slow, verdict.bound, verdict.why, exit_code(verdict)) == (
        Outcome.PASSED,
        (),
        None,
        "every threshold holds",
        0,
    )


def test_what_does_not_hold_fails_and_is_told_with_its_figures() -> None:
    verdict = judge(of(steady(pushed=500.0)), Thresholds(e2e_p99_ms=300))
    assert verdict.failed == (Check("e2e_p99_ms", "hold", 300, 500.223, False),)
    assert (verdict.outcome, verdict.why, exit_code(verdict)) == (
        Outcome.FAILED,
        "e2e_p99_ms in hold was 500.223, limit 300",
        1,
    )


def test_a_stage_may_have_its_own_thresholds_and_a_warm_up_has_none() -> None:
    seconds = [
        *steady("warm-up", 5, pushed=900.0),
        *steady("up", 5, 5, pushed=250.0),
        *steady("peak", 5, 10, pushed=450.0),
    ]
    thresholds = Thresholds(e2e_p99_ms=300, stages={"peak": {"e2e_p99_ms": 500}})
    assert [(check.stage, check.limit, check.holds) for check in judge(of(seconds), thresholds).checks] == [
        ("up", 300, True),
        ("peak", 500, True),
    ]
    assert judge(of(seconds), replace(thresholds, stages={})).failed == (
        Check("e2e_p99_ms", "peak", 300, 450.047, False),
    )


def test_with_viewers_end_to_end_is_at_the_viewer() -> None:
    load = replace(of(steady(viewed=400.0)), has_viewers=True)
    assert judge(load, Thresholds(e2e_p50_ms=300)).failed == (Check("e2e_p50_ms", "hold", 300, 400.127, False),)


def test_a_percentile_is_that_of_all_positions_of_a_stage_together() -> None:
    seconds = [
        *steady(seconds=99),
        second(99, "hold", {Segment.PRODUCED: [10.0] * PER_S, Segment.PUSHED: [900.0] * PER_S}),
    ]
    load = of(seconds)
    assert judge(load, Thresholds(pushed_p99_ms=100)).outcome == "passed"  # a hundredth is late
    assert judge(load, Thresholds(pushed_p999_ms=100)).outcome == "failed"
    # The same second is too late for a window.
    windowed = judge(load, Thresholds(pushed_p99_ms=100, window_s=10))
    assert windowed.checks == (Check("pushed_p99_ms", "hold", 100, 900.095, False, (BEGIN_S + 90,)),)


def test_windows_begin_with_the_stage_and_a_rest_belongs_to_the_last() -> None:
    seconds = [*steady("up", 5), *steady("peak", 10, 5), *steady("peak", 2, 15, pushed=700.0)]
    assert judge(of(seconds), Thresholds(pushed_max_ms=100, window_s=5)).failed == (
        Check("pushed_max_ms", "peak", 100, 700.415, False, (BEGIN_S + 10,)),
    )
    short = judge(of(steady("up", 3, pushed=200.0)), Thresholds(pushed_max_ms=100, window_s=60))
    assert [check.windows for check in short.checks] == [(BEGIN_S,)]


def test_several_windows_are_told_by_their_beginnings() -> None:
    verdict = judge(
        of([*steady(seconds=10), *steady(seconds=20, first=10, pushed=700.0)]),
        Thresholds(pushed_p50_ms=100, window_s=10),
    )
    assert verdict.checks[0].windows == (BEGIN_S + 10, BEGIN_S + 20)
    assert verdict.why == "pushed_p50_ms in hold was 700.415, limit 100, in 2 windows"


def test_while_a_run_goes_on_only_what_is_settled_is_judged() -> None:
    limits = Thresholds(pushed_max_ms=100)
    seconds = [*steady(seconds=9), *steady(seconds=3, first=9, pushed=900.0)]
    running = of(seconds, state="running", now_s=12.5)  # what is due before 8.5 s is reported by then
    assert judge(running, limits, running=True).outcome == "passed"
    assert judge(running, limits, running=True, settle_s=1.0).outcome == "failed"
    assert judge(running, limits).outcome == "failed"
    # Less than 5 s of a stage are no percentile, unless that was all.
    late = of(steady(seconds=6, pushed=900.0), state="running", now_s=7.9)
    assert (judge(late, limits, running=True).checks, judge(late, limits, running=True).why) == (
        (),
        "nothing to judge yet",
    )
    assert judge(late, limits).outcome == "failed"
    assert judge(replace(late, now_ms=(BEGIN_S + 8.0) * 1000), limits, running=True).outcome == "failed"


def test_while_a_run_goes_on_a_window_must_be_full() -> None:
    load = of([*steady(seconds=10), *steady(seconds=5, first=10, pushed=900.0)], state="running", now_s=18.0)
    limits = Thresholds(pushed_max_ms=100, window_s=10)
    assert judge(load, limits, running=True).outcome == "passed"
    assert judge(load, limits).outcome == "failed"


def test_what_is_not_measured_at_the_end_does_not_hold_and_while_the_run_goes_on_may_still_come() -> None:
    load, limits = of(steady()), Thresholds(indexed_p99_ms=1000)
    assert judge(load, limits).failed == (Check("indexed_p99_ms", "hold", 1000, None, False),)
    assert judge(load, limits).why == "indexed_p99_ms in hold could not be measured, limit 1,000"
    assert judge(load, limits, running=True).checks == ()


def test_a_window_of_which_a_part_of_the_way_is_not_measured_does_not_hold() -> None:
    seconds = [
        *steady(seconds=10),
        *(second(10 + number, "hold", {Segment.PRODUCED: [1.0] * PER_S}) for number in range(5)),
    ]
    nothing = [second(15 + number, "hold", {}) for number in range(5)]  # what was never produced was not on the way
    verdict = judge(of([*seconds, *nothing]), Thresholds(pushed_p50_ms=100, produced_rate=0.5, window_s=5))
    assert verdict.failed == (Check("pushed_p50_ms", "hold", 100, None, False, (BEGIN_S + 10,)),)


def test_where_nothing_was_due_nothing_is_judged() -> None:
    idle = [second(20 + number, "rest", {}, planned=0.0) for number in range(5)]
    verdict = judge(of([*steady(), *idle]), Thresholds(e2e_p99_ms=300, produced_rate=1, lateness_p99_ms=50))
    assert {check.stage for check in verdict.checks} == {"hold"}
    assert verdict.outcome == "passed"


def test_a_second_in_which_the_run_stood_still_counts_no_time() -> None:
    seconds = [*steady(seconds=10), *(second(10 + number, "hold", {}, planned=0.0, ran_s=0.0) for number in range(10))]
    assert judge(of(seconds), Thresholds(produced_per_s=100)).checks == (
        Check("produced_per_s", "hold", 100, 100.0, True),
    )


def test_a_generator_that_makes_too_little_gives_no_verdict() -> None:
    verdict = judge(of(steady(count=90, pushed=900.0)), Thresholds(e2e_p99_ms=300))
    assert (verdict.outcome, verdict.too_slow, exit_code(verdict)) == (Outcome.NO_VERDICT, ("hold",), 3)
    assert verdict.why.startswith(
        "the generator did not keep up in hold: 1,800 of 2,000 planned positions were produced (90.0%)"
    )
    assert [check.holds for check in verdict.checks] == [False]  # reported, and no failure


def test_a_generator_that_is_late_gives_no_verdict_even_if_everything_holds() -> None:
    verdict = judge(of(steady(produced=1_200.0, pushed=1_300.0)), Thresholds(e2e_p99_ms=2_000))
    assert (verdict.outcome, verdict.why.partition(";")[0]) == (
        "no verdict",
        "the generator did not keep up in hold: lateness p99 was 1,200 ms",
    )
    assert judge(of(steady(produced=900.0)), None).outcome == "passed"


def test_who_sets_a_threshold_on_the_generator_judges_it_by_that() -> None:
    little, late = of(steady(count=90)), of(steady(produced=1_200.0))
    assert judge(little, Thresholds(produced_rate=0.85)).outcome == "passed"
    assert judge(little, Thresholds(produced_per_s=95)).outcome == "failed"
    assert judge(little, Thresholds(lateness_p99_ms=50)).outcome == "no verdict"  # it says nothing of how much is made
    assert judge(late, Thresholds(lateness_p99_ms=1_500)).outcome == "passed"
    assert judge(late, Thresholds(produced_p50_ms=500)).outcome == "failed"
    assert judge(late, Thresholds(produced_rate=0.9)).outcome == "no verdict"


def test_a_slow_stage_excuses_only_itself() -> None:
    seconds = [*steady("slow", 10, count=50, pushed=900.0), *steady("good", 10, 10, pushed=900.0)]
    verdict = judge(of(seconds), Thresholds(e2e_p99_ms=300))
    assert (verdict.outcome, verdict.too_slow) == ("failed", ("slow",))
    assert "e2e_p99_ms in good was 900.095, limit 300" in verdict.why
    assert "in slow was" not in verdict.why


def test_of_few_positions_some_are_missing_by_chance() -> None:
    assert (
        judge(
            of([second(number, "hold", {Segment.PRODUCED: [1.0] * 4}, planned=5.0) for number in range(10)]), None
        ).too_slow
        == ()
    )
    assert judge(
        of([second(number, "hold", {Segment.PRODUCED: [1.0] * 3}, planned=5.0) for number in range(10)]), None
    ).too_slow == ("hold",)


def test_where_the_plan_is_a_bound_only_lateness_tells_a_slow_generator() -> None:
    assert judge(replace(of(steady(count=10)), is_plan_exact=False), None).outcome == "passed"
    assert judge(replace(of(steady(count=10, produced=2_000.0)), is_plan_exact=False), None).too_slow == ("hold",)


def test_nothing_that_could_be_judged_is_no_verdict() -> None:
    for seconds in ([], steady("warm-up")):
        verdict = judge(of(seconds), Thresholds(e2e_p99_ms=300))
        assert (verdict.outcome, verdict.why) == (
            "no verdict",
            "the run ended before anything that is judged was measured",
        )
    assert judge(of([], state=""), Thresholds(e2e_p99_ms=300), running=True).outcome == "passed"


LEDGER = LedgerTotals(produced=2_000, acked=2_000, consumed=1_900, stored=1_900, lost_on_purpose=100)


@pytest.mark.parametrize(
    ("ledger", "found"),
    [
        (LEDGER, {"lost": 0, "duplicated": 0, "failed": 0}),
        (replace(LEDGER, missing=3, duplicated=2, failed=1), {"lost": 3, "duplicated": 2, "failed": 1}),
        (replace(LEDGER, stored=1_890), {"lost": 10, "duplicated": 0, "failed": 0}),
        (None, {"lost": None, "duplicated": None, "failed": 0}),
    ],
)
def test_the_ledger_is_judged_over_the_whole_run(ledger: LedgerTotals | None, found: dict[str, int | None]) -> None:
    verdict = judge(replace(of(steady()), ledger=ledger), Thresholds(lost=0, duplicated=0, failed=0))
    assert verdict.checks == tuple(Check(name, None, 0, count, count == 0) for name, count in found.items())
    assert verdict.outcome == ("passed" if set(found.values()) == {0} else "failed")


def test_what_is_on_its_way_is_not_lost_yet() -> None:
    load = replace(of(steady(), state="running"), ledger=replace(LEDGER, missing=7, duplicated=1), failed=2)
    verdict = judge(load, Thresholds(lost=0, duplicated=5, failed=1), running=True)
    assert verdict.checks == (Check("duplicated", None, 5, 1, True), Check("failed", None, 1, 2, False))


def test_losing_positions_is_a_failure_however_slow_the_generator_was() -> None:
    load = replace(of(steady(count=50)), ledger=replace(LEDGER, missing=1))
    assert judge(load, Thresholds(lost=0, e2e_p99_ms=1)).outcome == "failed"


def driver(name: str = "driver-0", **shares: float) -> WorkerUse:
    return WorkerUse(name, "driver", shares)


@pytest.mark.parametrize(
    ("uses", "bound", "told"),
    [
        (
            (driver(wait=0.1, compute=0.2), driver("driver-1", wait=0.7, compute=0.1)),
            "broker",
            "driver-1 waited for room at the producer for 70% of its time",
        ),
        ((driver(wait=0.1, compute=0.9),), "encoding", "driver-0 computed and encoded for 90% of its time"),
        (
            (driver(wait=0.1, compute=0.2),),
            "ray",
            "driver actors waited for 10% and computed for 20% of their time at most, and still came late",
        ),
        ((), None, "no driver actor has reported what it spent its time on"),
    ],
)
def test_what_held_a_slow_generator_up_is_told_by_what_it_spent_its_time_on(
    uses: tuple[WorkerUse, ...], bound: str | None, told: str
) -> None:
    for load, limits in (
        (of(steady(count=50), uses), None),
        (of(steady(produced=80.0), uses), Thresholds(lateness_p99_ms=20)),
    ):
        verdict = judge(load, limits)
        assert verdict.bound == bound
        assert verdict.why.endswith(told)


@pytest.mark.parametrize(
    ("use", "told"),
    [
        (
            WorkerUse("history", "sink", {}, paused=0.4),
            "in hold history paused reading for 40% of the time, because its store took no more",
        ),
        (
            WorkerUse("state", "sink", {}, growth={"lag": 900.0, "queue": 20.0}),
            "in hold state's lag grew by 900 positions",
        ),
    ],
)
def test_a_store_that_falls_behind_is_the_bound_though_positions_are_produced_in_time(
    use: WorkerUse, told: str
) -> None:
    late = judge(of(steady(stored=5_000.0), (use,)), Thresholds(stored_p99_ms=1_000))
    assert (late.outcome, late.bound, late.why.partition("; ")[2]) == ("failed", Bound.STORE, told)
    assert judge(of(steady(), (use,)), None).bound == Bound.STORE
    assert judge(of(steady(), (replace(use, paused=0.0, growth={"lag": 150.0}),)), None).bound is None
    assert judge(of(steady(), (replace(use, part="viewer"),)), None).bound is None


def test_the_broker_is_the_bound_where_acknowledging_took_most_of_the_time() -> None:
    assert judge(of(steady(acked=400.0, pushed=450.0)), Thresholds(e2e_p99_ms=300)).bound == Bound.BROKER
    assert judge(of(steady(acked=400.0)), Thresholds(acked_p99_ms=300)).bound == Bound.BROKER
    assert judge(of(steady(acked=40.0, pushed=450.0)), Thresholds(e2e_p99_ms=300)).bound is None


def empty(stage: str = "run", seconds: int = 20, first: int = 0) -> list[SecondLoad]:
    """Return seconds in which nothing is planned and nothing comes."""
    return [second(first + number, stage, {}, planned=0.0) for number in range(seconds)]


def unreached(
    load: MeasuredLoad, name: str, *, judged: bool = True, is_pause: bool = False, run_s: float = 20.0
) -> MeasuredLoad:
    """Return a load with a further stage, to which the run did not come."""
    return replace(
        load, run_s=run_s, stages=(*load.stages, StageLoad(name, 20_000, 30_000, judged, 0, 0.0, is_pause=is_pause))
    )


@pytest.mark.parametrize(
    "limits",
    [{"e2e_p99_ms": 1}, {"produced_rate": 0.9}, {"produced_per_s": 1}, {"lateness_p99_ms": 9, "indexed_max_ms": 9}],
)
def test_a_threshold_without_a_sample_does_not_hold_and_gives_no_verdict(limits: dict[str, float]) -> None:
    verdict = judge(of(empty()), Thresholds(limits))
    assert verdict.checks == tuple(Check(name, "run", limit, None, False) for name, limit in limits.items())
    assert (verdict.outcome, verdict.empty, verdict.why, exit_code(verdict)) == (
        Outcome.NO_VERDICT,
        ("run",),
        "there was no position in run",
        3,
    )


def test_without_thresholds_a_run_without_a_position_has_no_verdict_either() -> None:
    for thresholds in (None, Thresholds(lost=0)):
        verdict = judge(replace(of(empty()), ledger=LedgerTotals()), thresholds)
        assert (verdict.outcome, verdict.why, verdict.empty) == ("no verdict", "there was no position in run", ("run",))
    assert (
        judge(of([*steady("warm-up"), *empty("hold", first=20)]), None).outcome == "no verdict"
    )  # what is not judged is no sample
    assert judge(replace(of(empty()), is_plan_exact=False), None).outcome == "no verdict"


def test_a_pause_by_plan_needs_no_sample_unless_thresholds_are_set_for_it() -> None:
    load = of([*steady("hold"), *empty("rest", first=20)])
    assert judge(load, Thresholds(e2e_p99_ms=300)).outcome == "passed"
    verdict = judge(load, Thresholds(stages={"rest": {"e2e_p99_ms": 300}}))
    assert (verdict.outcome, verdict.empty, verdict.checks) == (
        "no verdict",
        ("rest",),
        (Check("e2e_p99_ms", "rest", 300, None, False),),
    )
    nothing_came = of([*steady("hold"), *(second(20 + number, "peak", {}) for number in range(9))])
    assert judge(replace(nothing_came, is_plan_exact=False), Thresholds(e2e_p99_ms=300)).empty == (
        "peak",
    )  # planned, and so no pause


@pytest.mark.parametrize("thresholds", [Thresholds(e2e_p99_ms=300), Thresholds(stages={"peak": {"e2e_p99_ms": 300}})])
def test_a_stage_that_was_not_reached_gives_its_thresholds_no_sample(thresholds: Thresholds) -> None:
    verdict = judge(unreached(of(steady()), "peak"), thresholds)
    assert (verdict.outcome, verdict.empty, verdict.why) == (Outcome.NO_VERDICT, ("peak",), "peak was not reached")
    assert verdict.checks[-1] == Check("e2e_p99_ms", "peak", 300, None, False)
    assert judge(unreached(of(steady()), "peak"), thresholds, running=True).outcome == "passed"  # it may still come
    assert judge(unreached(of(steady()), "peak", judged=False), Thresholds(e2e_p99_ms=300)).outcome == "passed"
    assert judge(unreached(of(steady()), "peak"), None).outcome == "passed"


def test_a_last_pause_that_the_run_did_not_wait_for_and_a_stage_within_a_second_need_no_sample() -> None:
    for load in (unreached(of(steady()), "rest", is_pause=True), unreached(of(steady()), "short", run_s=21.0)):
        assert judge(load, Thresholds(e2e_p99_ms=300)).outcome == "passed"


def test_thresholds_of_a_stage_that_the_run_never_had_have_no_sample() -> None:
    verdict = judge(of(steady()), Thresholds(e2e_p99_ms=300, stages={"peak": {"acked_p50_ms": 9}}))
    assert (verdict.outcome, verdict.why) == ("no verdict", "peak was not reached")
    assert verdict.checks[-2:] == (
        Check("e2e_p99_ms", "peak", 300, None, False),
        Check("acked_p50_ms", "peak", 9, None, False),
    )


def test_a_failure_beside_an_empty_stage_is_a_failure() -> None:
    verdict = judge(unreached(of(steady(pushed=500.0)), "peak"), Thresholds(e2e_p99_ms=300))
    assert (verdict.outcome, verdict.why) == (
        "failed",
        "e2e_p99_ms in hold was 500.223, limit 300; peak was not reached",
    )


@pytest.mark.parametrize(
    ("load", "why"),
    [
        (of(steady()), "the run was ended before its time; until then every threshold holds"),
        (of(steady(pushed=500.0)), "the run was ended before its time; e2e_p99_ms in hold was 500.223, limit 300"),
        (unreached(of(steady()), "peak"), "the run was ended before its time; peak was not reached"),
        (of([]), "the run was ended before its time; the run ended before anything that is judged was measured"),
    ],
)
def test_a_run_that_was_ended_before_its_time_has_no_verdict_and_says_how_it_stood(
    load: MeasuredLoad, why: str
) -> None:
    limits = Thresholds(e2e_p99_ms=300)
    verdict = judge(load, limits, interrupted=True)
    assert (verdict.outcome, verdict.is_interrupted, verdict.why, exit_code(verdict)) == (
        Outcome.NO_VERDICT,
        True,
        why,
        3,
    )
    assert verdict.checks == judge(load, limits).checks

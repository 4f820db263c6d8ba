"""The report of a measured load is in seconds after the run's beginning and in ms.

It loses nothing of what was measured.
"""

from __future__ import annotations

from dataclasses import replace

from load_reports import MACHINE

from cli.load.capacity.search import Capacity, Limit, Probe
from cli.load.report.assembly import capacity_of, report_of
from cli.load.report.model import Brief, CheckRow, Latency, LoadReport, Missing, histogram_of
from engine.judging.figures import Brief as BriefUs
from engine.judging.figures import MeasuredLoad, SecondLoad, StageLoad
from engine.judging.ledger_totals import LedgerTotals
from engine.judging.verdict import Bound, Check, Outcome, Verdict
from engine.judging.workers import WorkerLoad, WorkerUse
from engine.latency.histogram import Histogram
from engine.latency.meter import Segment
from engine.scenario.load import Shape, Stage
from engine.scenario.parts import FleetMix, RouteFiles
from engine.scenario.scenario import Scenario
from engine.scenario.thresholds import Thresholds

BEGIN_S = 1_800_000_000
VIRTUAL_MS = 1_700_000_000_000


def counted(*ms: float) -> Histogram:
    found = Histogram()
    found.add([one * 1000 for one in ms])
    return found


def scenario() -> Scenario:
    return Scenario(
        name="up",
        routes=RouteFiles(ancestor=True),
        fleet=FleetMix(size=2),
        stages=(Stage(Shape.HOLD, 2.0, drivers=2, name="hold"),),
        seed=3,
    )


def load() -> MeasuredLoad:
    use = WorkerUse("driver-1", "driver", {"cpu": 0.5}, growth={"queue": 2.0})
    return MeasuredLoad(
        run_id="run-1",
        scenario="up",
        now_ms=(BEGIN_S + 9) * 1000,
        started_ms=BEGIN_S * 1000 + 250,
        ended_ms=BEGIN_S * 1000 + 2250,
        stages=(
            StageLoad("warm-up", VIRTUAL_MS, VIRTUAL_MS + 1000, False, 1, 2.0, {Segment.PRODUCED: counted(1, 2)}),
            StageLoad(
                "hold",
                VIRTUAL_MS + 1000,
                None,
                True,
                1,
                4.0,
                {Segment.PRODUCED: counted(3), Segment.PUSHED: counted(30)},
                (use,),
                ran_s=0.5,
            ),
        ),
        seconds=(
            SecondLoad(BEGIN_S, "warm-up", 2.0, {Segment.PRODUCED: BriefUs(2, 1000, 2000, 2000)}, active=1),
            SecondLoad(BEGIN_S + 1, "hold", 4.0, {Segment.PRODUCED: BriefUs(1, 3000, 3000, 3000)}, active=2, ran_s=0.5),
        ),
        workers=(
            WorkerLoad(
                "driver-1",
                "driver",
                BEGIN_S * 1000,
                BEGIN_S * 1000 + 2000,
                {Segment.PRODUCED: 3},
                {"queue": 4.0},
                cpu_s=0.5,
                rss_bytes=1e6,
            ),
        ),
        ledger=LedgerTotals(produced=3, acked=3, consumed=2, stored=2, missing=1),
        errors=("driver-2: not a histogram",),
    )


VERDICT = Verdict(
    Outcome.FAILED,
    (Check("e2e_p99_ms", "hold", 20, 30.0, False, (BEGIN_S + 1,)), Check("lost", None, 0, 1, False)),
    (),
    Bound.STORE,
    "slow",
)


def made() -> LoadReport:
    thresholds = Thresholds(e2e_p99_ms=20, lost=0, stages={"hold": {"lateness_p99_ms": 5}}, window_s=1)
    gaps = [{"deliveryId": "d-1", "from": 4, "to": 4}]
    return report_of(
        load(),
        VERDICT,
        MACHINE,
        scenario(),
        created="2026-01-02T03:04:05+00:00",
        thresholds=thresholds,
        gaps=gaps,
        errors=("late",),
    )


def test_stages_and_seconds_are_told_after_the_beginning_in_ms() -> None:
    report = made()
    warm_up, hold = report.stages
    assert [
        (stage.from_s, stage.to_s, stage.judged, stage.planned, stage.produced, stage.drivers)
        for stage in report.stages
    ] == [
        (0.0, 1.0, False, 2.0, 2, 1),
        (1.0, None, True, 4.0, 1, 2),
    ]
    assert (hold.seconds, hold.produced_per_s, hold.planned_per_s) == (0.5, 2.0, 8.0)
    assert hold.segments["pushed"] == Latency.of(counted(30))
    assert histogram_of(warm_up.segments["produced"], "warm-up").total == 2
    assert hold.uses[0].growth == {"queue": 2.0}
    assert [(second.at_s, second.produced) for second in report.series] == [(0.0, 2), (1.0, 1)]
    assert report.series[0].segments == {"produced": Brief(2, 1.0, 2.0, 2.0)}
    assert report.run.duration_s == 2.0
    assert report.errors == ("driver-2: not a histogram", "late")


def test_verdict_thresholds_ledger_and_workers_are_kept() -> None:
    report = made()
    assert report.verdict.exit_code == 1
    assert report.verdict.checks == (
        CheckRow("e2e_p99_ms", "hold", 20.0, 30.0, False, (1.0,)),
        CheckRow("lost", None, 0.0, 1, False),
    )
    assert report.thresholds == {"e2e_p99_ms": 20.0, "lost": 0.0, "hold.lateness_p99_ms": 5.0, "window_s": 1.0}
    assert report.ledger is not None
    assert (report.ledger.clean, report.ledger.missing, report.ledger.gaps) == (False, 1, (Missing("d-1", 4, 4),))
    assert (report.workers[0].per_s, report.workers[0].cpu_share) == (1.5, 0.25)
    assert report.scenario.toml == scenario().to_toml()


def test_a_worker_is_told_without_its_machines_name() -> None:
    names = ["history-some.host-7-8000:5f1c9e", "driver-3:5f1c9e", "viewer-0:da85"]
    workers = tuple(WorkerLoad(name, "sink", 0, 0) for name in names)
    measured = replace(load(), workers=workers, errors=(f"{names[0]}: not a histogram",))
    report = report_of(
        measured,
        replace(VERDICT, why=f"{names[0]} was paused"),
        MACHINE,
        scenario(),
        created="2026-01-02T03:04:05+00:00",
    )
    assert [worker.worker for worker in report.workers] == ["history-8000:5f1c9e", "driver-3:5f1c9e", "viewer-0:da85"]
    assert (report.errors, report.verdict.why) == (
        ("history-8000:5f1c9e: not a histogram",),
        "history-8000:5f1c9e was paused",
    )


def test_a_report_that_was_made_reads_back() -> None:
    report = made()
    assert LoadReport.from_json(report.to_json()) == report


def test_a_run_that_told_nothing_has_a_report() -> None:
    report = report_of(
        MeasuredLoad("run-1", "up", BEGIN_S * 1000),
        Verdict(Outcome.NO_VERDICT),
        MACHINE,
        scenario(),
        created="2026-01-02T03:04:05+00:00",
    )
    assert (report.stages, report.series, report.ledger, report.verdict.exit_code, report.run.duration_s) == (
        (),
        (),
        None,
        3,
        0.0,
    )
    assert LoadReport.from_json(report.to_json()) == report


def test_what_a_capacity_search_found_is_told_with_its_curve() -> None:
    figures = {"positionsPerS": 50.0, "e2eP99Ms": 20.0, "latenessP99Ms": 1.0, "cpuShare": 0.4}
    probes = (Probe(50, Outcome.PASSED, None, figures), Probe(100, Outcome.FAILED, "store"))
    found = capacity_of(Capacity(50, 100, probes, Limit.THRESHOLDS, "100 drivers failed", True, (), ()))
    assert (found.highest, found.why, found.confirmed) == (50, "100 drivers failed", True)
    assert [
        (probe.drivers, probe.outcome, probe.e2e_p99_ms, probe.cpu_share, probe.bound) for probe in found.probes
    ] == [
        (50, Outcome.PASSED, 20.0, 0.4, None),
        (100, Outcome.FAILED, None, None, "store"),
    ]

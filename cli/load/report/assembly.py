"""Makes the report of a measured load.

Instants become seconds after the run's beginning, histograms become figures. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from cli.load.capacity.curve import CurveRow
from cli.load.capacity.search import Capacity as Found
from cli.load.report.model import (
    FORMAT,
    Brief,
    Capacity,
    CheckRow,
    Disturbance,
    Environment,
    Judgement,
    Latency,
    Ledger,
    LoadReport,
    Missing,
    Probe,
    Repeat,
    Run,
    ScenarioText,
    Second,
    Stage,
    Use,
    WorkerRow,
)
from engine.judging.figures import MeasuredLoad, SecondLoad, StageLoad
from engine.judging.ledger_totals import LedgerTotals
from engine.judging.verdict import Outcome, Verdict, exit_code
from engine.judging.workers import WorkerLoad
from engine.latency.meter import Segment
from engine.scenario.scenario import Scenario
from engine.scenario.thresholds import Thresholds

_ON_A_HOST = re.compile(r"\b([a-z]+)-[A-Za-z0-9._-]+-(\d+:[0-9a-f]+)\b")


def report_of(
    load: MeasuredLoad,
    verdict: Verdict,
    environment: Environment,
    scenario: Scenario,
    *,
    created: str,
    ended: str = "finished",
    thresholds: Thresholds | None = None,
    clean: bool | None = None,
    gaps: Iterable[Mapping[str, Any]] = (),
    faults: Mapping[str, int] | None = None,
    disturbances: Iterable[Disturbance] = (),
    errors: Iterable[str] = (),
    capacity: Capacity | None = None,
    repeats: Iterable[Repeat] = (),
) -> LoadReport:
    """Return the report.

    Parameters
    ----------
    created : now, ISO 8601 with a zone.
    ended : how the run ended.
    clean : whether the ledger is, as the caller knows it; follows from its totals if None.
    gaps : the first missing positions, ``{"deliveryId", "from", "to"}``, as the ledger's answer has them.
    faults : labelled faults of the data by kind.
    """
    begin_s = _begin_s(load)
    return LoadReport(
        format=FORMAT,
        run=Run(load.run_id, created, _duration_s(load), ended),
        environment=environment,
        scenario=ScenarioText(scenario.name, scenario.to_toml(), scenario.seed, scenario.time_scale),
        stages=tuple(_stage(stage, load) for stage in load.stages),
        series=tuple(_second(second, begin_s) for second in load.seconds),
        workers=tuple(_worker(worker) for worker in load.workers),
        verdict=_judgement(verdict, begin_s),
        is_plan_exact=load.is_plan_exact,
        thresholds=_limits(thresholds) if thresholds else {},
        ledger=_ledger(load.ledger, clean, gaps) if load.ledger else None,
        faults=dict(faults or {}),
        disturbances=tuple(replace(done, told=without_host(done.told)) for done in disturbances),
        errors=tuple(map(without_host, (*load.errors, *errors))),
        capacity=capacity,
        repeats=tuple(repeats),
    )


def capacity_of(found: Found) -> Capacity:
    """Return what a capacity search found, as reports have it."""
    rows = map(CurveRow.of, found.probes)
    probes = (
        Probe(
            row.drivers,
            row.positions_per_s,
            Outcome(row.outcome),
            row.e2e_p99_ms,
            row.lateness_p99_ms,
            row.cpu_share,
            row.bound,
        )
        for row in rows
    )
    return Capacity(found.highest or None, tuple(probes), found.why, found.is_confirmed)


def _begin_s(load: MeasuredLoad) -> float:
    """Return the wall epoch second from which the report counts."""
    first = load.seconds[0].due_s if load.seconds else None
    return float(first) if first is not None else (load.started_ms or load.now_ms) / 1000


def _duration_s(load: MeasuredLoad) -> float:
    return 0.0 if load.started_ms is None else max(((load.ended_ms or load.now_ms) - load.started_ms) / 1000, 0.0)


def _stage(stage: StageLoad, load: MeasuredLoad) -> Stage:
    first_ms = load.stages[0].from_ms
    active = [second.active for second in load.seconds if second.stage == stage.name and second.active is not None]
    return Stage(
        name=stage.name,
        judged=stage.judged,
        from_s=(stage.from_ms - first_ms) / 1000,
        to_s=None if stage.to_ms is None else (stage.to_ms - first_ms) / 1000,
        seconds=stage.ran_s,
        planned=stage.planned,
        produced=stage.histograms[Segment.PRODUCED].total if Segment.PRODUCED in stage.histograms else 0,
        segments={segment.value: Latency.of(counted) for segment, counted in stage.histograms.items()},
        drivers=max(active, default=None),
        uses=tuple(
            Use(without_host(use.worker), use.part, dict(use.shares), use.paused, dict(use.growth))
            for use in stage.uses
        ),
    )


def _second(second: SecondLoad, begin_s: float) -> Second:
    segments = {
        segment.value: Brief(found.count, found.p50_us / 1000, found.p99_us / 1000, found.max_us / 1000)
        for segment, found in second.segments.items()
    }
    return Second(
        second.due_s - begin_s, second.stage, second.planned, second.count(Segment.PRODUCED), segments, second.active
    )


def _worker(worker: WorkerLoad) -> WorkerRow:
    counts = {segment.value: count for segment, count in worker.counts.items()}
    wall_s = (worker.last_ms - worker.first_ms) / 1000
    return WorkerRow(
        without_host(worker.worker), worker.part, counts, wall_s, worker.cpu_s, worker.rss_bytes, dict(worker.gauges)
    )


def without_host(text: str) -> str:
    """Return a text with the names of workers, but without their machine's name.

    ``history-host-8000:5f1c9e`` becomes ``history-8000:5f1c9e``.
    """
    return _ON_A_HOST.sub(r"\1-\2", text)


def _judgement(verdict: Verdict, begin_s: float) -> Judgement:
    checks = tuple(
        CheckRow(
            check.threshold,
            check.stage,
            float(check.limit),
            check.found,
            check.holds,
            tuple(at - begin_s for at in check.windows),
        )
        for check in verdict.checks
    )
    return Judgement(
        verdict.outcome,
        exit_code(verdict),
        checks,
        verdict.bound,
        without_host(verdict.why),
        verdict.too_slow,
        verdict.empty,
        verdict.is_interrupted,
    )


def _limits(thresholds: Thresholds) -> dict[str, float]:
    of_stages = {
        f"{stage}.{name}": float(limit) for stage, limits in thresholds.stages.items() for name, limit in limits.items()
    }
    window = {} if thresholds.window_s is None else {"window_s": float(thresholds.window_s)}
    return {name: float(limit) for name, limit in thresholds.limits.items()} | of_stages | window


def _ledger(totals: LedgerTotals, clean: bool | None, gaps: Iterable[Mapping[str, Any]]) -> Ledger:
    stored = totals.stored + totals.lost_on_purpose
    balanced = totals.missing == 0 and totals.produced == totals.acked == stored
    return Ledger(
        produced=totals.produced,
        acked=totals.acked,
        consumed=totals.consumed,
        stored=totals.stored,
        missing=totals.missing,
        duplicated=totals.duplicated,
        clean=balanced if clean is None else clean,
        failed=totals.failed,
        dead_lettered=totals.dead_lettered,
        lost_on_purpose=totals.lost_on_purpose,
        gaps=tuple(Missing(str(gap["deliveryId"]), int(gap["from"]), int(gap["to"])) for gap in gaps),
    )

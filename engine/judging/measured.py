"""A run's figures, collected from what its workers report.

A pure reader of messages, in any order and with any repetition.

A second belongs to a stage by the clock that was in force in it, and by the newest table of stages; both may come
late, so that all of it is decided when the figures are asked for. Latencies of all workers are added as counts, so
percentiles are those of all positions, however many workers measured them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from engine.demand.stage_table import WARM_UP
from engine.errors import InvalidInput
from engine.judging.due import DuePositions, fleet_changes
from engine.judging.figures import ENDED, Brief, MeasuredLoad, SecondLoad, StageLoad
from engine.judging.ledger_totals import Accounted, LedgerTotals
from engine.judging.run_time import RunTime, StageSpan
from engine.judging.seconds import Placed, Seconds
from engine.judging.worker_log import WorkerLog, WorkerReport
from engine.judging.workers import WorkerLoad, WorkerUse
from engine.latency.histogram import Histogram
from engine.latency.latencies import Latencies
from engine.latency.meter import Segment
from engine.messages import RunEvent, RunMetrics, Worker
from engine.motion.clock import RunClock
from engine.scenario.scenario import Scenario

__all__ = [
    "Collector",
    "MeasuredLoad",
    "StageLoad",
    "SecondLoad",
    "Brief",
    "Latencies",
    "WorkerLoad",
    "WorkerUse",
    "LedgerTotals",
    "Accounted",
]


class Collector:
    """What is known of one run. Messages of other runs must not be given to it.

    The same messages give the same figures, in whatever order they come and however often each does.
    """

    def __init__(self, scenario: Scenario) -> None:
        self._scenario = scenario
        self._run_id = ""
        self._newest: RunEvent | None = None
        self._stages: tuple[int, tuple[StageSpan, ...]] = (-1, ())
        self._clocks: dict[RunClock, int] = {}
        self._standing: dict[int, tuple[int, int, int]] = {}  # by the event's seq: event time, drivers, active
        self._key: object = None
        self._seconds = Seconds()
        self._workers: dict[str, WorkerLog] = {}
        self._errors: set[str] = set()
        self._ledger: LedgerTotals | None = None

    def on_run(self, event: RunEvent) -> None:
        """Take how the run stands."""
        self._run_id = event.run_id
        if self._newest is None or event.seq > self._newest.seq:
            self._newest = event
        if event.stages and event.seq > self._stages[0]:
            self._stages = event.seq, StageSpan.table(event.stages)
        clock = RunClock(*(event.clock or ()))
        self._clocks[clock] = max(event.seq, self._clocks.get(clock, event.seq))
        self._standing[event.seq] = event.event_time, event.drivers, event.active

    def on_metrics(self, metrics: RunMetrics) -> None:
        """Take what a worker has measured; what cannot be decoded is noted as an error of that worker."""
        self._run_id = metrics.run_id
        log = self._workers.setdefault(metrics.worker, WorkerLog(metrics.worker, metrics.part))
        if metrics.seq in log:
            return
        found = dict(self._decoded(metrics))
        for segment, histogram in found.items():
            self._seconds.add(metrics.due_s or 0, segment, Latencies.of(histogram))
        log.add(
            WorkerReport(
                metrics.seq,
                metrics.told_ms,
                {segment: histogram.total for segment, histogram in found.items()},
                dict(metrics.gauges or {}),
            )
        )

    def _decoded(self, metrics: RunMetrics) -> Iterator[tuple[Segment, Histogram]]:
        for name, text in (metrics.histograms or {}).items():
            try:
                if (histogram := Histogram.decode(text)).total:
                    yield Segment(name), histogram
            except (InvalidInput, ValueError) as error:
                self._errors.add(f"{metrics.worker} message {metrics.seq}, {name}: {error}")

    def on_ledger(self, account: Accounted, duplicated_on_purpose: int = 0) -> None:
        """Take the run's ledger; it replaces an earlier one.

        Parameters
        ----------
        duplicated_on_purpose : how many positions a fault of the scenario has sent twice.
        """
        self._ledger = LedgerTotals.of(account, duplicated_on_purpose)

    def load(self, now_ms: float) -> MeasuredLoad:
        """Return the figures by a wall instant, epoch ms."""
        load = MeasuredLoad(
            run_id=self._run_id,
            scenario=self._scenario.name,
            now_ms=now_ms,
            workers=tuple(self._workers[name].load() for name in sorted(self._workers)),
            ledger=self._ledger,
            is_plan_exact=self._scenario.is_plan_exact,
            has_viewers=self._scenario.viewers is not None
            or any(log.part == Worker.VIEWER for log in self._workers.values()),
            errors=tuple(sorted(self._errors)),
        )
        if self._newest is None:
            return replace(
                load,
                seconds=tuple(
                    self._seconds.load(due_s, None, None, lambda _: ("", 0.0, 1.0)) for due_s in sorted(self._seconds)
                ),
            )
        return self._with_run(load, self._newest)

    def _with_run(self, load: MeasuredLoad, newest: RunEvent) -> MeasuredLoad:
        """Return the figures with what follows from the run's own reports: its time, its stages and its plan."""
        time = RunTime([(seq, clock) for clock, seq in self._clocks.items()], self._stages[1])
        has_ended = newest.state in ENDED
        by_now_ms = min(newest.event_time if has_ended else time.virtual(load.now_ms), time.end_ms)
        changes = fleet_changes(self._scenario, time.stages, [(at_ms, drivers) for at_ms, drivers, _ in self._reported])
        due = DuePositions(self._scenario, time.start_ms, changes)
        seconds = tuple(self._seconds_of(time, due, changes, by_now_ms, load.now_ms))
        return replace(
            load,
            started_ms=time.wall(time.start_ms),
            ended_ms=min(time.wall(by_now_ms), load.now_ms) if has_ended else None,
            run_s=max(by_now_ms - time.start_ms, 0.0) / 1000.0,
            state=newest.state,
            produced=newest.produced,
            acked=newest.acked,
            failed=newest.failed,
            active=newest.active,
            drivers=newest.drivers,
            actors=newest.actors,
            stages=self._stages_of(time, due, seconds),
            seconds=seconds,
        )

    @property
    def _reported(self) -> list[tuple[int, int, int]]:
        """How the run stood, in the order of its reports: event time, drivers, active."""
        return [self._standing[seq] for seq in sorted(self._standing)]

    def _seconds_of(
        self, time: RunTime, due: DuePositions, changes: Sequence[tuple[float, int]], by_now_ms: float, now_ms: float
    ) -> Iterator[SecondLoad]:
        """Yield every second of the run up to now, and those beside it in which something was due."""
        active = {
            math.floor(at_ms / 1000): count
            for event_ms, _, count in self._reported
            if (at_ms := time.wall(event_ms)) < math.inf
        }
        begin_ms, end_ms = time.wall(time.start_ms), min(time.wall(by_now_ms), now_ms)

        def place(due_s: int) -> Placed:
            from_ms, to_ms = due_s * 1000.0, due_s * 1000.0 + 1000.0
            planned = due.between(max(time.virtual(from_ms), time.start_ms), min(time.virtual(to_ms), by_now_ms))
            return time.stage_of(due_s), planned, time.moved_s(max(from_ms, begin_ms), min(to_ms, end_ms))

        key = (time.key, tuple(changes))
        self._key = key = self._key if self._key == key else key
        own = range(math.floor(begin_ms / 1000), math.ceil(end_ms / 1000)) if begin_ms < end_ms else ()
        for due_s in sorted({*own, *self._seconds}):
            is_past = due_s * 1000.0 + 1000.0 <= end_ms and time.virtual(due_s * 1000.0 + 1000.0) <= by_now_ms
            yield self._seconds.load(due_s, active.get(due_s), key if is_past else None, place)

    def _stages_of(self, time: RunTime, due: DuePositions, seconds: Sequence[SecondLoad]) -> tuple[StageLoad, ...]:
        sums = self._seconds.histograms(time)
        own: dict[str, list[SecondLoad]] = {}
        for second in seconds:
            own.setdefault(second.stage, []).append(second)
        return tuple(
            self._stage(stage, time, due, own.get(stage.name, []), sums.get(stage.name, {})) for stage in time.stages
        )

    def _stage(
        self,
        stage: StageSpan,
        time: RunTime,
        due: DuePositions,
        own: Sequence[SecondLoad],
        found: Mapping[Segment, Histogram],
    ) -> StageLoad:
        uses = [log.use(time.wall(stage.from_ms), time.wall(stage.to_ms)) for _, log in sorted(self._workers.items())]
        return StageLoad(
            name=stage.name,
            from_ms=round(stage.from_ms),
            to_ms=None if stage.to_ms == math.inf else round(stage.to_ms),
            judged=stage.name != WARM_UP or stage is not time.stages[0] or not self._scenario.warm_up_s,
            seconds=len(own),
            planned=sum(second.planned for second in own),
            histograms={segment: found[segment] for segment in Segment if segment in found},
            uses=tuple(use for use in uses if use is not None),
            ran_s=sum(second.ran_s for second in own),
            is_pause=not self._scenario.arrivals
            and not self._scenario.traces
            and due.between(stage.from_ms, stage.to_ms) < 1,
        )

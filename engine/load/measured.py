"""Puts together what a run's workers tell: a pure reader of messages, in whatever order and however often they come."""

from __future__ import annotations

from engine.load.figures import Accounted, Brief, Latencies, LedgerTotals, MeasuredLoad, SecondLoad, StageLoad, WorkerLoad, WorkerUse
from engine.messages import RunEvent, RunMetrics
from engine.scenario import Scenario

__all__ = ["Collector", "MeasuredLoad", "StageLoad", "SecondLoad", "Brief", "Latencies", "WorkerLoad", "WorkerUse", "LedgerTotals", "Accounted"]


class Collector:
    """What is known of one run. Messages of other runs must not be given to it.

    The same messages give the same figures, in whatever order they come and however often each does.
    """

    def __init__(self, scenario: Scenario) -> None:
        self._scenario = scenario

    def on_run(self, event: RunEvent) -> None:
        """Take how the run stands."""

    def on_metrics(self, metrics: RunMetrics) -> None:
        """Take what a worker has measured; what cannot be decoded is noted as an error of that worker."""

    def on_ledger(self, account: Accounted) -> None:
        """Take the run's ledger; it replaces an earlier one."""

    def load(self, now_ms: float) -> MeasuredLoad:
        """Return the figures by a wall instant, epoch ms."""
        return MeasuredLoad(run_id="", scenario=self._scenario.name, now_ms=now_ms)

"""One load test: the stack is started, watched, disturbed, ended in order, and judged."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from cli.load.disturbances import Disturber, Done
from cli.load.metrics_reader import MetricsReader
from cli.load.viewers.area import area_of
from cli.load.viewers.options import Options
from cli.local.child import Child
from cli.local.ending import Ending
from cli.local.ledger_table import LedgerSummary
from cli.local.scenario_file import write_run
from cli.local.settings import UpSettings
from cli.local.stack import Stack
from engine.contract.kafka_connection import KafkaConnection
from engine.delivery.faults import FaultKind
from engine.judging.measured import Collector, MeasuredLoad
from engine.judging.verdict import Outcome, Verdict, judge
from engine.messages import RunState
from engine.scenario.scenario import Scenario

POLL_S = 0.25
LOOK_S = 1.0
VIEWERS_STOP_S = 5.0


class Ended(StrEnum):
    """How a load test came to its end.

    aborted: by a threshold that ends the run; interrupted: by Ctrl-C or SIGTERM; cancelled: by a request to the run.
    """

    FINISHED = "finished"
    ABORTED = "aborted at the first failure"
    INTERRUPTED = "interrupted"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class View:
    """What is known while a load test runs.

    Attributes
    ----------
    step : what is being done.
    load, verdict : None until something was measured.
    """

    step: str
    run_id: str
    url: str
    load: MeasuredLoad | None = None
    verdict: Verdict | None = None
    done: Sequence[Done] = ()


@dataclass(frozen=True, slots=True)
class LoadResult:
    """What came of one load test.

    Attributes
    ----------
    ending : what became of its positions.
    broker : what stood behind the chain, in words.
    summary : what the simulation said at its end.
    faults : number of injected faults that were reported, by kind.
    """

    run_id: str
    scenario: Scenario
    load: MeasuredLoad
    verdict: Verdict
    ending: Ending
    broker: str
    summary: dict[str, Any] = field(default_factory=dict)
    done: Sequence[Done] = ()
    faults: dict[str, int] = field(default_factory=dict)
    ended: Ended = Ended.FINISHED

    @property
    def ledger(self) -> LedgerSummary | None:
        """What the API accounted for; None if it did not."""
        return self.ending.ledger


class LoadRun:
    """One load test.

    Parameters
    ----------
    watch : given a `View` at each step, and about once a second while positions flow.
    """

    def __init__(self, settings: UpSettings, scenario: Scenario, watch: Callable[[View], None]) -> None:
        self._settings, self._scenario, self._watch = settings, scenario, watch
        self.run_id, path = write_run(scenario, settings.data_dir)
        self._stack = Stack(settings, scenario, path, self.run_id, once=True)
        self._collector = Collector(scenario)
        self._viewers: Child | None = None
        self._disturber = Disturber(scenario.disturbances, self._stack, lambda: self._viewers)
        self._reader: MetricsReader | None = None
        self._aborting: Verdict | None = None
        self._is_interrupted = False

    def run(self, asked: threading.Event) -> LoadResult:
        """Run it to its end, or until it is asked to end, or until a threshold fails that ends the run.

        Raises
        ------
        StackError, ChildDied, BrokerError, ServicesError : it could not run, or a part of it died.
        """
        try:
            self._stack.start(self._show, asked, self._start_viewers)
            self._reader = MetricsReader(KafkaConnection(self._stack.bootstrap), self.run_id, self._collector)
            self._go_on(asked)
        finally:
            self._disturber.undo()
            if self._viewers is not None:
                self._viewers.stop(VIEWERS_STOP_S)
            try:
                ending = self._stack.end_parts(self._show)
                if self._reader is not None:
                    self._show("reading what was measured last")
                    self._reader.read_the_rest()
                    self._reader.close()
            finally:
                self._stack.backing.stop(self._show)
        return self._result(ending)

    def _show(self, step: str) -> None:
        self._watch(View(step, self.run_id, self._settings.url, done=self._disturber.done))

    def _start_viewers(self) -> None:
        asked = self._scenario.viewers
        if asked is None:
            return
        options = Options(
            url=self._settings.url,
            viewers=asked.count,
            slow=asked.slow,
            stalled=asked.stalled,
            reconnecting=asked.reconnecting,
            pan_s=asked.pan_s,
            seed=self._scenario.seed,
            bounds=area_of(self._scenario),
            duration=0.0,
            kafka=self._stack.bootstrap,
            run=self.run_id,
        )
        self._viewers = Child(
            "the viewers",
            "cli.load.viewers",
            options.to_arguments(),
            {},
            self._settings.data_dir / "logs" / "viewers.log",
        )
        self._viewers.start()

    def _go_on(self, asked: threading.Event) -> None:
        assert self._reader is not None
        looked = 0.0
        while not self._stack.has_finished() and not asked.is_set() and self._aborting is None:
            self._stack.check()
            self._reader.read(POLL_S)
            if time.monotonic() - looked >= LOOK_S:
                looked = time.monotonic()
                self._look()
        self._is_interrupted = asked.is_set() and self._aborting is None and not self._stack.has_finished()

    def _look(self) -> None:
        load = self._collector.load(time.time() * 1000)
        self._disturber.act(load.run_s)
        thresholds = self._scenario.thresholds
        verdict = judge(load, thresholds, running=True)
        if thresholds is not None and thresholds.abort and verdict.outcome is Outcome.FAILED:
            self._aborting = verdict
        self._watch(View("running", self.run_id, self._settings.url, load, verdict, self._disturber.done))

    def _result(self, ending: Ending) -> LoadResult:
        if ending.ledger is not None:
            twice = self._reader.faults[FaultKind.DUPLICATED] if self._reader is not None else 0
            self._collector.on_ledger(ending.ledger, duplicated_on_purpose=twice)
        load = self._collector.load(time.time() * 1000)
        ended = self._ended(load)
        verdict = judge(load, self._scenario.thresholds, interrupted=ended in (Ended.INTERRUPTED, Ended.CANCELLED))
        if self._aborting is not None and verdict.outcome is not Outcome.FAILED:
            verdict = self._aborting  # what ended the run failed, even if the last seconds have made up for it
        return LoadResult(
            run_id=self.run_id,
            scenario=self._scenario,
            load=load,
            verdict=verdict,
            ending=ending,
            broker=self._stack.backing.title,
            summary=self._stack.summary(),
            done=tuple(self._disturber.done),
            faults=dict(self._reader.faults) if self._reader is not None else {},
            ended=ended,
        )

    def _ended(self, load: MeasuredLoad) -> Ended:
        if self._aborting is not None:
            return Ended.ABORTED
        return (
            Ended.INTERRUPTED
            if self._is_interrupted
            else Ended.CANCELLED
            if load.state == RunState.CANCELLED
            else Ended.FINISHED
        )

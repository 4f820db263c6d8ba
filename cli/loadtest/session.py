"""What one call of ``code-delivery loadtest`` does: one run or several, or a search for the greatest fleet; the page meanwhile, the reports after."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from rich.console import Console
from rich.live import Live
from rich.text import Text

from cli.backing import backing_of
from cli.broker import BrokerError
from cli.capacity.curve import CPU_SHARE, E2E_P99_MS, LATENESS_P99_MS, POSITIONS_PER_S
from cli.capacity.runner import ProbeResult, ProbeShape, Progress, find_capacity, greatest_fleet
from cli.capacity.search import Capacity, Outcome, Search
from cli.child import ChildDied
from cli.ledger_table import ledger_table
from cli.loadtest.page import closing, page
from cli.loadtest.run import LoadResult, LoadRun, View
from cli.loadtest.telling import report_of_result
from cli.report.junit import junit
from cli.report.model import LoadReport
from cli.report.writing import write_report
from cli.services.errors import ServicesError
from cli.settings import Profile, UpSettings
from cli.stack import StackError
from cli.up_command import ended_by_signals
from engine.errors import InvalidInput
from engine.load.verdict import exit_code
from engine.meter import Segment
from engine.scenario import Scenario

STOPPED = "stopped by Ctrl-C"


@dataclass(frozen=True, slots=True)
class SearchOptions:
    """Of a search for the greatest fleet; see `cli.capacity.search`."""

    start: int
    ceiling: int | None
    precision: float
    hold_s: float
    cool_down_s: float


class Session:
    """One call of the command.

    Parameters
    ----------
    out : folder of the report; of the run's name, in the data folder, if absent.
    junit : file for the checks as JUnit XML.

    Attributes
    ----------
    told : what ``--json`` prints.
    """

    def __init__(self, settings: UpSettings, console: Console, out: Path | None, junit: Path | None) -> None:
        self._settings, self._console, self._out, self._junit = settings, console, out, junit
        self.told: dict[str, Any] = {}

    def run(self, scenario: Scenario, repeat: int) -> int:
        """Run a scenario so many times, and return the worst exit code.

        Raises
        ------
        InvalidInput : the scenario never ends.
        """
        if scenario.is_endless:
            raise InvalidInput(f"scenario {scenario.name} never ends: give --duration SECONDS")
        codes, runs = [], []
        with ended_by_signals() as asked:
            for number in range(repeat):
                result = self._run_once(scenario, asked)
                self._tell_end(result)
                runs.append(self._write(self._report(result, asked), f"-{number + 1}" if repeat > 1 and self._out else ""))
                codes.append(exit_code(result.verdict))
                if asked.is_set():
                    break
        self.told = runs[0] if repeat == 1 else {"runs": runs}
        return max(codes)

    def find_capacity(self, scenario: Scenario, options: SearchOptions) -> int:
        """Find the greatest fleet that keeps the thresholds, and return 0 if there is one, 1 if nothing held, 3 if the generator alone was too slow.

        Raises
        ------
        InvalidInput : the scenario has no thresholds.
        """
        if scenario.thresholds is None:
            raise InvalidInput(f"scenario {scenario.name} has no [thresholds]: a search needs to know what must hold")
        ceiling = options.ceiling or max(options.start, greatest_fleet(scenario, psutil.virtual_memory().available))
        search = Search(options.start, ceiling=ceiling, precision=options.precision)
        results: list[LoadResult] = []
        with ended_by_signals() as asked:
            # Services that are started before the first run are left running by each.
            backing = backing_of(self._settings) if self._settings.profile is Profile.SERVICES else None
            try:
                if backing is not None:
                    backing.start(self._say)

                def probe(one: Scenario) -> ProbeResult:
                    results.append(self._run_once(one, asked))
                    return probe_result(results[-1])

                shape = ProbeShape(hold_s=options.hold_s)
                found = find_capacity(
                    scenario,
                    probe,
                    search,
                    shape=shape,
                    cool_down_s=options.cool_down_s,
                    sleep=asked.wait,
                    tell=self._tell_progress,
                    is_stopped=asked.is_set,
                    passing=(StackError, ChildDied, BrokerError, ServicesError),
                )
            finally:
                if backing is not None:
                    backing.stop(self._say)
        return self._end_search(found, results)

    def _end_search(self, found: Capacity, results: list[LoadResult]) -> int:
        if not results:
            raise StackError(f"no probe could be run: {found.why}")
        best = next((one for one in reversed(results) if one.scenario.fleet.size == found.highest), results[-1])
        self._console.print(Text(f"capacity: {found.why}", "bold"))
        self.told = self._write(self._report(best, threading.Event(), found), "")
        return 0 if found.highest else 3 if all(probe.outcome is Outcome.NO_VERDICT for probe in found.probes) else 1

    def _run_once(self, scenario: Scenario, asked: threading.Event) -> LoadResult:
        with Live(console=self._console, auto_refresh=False, transient=True, screen=False) as live:

            def watch(view: View) -> None:
                if view.load is None or view.verdict is None:
                    live.update(Text(f"{view.step} …", "bright_black"), refresh=True)
                else:
                    live.update(page(view.load, view.verdict, view.url, scenario.duration_s, view.done), refresh=True)

            return LoadRun(self._settings, scenario, watch).run(asked)

    def _report(self, result: LoadResult, asked: threading.Event, found: Capacity | None = None) -> LoadReport:
        ended = "aborted at the first failure" if result.is_aborted else STOPPED if asked.is_set() else "finished"
        return report_of_result(result, self._settings, ended, found)

    def _write(self, report: LoadReport, suffix: str) -> dict[str, Any]:
        folder = self._settings.data_dir / "reports" / report.run.id if self._out is None else self._out.with_name(self._out.name + suffix)
        paths = write_report(report, folder)
        if self._junit is not None:
            self._junit.write_text(junit(report), encoding="utf-8")
        self._console.print(f"the report  {folder / 'report.html'}", highlight=False, soft_wrap=True)
        verdict = report.verdict
        told = {"runId": report.run.id, "outcome": verdict.outcome, "exitCode": verdict.exit_code, "why": verdict.why, "bound": verdict.bound}
        return told | {"report": str(folder), "files": sorted(path.name for path in paths)}

    def _tell_end(self, result: LoadResult) -> None:
        self._console.print(closing(result.load, result.verdict, result.done))
        if result.ledger is not None:
            self._console.print(ledger_table(result.run_id, result.ledger))
        for sentence in result.ending.sentences():
            self._console.print(Text(sentence, "bold red"))

    def _tell_progress(self, progress: Progress) -> None:
        known = f"held {progress.highest:,}" + (f", not held {progress.lowest_failed:,}" if progress.lowest_failed else "")
        if progress.probe is None:
            self._console.print(f"probe {progress.number}: {progress.drivers:,} drivers ({progress.phase}); {known}", highlight=False)
        else:
            figures = ", ".join(f"{name} {value:,.3g}" for name, value in progress.probe.figures.items())
            self._console.print(f"  {progress.probe.outcome}: {figures}", highlight=False)

    def _say(self, step: str) -> None:
        self._console.print(Text(step, "bright_black"))


def probe_result(result: LoadResult) -> ProbeResult:
    """Return what a search needs to know of a run."""
    stages = [stage for stage in result.load.stages if stage.judged]
    seconds = sum(stage.seconds for stage in stages)
    figures = {POSITIONS_PER_S: sum(stage.planned for stage in stages) / seconds} if seconds else {}
    for name, segment in ((E2E_P99_MS, result.load.e2e), (LATENESS_P99_MS, Segment.PRODUCED)):
        found = [stage.histograms[segment].percentile_us(99) for stage in stages if segment in stage.histograms]
        if found:
            figures[name] = max(one or 0 for one in found) / 1000
    used = [worker.cpu_share for worker in result.load.workers if worker.cpu_share is not None]
    if used:
        figures[CPU_SHARE] = min(1.0, sum(used) / (psutil.cpu_count() or 1))
    bound = None if result.verdict.bound is None else result.verdict.bound.value
    return ProbeResult(Outcome(result.verdict.outcome.value), bound, figures)

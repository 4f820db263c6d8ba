"""One call of ``code-delivery loadtest``: its runs or its search, its pages, its reports."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psutil
from rich.console import Console
from rich.live import Live
from rich.text import Text

from cli.load.capacity.curve import CPU_SHARE, E2E_P99_MS, LATENESS_P99_MS, POSITIONS_PER_S
from cli.load.capacity.runner import ProbeResult, ProbeShape, Progress, find_capacity, greatest_fleet
from cli.load.capacity.search import Capacity, Outcome, Search
from cli.load.outputs import Outputs
from cli.load.page import closing, page, verdict_line
from cli.load.reporting import report_of_result
from cli.load.run import Ended, LoadResult, LoadRun, View
from cli.local.backing import backing_of
from cli.local.broker import BrokerError
from cli.local.child import ChildDied
from cli.local.ledger_table import ledger_table
from cli.local.services.errors import ServicesError
from cli.local.settings import Profile, UpSettings
from cli.local.signals import ended_by_signals
from cli.local.stack import StackError
from engine.errors import InvalidInput
from engine.judging.verdict import exit_code
from engine.latency.meter import Segment
from engine.scenario.scenario import Scenario

COULD_NOT_WRITE = 2
NO_VERDICT = 3


@dataclass(frozen=True, slots=True)
class SearchOptions:
    """Of a search for the greatest fleet; see `cli.load.capacity.search`."""

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
    output : what ``--json`` prints.
    """

    def __init__(self, settings: UpSettings, console: Console, out: Path | None, junit: Path | None) -> None:
        self._settings, self._console = settings, console
        self._outputs = Outputs(settings.data_dir, out, junit)
        self.output: dict[str, Any] = {}

    def run(self, scenario: Scenario, repeat: int) -> int:
        """Run a scenario `repeat` times, and return the worst exit code.

        Raises
        ------
        InvalidInput : the scenario never ends, or its report cannot be written.
        """
        if scenario.is_endless:
            raise InvalidInput(f"scenario {scenario.name} never ends: give --duration SECONDS")
        self._outputs.prepare(repeat)
        codes: list[int] = []
        runs: list[dict[str, Any]] = []
        with ended_by_signals() as asked:
            for number in range(repeat):
                result = self._run_once(scenario, asked)
                self._show_end(result)
                runs.append(
                    self._write(result, self._outputs.folder(result.run_id, number, repeat), exit_code(result.verdict))
                )
                codes.append(runs[-1]["exitCode"])
                if asked.is_set():
                    break
        if len(runs) < repeat:
            self._console.print(Text(f"INTERRUPTED after {len(runs)} of {repeat} runs", "bold yellow"))
            codes.append(NO_VERDICT)
        self.output = runs[0] if repeat == 1 else {"runs": runs}
        return max(codes)

    def find_capacity(self, scenario: Scenario, options: SearchOptions) -> int:
        """Find the greatest fleet that keeps the thresholds.

        Return 0 if there is one, 1 if nothing held, 3 if no probe had a verdict or it was interrupted.

        Raises
        ------
        InvalidInput : the scenario has no thresholds, or its report cannot be written.
        """
        if scenario.thresholds is None:
            raise InvalidInput(f"scenario {scenario.name} has no [thresholds]: a search needs to know what must hold")
        ceiling = options.ceiling or max(options.start, greatest_fleet(scenario, psutil.virtual_memory().available))
        search = Search(options.start, ceiling=ceiling, precision=options.precision)
        self._outputs.prepare()
        results: list[LoadResult] = []
        with ended_by_signals() as asked:
            # Services that are started before the first run are left running by each.
            backing = backing_of(self._settings, scenario) if self._settings.profile is Profile.SERVICES else None
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
                    report=self._show_progress,
                    is_stopped=asked.is_set,
                    passing=(StackError, ChildDied, BrokerError, ServicesError),
                )
            finally:
                if backing is not None:
                    backing.stop(self._say)
        return self._end_search(found, results, is_interrupted=asked.is_set() and search.next_drivers is not None)

    def _end_search(self, found: Capacity, results: list[LoadResult], *, is_interrupted: bool) -> int:
        if not results:
            raise StackError(f"no probe could be run: {found.why}")
        best = next((one for one in reversed(results) if one.scenario.fleet.size == found.highest), results[-1])
        self._console.print(Text(f"capacity: {found.why}", "bold"))
        if is_interrupted:
            why = "the search was ended before its time, so a greater fleet may hold"
            verdict = replace(best.verdict, outcome=Outcome.NO_VERDICT, is_interrupted=True, why=why)
            best = replace(best, verdict=verdict, ended=Ended.INTERRUPTED)
            self._console.print(verdict_line(verdict))
        has_none = is_interrupted or (
            not found.highest and all(probe.outcome is Outcome.NO_VERDICT for probe in found.probes)
        )
        code = NO_VERDICT if has_none else 0 if found.highest else 1
        self.output = self._write(best, self._outputs.folder(best.run_id), code, found)
        return int(self.output["exitCode"])

    def _run_once(self, scenario: Scenario, asked: threading.Event) -> LoadResult:
        with Live(console=self._console, auto_refresh=False, transient=True, screen=False) as live:

            def watch(view: View) -> None:
                if view.load is None or view.verdict is None:
                    live.update(Text(f"{view.step} …", "bright_black"), refresh=True)
                else:
                    live.update(page(view.load, view.verdict, view.url, scenario.duration_s, view.done), refresh=True)

            return LoadRun(self._settings, scenario, watch).run(asked)

    def _write(self, result: LoadResult, folder: Path, code: int, found: Capacity | None = None) -> dict[str, Any]:
        """Write the report of a run, say where it is, and return what ``--json`` prints of it."""
        report = report_of_result(result, self._settings, found)
        self._console.print(Text(f"the report  {folder / 'report.html'}"), soft_wrap=True)
        paths, faults = self._outputs.write(report, folder)
        for fault in faults:
            Console(stderr=True).print(Text.assemble(("error: ", "bold red"), fault), soft_wrap=True)
        verdict = report.verdict
        code = max(code, COULD_NOT_WRITE) if faults else code
        record = {
            "runId": report.run.id,
            "outcome": verdict.outcome,
            "interrupted": verdict.interrupted,
            "exitCode": code,
        }
        return record | {
            "why": verdict.why,
            "bound": verdict.bound,
            "report": str(folder),
            "files": sorted(path.name for path in paths),
        }

    def _show_end(self, result: LoadResult) -> None:
        self._console.print(closing(result.load, result.verdict, result.done))
        if result.ledger is not None:
            self._console.print(ledger_table(result.run_id, result.ledger))
        for sentence in result.ending.sentences():
            self._console.print(Text(sentence, "bold red"))

    def _show_progress(self, progress: Progress) -> None:
        known = f"held {progress.highest:,}" + (
            f", not held {progress.lowest_failed:,}" if progress.lowest_failed else ""
        )
        if progress.probe is None:
            self._console.print(
                f"probe {progress.number}: {progress.drivers:,} drivers ({progress.phase}); {known}", highlight=False
            )
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

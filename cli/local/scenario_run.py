"""A scenario run to its end, with its progress and its ledger."""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from cli.local.ending_report import report_ending
from cli.local.scenario_file import effective_scenario, write_run
from cli.local.settings import UpSettings
from cli.local.signals import ended_by_signals
from cli.local.stack import Stack
from engine.errors import InvalidInput

POLL_S = 0.5


def run_scenario(settings: UpSettings, *, duration_s: float | None, as_json: bool) -> int:
    """Run a scenario to its end, or until Ctrl-C; return the exit code.

    Raises
    ------
    InvalidInput : the scenario never ends and no duration is given.
    """
    scenario = effective_scenario(settings, duration_s)
    if scenario.is_endless:
        raise InvalidInput(
            f"scenario {scenario.name} never ends: give --duration SECONDS, "
            f"or use: code-delivery up --scenario {settings.scenario}"
        )
    console = Console(stderr=as_json)
    run_id, path = write_run(scenario, settings.data_dir)
    stack = Stack(settings, scenario, path, run_id, once=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[state]}"), TimeRemainingColumn())
    with ended_by_signals() as asked:
        try:
            with Progress(*columns, console=console, transient=True) as progress:
                task = progress.add_task("starting", total=scenario.duration_s, state="")
                stack.start(lambda step: progress.update(task, description=step), asked)
                progress.update(task, description=scenario.name)
                began_ms = None
                while not stack.has_finished() and not asked.wait(POLL_S):
                    stack.check()
                    run = stack.client.run(run_id)
                    if run is not None:
                        began_ms = began_ms or run["clock"][0]  # where the first clock begins, and with it the run
                        lateness = f"lateness p99 {run['latenessP99Ms'] or 0:.0f} ms"
                        state = f"{run['active']:,} on the road, {run['acked']:,} positions, {lateness}"
                        progress.update(task, completed=(run["eventTime"] - began_ms) / 1000, state=state)
        finally:
            with console.status("stopping") as status:
                ending = stack.stop(lambda step: status.update(escape(step)))
    return report_ending(console, run_id, ending, stack.summary(), as_json=as_json)

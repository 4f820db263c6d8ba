"""A stack that runs until it is asked to end."""

from __future__ import annotations

import json

from rich.console import Console
from rich.markup import escape

from cli.local.ending_report import report_ending
from cli.local.scenario_file import effective_scenario, write_run
from cli.local.settings import UpSettings
from cli.local.signals import ended_by_signals
from cli.local.stack import Stack

CHECK_S = 0.5


def up_live(settings: UpSettings, *, as_json: bool) -> int:
    """Run the stack until Ctrl-C or the scenario's end, print the ledger, and return the exit code."""
    console = Console(stderr=as_json)
    scenario = effective_scenario(settings)
    run_id, path = write_run(scenario, settings.data_dir)
    stack = Stack(settings, scenario, path, run_id)
    with ended_by_signals() as asked:
        try:
            with console.status("starting") as status:
                stack.start(lambda step: status.update(step), asked)
            if not asked.is_set() and as_json:
                print(json.dumps({"runId": run_id, "url": settings.url, "kafka": stack.bootstrap}), flush=True)  # noqa: T201 - the command's output
            if not asked.is_set():
                console.print(
                    f"[bold green]Code Delivery is running[/] with {scenario.fleet.size:,} couriers: {scenario.name}"
                )
                console.print(f"  the map   [bold]{settings.url}[/]")
                console.print(f"  the API   {settings.url}/docs")
                console.print(f"  Kafka     {stack.bootstrap} ({stack.backing.title})")
                console.print(f"  the data  {settings.data_dir}")
                console.print("Ctrl-C ends it.")
            while not asked.wait(CHECK_S) and not stack.has_finished():
                stack.check()
        finally:
            with console.status("stopping") as status:
                ending = stack.stop(lambda step: status.update(escape(step)))
    return report_ending(console, run_id, ending, stack.summary(), as_json=as_json)

"""``code-delivery up``: everything on this machine, until Ctrl-C."""

from __future__ import annotations

import json
import signal
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.text import Text

from cli.local.ending import Ending
from cli.local.ledger_table import ledger_table
from cli.local.scenario_file import effective_scenario, write_run
from cli.local.settings import UpSettings
from cli.local.stack import Stack

CHECK_S = 0.5


@contextmanager
def ended_by_signals() -> Iterator[threading.Event]:
    """Give an event that SIGINT and SIGTERM set; a second signal is taken as impatience and raises KeyboardInterrupt."""
    asked = threading.Event()

    def handle(_number: int, _frame: object) -> None:
        if asked.is_set():
            raise KeyboardInterrupt
        asked.set()

    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


LATENESS = ("latenessP50Ms", "latenessP99Ms", "latenessMaxMs")


def report(console: Console, run_id: str, ending: Ending, summary: Mapping[str, Any], *, as_json: bool) -> int:
    """Print the ledger, the lateness and what waits, and return the exit code: 0 only if every position is accounted for and none waits for a store."""
    if as_json:
        print(json.dumps({"runId": run_id, **ending.to_json(), **{name: summary.get(name) for name in LATENESS}}))  # noqa: T201 - the command's output
    elif ending.ledger is not None:
        console.print(ledger_table(run_id, ending.ledger))
        if summary.get("latenessP99Ms") is not None:
            p50, p99, most = (summary[name] for name in LATENESS)
            console.print(
                f"positions were sent {p50:.0f} ms after they were due (median), {p99:.0f} ms (p99), {most:.0f} ms at most",
                highlight=False,
            )
    for sentence in ending.sentences():
        console.print(Text(sentence, "bold red"))
    return 0 if ending.is_clean else 1


def up_live(settings: UpSettings, *, as_json: bool) -> int:
    """Start the stack, wait for Ctrl-C or the scenario's end, end it, print the ledger; return the exit code."""
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
    return report(console, run_id, ending, stack.summary(), as_json=as_json)

"""``code-delivery scenario``: a scenario file checked, its load to come, and the JSON Schema."""

from __future__ import annotations

import json
import re
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from cli.commands.options import JsonOption
from cli.load.load_chart import chart_columns
from cli.load.scenario_picture import headline, picture
from engine.demand.world import network_of, read_files
from engine.errors import InvalidInput, ScenarioError
from engine.judging.plan import load_plan
from engine.scenario.files import load_scenario
from engine.scenario.schema import schema_text

scenario_app = typer.Typer(
    help="Scenarios: check a file, see the load to come.", no_args_is_help=True, add_completion=False
)

REFUSED = 2

FileArgument = Annotated[str, typer.Argument(metavar="FILE", help="Scenario: a TOML file or a shipped name.")]

_FAULT = re.compile(r"^(?P<source>.*?) line (?P<line>\d+): (?P<what>.*)$")


@scenario_app.callback()
def _scenario() -> None:
    """Check a scenario, or see its load to come."""


@scenario_app.command()
def check(file: FileArgument, as_json: JsonOption = False) -> None:
    """Read a scenario and the files that it names, and list everything that is wrong with them.

    Exit code 0 if nothing is, else 2.
    """
    try:
        scenario = load_scenario(file)
        if scenario.network is not None:
            network_of(scenario.network)
        notices = read_files(scenario).notices
    except InvalidInput as error:
        faults = (
            [_fault(line) for line in str(error).splitlines()]
            if isinstance(error, ScenarioError)
            else [_no_line(str(error))]
        )
        if as_json:
            print(json.dumps({"ok": False, "source": file, "faults": faults}))  # noqa: T201 - the command's output
        else:
            _print_faults(file, faults)
        raise typer.Exit(REFUSED) from None
    if as_json:
        print(json.dumps({"ok": True, "source": file, "name": scenario.name, "faults": [], "notices": notices}))  # noqa: T201 - the command's output
    else:
        console = Console()
        console.print(Text("ok ", "bold green").append(f"{file}: {headline(scenario)}", "default"), soft_wrap=True)
        for notice in notices:
            console.print(Text("note ", "yellow").append(notice, "default"), soft_wrap=True)


@scenario_app.command()
def show(
    file: FileArgument,
    as_json: JsonOption = False,
    columns: Annotated[int, typer.Option(help="Columns of the series that --json gives.")] = 240,
) -> None:
    """Draw the load to come: drivers and positions a second over time, stages, arrivals."""
    scenario = load_scenario(file)
    if as_json:
        plan = load_plan(scenario, columns)
        head = {"name": scenario.name, "seed": scenario.seed, "timeScale": scenario.time_scale}
        print(json.dumps(head | plan.to_json()))  # noqa: T201 - the command's output
        return
    console = Console()
    console.print(picture(scenario, load_plan(scenario, chart_columns(console.width))))


@scenario_app.command()
def schema() -> None:
    """Print the JSON Schema of scenario files, for an editor that checks them while they are written."""
    print(schema_text(), end="")  # noqa: T201 - the command's output


def _fault(line: str) -> dict[str, object]:
    found = _FAULT.match(line)
    return {"line": int(found["line"]), "message": found["what"]} if found else _no_line(line)


def _no_line(what: str) -> dict[str, object]:
    return {"line": None, "message": what}


def _print_faults(file: str, faults: list[dict[str, object]]) -> None:
    console = Console(stderr=True)
    console.print(
        Text(f"{file}: ", "bold").append(f"{len(faults)} fault{'s' if len(faults) > 1 else ''}", "bold red"),
        soft_wrap=True,
    )
    width = max(len(str(fault["line"] or "")) for fault in faults)
    for fault in faults:
        place = f"  line {fault['line']:>{width}}  " if fault["line"] else "  "
        console.print(Text(place, "cyan").append(str(fault["message"]), "default"), soft_wrap=True)

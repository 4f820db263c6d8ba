"""``code-delivery scenario``: checks a scenario file, shows the load to come, prints the JSON Schema of such files."""

from __future__ import annotations

import json
import re
from typing import Annotated

import typer
from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from cli.load.load_chart import arrivals_chart, chart_columns, clock, fleet_chart, short, stage_table
from engine.errors import InvalidInput, ScenarioError
from engine.judging.plan import LoadPlan, load_plan
from engine.scenario.files import load_scenario
from engine.scenario.scenario import Scenario

scenario_app = typer.Typer(help="Scenarios: check a file, see the load to come.", no_args_is_help=True)

REFUSED = 2

FileArgument = Annotated[str, typer.Argument(metavar="FILE", help="Scenario: a TOML file or a shipped name.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object instead.")]

_FAULT = re.compile(r"^(?P<source>.*?) line (?P<line>\d+): (?P<what>.*)$")


@scenario_app.callback()
def _scenario() -> None:
    """Scenarios."""


@scenario_app.command()
def check(file: FileArgument, as_json: JsonOption = False) -> None:
    """Read a scenario and the files that it names, and list everything that is wrong with them. Exit code 0 if nothing is, else 2."""
    from engine.demand.world import network_of, read_files

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
        print(
            json.dumps(
                {"name": scenario.name, "seed": scenario.seed, "timeScale": scenario.time_scale} | plan.to_json()
            )
        )
        return
    console = Console()
    console.print(picture(scenario, load_plan(scenario, chart_columns(console.width))))


@scenario_app.command()
def schema() -> None:
    """Print the JSON Schema of scenario files, for an editor that checks them while they are written."""
    from engine.scenario.schema import schema_text

    print(schema_text(), end="")  # noqa: T201 - the command's output


def headline(scenario: Scenario) -> str:
    """Return a scenario in one line."""
    lasts = (
        "endless"
        if scenario.is_endless
        else clock(scenario.duration_s)
        if scenario.duration_s is not None
        else "until the last driver has arrived"
    )
    parts = [scenario.name, lasts]
    if scenario.fleet.size:
        parts.append(f"{scenario.fleet.size:,} drivers" + (" at most" if scenario.stages else ""))
    if scenario.arrivals:
        parts.append(f"{scenario.arrivals.mean_per_s * 3600:,.4g} arrivals an hour, {scenario.arrivals.process}")
    return " · ".join(parts)


def picture(scenario: Scenario, plan: LoadPlan) -> Group:
    """Return the load to come as a terminal shows it."""
    parts: list[Text | Group | Table] = [Text(scenario.name, "bold"), _summary(scenario, plan), Text()]
    if plan.peak:
        parts.append(fleet_chart(plan))
    if plan.stages:
        parts += [Text(), stage_table(plan)]
    if plan.arrivals_per_s:
        parts += [Text(), arrivals_chart(plan)]
    return Group(*parts, *_notes(scenario, plan))


def _summary(scenario: Scenario, plan: LoadPlan) -> Text:
    lasts = f"endless, the first {clock(plan.end_s)} shown" if plan.is_endless else clock(plan.end_s)
    scaled = (
        f" at ×{scenario.time_scale:g}, {clock(plan.end_s / scenario.time_scale)} by the wall"
        if scenario.time_scale != 1 and not plan.is_endless
        else ""
    )
    told = [f"{lasts}{scaled}"]
    if plan.peak:
        told.append(f"peak {plan.peak:,} drivers, {plan.peak * plan.mean_hz:,.0f} positions/s")
        told.append(f"{short(plan.positions)} positions" + (" at most" if plan.is_upper_bound else ""))
    if plan.arrivals_per_s:
        told.append(f"{plan.arrivals:,.0f} arrivals")
    return Text("\n".join(_filled([*told, f"seed {scenario.seed}"], len(plan.drivers))), "bright_black")


def _filled(parts: list[str], width: int) -> list[str]:
    """Return the parts in lines of some width, none torn."""
    lines = [parts[0]]
    for part in parts[1:]:
        if len(lines[-1]) + 3 + len(part) <= width:
            lines[-1] += f" · {part}"
        else:
            lines.append(part)
    return lines


def _notes(scenario: Scenario, plan: LoadPlan) -> list[Text]:
    notes = []
    if plan.warm_up_s:
        notes.append(f"warm-up: the first {clock(plan.warm_up_s)}, drawn grey, is left out of verdicts")
    if scenario.sampling:
        total = sum(one.share for one in scenario.sampling)
        shares = ", ".join(f"{one.share / total:.0%} at {one.hz:g} Hz" for one in scenario.sampling)
        notes.append(f"samplings: {shares}; {plan.mean_hz:.4g} positions a second and driver on average")
    if plan.is_upper_bound and plan.peak:
        notes.append("drivers are an upper bound: who rests or has ended sends nothing")
    if scenario.arrivals:
        notes.append("an arrival sends positions while its delivery lasts; they come on top of the fleet's")
    return [Text(), *(Text(note, "bright_black") for note in notes)] if notes else []


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

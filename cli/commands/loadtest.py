"""``code-delivery loadtest``: a scenario as a load test, or a search for the greatest fleet."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from cli.commands.options import DurationOption, JsonOption, PortOption
from cli.load.session import SearchOptions, Session
from cli.local.scenario_file import effective_scenario
from cli.local.stack_settings import stack_settings


def loadtest(
    scenario: Annotated[str, typer.Argument(help="Scenario: a TOML file or a shipped name.")],
    port: PortOption = None,
    drivers: Annotated[
        int | None, typer.Option(help="Fleet size, instead of the scenario's; its stages are scaled.", envvar="DRIVERS")
    ] = None,
    duration: DurationOption = None,
    data_dir: Annotated[
        Path | None, typer.Option(help="Folder of stores, logs and reports.", envvar="DATA_DIR", show_default=".data")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder of the report.", show_default="DATA_DIR/reports/RUN")] = None,
    junit: Annotated[
        Path | None, typer.Option(help="Write the checks as JUnit XML to this file, for a CI system.")
    ] = None,
    repeat: Annotated[
        int, typer.Option(help="Number of runs, each with a report; the worst exit code counts.", min=1, max=100)
    ] = 1,
    find_capacity: Annotated[
        bool, typer.Option("--find-capacity", help="Find the greatest fleet that keeps the thresholds.")
    ] = False,
    start: Annotated[int, typer.Option(help="With --find-capacity: the first fleet that is tried.", min=1)] = 1000,
    ceiling: Annotated[
        int | None,
        typer.Option(help="With --find-capacity: the greatest fleet.", show_default="what memory allows", min=1),
    ] = None,
    precision: Annotated[
        float,
        typer.Option(help="With --find-capacity: how near the answer must be, as a share of it.", min=0.005, max=1.0),
    ] = 0.1,
    hold: Annotated[
        float, typer.Option(help="With --find-capacity: seconds for which each fleet is held and judged.", min=1.0)
    ] = 30.0,
    cool_down: Annotated[float, typer.Option(help="With --find-capacity: seconds between two runs.", min=0.0)] = 5.0,
    as_json: JsonOption = False,
) -> None:
    """Run a scenario as a load test: watch it, judge it by its thresholds, write a report.

    Exit code 0 passed, 1 a threshold failed, 2 it could not run or its report could not be written, 3 no verdict: the
    load that was asked for was not made, or the run was ended before its time.
    """
    settings = stack_settings(scenario=scenario, port=port, drivers=drivers, data_dir=data_dir)
    planned = effective_scenario(settings, duration)
    session = Session(settings, Console(stderr=as_json), out, junit)
    code = (
        session.find_capacity(planned, SearchOptions(start, ceiling, precision, hold, cool_down))
        if find_capacity
        else session.run(planned, repeat)
    )
    if as_json:
        print(json.dumps(session.output))  # noqa: T201 - the command's output
    raise typer.Exit(code)

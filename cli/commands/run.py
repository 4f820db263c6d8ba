"""``code-delivery run``: a scenario to its end."""

from __future__ import annotations

import typer

from cli.commands.options import (
    DataOption,
    DriversOption,
    DurationOption,
    JsonOption,
    PortOption,
    ScenarioArgument,
)
from cli.local.scenario_run import run_scenario
from cli.local.stack_settings import stack_settings


def run(
    scenario: ScenarioArgument,
    port: PortOption = None,
    drivers: DriversOption = None,
    duration: DurationOption = None,
    data_dir: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Run a scenario to its end, show its progress, print the ledger.

    Exit code 0 only if every position is accounted for.
    """
    settings = stack_settings(scenario=scenario, port=port, drivers=drivers, data_dir=data_dir)
    raise typer.Exit(run_scenario(settings, duration_s=duration, as_json=as_json))

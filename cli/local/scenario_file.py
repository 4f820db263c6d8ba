"""From a scenario's name and the command's options to the file that a run reads."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import psutil

from actors.dispatch.plan import make_run_id
from cli.local.folder import writable_folder
from cli.local.settings import UpSettings
from engine.demand.world import read_files
from engine.scenario.files import SHIPPED, load_scenario
from engine.scenario.memory import check_memory
from engine.scenario.scenario import Scenario


def effective_scenario(settings: UpSettings, duration_s: float | None = None) -> Scenario:
    """Return the scenario to run, with the command's fleet size and duration instead of its own.

    Raises
    ------
    ScenarioError : no such scenario, faults in it, or a fleet too large for this machine's memory.
    RouteFileError : a file of routes or traces that it names cannot be read.
    """
    named = settings.scenario
    # Absolute, so that files named in the scenario are found from wherever it is read again.
    scenario = load_scenario(named if named in SHIPPED else Path(named).resolve())
    if settings.drivers is not None:
        scenario = scenario.with_drivers(settings.drivers)
    if duration_s is not None:
        scenario = replace(scenario, duration_s=duration_s)
    check_memory(scenario, psutil.virtual_memory().available)
    read_files(scenario)  # the dispatcher reads them again: what it could not read is refused before anything starts
    return scenario


def write_run(scenario: Scenario, data_dir: Path) -> tuple[str, Path]:
    """Write the scenario of a new run beside its data, and return the run's id and the file.

    With the file the run can be repeated.

    Raises
    ------
    InvalidInput : the data folder, or one of its folders that a run writes to, cannot be created, or no file can be
        written to it.
    """
    run_id = make_run_id(scenario, datetime.now(UTC))
    for folder in (data_dir, data_dir / "logs", data_dir / "runs"):
        writable_folder(folder, "DATA_DIR", is_private=True)
    path = data_dir / "runs" / f"{run_id}.toml"
    path.write_text(scenario.to_toml(), encoding="utf-8")
    return run_id, path

"""Options and arguments that more than one command has."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

ScenarioArgument = Annotated[
    str,
    typer.Argument(
        help="Scenario: a TOML file or a shipped name (liechtenstein, brasilia, load-10k, ramp-and-spike, rush-hour)."
    ),
]
PortOption = Annotated[
    int | None,
    typer.Option(
        help="Port of the map and the API on 127.0.0.1.", envvar="PORT", show_envvar=True, show_default="8000"
    ),
]
DriversOption = Annotated[
    int | None, typer.Option(help="Fleet size, instead of the scenario's.", envvar="DRIVERS", show_envvar=True)
]
DurationOption = Annotated[
    float | None, typer.Option(help="Seconds of the scenario's own time, instead of the scenario's.", min=0.1)
]
DataOption = Annotated[
    Path | None,
    typer.Option(
        "--data-dir", help="Folder of the embedded stores and the logs.", envvar="DATA_DIR", show_default=".data"
    ),
]
ApiUrlOption = Annotated[str, typer.Option("--url", help="Address of the API.")]
ApiKeyOption = Annotated[str | None, typer.Option("--key", help="API key.", envvar="API_KEY")]
BootstrapOption = Annotated[str | None, typer.Option(help="Brokers, instead of KAFKA_BOOTSTRAP.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object instead.")]

API_URL = "http://127.0.0.1:8000"
"""Where the API is unless `ApiUrlOption` names another address."""

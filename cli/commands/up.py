"""``code-delivery up``: everything on this machine, until Ctrl-C."""

from __future__ import annotations

from typing import Annotated

import typer

from cli.commands.options import DataOption, DriversOption, JsonOption, PortOption
from cli.local.live import up_live
from cli.local.stack_settings import stack_settings


def up(
    scenario: Annotated[
        str | None,
        typer.Option(help="Scenario: a TOML file or a shipped name.", envvar="SCENARIO", show_default="liechtenstein"),
    ] = None,
    port: PortOption = None,
    drivers: DriversOption = None,
    data_dir: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Start everything on this machine, print the address, and run until Ctrl-C; then print the ledger."""
    settings = stack_settings(scenario=scenario, port=port, drivers=drivers, data_dir=data_dir)
    raise typer.Exit(up_live(settings, as_json=as_json))

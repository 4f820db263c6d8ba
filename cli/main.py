"""``code-delivery``: the command line.

Each command imports its own part: whoever asks for the version must not wait for a web framework and a road network.

Exit codes: 0 all is well; 1 the run ended with positions missing, or a check failed; 2 it could not run (bad input, a
taken port, a part that died), or a report could not be written; 3 a load test came to no verdict, because the load that
it asked for was not made, or not to its end.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from cli import __version__
from cli.commands.connect import connect_app
from cli.commands.control import control
from cli.commands.dead_letters import dead_letters_app
from cli.commands.loadtest import loadtest
from cli.commands.report import report_app
from cli.commands.routes import routes_app
from cli.commands.scenario import scenario_app
from cli.commands.services import services_app
from cli.commands.size import size
from cli.commands.topics import topics_app
from cli.commands.verify import verify
from cli.commands.viewers import viewers
from cli.local.settings import settings_from
from engine.errors import InvalidInput

app = typer.Typer(
    name="code-delivery",
    help="Live, measured, large-scale simulation of delivery fleets: scenario -> Ray driver actors -> Kafka -> FastAPI -> stores and live map.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(routes_app, name="routes")
app.add_typer(scenario_app, name="scenario")
app.add_typer(topics_app, name="topics")
app.add_typer(services_app, name="services")
app.add_typer(connect_app, name="connect")
app.add_typer(dead_letters_app, name="dead-letters")
app.add_typer(report_app, name="report")
app.command()(verify)
app.command()(control)
app.command()(viewers)
app.command()(loadtest)
app.command()(size)

CANNOT_RUN = 2

PortOption = Annotated[
    int | None,
    typer.Option(
        help="Port of the map and the API on 127.0.0.1.", envvar="PORT", show_envvar=True, show_default="8000"
    ),
]
DriversOption = Annotated[
    int | None, typer.Option(help="Fleet size, instead of the scenario's.", envvar="DRIVERS", show_envvar=True)
]
DataOption = Annotated[
    Path | None,
    typer.Option(
        "--data-dir", help="Folder of the embedded stores and the logs.", envvar="DATA_DIR", show_default=".data"
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of tables.")]


@app.command()
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
    """Start everything on this machine, print the address, and go on until Ctrl-C; then print the ledger."""
    from cli.commands.up import up_live
    from cli.local.stack_settings import stack_settings

    settings = stack_settings(scenario=scenario, port=port, drivers=drivers, data_dir=data_dir)
    raise typer.Exit(up_live(settings, as_json=as_json))


@app.command()
def run(
    scenario: Annotated[
        str,
        typer.Argument(
            help="Scenario: a TOML file or a shipped name (liechtenstein, brasilia, load-10k, ramp-and-spike, rush-hour)."
        ),
    ],
    port: PortOption = None,
    drivers: DriversOption = None,
    duration: Annotated[
        float | None, typer.Option(help="Seconds of the scenario's own time, instead of the scenario's.", min=0.1)
    ] = None,
    data_dir: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Run a scenario to its end, show its progress, print the ledger. Exit code 0 only if every position is accounted for."""
    from cli.commands.run import run_scenario
    from cli.local.stack_settings import stack_settings

    settings = stack_settings(scenario=scenario, port=port, drivers=drivers, data_dir=data_dir)
    raise typer.Exit(run_scenario(settings, duration_s=duration, as_json=as_json))


@app.command()
def doctor(port: PortOption = None, data_dir: DataOption = None, json_output: JsonOption = False) -> None:
    """Say what this machine has and lacks, and how to get it. Exit code 1 if something required is missing."""
    from api.rest.site import ui_folder
    from cli.commands.doctor import as_json, examine
    from cli.kafka.api_settings import api_settings

    settings = settings_from(port=port, data_dir=data_dir)
    findings = examine(settings.port, settings.data_dir, ui_folder(api_settings()))
    if json_output:
        print(json.dumps(as_json(findings)))  # noqa: T201 - the command's output
    else:
        table = Table(title="What code-delivery needs", title_justify="left")
        for heading in ("", "what", "found", "needed for", "how to get it"):
            table.add_column(heading)
        for finding in findings:
            mark = "[green]ok[/]" if finding.ok else "[bold red]missing[/]" if finding.required else "[yellow]absent[/]"
            table.add_row(mark, finding.name, finding.found, finding.needed_for, finding.mend)
        Console().print(table)
    raise typer.Exit(0 if all(finding.ok for finding in findings if finding.required) else 1)


@app.command()
def version(json_output: JsonOption = False) -> None:
    """Print the version."""
    print(json.dumps({"version": __version__}) if json_output else f"code-delivery {__version__}")  # noqa: T201 - the command's output


def main() -> None:
    """Entry point: errors that a person can mend are one message, not a traceback."""
    from cli.kafka.connect_api import ConnectError
    from cli.kafka.topics import TopicsError
    from cli.local.api_client import ApiError
    from cli.local.broker import BrokerError
    from cli.local.child import ChildDied
    from cli.local.services.errors import ServicesError
    from cli.local.stack import StackError

    try:
        app()
    except (
        InvalidInput,
        StackError,
        ChildDied,
        BrokerError,
        ConnectError,
        ServicesError,
        TopicsError,
        ApiError,
    ) as error:
        Console(stderr=True).print(
            f"[bold red]error:[/] {escape(str(error))}", highlight=False, markup=True, soft_wrap=True
        )
        sys.exit(CANNOT_RUN)

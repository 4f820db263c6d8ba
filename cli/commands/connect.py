"""``code-delivery connect``: connectors put into a Kafka Connect worker, their states, and deleted."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from cli.commands.options import JsonOption
from cli.kafka.connect_api import ConnectApi, ConnectorState
from cli.kafka.connect_apply import check, put_templates, wait_running
from cli.kafka.connectors import FOLDER, filled, read_connectors, settings_values
from cli.kafka.part_settings import api_settings

connect_app = typer.Typer(help="Connectors of Kafka Connect.", no_args_is_help=True, add_completion=False)

WAIT_S = 90.0
_FAILED = 1

UrlOption = Annotated[
    str, typer.Option(help="Address of a Kafka Connect worker.", envvar="CONNECT_URL", show_envvar=True)
]
FolderOption = Annotated[
    Path | None,
    typer.Option(help="Folder of connectors, one JSON file each.", show_default="connect/connectors of the checkout"),
]
OnlyOption = Annotated[
    list[str] | None, typer.Option(help="Only this connector; may be given several times.", metavar="NAME")
]
WORKER = "http://127.0.0.1:8083"


@connect_app.callback()
def _connect() -> None:
    """Connectors of Kafka Connect."""


@connect_app.command("apply")
def apply(
    url: UrlOption = WORKER,
    folder: FolderOption = None,
    only: OnlyOption = None,
    wait: Annotated[float, typer.Option(help="Seconds that the connectors may take to run.", min=0)] = WAIT_S,
    templates: Annotated[bool, typer.Option(help="Put the index templates into Elasticsearch first.")] = True,
    as_json: JsonOption = False,
) -> None:
    """Put the connectors into a worker, changed ones too, and wait until all their tasks run.

    Exit code 1 if one fails. The same again changes nothing.
    """
    settings = api_settings()
    connectors = [
        filled(connector, settings_values(settings)) for connector in read_connectors(folder or FOLDER, only or ())
    ]
    err = Console(stderr=True)
    api = ConnectApi(url)
    try:
        check(api, connectors)
        if templates and any(connector.needs_templates for connector in connectors):
            put_templates(settings)
            err.print("index templates are in Elasticsearch", highlight=False)
        for connector in connectors:
            is_new = api.put(connector.name, connector.config)
            err.print(f"{connector.name} {'made' if is_new else 'was there'}", highlight=False)
        with err.status("waiting for the tasks") as status:
            states = wait_running(api, [connector.name for connector in connectors], wait, status.update)
    finally:
        api.close()
    _show(states, as_json=as_json)
    raise typer.Exit(0 if all(state.is_running for state in states) else _FAILED)


@connect_app.command("status")
def status(url: UrlOption = WORKER, as_json: JsonOption = False) -> None:
    """Show every connector of a worker. Exit code 1 if one has failed."""
    api = ConnectApi(url)
    try:
        states = [state for name in api.names() if (state := api.state(name)) is not None]
    finally:
        api.close()
    _show(states, as_json=as_json)
    raise typer.Exit(_FAILED if any(state.has_failed for state in states) else 0)


@connect_app.command("delete")
def delete(
    url: UrlOption = WORKER, folder: FolderOption = None, only: OnlyOption = None, as_json: JsonOption = False
) -> None:
    """Delete the connectors of a worker; what they have stored stays, and so do their offsets."""
    names = [connector.name for connector in read_connectors(folder or FOLDER, only or ())]
    api = ConnectApi(url)
    try:
        deleted = [name for name in names if api.delete(name)]
    finally:
        api.close()
    text = f"{len(deleted)} connectors deleted: {', '.join(deleted) or 'there were none'}"
    print(json.dumps({"deleted": deleted}) if as_json else text)  # noqa: T201 - the command's output


def _show(states: list[ConnectorState], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps({"connectors": [asdict(state) | {"running": state.is_running} for state in states]}))  # noqa: T201 - the command's output
        return
    table = Table(title="Connectors", title_justify="left")
    for heading in ("connector", "state", "tasks running"):
        table.add_column(heading, justify="right" if heading == "tasks running" else "left")
    for state in states:
        colour = "green" if state.is_running else "bold red" if state.has_failed else "yellow"
        table.add_row(state.name, f"[{colour}]{state.state}[/]", state.tasks_running)
    console = Console()
    console.print(table)
    for state in states:
        for part, trouble in [("", state.trouble), *((f" task {task.number}", task.trouble) for task in state.tasks)]:
            if trouble:
                console.print(f"[red]{state.name}{part}:[/] {escape(trouble)}", highlight=False, soft_wrap=True)

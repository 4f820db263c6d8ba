"""``code-delivery services``: local services started, ended, watched, without a container engine."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from cli.commands.options import JsonOption
from cli.local.services.errors import ServicesError
from cli.local.services.local import DEFAULT, NAMES, Services, ordered
from cli.progress import Report

services_app = typer.Typer(
    help="Kafka, Elasticsearch, a stand-in for MongoDB and Kafka Connect on this machine, without a container engine.",
    no_args_is_help=True,
    add_completion=False,
)

FolderOption = Annotated[
    Path,
    typer.Option(
        "--data-dir",
        help="Folder of the services' data and logs.",
        envvar="SERVICES_DIR",
        show_envvar=True,
        file_okay=False,
    ),
]
OnlyOption = Annotated[
    str | None, typer.Option("--only", help=f"Some of {', '.join(NAMES)}, with commas between.", show_default=False)
]
DEFAULT_FOLDER = Path(".data/services")


def _port(name: str, well_known: int) -> typer.models.OptionInfo:
    option: typer.models.OptionInfo = typer.Option(
        f"--{name}-port", min=0, max=65535, help=f"Port of {name}; 0: a free one.", show_default=str(well_known)
    )
    return option


@services_app.command()
def up(
    data_dir: FolderOption = DEFAULT_FOLDER,
    only: Annotated[
        str,
        typer.Option("--only", help=f"Which of {', '.join(NAMES)}, with commas between; connect brings kafka along."),
    ] = ",".join(DEFAULT),
    kafka_port: Annotated[int | None, _port("kafka", 9092)] = None,
    elasticsearch_port: Annotated[int | None, _port("elasticsearch", 9200)] = None,
    mongodb_port: Annotated[int | None, _port("mongodb", 27017)] = None,
    connect_port: Annotated[int | None, _port("connect", 8083)] = None,
    as_json: JsonOption = False,
) -> None:
    """Start what does not run, and wait until it is ready.

    The services run until `down`; their data are kept.
    """
    asked = {"kafka": kafka_port, "elasticsearch": elasticsearch_port, "mongodb": mongodb_port, "connect": connect_port}
    services = Services(data_dir, ports={name: port for name, port in asked.items() if port is not None}, tied=False)
    with _steps() as report:
        started = services.start(_named(only), report)
    if as_json:
        _print_json({"started": started, "services": _states(services, ordered(_named(only)))})
        return
    console = Console()
    console.print(f"[bold green]started:[/] {', '.join(started)}" if started else "everything runs already")
    console.print(_table(_states(services, ordered(_named(only)))))
    if services.elasticsearch.home != services.elasticsearch.folder:
        console.print(
            f"Elasticsearch does not run as root, so its data are in {services.elasticsearch.home}",
            highlight=False,
            soft_wrap=True,
        )
    console.print(
        f"data and logs in {services.folder}; end them with: code-delivery services down",
        highlight=False,
        soft_wrap=True,
    )


@services_app.command()
def down(
    data_dir: FolderOption = DEFAULT_FOLDER,
    only: OnlyOption = None,
    delete_data: Annotated[bool, typer.Option("--delete-data", help="Delete what they have stored, too.")] = False,
    as_json: JsonOption = False,
) -> None:
    """End the services, those first that need the others, and leave no process."""
    services = Services(data_dir, tied=False)
    names = ordered(_named(only) if only is not None else NAMES, with_needed=False)
    with _steps() as report:
        stopped = services.stop(names, report)
    if delete_data:
        for name in names:
            services[name].delete_data()
    if as_json:
        _print_json({"stopped": stopped, "deleted": delete_data})
        return
    Console().print(
        (f"stopped: {', '.join(stopped)}" if stopped else "nothing ran")
        + ("; the data are deleted" if delete_data else "")
    )


@services_app.command()
def status(data_dir: FolderOption = DEFAULT_FOLDER, only: OnlyOption = None, as_json: JsonOption = False) -> None:
    """Show what runs where. Exit code 0 only if all of them do what they are for.

    Without --only these are the services by default, and Connect if it was ever started.
    """
    services = Services(data_dir, tied=False)
    names = (
        _named(only) if only is not None else [*DEFAULT, *(["connect"] if services.connect.record is not None else [])]
    )
    states = _states(services, ordered(names, with_needed=False))
    if as_json:
        _print_json({"services": states})
    else:
        Console().print(_table(states))
    raise typer.Exit(0 if all(state["ready"] for state in states) else 1)


@services_app.command()
def logs(
    name: Annotated[
        str | None, typer.Argument(help=f"One of {', '.join(NAMES)}; without it: where each log is.")
    ] = None,
    data_dir: FolderOption = DEFAULT_FOLDER,
    lines: Annotated[int, typer.Option("--lines", "-n", min=1, help="How many lines from the end.")] = 50,
) -> None:
    """Show the end of a service's log."""
    services = Services(data_dir, tied=False)
    for known in ordered([name] if name is not None else NAMES, with_needed=False):
        print(services[known].last_words(lines) if name is not None else services[known].log)  # noqa: T201 - the command's output


def _named(only: str) -> list[str]:
    names = [name.strip() for name in only.split(",") if name.strip()]
    if not names:
        raise ServicesError(f'--only names no service, found "{only}"; there are {", ".join(NAMES)}')
    return names


@contextmanager
def _steps() -> Iterator[Report]:
    """Show the newest step while it lasts."""
    with Console(stderr=True).status("looking") as spinner:
        yield lambda step: spinner.update(step)


def _states(services: Services, names: list[str]) -> list[dict[str, object]]:
    found = [services[name] for name in names]
    return [
        {
            "name": service.name,
            "title": service.title,
            "address": service.address if service.port else None,
            "pid": service.pid,
            "ready": service.pid is not None and service.is_ready(),
            "log": str(service.log),
        }
        for service in found
    ]


def _table(states: list[dict[str, object]]) -> Table:
    table = Table()
    for heading in ("service", "state", "address", "pid"):
        table.add_column(heading)
    for state in states:
        mark = (
            "[green]ready[/]" if state["ready"] else "[yellow]not ready[/]" if state["pid"] else "[red]does not run[/]"
        )
        table.add_row(str(state["title"]), mark, str(state["address"] or ""), str(state["pid"] or ""))
    return table


def _print_json(value: dict[str, object]) -> None:
    print(json.dumps(value))  # noqa: T201 - the command's output

"""``code-delivery topics apply``: the contract's topics on a real broker."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from actors.producing.options import producer_options
from cli.commands.options import BootstrapOption, JsonOption
from cli.kafka.part_settings import actor_settings
from cli.kafka.topics import TopicResult, TopicsError, create_topics

topics_app = typer.Typer(help="Kafka topics.", no_args_is_help=True, add_completion=False)

_DIFFERS = 1
_CANNOT_RUN = 2


@topics_app.callback()
def _topics() -> None:
    """Create Kafka topics."""


@topics_app.command("apply")
def apply(
    replication: Annotated[int, typer.Option(help="Copies of each new topic.", min=1, max=100)] = 1,
    bootstrap: BootstrapOption = None,
    as_json: JsonOption = False,
) -> None:
    """Create the topics that are missing, and show how others differ.

    Exit code 1 if one differs. Nothing is ever changed or deleted.
    """
    settings = actor_settings()
    try:
        results = create_topics(bootstrap or settings.kafka_bootstrap, producer_options(settings), replication)
    except TopicsError as error:
        Console(stderr=True).print(f"[bold red]error:[/] {error}", highlight=False, soft_wrap=True)
        raise typer.Exit(_CANNOT_RUN) from None
    if as_json:
        print(json.dumps({"topics": [asdict(result) for result in results]}))  # noqa: T201 - the command's output
    else:
        Console().print(_table(results))
    raise typer.Exit(_DIFFERS if any(result.faults for result in results) else 0)


def _table(results: list[TopicResult]) -> Table:
    table = Table(title="Topics", title_justify="left")
    for heading in ("topic", "partitions", "", "differs"):
        table.add_column(heading, justify="right" if heading == "partitions" else "left")
    for result in results:
        state = "[bold red]differs[/]" if result.faults else "[green]made[/]" if result.created else "[green]ok[/]"
        table.add_row(result.name, str(result.partitions), state, "; ".join(result.faults))
    return table

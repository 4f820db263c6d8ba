"""``code-delivery``: the command line.

Exit codes: 0 all is well; 1 the run ended with positions missing, or a check failed; 2 it could not run (bad input, a
taken port, a part that died), or a report could not be written; 3 a load test came to no verdict, because the load that
it asked for was not made, or not to its end.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

import typer
from rich.console import Console
from rich.markup import escape
from typer.core import TyperGroup
from typer.main import get_command

from cli.errors import CliError
from engine.errors import InvalidInput

COMMANDS = {
    "up": "cli.commands.up:up",
    "run": "cli.commands.run:run",
    "doctor": "cli.commands.doctor:doctor",
    "version": "cli.commands.version:version",
    "verify": "cli.commands.verify:verify",
    "control": "cli.commands.control:control",
    "viewers": "cli.commands.viewers:viewers",
    "loadtest": "cli.commands.loadtest:loadtest",
    "size": "cli.commands.size:size",
    "routes": "cli.commands.routes:routes_app",
    "scenario": "cli.commands.scenario:scenario_app",
    "topics": "cli.commands.topics:topics_app",
    "services": "cli.commands.services:services_app",
    "connect": "cli.commands.connect:connect_app",
    "dead-letters": "cli.commands.dead_letters:dead_letters_app",
    "report": "cli.commands.report:report_app",
}
"""Each command's module, and the name there of its function or of its group of commands."""

CANNOT_RUN = 2


class ImportedOnDemand(TyperGroup):
    """The group of `COMMANDS`, each imported when it is asked for."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 - click's signature
        """Return the names of all commands."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002 - click's signature
        """Return a command; None if there is none of this name."""
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name].partition(":")
        found = getattr(import_module(module), attribute)
        if not isinstance(found, typer.Typer):
            alone = typer.Typer(add_completion=False)
            alone.command(cmd_name)(found)
            return get_command(alone)
        command = get_command(found)
        command.name = cmd_name
        return command


app = typer.Typer(
    name="code-delivery",
    help=(
        "Live, measured, large-scale simulation of delivery fleets: "
        "scenario -> Ray driver actors -> Kafka -> FastAPI -> stores and live map."
    ),
    cls=ImportedOnDemand,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.callback()
def _root() -> None:
    """Have no option of its own."""


def main() -> None:
    """Run the command line; an error that a user can mend is one message, not a traceback."""
    try:
        app()
    except (InvalidInput, CliError) as error:
        message = f"[bold red]error:[/] {escape(str(error))}"
        Console(stderr=True).print(message, highlight=False, markup=True, soft_wrap=True)
        sys.exit(CANNOT_RUN)

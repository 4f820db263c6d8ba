"""``code-delivery doctor``: what this machine has and lacks."""

from __future__ import annotations

import json
from dataclasses import asdict

import typer
from rich.console import Console
from rich.table import Table

from api.rest.site import ui_folder
from cli.commands.options import DataOption, JsonOption, PortOption
from cli.kafka.part_settings import api_settings
from cli.local.doctor import Finding, examine
from cli.local.settings import settings_from


def doctor(port: PortOption = None, data_dir: DataOption = None, json_output: JsonOption = False) -> None:
    """List what this machine has and lacks, and how to get it.

    Exit code 1 if something required is missing.
    """
    settings = settings_from(port=port, data_dir=data_dir)
    findings = examine(settings.port, settings.data_dir, ui_folder(api_settings()))
    if json_output:
        print(json.dumps([asdict(finding) for finding in findings]))  # noqa: T201 - the command's output
    else:
        Console().print(_table(findings))
    raise typer.Exit(0 if all(finding.ok for finding in findings if finding.required) else 1)


def _table(findings: list[Finding]) -> Table:
    table = Table(title="What code-delivery needs", title_justify="left")
    for heading in ("", "what", "found", "needed for", "how to get it"):
        table.add_column(heading)
    for finding in findings:
        mark = "[green]ok[/]" if finding.ok else "[bold red]missing[/]" if finding.required else "[yellow]absent[/]"
        table.add_row(mark, finding.name, finding.found, finding.needed_for, finding.mend)
    return table

"""``code-delivery report``: a report in the terminal or as a page, and reports compared."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text
from typer.core import TyperCommand

from cli.commands.options import JsonOption
from cli.load.report.compare import compare
from cli.load.report.html import page
from cli.load.report.model import load_report
from cli.load.report.schema import schema_text
from cli.load.report.terminal import show_comparison, show_report
from cli.load.report.writing import written

report_app = typer.Typer(
    help="Reports of load tests: show one, make its page, compare runs.", no_args_is_help=True, add_completion=False
)

GOT_WORSE = 1

FileArgument = Annotated[Path, typer.Argument(metavar="FILE", help="report.json of a load test.")]


class TakesSeveral(TyperCommand):
    """A command whose option ``--to`` takes all the files that follow it, up to the next option."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Repeat the option before each of its files, as click wants it."""
        spread: list[str] = []
        is_to = False
        for word in args:
            if word.startswith("-"):
                is_to = word == "--to"
                spread += [] if is_to else [word]
            else:
                spread += ["--to", word] if is_to else [word]
        return super().parse_args(ctx, spread)


@report_app.callback()
def _report() -> None:
    """Show or compare reports of load tests."""


@report_app.command()
def show(file: FileArgument, as_json: JsonOption = False) -> None:
    """Show a report in the terminal, in short: the verdict, stages, latencies, ledger."""
    report = load_report(file)
    if as_json:
        print(report.to_json(), end="")  # noqa: T201 - the command's output
    else:
        show_report(Console(), report)


@report_app.command()
def html(
    file: FileArgument, out: Annotated[Path, typer.Option("--out", "-o", help="File to write.")] = Path("report.html")
) -> None:
    """Make a report's page: one file, no network, no script."""
    written(out, page(load_report(file)))
    Console().print(Text(f"written {out}"), soft_wrap=True)


@report_app.command()
def schema() -> None:
    """Print the JSON Schema of reports."""
    print(schema_text(), end="")  # noqa: T201 - the command's output


@report_app.command(name="compare", cls=TakesSeveral)
def compare_runs(
    before: Annotated[
        list[Path], typer.Argument(metavar="FILE...", help="Reports of the former side; several are repeated runs.")
    ],
    to: Annotated[
        list[Path], typer.Option("--to", metavar="FILE...", help="Reports of the latter side: all files that follow.")
    ],
    least: Annotated[float, typer.Option(help="Changes below this percentage are none.", min=0, max=1000)] = 2.0,
    confidence: Annotated[
        float, typer.Option(help="Confidence in percent that a change is not chance.", min=50, max=99.99)
    ] = 99.0,
    fail_on_worse: Annotated[
        bool, typer.Option("--fail-on-worse", help="Exit code 1 if something got worse beyond the noise, or is gone.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Print what got better or worse from some runs to others.

    A change counts if it is more than the noise between repeated runs.
    """
    found = compare(
        [load_report(path) for path in before],
        [load_report(path) for path in to],
        least=least / 100,
        confidence=confidence / 100,
    )
    if as_json:
        print(json.dumps(found.to_json(), ensure_ascii=False))  # noqa: T201 - the command's output
    else:
        show_comparison(Console(), found)
    raise typer.Exit(GOT_WORSE if fail_on_worse and found.has_worse else 0)

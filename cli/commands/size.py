"""``code-delivery size``: what a fleet needs of machines, told as a table or as JSON, and how sure that is."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from cli.load.capacity.demand import Demand
from cli.load.capacity.estimate import PARTS, Estimate
from cli.load.capacity.profile import Figure, shipped_profile
from cli.load.capacity.sizing import MODEL, Sizing
from cli.load.capacity.sizing import size as size_of


def size(
    drivers: Annotated[int, typer.Option(help="Drivers on the road at once.")],
    hz: Annotated[float, typer.Option(help="Positions a wall second of each driver.")] = 1.0,
    viewers: Annotated[int, typer.Option(help="Browsers that watch the live map.")] = 0,
    kafka_days: Annotated[float, typer.Option(help="Days for which Kafka keeps positions.")] = 1.0,
    history_days: Annotated[float, typer.Option(help="Days for which Elasticsearch keeps them.")] = 30.0,
    kafka_copies: Annotated[int, typer.Option(help="Copies of each position in Kafka, the first one included.")] = 3,
    history_copies: Annotated[int, typer.Option(help="The same in Elasticsearch.")] = 2,
    busy: Annotated[
        float,
        typer.Option(
            help="Share of its capacity that a part may use: the rest is for bursts, and for the loss of one."
        ),
    ] = 0.6,
    node_cores: Annotated[int, typer.Option(help="Cores of one machine.")] = 8,
    pod_cores: Annotated[int, typer.Option(help="Cores of a pod with driver actors.")] = 4,
    report: Annotated[
        Path | None,
        typer.Option(
            "--from", metavar="REPORT", help="A load test's report.json, whose figures replace the shipped ones."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of a table.")] = False,
) -> None:
    """Report what a fleet needs: actors, processes, partitions, cores, memory, network, disk; and how sure that is.

    It is a model: one machine was measured, a cluster never. Each figure says what it was computed from; docs/sizing.md
    has the formulas.
    """
    demand = Demand(
        drivers, hz, viewers, kafka_days, history_days, kafka_copies, history_copies, busy, node_cores, pod_cores
    )
    profile = shipped_profile()
    notes: tuple[str, ...] = ()
    if report is not None:
        from cli.load.capacity.from_report import figures_of
        from cli.load.report.model import load_report

        taken = figures_of(load_report(report), profile)
        profile, notes = profile.with_figures(taken.figures), taken.notes
    found = size_of(demand, profile)
    if as_json:
        print(json.dumps(sizing_json(found, notes), ensure_ascii=False))  # noqa: T201 - the command's output
    else:
        Console().print(sheet(found, notes))


def sizing_json(found: Sizing, notes: Sequence[str] = ()) -> dict[str, Any]:
    """Return an answer as JSON has it; bytes, seconds and cores are plain numbers."""
    demand = found.demand
    return {
        "demand": {name: getattr(demand, name) for name in demand.__slots__},
        "positionsPerS": demand.per_s,
        "estimates": [one.to_json() for one in found.estimates],
        "figures": [figure.to_json() for figure in found.figures],
        "model": list(MODEL),
        "warnings": list(found.warnings),
        "notes": list(notes),
    }


def sheet(found: Sizing, notes: Sequence[str] = ()) -> Group:
    """Return an answer as a terminal shows it."""
    demand = found.demand
    head = Text(f"{demand.drivers:,} drivers at {demand.hz:g} Hz: {demand.per_s:,.0f} positions/s", "bold")
    parts: list[Text | Table] = [head, _answers(found.estimates)]
    parts += [Text(f"! {warning}", "yellow") for warning in found.warnings]
    for machine in dict.fromkeys(figure.machine for figure in found.figures):
        title = "Assumed, and measured nowhere" if machine is None else f"Measured on {machine}"
        parts += [
            Text(f"\n{title}", "bold"),
            *(Text(f"  {_told(one)}") for one in found.figures if one.machine == machine),
        ]
    parts += [Text("\nThe model", "bold"), *(Text(f"  {line}") for line in MODEL)]
    return Group(*parts, *(Text(f"\n{note}", "bright_black") for note in notes))


def _answers(estimates: Sequence[Estimate]) -> Table:
    table = Table(show_edge=False, pad_edge=False)
    for heading in ("", "what", "value", "between", "how sure"):
        table.add_column(
            heading, justify="right" if heading in ("value", "between") else "left", no_wrap=heading == "value"
        )
    before = ""
    for one in estimates:
        if before and one.part != before:
            table.add_section()
        sure = one.basis if one.part != PARTS["all"] else "as the parts are"
        table.add_row(one.part if one.part != before else "", one.what, amount(one.value, one.unit), _range(one), sure)
        before = one.part
    return table


def _range(one: Estimate) -> str:
    low, high = amount(one.low, one.unit), amount(one.high, one.unit)
    return low if low == high else f"{low} – {high}"


def _told(figure: Figure) -> str:
    value = f"{figure.name} = {figure.value:,.10g} {figure.unit}"
    return (
        f"{value}: {figure.what}"
        if figure.is_assumed
        else f"{value}: {figure.what} ({figure.benchmark}, {figure.date})"
    )


_STEPS = ((1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))


def amount(value: float, unit: str) -> str:
    """Return a number as a reader has it: bytes in thousands of bytes, pieces in full, cores to three figures."""
    if unit.startswith("bytes"):
        step, letter = next(((step, letter) for step, letter in _STEPS if value >= step), (1.0, ""))
        return f"{value / step:,.3g} {letter}B{unit.removeprefix('bytes')}"
    if unit == "cores" and value < 100:
        return f"{value:.2g}"
    return f"{value:,.0f}"

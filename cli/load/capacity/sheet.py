"""What a fleet needs of machines, as a terminal shows it and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

from cli.load.capacity.estimate import PARTS, Estimate
from cli.load.capacity.profile import Figure
from cli.load.capacity.sizing import MODEL, Sizing


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
            *(Text(f"  {_described(one)}") for one in found.figures if one.machine == machine),
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


def _described(figure: Figure) -> str:
    value = f"{figure.name} = {figure.value:,.10g} {figure.unit}"
    return (
        f"{value}: {figure.what}"
        if figure.is_assumed
        else f"{value}: {figure.what} ({figure.benchmark}, {figure.date})"
    )


_STEPS = ((1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))


def amount(value: float, unit: str) -> str:
    """Return a number for a person: bytes in kB to PB, pieces in full, cores to two or three figures."""
    if unit.startswith("bytes"):
        step, letter = next(((step, letter) for step, letter in _STEPS if value >= step), (1.0, ""))
        return f"{value / step:,.3g} {letter}B{unit.removeprefix('bytes')}"
    if unit == "cores" and value < 100:
        return f"{value:.2g}"
    return f"{value:,.0f}"

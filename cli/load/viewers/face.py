"""How a load of viewers looks in a terminal: a line while it runs, a table at the end.

It knows figures, and no process.
"""

from __future__ import annotations

from typing import Any

from rich.table import Table

from cli.load.viewers.tally import Totals, percentiles_ms

LATE_MS = 50.0
"""Lateness (p99) of the viewers' loops beyond which figures measure them, not the server."""

AGES = {"age p50": "p50", "p90": "p90", "p99": "p99", "p99.9": "p99.9", "max": "max"}


def live_line(totals: Totals, last: Totals | None) -> str:
    """Return how it goes now: the rates and ages since the account before."""
    whole = totals.whole
    line = f"{whole.connected:,} viewers connected"
    if totals.seconds <= 0:
        return f"{line}, the others are coming" if whole.viewers > whole.connected else line
    seconds = totals.seconds - (last.seconds if last else 0.0)
    if seconds <= 0:
        return line
    now = whole.since(last.whole) if last else whole
    ages = percentiles_ms(totals.readers.ages.since(last.readers.ages) if last else totals.readers.ages)
    seen = "no new positions" if ages["p50"] is None else f"age p50 {ages['p50']:.0f} ms, p99 {ages['p99']:.0f} ms"
    faults = sum(whole.errors.values())
    rates = f"{now.frames / seconds:,.0f} frames/s, {now.bytes / seconds / 1e6:,.1f} MB/s"
    return f"{line}, {rates}, {seen}" + (f", [red]{faults:,} errors[/]" if faults else "")


def table_of(figures: dict[str, Any]) -> Table:
    """Return the figures of the whole time, a row for each manner."""
    storms = f"; {len(figures['storms'])} storm" if figures["storms"] else ""
    table = Table(title=f"Viewers, {figures['seconds']:.0f} s{storms}", title_justify="left")
    for heading in (
        "manner",
        "viewers",
        "connected",
        "frames/s",
        "MB/s",
        "positions",
        *AGES,
        "frame delay p99",
        "reconnects",
        "errors",
    ):
        table.add_column(heading, justify="left" if heading == "manner" else "right")
    for manner, group in figures["groups"].items():
        counts = (
            f"{group['viewers']:,}",
            f"{group['connected']:,}",
            f"{group['framesPerS']:,.0f}",
            f"{group['bytesPerS'] / 1e6:,.1f}",
        )
        ages = [_ms(group["ageMs"][name]) for name in AGES.values()]
        ends = (_ms(group["delayMs"]["p99"]), f"{group['reconnects']:,}", f"{sum(group['errors'].values()):,}")
        table.add_row(manner, *counts, f"{group['positions']:,}", *ages, *ends)
    return table


def notes_on(figures: dict[str, Any]) -> list[str]:
    """Return what a table cannot say: storms, errors by kind, and whether the viewers were late."""
    notes = []
    for storm in figures["storms"]:
        back = storm["backMs"]
        took = (
            f"p50 {_ms(back['p50'])}, p99 {_ms(back['p99'])}, max {_ms(back['max'])} until a frame was seen again"
            if storm["back"]
            else "none saw a frame again"
        )
        notes.append(
            f"storm after {storm['atS']:.1f} s: {storm['viewers']:,} viewers came back at once, "
            f"{storm['back']:,} of them saw a frame again; {took}"
        )
    if figures["errors"]:
        notes.append("errors: " + ", ".join(f"{count:,} x {kind}" for kind, count in sorted(figures["errors"].items())))
    if figures["givenUp"]:
        notes.append(f"{figures['givenUp']:,} connections were closed by the server because nothing was acknowledged")
    lag = figures["generator"]["lagMs"]["p99"]
    if lag is not None and lag > LATE_MS:
        notes.append(
            f"[yellow]the viewers themselves were late by {lag:.0f} ms (p99): ages are upper bounds; "
            "use more --processes or a machine of their own[/]"
        )
    return notes


def _ms(value: float | None) -> str:
    return "" if value is None else f"{value:,.0f} ms"

"""The outcome of a verification, for a terminal and as JSON."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn
from rich.table import Table

from cli.kafka.verify.compare import PlaceVerdict, Verdict
from cli.kafka.verify.differences import Difference
from cli.kafka.verify.verification import Outcome

WIDTH = 120
"""Characters of a line where the console is no terminal."""

_COLUMNS = ("deliveries", "positions", "distinct", "gaps", "duplicates", "conflicting")


def show(console: Console, outcome: Outcome, most: int) -> None:
    """Print the table, and below it the first deliveries that differ."""
    verdict = outcome.verdict
    if not console.is_terminal:
        console = Console(width=max(console.width, WIDTH), file=console.file)
    console.print(_table(outcome))
    for place in verdict.places:
        for remark in _remarks(place):
            console.print(f"{place.name}: {remark}", highlight=False)
    if verdict.goes_on:
        console.print(
            f"The run has not ended ({outcome.state}): compared is what the topic held when reading began.",
            highlight=False,
        )
    by_delivery = [
        (name, list(found)) for name, found in groupby(verdict.differences, lambda difference: difference.delivery_id)
    ]
    for name, found in by_delivery[:most]:
        console.print(f"[bold]{escape(name)}[/]", highlight=False)
        for line in _lines(found):
            console.print(f"  {escape(line)}", highlight=False, soft_wrap=True)
    if len(by_delivery) > most:
        console.print(
            f"... and {len(by_delivery) - most:,} more deliveries that differ (--json names all)", highlight=False
        )


def _lines(found: Iterable[Difference]) -> list[str]:
    return [f"{difference.place}: {difference}" for difference in found]


def _table(outcome: Outcome) -> Table:
    verdict = outcome.verdict
    equality = (
        "[green]every place holds the same positions[/]" if verdict.is_equal else "[bold red]the places differ[/]"
    )
    lost = f", {verdict.lost_on_purpose:,} lost by injected faults" if verdict.lost_on_purpose else ""
    counts = f"{verdict.expected:,} positions of {verdict.deliveries:,} deliveries{lost}"
    title = f"{escape(outcome.run_id)}: {equality} ({counts})"
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("place", no_wrap=True)
    for heading in _COLUMNS:
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("checksum", no_wrap=True)
    table.add_column("verdict")
    for place in verdict.places:
        table.add_row(place.name, *_cells(place), _judgement(place))
    return table


def _judgement(place: PlaceVerdict) -> str:
    if place.is_equal:
        return "[green]equal[/]"
    more = [
        f"{count:,} {word}"
        for count, word in ((place.differing, "elsewhere"), (place.unexpected, "unexpected"))
        if count
    ]
    return f"[bold red]{', '.join(['differs', *more])}[/]"


def _cells(place: PlaceVerdict) -> list[str]:
    counts = (place.positions, place.distinct, place.missing, place.duplicates, place.conflicting)
    checksum = "newest only" if place.checksum is None else f"{place.checksum:016x}"
    return [f"{count:,}" for count in (place.deliveries, *counts)] + [checksum]


def _remarks(place: PlaceVerdict) -> Iterable[str]:
    yield from place.remarks
    if place.ahead:
        yield f"{place.ahead:,} positions came since and were left out"
    if place.foreign or place.unreadable:
        yield f"{place.foreign:,} records are not of this run, {place.unreadable:,} unreadable"


def to_json(outcome: Outcome) -> dict[str, Any]:
    """Return everything; `places` hold positions, `state` is the newest one of each delivery."""
    verdict = outcome.verdict
    return {
        "runId": outcome.run_id,
        "state": outcome.state,
        "goesOn": verdict.goes_on,
        "equal": verdict.is_equal,
        "deliveries": verdict.deliveries,
        "expected": verdict.expected,
        "lostOnPurpose": verdict.lost_on_purpose,
        "places": {place.name: _place_json(place) for place in verdict.places if place.checksum is not None},
        "newest": {place.name: _place_json(place) for place in verdict.places if place.checksum is None},
        "differences": [difference.to_json() for difference in verdict.differences],
    }


def _place_json(place: PlaceVerdict) -> dict[str, Any]:
    names = (
        "deliveries",
        "positions",
        "distinct",
        "missing",
        "duplicates",
        "conflicting",
        "differing",
        "unexpected",
        "ahead",
        "foreign",
        "unreadable",
    )
    record: dict[str, Any] = {name: getattr(place, name) for name in names}
    checksum = None if place.checksum is None else f"{place.checksum:016x}"
    return record | {"checksum": checksum, "remarks": list(place.remarks), "equal": place.is_equal}


class Shown:
    """The progress of the reading, shown on a console."""

    def __init__(self, console: Console) -> None:
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
        self.progress = Progress(*columns, console=console, transient=True)
        self._tasks: dict[str, TaskID] = {}

    def begins(self, place: str, total: int | None) -> Any:
        """Show that a place is read, and return what takes the number of records read."""
        if place in self._tasks:
            self.progress.remove_task(self._tasks[place])
        task = self._tasks[place] = self.progress.add_task(f"reading {place}", total=total)
        return lambda count: self.progress.advance(task, count)

    def waits(self, verdict: Verdict, left_s: float) -> None:
        """Show which places are not equal yet, and how long they are read again."""
        behind = ", ".join(place.name for place in verdict.places if not place.is_equal)
        self.progress.console.print(f"not equal yet: {behind}; looking again for {left_s:.0f} s", highlight=False)

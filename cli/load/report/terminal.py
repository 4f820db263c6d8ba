"""A report, and a comparison of reports, in the terminal."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from rich.box import SIMPLE_HEAD
from rich.console import Console, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from cli.load.report import shown
from cli.load.report.compare import Change, Comparison, Noise, Row
from cli.load.report.model import Capacity, LoadReport
from cli.load.report.sentences import WORDS, bound_sentence, capacity_sentence, verdict_sentence, verdict_word
from cli.load.report.waterfall import WAY
from cli.local.ledger_table import LedgerSummary, ledger_table
from engine.judging.verdict import Outcome

WIDTH = 120
"""Characters of a line where the terminal does not say its width."""

STYLES = {Outcome.PASSED: "bold green", Outcome.FAILED: "bold red", Outcome.NO_VERDICT: "bold yellow"}

_CHANGES = {
    Change.BETTER: "green",
    Change.WORSE: "bold red",
    Change.SAME: "bright_black",
    Change.UNCLEAR: "yellow",
    Change.MISSING: "yellow",
}


def wide(console: Console) -> Console:
    """Return a console that is wide enough for tables where it is no terminal."""
    return console if console.is_terminal else Console(width=max(console.width, WIDTH), file=console.file)


def show_report(console: Console, report: LoadReport) -> None:
    """Print a report in short: the verdict first."""
    console = wide(console)
    outcome = report.verdict.outcome
    console.print(
        Text(f"{verdict_word(report)}: ", STYLES[outcome]).append(verdict_sentence(report), "default"), soft_wrap=True
    )
    if bound := bound_sentence(report):
        console.print(Text(bound, "bright_black"), soft_wrap=True)
    found = report.environment
    parts = [
        report.scenario.name,
        report.run.id,
        report.run.created,
        shown.seconds(report.run.duration_s),
        found.profile,
        f"{found.cpu} × {found.cpus}",
    ]
    console.print(Text(" · ".join(part for part in parts if part), "bright_black"), soft_wrap=True)
    for part in _tables(report):
        console.print(part)


def show_comparison(console: Console, comparison: Comparison) -> None:
    """Print what got better or worse, stage by stage, and what must be known before believing it."""
    console = wide(console)
    parts = [
        change for change in Change if comparison.count(change) or change in (Change.BETTER, Change.WORSE, Change.SAME)
    ]
    counts = [Text(f"{comparison.count(change)} {change}", _CHANGES[change]) for change in parts]
    runs = " against ".join(shown.plural(number, "run") for number in comparison.runs)
    console.print(Text(f"{runs}: ").append(Text(", ").join(counts)))
    for remark in comparison.remarks:
        console.print(Text(remark, "yellow"), soft_wrap=True)
    for stage, rows in groupby(comparison.rows, lambda row: row.figure.stage):
        console.print(_compared(stage, list(rows)))
    if comparison.differences:
        table = _table("what is not the same", "from", "to", words=3)
        for name, before, after in comparison.differences:
            table.add_row(escape(name), escape(before or "none"), escape(after or "none"))
        console.print(table)


def _tables(report: LoadReport) -> Iterator[RenderableType]:
    if report.verdict.checks:
        yield _checks(report)
    yield _stages(report)
    yield _latencies(report)
    if report.capacity:
        yield _capacity(report.capacity)
    if report.ledger:
        ledger = report.ledger
        gaps = [{"deliveryId": gap.delivery_id, "from": gap.from_seq, "to": gap.to_seq} for gap in ledger.gaps]
        counts = {
            name: getattr(ledger, name) for name in ("produced", "acked", "consumed", "stored", "missing", "duplicated")
        }
        summary = LedgerSummary(
            **counts,
            dead_lettered=ledger.dead_lettered,
            failed=ledger.failed,
            lost_on_purpose=ledger.lost_on_purpose,
            gaps=gaps,
        )
        yield ledger_table(report.run.id, summary)
    for error in report.errors:
        yield Text(f"error: {error}", "red")


def _checks(report: LoadReport) -> Table:
    table = _table("check", "stage", "", "limit", "found", words=3)
    for check in sorted(report.verdict.checks, key=lambda check: check.holds):
        word = (
            Text("no sample", "yellow")
            if check.stage in report.verdict.empty
            else Text("holds", "green")
            if check.holds
            else Text("fails", "bold red")
        )
        figures = (shown.limit_text(check.threshold, check.limit), shown.figure_value(check.threshold, check.found))
        table.add_row(shown.figure_name(check.threshold), escape(check.stage or "whole run"), word, *figures)
    return table


def _stages(report: LoadReport) -> Table:
    table = _table("stage", "drivers", "planned", "produced", "produced/s")
    for stage in report.stages:
        name = escape(stage.name) + ("" if stage.judged else " [bright_black](not judged)[/]")
        table.add_row(
            name,
            shown.count(stage.drivers),
            shown.count(stage.planned),
            shown.count(stage.produced),
            shown.rate(stage.produced_per_s),
        )
    return table


def _latencies(report: LoadReport) -> Table:
    table = _table("stage", "due to", "count", "p50", "p90", "p99", "p99.9", "max", words=2)
    for stage in report.stages:
        for number, (segment, one) in enumerate(
            (segment, stage.segments[segment]) for segment in WAY if segment in stage.segments
        ):
            figures = (one.p50_ms, one.p90_ms, one.p99_ms, one.p999_ms, one.max_ms)
            table.add_row(
                "" if number else escape(stage.name), segment.value, shown.count(one.count), *map(shown.ms, figures)
            )
    return table


def _capacity(capacity: Capacity) -> Table:
    table = _table("drivers", "outcome", "bound", "offered/s", "end to end p99", "lateness p99", "CPU", words=3)
    table.title, table.title_justify = capacity_sentence(capacity), "left"
    for probe in capacity.probes:
        figures = (
            shown.rate(probe.positions_per_s),
            shown.ms(probe.e2e_p99_ms),
            shown.ms(probe.lateness_p99_ms),
            shown.share(probe.cpu_share),
        )
        table.add_row(
            f"{probe.drivers:,}",
            Text(WORDS[probe.outcome], STYLES[probe.outcome]),
            probe.bound or shown.NOTHING,
            *figures,
        )
    return table


def _compared(stage: str, rows: list[Row]) -> Table:
    table = _table(escape(stage), "", "from", "to", "change", "noise", words=2)
    for row in rows:
        cells = (_number(row.before), _number(row.after), _percent(row.share), _noise(row))
        table.add_row(row.figure.name, Text(row.change, _CHANGES[row.change]), *cells)
    return table


def _noise(row: Row) -> str:
    if row.change == Change.MISSING:
        return shown.NOTHING
    text = shown.NOTHING if row.noise_share is None else f"± {row.noise_share * 100:.1f} %"
    return {Noise.BETWEEN_RUNS: text, Noise.OF_THE_SAMPLE: f"≥ {text}", Noise.UNKNOWN: "unknown"}[row.known]


def _percent(share: float | None) -> str:
    return shown.NOTHING if share is None else f"{share * 100:+.1f} %"


def _number(value: float | None) -> str:
    return shown.NOTHING if value is None else f"{value:,.4g}" if value < 9999.5 else f"{value:,.0f}"


def _table(*headings: str, words: int = 1) -> Table:
    table = Table(box=SIMPLE_HEAD, padding=(0, 2, 0, 0), pad_edge=False)
    for number, heading in enumerate(headings):
        table.add_column(
            heading, justify="left" if number < words else "right", header_style="bold", no_wrap=number >= words
        )
    return table

"""The pages that a terminal shows during and after a load test.

Figures in, renderables out.
"""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from cli.load.disturbances import Done
from cli.load.load_chart import clock, short
from engine.judging.measured import Latencies, MeasuredLoad, SecondLoad, StageLoad
from engine.judging.verdict import Check, Outcome, Verdict
from engine.latency.meter import Segment

RECENT_S = 10
"""Seconds that count as "now"; newer ones, still incomplete, are left out."""

UNSETTLED_S = 3
SPARKS = 60
GONE_MS = 5_000
"""Seconds without a message after which a worker counts as gone."""

MOST_WORKERS = 12

_BARS = " ▁▂▃▄▅▆▇█"
_STYLES = {Outcome.PASSED: "bold green", Outcome.FAILED: "bold red", Outcome.NO_VERDICT: "bold yellow"}
_WAY = (
    Segment.PRODUCED,
    Segment.ACKED,
    Segment.CONSUMED,
    Segment.PUSHED,
    Segment.VIEWED,
    Segment.STORED,
    Segment.INDEXED,
)


def page(
    load: MeasuredLoad, verdict: Verdict, url: str, lasts_s: float | None, done: Sequence[Done] = ()
) -> RenderableType:
    """Return the page of a load test that runs.

    Parameters
    ----------
    lasts_s : the run's length, virtual seconds; None if it is endless.
    """
    parts: list[RenderableType] = [_head(load, lasts_s), Text(), _rates(load), Text(), _waterfall(load)]
    if verdict.checks:
        parts += [Text(), checks_table(verdict)]
    parts += [Text(), _workers(load), *_disturbed(done)]
    parts.append(
        Text(
            f"\nmap {url} · code-delivery control {load.run_id} fleet N | rate X | pause | resume "
            "· Ctrl-C ends it without a verdict",
            "bright_black",
        )
    )
    return Group(*parts)


def closing(load: MeasuredLoad, verdict: Verdict, done: Sequence[Done] = ()) -> RenderableType:
    """Return the page of a load test that has ended."""
    parts: list[RenderableType] = [verdict_line(verdict), Text()]
    for stage in load.stages:
        parts += [_stage_table(stage), Text()]
    if verdict.checks:
        parts += [checks_table(verdict), Text()]
    return Group(*parts, *_disturbed(done))


def verdict_line(verdict: Verdict) -> Text:
    """Return the verdict in a word and a sentence."""
    word = "INTERRUPTED, no verdict" if verdict.is_interrupted else verdict.outcome.value.upper()
    line = Text(word, _STYLES[verdict.outcome])
    return line.append(f"  {verdict.why}", "default") if verdict.why else line


def checks_table(verdict: Verdict) -> Table:
    """Return every threshold with what was found."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for heading, side in (
        ("", "left"),
        ("threshold", "left"),
        ("stage", "left"),
        ("limit", "right"),
        ("found", "right"),
        ("", "left"),
    ):
        table.add_column(heading, justify="right" if side == "right" else "left", header_style="bold")
    for check in verdict.checks:
        mark = (
            Text("– no sample", "yellow")
            if check.stage in verdict.empty
            else Text("✓ holds", "green")
            if check.holds
            else Text("✗ fails", "bold red")
        )
        windows = f"in {len(check.windows)} windows" if check.windows else ""
        table.add_row(
            mark,
            check.threshold,
            check.stage or "whole run",
            _in_unit(check, check.limit),
            _in_unit(check, check.found),
            windows,
        )
    return table


def _in_unit(check: Check, value: float | None) -> str:
    return "—" if value is None else f"{value:,.0f} ms" if check.threshold.endswith("_ms") else f"{value:,.4g}"


def _head(load: MeasuredLoad, lasts_s: float | None) -> Text:
    now = _settled(load)
    stage = now[-1].stage if now else ""
    left = f" · {clock(max(0.0, lasts_s - load.run_s))} left" if lasts_s is not None else ""
    head = Text(load.scenario, "bold").append(f"  {load.run_id}\n", "bright_black")
    return (
        head.append(f"{load.state or 'starting'}")
        .append(f" · stage {stage}" if stage else "", "cyan")
        .append(f" · {clock(load.run_s)}{left}", "default")
    )


def _rates(load: MeasuredLoad) -> Table:
    recent = _settled(load)[-RECENT_S:]
    planned, produced = ([second.planned for second in recent], [second.count(Segment.PRODUCED) for second in recent])
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=False)
    table.add_row("fleet", f"{load.active:,} on the road of {load.drivers:,}", "")
    table.add_row(
        "planned",
        f"{_mean(planned):,.0f} positions/s",
        Text(sparks([s.planned for s in _settled(load)[-SPARKS:]]), "bright_black"),
    )
    table.add_row(
        "produced",
        f"{_mean(produced):,.0f} positions/s",
        Text(sparks([s.count(Segment.PRODUCED) for s in _settled(load)[-SPARKS:]]), "cyan"),
    )
    lateness = [
        second.segments[Segment.PRODUCED].p99_us / 1000 if Segment.PRODUCED in second.segments else 0.0
        for second in _settled(load)[-SPARKS:]
    ]
    table.add_row("lateness p99", f"{lateness[-1] if lateness else 0:,.0f} ms", Text(sparks(lateness), "yellow"))
    wrong = f"{load.failed:,} refused by Kafka" + (f", {len(load.errors)} messages unreadable" if load.errors else "")
    table.add_row("errors", wrong if load.failed or load.errors else "none", "")
    return table


def _waterfall(load: MeasuredLoad) -> Table:
    """Return the way of the positions of the last seconds, from due to where they end."""
    recent = _settled(load)[-RECENT_S:]
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for heading in (f"due → (last {RECENT_S} s)", "p50", "p90", "p99", "p99.9", "max", "positions/s"):
        table.add_column(heading, justify="left" if heading.startswith("due") else "right", header_style="bold")
    for segment in _WAY:
        found = [second.latencies[segment] for second in recent if segment in second.latencies]
        if found:
            whole = Latencies.merged(found)
            table.add_row(
                segment.value,
                *(_ms(whole.percentile_us(p)) for p in (50, 90, 99, 99.9, 100)),
                f"{whole.total / max(len(recent), 1):,.0f}",
            )
    return table


def _stage_table(stage: StageLoad) -> Table:
    produced = stage.counts.get(Segment.PRODUCED, 0)
    share = f", {produced / stage.planned:.1%} of the plan" if stage.planned else ""
    judged = "" if stage.judged else " (not judged)"
    title = f"[bold]{stage.name}[/]: {stage.seconds} s, {produced:,} positions{share}{judged}"
    table = Table(
        title=title, title_justify="left", title_style="default", box=None, pad_edge=False, padding=(0, 2, 0, 2)
    )
    for heading in ("due →", "p50", "p90", "p99", "p99.9", "max", "positions"):
        table.add_column(heading, justify="left" if heading.startswith("due") else "right", header_style="bold")
    for segment in _WAY:
        if segment in stage.histograms:
            histogram = stage.histograms[segment]
            table.add_row(
                segment.value,
                *(_ms(histogram.percentile_us(p)) for p in (50, 90, 99, 99.9, 100)),
                f"{histogram.total:,}",
            )
    return table


def _workers(load: MeasuredLoad) -> Table:
    """Return the workers that live, and how many do not any more."""
    workers = [worker for worker in load.workers if worker.last_ms >= load.now_ms - GONE_MS]
    gone = len(load.workers) - len(workers)
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for heading in ("worker", "positions/s", "CPU", "memory", "waiting"):
        table.add_column(heading, justify="left" if heading == "worker" else "right", header_style="bold")
    for worker in workers[:MOST_WORKERS]:
        rate = max(worker.per_s.values(), default=None)
        memory = "—" if worker.rss_bytes is None else f"{worker.rss_bytes / 2**20:,.0f} MiB"
        cells = (
            "—" if rate is None else f"{rate:,.0f}",
            "—" if worker.cpu_share is None else f"{worker.cpu_share:.0%}",
            memory,
        )
        table.add_row(worker.worker.partition(":")[0], *cells, short(worker.gauges.get("queue", 0.0)))
    if len(workers) > MOST_WORKERS:
        table.add_row(f"and {len(workers) - MOST_WORKERS} more", "", "", "", "")
    if gone:
        table.add_row(Text(f"{gone} gone", "bright_black"), "", "", "", "")
    return table


def _disturbed(done: Sequence[Done]) -> list[RenderableType]:
    lines = [Text(f"{clock(one.at_s)}  {one.kind}: {one.what}", "magenta" if one.ok else "bold red") for one in done]
    return [Text(), *lines] if lines else []


def _settled(load: MeasuredLoad) -> list[SecondLoad]:
    """Return the seconds that may be complete, oldest first."""
    newest = load.now_ms / 1000 - UNSETTLED_S if load.is_running else float("inf")
    return [second for second in load.seconds if second.due_s < newest]


def sparks(values: Sequence[float]) -> str:
    """Return a line of blocks, the greatest value the highest."""
    top = max(values, default=0.0) or 1.0
    return "".join(_BARS[min(8, round(value / top * 8))] for value in values)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0


def _ms(us: int | None) -> str:
    return "—" if us is None else f"{us / 1000:,.1f} ms" if us < 100_000 else f"{us / 1000:,.0f} ms"

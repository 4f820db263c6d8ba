"""The tables of a report's page."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import mean

from cli.load.load_chart import clock
from cli.load.report import shown
from cli.load.report.markup import Markup, el, table
from cli.load.report.model import Capacity, CheckRow, Environment, Ledger, LoadReport, Stage
from cli.load.report.sentences import WORDS
from cli.load.report.waterfall import WAY
from engine.judging.verdict import Outcome

MOST_WORKERS = 200
"""Most workers in the table; report.json has all of them."""

_TAGS = {Outcome.PASSED: "yes", Outcome.FAILED: "no", Outcome.NO_VERDICT: "open"}


def check_table(report: LoadReport) -> Markup:
    """Return every threshold with what was found."""
    checks = report.verdict.checks
    if not checks:
        return el("p", "The scenario has no thresholds.")
    head = ("what", "stage", "verdict", "limit", "found")
    rows = [
        (
            shown.figure_name(check.threshold),
            check.stage or "whole run",
            _tag(check, report),
            shown.limit_text(check.threshold, check.limit),
            _found(check),
        )
        for check in sorted(checks, key=lambda check: check.holds)
    ]
    return table("Thresholds", head, rows, words=3)


def stage_table(report: LoadReport) -> Markup:
    """Return what each stage was to produce and did."""
    head = ("stage", "judged", "from", "to", "drivers", "planned", "produced", "share", "planned/s", "produced/s")
    rows = [
        (
            stage.name,
            "yes" if stage.judged else "no",
            clock(stage.from_s),
            "open" if stage.to_s is None else clock(stage.to_s),
            shown.count(stage.drivers),
            shown.count(stage.planned),
            shown.count(stage.produced),
            shown.share(stage.produced / stage.planned if stage.planned else None),
            shown.rate(stage.planned_per_s),
            shown.rate(stage.produced_per_s),
        )
        for stage in report.stages
    ]
    return table("Load by stage", head, rows, words=2)


def latency_table(report: LoadReport) -> Markup:
    """Return every segment's figures in every stage."""
    head = ("stage", "due to", "count", "mean", "p50", "p90", "p95", "p99", "p99.9", "max")
    found = [(stage, segment) for stage in report.stages for segment in WAY if segment in stage.segments]
    rows: list[tuple[str, ...]] = []
    kinds: list[str | None] = []
    for stage, segment in found:
        one = stage.segments[segment]
        is_first = not rows or rows[-1][0] != stage.name
        figures = (one.mean_ms, one.p50_ms, one.p90_ms, one.p95_ms, one.p99_ms, one.p999_ms, one.max_ms)
        rows.append((stage.name, segment.value, shown.count(one.count), *map(shown.ms, figures)))
        kinds.append("first" if is_first else None)
    return table("Latency from due, by stage and segment", head, rows, words=2, kinds=kinds)


def use_table(report: LoadReport) -> Markup | None:
    """Return what the workers did with their time, by stage and part; None if they did not report it."""
    names = [
        name
        for name in ("cpu", "compute", "send", "wait", "write")
        if any(name in use.shares for stage in report.stages for use in stage.uses)
    ]
    rows = [row for stage in report.stages for row in _uses(stage, names)]
    if not rows:
        return None
    return table(
        "Share of the wall time, mean of a part's workers",
        ("stage", "part", "workers", *names, "paused"),
        rows,
        words=2,
    )


def worker_table(report: LoadReport) -> Markup:
    """Return one row a worker."""
    head = ("worker", "part", "positions", "positions/s", "CPU", "memory", "last reported")
    rows = []
    for worker in report.workers[:MOST_WORKERS]:
        rest = {name: value for name, value in worker.gauges.items() if name != "rssBytes" and not name.endswith("S")}
        text = ", ".join(f"{name} {value:,.6g}" for name, value in rest.items())
        positions = shown.count(max(worker.counts.values(), default=None))
        cpu = shown.NOTHING if worker.cpu_share is None else f"{worker.cpu_share:.2f} cores"
        rows.append(
            (worker.worker, worker.part, positions, shown.rate(worker.per_s), cpu, shown.size(worker.rss_bytes), text)
        )
    caption = "Parts of one process end with the same letters, and report its CPU and memory each"
    more = len(report.workers) - MOST_WORKERS
    return table(f"{caption}; {more:,} more are in report.json" if more > 0 else caption, head, rows, words=2)


def ledger_table(ledger: Ledger) -> Markup:
    """Return where the run's positions are."""
    text = "every position is accounted for" if ledger.clean else "not everything arrived"
    counts = {
        "produced": ledger.produced,
        "acknowledged": ledger.acked,
        "refused": ledger.failed,
        "consumed": ledger.consumed,
        "stored": ledger.stored,
        "lost on purpose": ledger.lost_on_purpose,
        "missing": ledger.missing,
        "read twice": ledger.duplicated,
        "dead-lettered": ledger.dead_lettered,
    }
    return table(
        f"Positions of the whole run: {text}", ("", *counts), [("positions", *map(shown.count, counts.values()))]
    )


def gap_table(ledger: Ledger) -> Markup | None:
    """Return the first missing positions by name; None if none is."""
    if not ledger.gaps:
        return None
    rows = [(gap.delivery_id, str(gap.from_seq), str(gap.to_seq)) for gap in ledger.gaps]
    return table("Missing, the first by name", ("delivery", "from seq", "to seq"), rows)


def fault_table(report: LoadReport) -> Markup:
    """Return the injected faults of the data and the disturbances of the system."""
    rows = [("data", kind, shown.plural(count, "fault"), "") for kind, count in sorted(report.faults.items())]
    rows += [
        ("system", done.kind, "" if done.at_s is None else f"at {clock(done.at_s)}", done.told)
        for done in report.disturbances
    ]
    return table("On purpose", ("in", "kind", "how many, when", "what"), rows, words=4)


def probe_table(capacity: Capacity) -> Markup:
    """Return the fleets that the search tried, in its order."""
    head = (
        "drivers",
        "outcome",
        "bound",
        "positions/s offered",
        "end to end p99",
        "lateness p99",
        "CPU of the machine",
    )
    rows = [
        (
            f"{probe.drivers:,}",
            el("span", WORDS[probe.outcome], class_=f"tag {_TAGS[probe.outcome]}"),
            probe.bound or shown.NOTHING,
            shown.rate(probe.positions_per_s),
            shown.ms(probe.e2e_p99_ms),
            shown.ms(probe.lateness_p99_ms),
            shown.share(probe.cpu_share),
        )
        for probe in capacity.probes
    ]
    return table("Probes, in their order", head, rows, words=3)


def repeat_table(report: LoadReport) -> Markup:
    """Return the outcomes of further runs of the same test."""
    return table(
        "Further runs", ("run", "outcome"), [(one.run_id, WORDS[one.outcome]) for one in report.repeats], words=2
    )


def environment_table(found: Environment) -> Markup:
    """Return the machine and what ran on it."""
    rows = [
        ("processor", f"{found.cpu}, {shown.plural(found.cpus, 'core')} usable"),
        ("memory", shown.size(found.memory_bytes)),
        ("system", found.os),
        ("Python", found.python),
        *(
            (name, text)
            for name, text in (
                ("profile", found.profile),
                ("broker", found.broker),
                ("stores", ", ".join(found.stores)),
            )
            if text
        ),
        *sorted(found.versions.items()),
    ]
    return table("Machine and versions", ("what", "found"), rows, words=2)


def settings_table(found: Environment) -> Markup:
    """Return the settings that are not as usual."""
    if not found.settings:
        return el("p", "All settings that matter to figures are at their defaults.")
    return table(
        "Settings that differ from their defaults", ("setting", "value"), sorted(found.settings.items()), words=2
    )


def _uses(stage: Stage, names: list[str]) -> Iterator[tuple[str, ...]]:
    for part in dict.fromkeys(use.part for use in stage.uses):
        found = [use for use in stage.uses if use.part == part]
        shares = ([use.shares[name] for use in found if name in use.shares] for name in names)
        paused = shown.share(mean(use.paused for use in found))
        yield (
            stage.name,
            part,
            str(len(found)),
            *(shown.share(mean(values) if values else None) for values in shares),
            paused,
        )


def _found(check: CheckRow) -> str:
    window = f" (worst of {shown.plural(len(check.windows_s), 'window')})" if check.windows_s else ""
    return "not measured" if check.found is None else shown.figure_value(check.threshold, check.found) + window


def _tag(check: CheckRow, report: LoadReport) -> Markup:
    word, kind = (
        ("no sample", "open")
        if check.stage in report.verdict.empty
        else ("holds", "yes")
        if check.holds
        else ("fails", "no")
    )
    return el("span", word, class_=f"tag {kind}")

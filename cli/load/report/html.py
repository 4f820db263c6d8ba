"""The report as one page: no script, no network, readable in light and dark and in print.

The verdict comes first.
"""

from __future__ import annotations

from importlib.resources import files

from cli.load.report import shown
from cli.load.report.curves import capacity_charts, fleet_chart, latency_chart, load_chart, percentile_chart, stages_in
from cli.load.report.loads import cpu_seconds
from cli.load.report.markup import Markup, el, joined
from cli.load.report.model import LoadReport, Stage
from cli.load.report.sentences import bound_sentence, capacity_sentence, verdict_sentence, verdict_word
from cli.load.report.tables import (
    check_table,
    environment_table,
    fault_table,
    gap_table,
    latency_table,
    ledger_table,
    probe_table,
    repeat_table,
    settings_table,
    stage_table,
    use_table,
    worker_table,
)
from cli.load.report.waterfall import greatest_ms, waterfall
from engine.judging.verdict import Outcome
from engine.latency.meter import Segment

_CLASSES = {Outcome.PASSED: "passed", Outcome.FAILED: "failed", Outcome.NO_VERDICT: "none"}
_SIGNS = {
    Outcome.PASSED: "M14 25l8 8 14-17",
    Outcome.FAILED: "M16 16l16 16M32 16l-16 16",
    Outcome.NO_VERDICT: "M18 19a6 6 0 1 1 8 6c-2 1-2 2-2 4M24 34v.5",
}


def page(report: LoadReport) -> str:
    """Return the page, a whole HTML document."""
    title = f"{verdict_word(report)}: load test {report.scenario.name}"
    style = Markup((files("cli.load.report") / "page.css").read_text(encoding="utf-8"))
    head = el(
        "head",
        el("meta", charset="utf-8"),
        el("meta", name="viewport", content="width=device-width, initial-scale=1"),
        el("title", title),
        el("style", style),
    )
    sections = [*_sections(report)]
    links = el("nav", *(el("a", heading, href=f"#{key}") for key, heading, _ in sections), aria_label="Sections")
    body = [el("section", el("h2", heading), *parts, id=key) for key, heading, parts in sections]
    note = el("footer", el("p", _footer(report)))
    main = el("main", _verdict(report), _tiles(report), links, *body)
    return f"<!DOCTYPE html>\n{el('html', head, el('body', _header(report), main, note), lang='en')}\n"


def _header(report: LoadReport) -> Markup:
    run, lasted = report.run, shown.seconds(report.run.duration_s)
    meta = " · ".join(
        part
        for part in (
            run.id,
            run.created,
            lasted,
            report.environment.profile,
            "" if run.ended == "finished" else run.ended,
        )
        if part
    )
    return el(
        "header",
        el("p", "Load test report", class_="kicker"),
        el("h1", report.scenario.name),
        el("p", meta, class_="meta"),
    )


def _verdict(report: LoadReport) -> Markup:
    outcome = report.verdict.outcome
    sign = el(
        "svg", el("circle", cx=24, cy=24, r=21), el("path", d=_SIGNS[outcome]), viewBox="0 0 48 48", aria_hidden="true"
    )
    why = bound_sentence(report)
    words = [
        el("div", verdict_word(report), class_="word"),
        el("p", verdict_sentence(report)),
        el("p", why, class_="why") if why else None,
    ]
    return el("section", sign, el("div", *words), class_=f"verdict {_CLASSES[outcome]}", aria_label="Verdict")


def _tiles(report: LoadReport) -> Markup:
    rates = [stage.produced_per_s for stage in report.stages if stage.produced_per_s is not None]
    drivers = [stage.drivers for stage in report.stages if stage.drivers is not None]
    produced = sum(stage.produced for stage in report.stages)
    cpu_s = cpu_seconds(report.workers)
    tiles = [
        (
            "Positions",
            shown.count(produced),
            f"produced in {shown.seconds(sum(stage.seconds for stage in report.stages))}",
        ),
        ("Highest rate", shown.rate(max(rates, default=None)), "mean of a stage"),
        ("Drivers", shown.count(max(drivers, default=None)), "the most on the road"),
        ("End to end, p99", *_worst(report, report.e2e)),
        ("Lateness, p99", *_worst(report, Segment.PRODUCED)),
    ]
    if report.ledger:
        tiles.append(
            (
                "Missing",
                shown.count(report.ledger.missing),
                "of the ledger" if report.ledger.missing else "every position is accounted for",
            )
        )
    if cpu_s and produced:
        tiles.append(("CPU per position", f"{cpu_s / produced * 1e6:,.0f} µs", "all processes together"))
    return el(
        "dl",
        *(el("div", el("dt", name), el("dd", value, el("small", note))) for name, value, note in tiles),
        class_="tiles",
    )


def _worst(report: LoadReport, segment: Segment) -> tuple[str, str]:
    found = [
        (stage.segments[segment].p99_ms or 0.0, stage.name) for stage in stages_in(report) if segment in stage.segments
    ]
    worst = max(found, default=None)
    return (
        (shown.NOTHING, "not measured") if worst is None else (shown.ms(worst[0]), f"in {worst[1]}, due to {segment}")
    )


def _sections(report: LoadReport) -> list[tuple[str, str, list[Markup | None]]]:
    """Return the page's parts: name, heading, content."""
    stages = stages_in(report)
    found: list[tuple[str, str, list[Markup | None]]] = [
        ("checks", "Checks", [check_table(report)]),
        ("time", "Over time", [el("p", _TIME), _charts(*_over_time(report)), stage_table(report)]),
        ("way", "Waterfall", [el("p", _WAY), _waterfalls(stages)]),
        ("percentiles", "Percentiles", [el("p", _PERCENTILES), _charts(*_percentiles(report)), latency_table(report)]),
        (
            "bound",
            "What bounded it",
            [el("p", bound_sentence(report) or "Nothing is known to have held the load up."), use_table(report)],
        ),
    ]
    if report.capacity:
        parts: list[Markup | None] = [
            el("p", capacity_sentence(report.capacity)),
            _charts(*capacity_charts(report.capacity)),
            probe_table(report.capacity),
        ]
        found.append(("capacity", "Capacity", parts))
    found.append(("workers", "Workers", [worker_table(report)]))
    if report.ledger:
        found.append(("ledger", "Ledger", [ledger_table(report.ledger), gap_table(report.ledger)]))
    if report.faults or report.disturbances or report.errors:
        errors = [el("h3", "Errors"), el("ul", *(el("li", error) for error in report.errors))] if report.errors else []
        found.append(
            (
                "faults",
                "Faults and disturbances",
                [fault_table(report) if report.faults or report.disturbances else None, *errors],
            )
        )
    if report.repeats:
        found.append(("repeats", "Repeated runs", [repeat_table(report)]))
    found.append(
        ("environment", "Environment", [environment_table(report.environment), settings_table(report.environment)])
    )
    found.append(("scenario", "Scenario", [el("pre", report.scenario.toml, tabindex=0)]))
    return found


_TIME = "Every second counts the positions that were due in it, however late they came. Grey stretches are not judged."
_WAY = (
    "Bars begin when a position was due. The full bar ends at the p50, the pale one at the p99. "
    "From consumed on the ways part: to the viewers (pushed, viewed), to the state store (stored) "
    "and to the history store (indexed)."
)
_PERCENTILES = (
    "Each step to the right is ten times rarer: at 99.9 % one position in a thousand is slower than the curve."
)


def _over_time(report: LoadReport) -> list[Markup | None]:
    e2e = latency_chart(report, report.e2e, "e2e", f"End to end: due to {report.e2e}")
    return [
        load_chart(report),
        fleet_chart(report),
        latency_chart(report, Segment.PRODUCED, "lateness", "Lateness: due to produced"),
        e2e,
    ]


def _percentiles(report: LoadReport) -> list[Markup]:
    lateness = percentile_chart(report, Segment.PRODUCED, "pclateness", "Lateness by percentile")
    return [lateness, percentile_chart(report, report.e2e, "pce2e", "End to end by percentile")]


def _waterfalls(stages: tuple[Stage, ...]) -> Markup:
    top_ms = greatest_ms(stages)
    return _charts(*(waterfall(stage, number, top_ms) for number, stage in enumerate(stages)))


def _charts(*charts: Markup | None) -> Markup:
    return el("div", *(el("div", chart) for chart in charts if chart is not None), class_="charts")


def _footer(report: LoadReport) -> Markup:
    exact = (
        ""
        if report.is_plan_exact
        else " What is planned is an upper or a lower bound here: "
        "drivers that rest or arrive by themselves are in no plan."
    )
    return joined(
        [
            "All latencies are counted from the instant at which a position was due, "
            "and percentiles are of all positions of all workers.",
            exact,
        ]
    )

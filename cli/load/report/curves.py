"""The line charts of a report: load, lateness and latency over time, percentiles, capacity."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from statistics import mean, median

from cli.load.load_chart import clock, short
from cli.load.report import shown
from cli.load.report.charts import Band, Limit, Line, Picture, Point, chart
from cli.load.report.markup import Markup
from cli.load.report.model import Capacity, LoadReport, Second, Stage, histogram_of
from engine.judging.verdict import Outcome
from engine.latency.histogram import Histogram
from engine.latency.meter import Segment

MOST_COLUMNS = 400
"""Most columns of a series; of the worst figures each column keeps its worst."""

_POINTS_PER_DECADE = 12

_STAGE_COLOURS = (0, 3, 1, 4, 5, 7, 2)
"""Most stages with a curve; the tables have all of them."""

_TIME_STEPS = (
    1.0,
    2.0,
    5.0,
    10.0,
    15.0,
    30.0,
    60.0,
    120.0,
    300.0,
    600.0,
    900.0,
    1800.0,
    3600.0,
    7200.0,
    10_800.0,
    21_600.0,
    43_200.0,
    86_400.0,
)

Text = Callable[[float], str]


def load_chart(report: LoadReport) -> Markup:
    """Return positions a second, planned and produced."""
    groups = _columns(report.series)
    planned: list[Point] = [(_at(group), _mean(second.planned for second in group)) for group in groups]
    produced: list[Point] = [(_at(group), _mean(second.produced for second in group)) for group in groups]
    lines = [Line("planned", planned, 6, is_area=True), Line("produced", produced, 0)]
    desc = "Positions a second that were planned, as an area, and produced, as a line, over the time of the run."
    return _over_time(report, "load", "Load: positions a second", desc, lines, "positions/s", short)


def fleet_chart(report: LoadReport) -> Markup | None:
    """Return drivers on the road; None if no driver actor reported them."""
    groups = _columns(report.series)
    drivers: list[Point] = [(_at(group), _mean(second.drivers for second in group)) for group in groups]
    if all(value is None for _, value in drivers):
        return None
    desc, lines = "Drivers on the road over the time of the run.", [Line("drivers", drivers, 1)]
    return _over_time(report, "fleet", "Fleet: drivers on the road", desc, lines, "drivers", short)


def latency_chart(report: LoadReport, segment: Segment, key: str, title: str) -> Markup:
    """Return the p50 and p99 of a segment's latencies over time, with their limits."""
    groups = _columns(report.series)
    figures = [[second.segments[segment] for second in group if segment in second.segments] for group in groups]
    p50: list[Point] = [
        (_at(group), _middle(one.p50_ms for one in found)) for group, found in zip(groups, figures, strict=True)
    ]
    p99: list[Point] = [
        (_at(group), _most(one.p99_ms for one in found)) for group, found in zip(groups, figures, strict=True)
    ]
    lines = [Line("p99", p99, 3), Line("p50", p50, 0)]
    desc = f"Latency from due to {segment}, the p50 and the p99 of every second, over the time of the run."
    limits = _limits(report, {key, segment.value})
    return _over_time(report, key, title, desc, lines, "ms", _ms, limits)


def percentile_chart(report: LoadReport, segment: Segment, key: str, title: str) -> Markup:
    """Return a segment's latency by percentile, a line a stage, the last percents stretched."""
    found = [(stage.name, stage.segments[segment]) for stage in stages_in(report) if segment in stage.segments][
        : len(_STAGE_COLOURS)
    ]
    curves = [(name, _percentiles(histogram_of(latency, f"{name}.{segment}"))) for name, latency in found]
    lines = [Line(name, points, colour) for (name, points), colour in zip(curves, _STAGE_COLOURS, strict=False)]
    ticks = [(1.0, "0"), (2.0, "50 %"), *((10.0**n, f"{100 - 10 ** (2 - n):.{max(n - 2, 0)}f} %") for n in range(1, 8))]
    desc = (
        f"Latency from due to {segment} at every percentile, one line a stage; "
        "the axis stretches the highest percentiles."
    )
    return chart(Picture(key, title, desc, lines, "ms", _ms, shown.count, may_log=True, x_log=True, x_ticks=ticks))


def capacity_charts(capacity: Capacity) -> tuple[Markup, Markup]:
    """Return latencies and CPU by the fleets that were tried."""
    tried = sorted(capacity.probes, key=lambda probe: probe.drivers)
    slow = [
        Line("end to end p99", [(probe.drivers, probe.e2e_p99_ms) for probe in tried], 3, has_dots=True),
        Line("lateness p99", [(probe.drivers, probe.lateness_p99_ms) for probe in tried], 0, has_dots=True),
    ]
    busy = [Line("CPU", [(probe.drivers, probe.cpu_share) for probe in tried], 1, has_dots=True)]
    bands = _fleets(capacity, [probe.drivers for probe in tried])
    marks = [] if capacity.highest is None else [(float(capacity.highest), f"highest: {capacity.highest:,}")]
    latency = "Latencies, p99, of the fleets that the search tried; a line marks the greatest that kept the thresholds."
    cpu = "Share of all processors of the machine in use, by the fleets that the search tried."
    return (
        chart(
            Picture(
                "capms", "Latency by fleet", latency, slow, "ms", _ms, short, may_log=True, bands=bands, marks=marks
            )
        ),
        chart(
            Picture(
                "capcpu",
                "CPU of the machine by fleet",
                cpu,
                busy,
                "share",
                shown.share,
                short,
                bands=bands,
                marks=marks,
            )
        ),
    )


def _fleets(capacity: Capacity, drivers: Sequence[int]) -> list[Band]:
    if not drivers:
        return []
    failed = [
        probe.drivers
        for probe in capacity.probes
        if probe.outcome != Outcome.PASSED and probe.drivers > (capacity.highest or 0)
    ]
    if not failed:
        return [Band("kept", drivers[0], drivers[-1])]
    found = [Band("not kept", min(failed), drivers[-1], is_quiet=True)]
    return [Band("kept", drivers[0], capacity.highest), *found] if capacity.highest is not None else found


def _over_time(
    report: LoadReport,
    key: str,
    title: str,
    desc: str,
    lines: list[Line],
    unit: str,
    text: Text,
    limits: Sequence[Limit] = (),
) -> Markup:
    marks = [(done.at_s, done.kind) for done in report.disturbances if done.at_s is not None]
    ticks = time_ticks(report.series[0].at_s, report.series[-1].at_s + 1) if report.series else ()
    return chart(
        Picture(
            key,
            title,
            desc,
            lines,
            unit,
            text,
            clock,
            may_log=unit == "ms",
            x_ticks=ticks,
            bands=stage_bands(report),
            limits=limits,
            marks=marks,
        )
    )


def time_ticks(begin_s: float, end_s: float, most: int = 6) -> list[tuple[float, str]]:
    """Return round instants of a stretch of time, with their texts."""
    least = (end_s - begin_s) / most
    step = next((step for step in _TIME_STEPS if step >= least), _TIME_STEPS[-1] * math.ceil(least / _TIME_STEPS[-1]))
    return [
        (number * step, clock(number * step))
        for number in range(math.ceil(begin_s / step), math.floor(end_s / step) + 1)
    ]


def stage_bands(report: LoadReport) -> list[Band]:
    """Return where the stages lie in the run's wall time, by the seconds of the series."""
    judged = {stage.name: stage.judged for stage in report.stages}
    found: list[Band] = []
    for second in report.series:
        if found and found[-1].name == second.stage:
            found[-1] = Band(second.stage, found[-1].begin, second.at_s + 1, found[-1].is_quiet)
        else:
            found.append(Band(second.stage, second.at_s, second.at_s + 1, not judged.get(second.stage, True)))
    return found


def _limits(report: LoadReport, names: set[str]) -> list[Limit]:
    """Return the p99 limits of some figures over the time of their stages.

    Neighbouring stages with one limit share a line.
    """
    checks = {
        check.stage: check for check in report.verdict.checks if check.threshold in {f"{name}_p99_ms" for name in names}
    }
    found: list[Limit] = []
    for band in stage_bands(report):
        check = checks.get(band.name)
        if check is None or band.is_quiet:
            continue
        if found and found[-1].value == check.limit and found[-1].end == band.begin:
            found[-1] = Limit(check.limit, found[-1].begin, band.end, found[-1].text)
        else:
            found.append(
                Limit(check.limit, band.begin, band.end, f"p99 {shown.limit_text(check.threshold, check.limit)}")
            )
    return found


def _percentiles(counted: Histogram) -> list[Point]:
    """Return latencies, ms, by 1 / (1 - p), as far as there are positions enough."""
    last = math.log10(max(counted.total, 2))
    steps = [10.0 ** (number / _POINTS_PER_DECADE) for number in range(int(last * _POINTS_PER_DECADE) + 1)]
    found = [(step, counted.percentile_us(100 * (1 - 1 / step))) for step in steps]
    return [(step, None if us is None else us / 1000) for step, us in found]


def _columns(series: Sequence[Second]) -> list[Sequence[Second]]:
    per = math.ceil(len(series) / MOST_COLUMNS) or 1
    return [series[begin : begin + per] for begin in range(0, len(series), per)]


def _at(group: Sequence[Second]) -> float:
    return (group[0].at_s + group[-1].at_s + 1) / 2


def _mean(values: Iterable[float | None]) -> float | None:
    found = [value for value in values if value is not None]
    return mean(found) if found else None


def _middle(values: Iterable[float | None]) -> float | None:
    found = [value for value in values if value is not None]
    return median(found) if found else None


def _most(values: Iterable[float | None]) -> float | None:
    return max((value for value in values if value is not None), default=None)


def _ms(value: float) -> str:
    return f"{value / 1000:g} s" if value >= 10_000 else f"{value:,g}"


def stages_in(report: LoadReport) -> tuple[Stage, ...]:
    """Return the stages that are drawn: those that are judged, or all if none is."""
    return report.judged or report.stages

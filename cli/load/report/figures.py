"""The figures by which runs are compared.

Of each stage the p50 and p99 of every segment and the rate produced; of the run CPU and memory. Pure.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import NormalDist, fmean, stdev

from scipy.special import stdtrit

from cli.load.report.loads import Brief, Latency, Second, Stage, cpu_seconds, histogram_of
from cli.load.report.model import LoadReport
from engine.latency.histogram import Histogram
from engine.latency.meter import Segment

RUN = "whole run"
RATE = "produced positions/s"

_PERCENTILES = (("p50", 50.0), ("p99", 99.0))


@dataclass(frozen=True, slots=True, order=True)
class Figure:
    """What is compared.

    Attributes
    ----------
    stage : its name, or `RUN`.
    name : what of it, with its unit: ``pushed p99 ms``.
    """

    stage: str
    name: str

    def __str__(self) -> str:
        return f"{self.stage}: {self.name}"

    @property
    def is_better_high(self) -> bool:
        """Whether more of it is better."""
        return self.name == RATE


@dataclass(frozen=True, slots=True)
class Value:
    """What one run found.

    Attributes
    ----------
    half_width : half of the interval in which the figure lies by the chance of the sample alone; None if chance has no
        part in it.
    """

    value: float
    half_width: float | None = None


def figures_of(report: LoadReport, confidence: float = 0.99) -> dict[Figure, Value]:
    """Return a report's figures.

    Parameters
    ----------
    confidence : of the intervals, 0 to 1.

    Raises
    ------
    ReportError : a histogram of the report cannot be decoded.
    """
    found: dict[Figure, Value] = {}
    for stage in report.judged or report.stages:
        seconds = [second for second in report.series if second.stage == stage.name]
        found |= dict(_stage(stage, seconds, confidence))
    return found | dict(_run(report))


def plain_figures(report: LoadReport) -> dict[str, float]:
    """Return a report's figures by their names, as another report keeps them of a repeated run."""
    return {str(figure): value.value for figure, value in figures_of(report).items()}


def percentile_interval_us(counted: Histogram, percentile: float, confidence: float) -> tuple[int, int]:
    """Return an interval that holds the true percentile, µs, if latencies are independent.

    By order statistics: how many of n positions lie below the true percentile p is binomial with mean n p and variance
    n p (1 - p), here as a normal one. Latencies of neighbours are alike, so the true interval is wider: this is the
    least that chance does.
    """
    n, share = counted.total, percentile / 100
    spread = NormalDist().inv_cdf((1 + confidence) / 2) * math.sqrt(n * share * (1 - share))
    low, high = (
        min(max(rank / n * 100, 0.0), 100.0) for rank in (math.floor(n * share - spread), math.ceil(n * share + spread))
    )
    return counted.percentile_us(low) or 0, counted.percentile_us(high) or 0


def mean_half_width(values: Sequence[float], confidence: float) -> float:
    """Return half the width of the confidence interval of a mean; infinite for fewer than two values."""
    if len(values) < 2:
        return math.inf
    return float(stdtrit(len(values) - 1, (1 + confidence) / 2)) * stdev(values) / math.sqrt(len(values))


def _stage(stage: Stage, seconds: Sequence[Second], confidence: float) -> Iterator[tuple[Figure, Value]]:
    if stage.produced_per_s is not None:
        yield Figure(stage.name, RATE), Value(stage.produced_per_s, _rate_half_width(stage, seconds, confidence))
    for segment in (segment for segment in Segment if segment in stage.segments):
        briefs = [second.segments[segment] for second in seconds if segment in second.segments]
        yield from _latency(stage.name, segment, stage.segments[segment], briefs, confidence)


def _latency(
    stage: str, segment: Segment, latency: Latency, briefs: Sequence[Brief], confidence: float
) -> Iterator[tuple[Figure, Value]]:
    """Yield a segment's percentiles with their sampling error.

    The error is that of single positions or that of whole seconds, whichever is larger.
    """
    counted = histogram_of(latency, f"{stage}.segments.{segment}")
    per_second = {"p50": [brief.p50_ms for brief in briefs], "p99": [brief.p99_ms for brief in briefs]}
    for name, percentile in _PERCENTILES if latency.count else ():
        low, high = percentile_interval_us(counted, percentile, confidence)
        between = mean_half_width([ms for ms in per_second[name] if ms is not None], confidence)
        half_width = max((high - low) / 2000, between if math.isfinite(between) else 0.0)
        yield Figure(stage, f"{segment} {name} ms"), Value((counted.percentile_us(percentile) or 0) / 1000, half_width)


def _rate_half_width(stage: Stage, seconds: Sequence[Second], confidence: float) -> float | None:
    """Return the sampling error of a stage's rate; None without a plan.

    It follows from how the share of the plan that was produced differs between seconds.
    """
    shares = [second.produced / second.planned for second in seconds if second.planned]
    width = mean_half_width(shares, confidence)
    return None if stage.planned_per_s is None or not math.isfinite(width) else width * stage.planned_per_s


def _run(report: LoadReport) -> Iterator[tuple[Figure, Value]]:
    produced = sum(stage.produced for stage in report.stages)
    cpu_s = cpu_seconds(report.workers)
    if cpu_s is not None and produced:
        yield Figure(RUN, "CPU µs per position"), Value(cpu_s / produced * 1e6)
    for part in dict.fromkeys(worker.part for worker in report.workers):
        memory = [worker.rss_bytes for worker in report.workers if worker.part == part and worker.rss_bytes is not None]
        if memory:
            yield Figure(RUN, f"{part} memory MiB"), Value(fmean(memory) / 2**20)

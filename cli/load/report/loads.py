"""The measured parts of a report: stages, seconds, workers.

All latencies are in ms, counted from the instant at which a position was due.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import field
from typing import Self

from pydantic.dataclasses import dataclass

from cli.load.report.form import FORM, ReportError
from engine.errors import InvalidInput
from engine.latency.histogram import Histogram


@dataclass(frozen=True, slots=True, config=FORM)
class Latency:
    """Latencies of some positions, from due."""

    count: int
    """How many positions."""
    mean_ms: float | None
    p50_ms: float | None
    p90_ms: float | None
    p95_ms: float | None
    p99_ms: float | None
    p999_ms: float | None
    max_ms: float | None
    histogram: str
    """All of them, µs, as an encoded HdrHistogram (V2, base64); any other percentile follows from it."""

    @classmethod
    def of(cls, counted: Histogram) -> Self:
        """Return the figures of a histogram."""
        p50, p90, p95, p99, p999, most = (_ms(counted.percentile_us(p)) for p in (50, 90, 95, 99, 99.9, 100))
        return cls(counted.total, _ms(counted.mean_us), p50, p90, p95, p99, p999, most, counted.encode())


@dataclass(frozen=True, slots=True, config=FORM)
class Brief:
    """Latencies of the positions of one second, from due."""

    count: int
    p50_ms: float | None
    p99_ms: float | None
    max_ms: float | None


@dataclass(frozen=True, slots=True, config=FORM)
class Use:
    """What one worker did with its time in a stage."""

    worker: str
    part: str
    shares: dict[str, float]
    """Of the wall time, by what it was spent on: cpu, compute, send, wait, write."""
    paused: float = 0.0
    """Share of its messages in which it said that it was paused."""
    growth: dict[str, float] = field(default_factory=dict)
    """By how much its queue and its lag were greater at the stage's end than at its beginning."""


@dataclass(frozen=True, slots=True, config=FORM)
class Stage:
    """One stage, as planned and as measured."""

    name: str
    judged: bool
    """Whether thresholds hold for it; a warm-up is not judged."""
    from_s: float
    """Virtual seconds after the run's beginning; an endless one has no end."""
    to_s: float | None
    """Virtual seconds after the run's beginning; an endless one has no end."""
    seconds: float
    """For how many wall seconds it was run."""
    planned: float | None
    """Positions that were to be produced in what was run of it."""
    produced: int
    """Positions that were."""
    segments: dict[str, Latency]
    """By segment, if measured: produced, acked, consumed, pushed, stored, indexed, viewed."""
    drivers: int | None = None
    """The most on the road."""
    uses: tuple[Use, ...] = ()
    """What each worker did with its time."""

    @property
    def planned_per_s(self) -> float | None:
        """Positions a wall second that were to be produced."""
        return None if self.planned is None or not self.seconds else self.planned / self.seconds

    @property
    def produced_per_s(self) -> float | None:
        """Positions a wall second that were produced."""
        return self.produced / self.seconds if self.seconds else None


@dataclass(frozen=True, slots=True, config=FORM)
class Second:
    """The positions that were due in one wall second."""

    at_s: float
    """Seconds after the run's beginning."""
    stage: str
    """Name of the stage that most of it belongs to."""
    planned: float | None
    """Positions."""
    produced: int
    """Positions."""
    segments: dict[str, Brief]
    """Latencies by segment."""
    drivers: int | None = None
    """On the road."""


@dataclass(frozen=True, slots=True, config=FORM)
class WorkerRow:
    """One part of a process in the run."""

    worker: str
    """Its name: role and process, separated by a colon.

    Workers of one process report its CPU and memory each.
    """
    part: str
    """Driver, sink, live or viewer."""
    counts: dict[str, int]
    """Positions that it measured, by segment."""
    wall_s: float
    """Wall seconds between them."""
    cpu_s: float | None = None
    """Processor seconds between its first message and its last."""
    rss_bytes: float | None = None
    """Memory, the last value reported."""
    gauges: dict[str, float] = field(default_factory=dict)
    """The last values reported, by name."""

    @property
    def process(self) -> str:
        """The process that it is a part of."""
        return self.worker.rpartition(":")[2]

    @property
    def per_s(self) -> float | None:
        """Positions a wall second, in the segment in which it measured the most."""
        return max(self.counts.values()) / self.wall_s if self.counts and self.wall_s > 0 else None

    @property
    def cpu_share(self) -> float | None:
        """Processor seconds a wall second."""
        return None if self.cpu_s is None or self.wall_s <= 0 else self.cpu_s / self.wall_s


def cpu_seconds(workers: Iterable[WorkerRow]) -> float | None:
    """Return the processor seconds of all processes; None if none reported them."""
    by_process: dict[str, float] = {}
    for worker in workers:
        if worker.cpu_s is not None:
            by_process[worker.process] = max(worker.cpu_s, by_process.get(worker.process, 0.0))
    return sum(by_process.values()) if by_process else None


def histogram_of(latency: Latency, place: str) -> Histogram:
    """Return a latency's histogram.

    Raises
    ------
    ReportError : it cannot be decoded, or counts something else than the latency says.
    """
    try:
        found = Histogram.decode(latency.histogram)
    except InvalidInput as error:
        raise ReportError(f"{place}.histogram: {error}") from None
    if found.total != latency.count:
        raise ReportError(f"{place}.histogram must count {latency.count} positions, found {found.total}")
    return found


def _ms(us: float | None) -> float | None:
    return None if us is None else us / 1000

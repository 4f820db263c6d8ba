"""The figures of one worker: how it stands, and what it did with its time."""

from __future__ import annotations

from dataclasses import dataclass, field

from engine.latency.meter import Segment


@dataclass(frozen=True, slots=True)
class WorkerUse:
    """What one worker did with its time in a stage.

    Attributes
    ----------
    shares : of the wall time, by what it was spent on: the gauges whose names end in S, without it: cpu, compute, send,
        wait, write.
    paused : share of its messages in which it said that it was paused.
    growth : by how much queue and lag were greater at the stage's end than at its beginning.
    """

    worker: str
    part: str
    shares: dict[str, float]
    paused: float = 0.0
    growth: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class WorkerLoad:
    """One worker, as it stands.

    Attributes
    ----------
    part : driver, sink, live or viewer.
    first_ms, last_ms : wall epoch ms of its first and its last report.
    counts : positions that it measured, by segment.
    gauges : its last reported values, by name.
    cpu_s : processor seconds between its first message and its last, None if it does not report them.
    cpu_share : processor seconds a wall second, over the last `WINDOW_S` before `last_ms`.
    per_s : positions a wall second, by segment, over the same.
    rss_bytes : memory.
    """

    worker: str
    part: str
    first_ms: int
    last_ms: int
    counts: dict[Segment, int] = field(default_factory=dict)
    gauges: dict[str, float] = field(default_factory=dict)
    cpu_s: float | None = None
    cpu_share: float | None = None
    per_s: dict[Segment, float] = field(default_factory=dict)
    rss_bytes: float | None = None

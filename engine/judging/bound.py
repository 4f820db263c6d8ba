"""The part that held a load up, by what its workers report of their time.

A rule of thumb with its figures, not a proof.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import StrEnum

from engine.judging.figures import MeasuredLoad, StageLoad
from engine.judging.workers import WorkerUse
from engine.latency.meter import Segment
from engine.messages import Worker


class Bound(StrEnum):
    """What held the load up.

    ray: ticks came late, though the driver actor neither computed nor waited: it was not given the processor. encoding:
    it computed and encoded positions. broker: it waited for room at the producer. store: sinks paused, or fell behind,
    while positions were produced in time.
    """

    RAY = "ray"
    ENCODING = "encoding"
    BROKER = "broker"
    STORE = "store"


WAITS = 0.5
"""Share of waiting for the producer above which the broker holds a driver actor up."""

COMPUTES = 0.6
"""Share of computing above which a driver actor has no time left for the peaks within a second."""

PAUSES = 0.1
FALLS_BEHIND_S = 2.0
"""Seconds' worth of produced positions by which a backlog grows that is more than a batch on its way."""


def generator_bound(stages: Sequence[StageLoad]) -> tuple[Bound | None, str]:
    """Return what held the generator up in some stages, and the figures.

    The figures are those of the worker that shows it most.
    """
    uses = [use for stage in stages for use in stage.uses if use.part == Worker.DRIVER]
    if not uses:
        return None, "no driver actor has reported what it spent its time on"
    waits, computes = _most(uses, "wait"), _most(uses, "compute")
    if waits.shares.get("wait", 0.0) > WAITS:
        return (
            Bound.BROKER,
            f"{waits.worker} waited for room at the producer for {waits.shares['wait']:.0%} of its time",
        )
    if computes.shares.get("compute", 0.0) > COMPUTES:
        return (
            Bound.ENCODING,
            f"{computes.worker} computed and encoded for {computes.shares['compute']:.0%} of its time",
        )
    spent = (
        f"waited for {waits.shares.get('wait', 0.0):.0%} and computed for "
        f"{computes.shares.get('compute', 0.0):.0%} of their time at most"
    )
    return Bound.RAY, f"driver actors {spent}, and still came late"


def _most(uses: Iterable[WorkerUse], name: str) -> WorkerUse:
    return max(uses, key=lambda use: use.shares.get(name, 0.0))


def chain_bound(load: MeasuredLoad, late: Sequence[tuple[str, Segment, float]]) -> tuple[Bound | None, str]:
    """Return what held positions up after they were produced in time, and the figures.

    Parameters
    ----------
    late : (stage, segment, percentile) that is later than it may be; without any only a store that falls behind is
        reported.
    """
    for name, segment, percentile in late:
        if segment is Segment.ACKED or _is_acked_late(load.stage(name), segment, percentile):
            return Bound.BROKER, f"in {name} most of the time passed before Kafka acknowledged"
    for stage in load.stages:
        if stage.judged and (behind := next(filter(None, (_falls_behind(use, stage) for use in stage.uses)), "")):
            return Bound.STORE, f"in {stage.name} {behind}"
    return None, ""


def _is_acked_late(stage: StageLoad, segment: Segment, percentile: float) -> bool:
    """Tell whether more than half of a latency had passed when Kafka acknowledged."""
    acked, whole = (
        stage.histograms[one].percentile_us(percentile) if one in stage.histograms else None
        for one in (Segment.ACKED, segment)
    )
    return acked is not None and whole is not None and acked > whole / 2


def _falls_behind(use: WorkerUse, stage: StageLoad) -> str:
    if use.part != Worker.SINK:
        return ""
    if use.paused > PAUSES:
        return f"{use.worker} paused reading for {use.paused:.0%} of the time, because its store took no more"
    per_s = stage.counts.get(Segment.PRODUCED, 0) / stage.ran_s if stage.ran_s else 0.0
    grown = [(count, name) for name, count in use.growth.items() if per_s and count > per_s * FALLS_BEHIND_S]
    return f"{use.worker}'s {max(grown)[1]} grew by {max(grown)[0]:,.0f} positions" if grown else ""

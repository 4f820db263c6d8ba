"""The sections of a scenario that say how heavy it is: stages, arrivals, sampling, traces.

They say what each key means, its bounds and its default.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated

from engine.declared.kinds import Choice, Fault, Text
from engine.declared.numbers import Number, Numbers, Whole
from engine.declared.paths import Files
from engine.load.curve import FleetCurve
from engine.messages import MAX_RATE
from engine.scenario.parts import MAX_FLEET, DeliveryMode, DeliveryPattern

MAX_STAGE_S = 366 * 86_400.0


WHOLE_RUN = "run"
"""Name of the one stage of a run whose scenario has none."""


class Shape(StrEnum):
    """How the fleet's size goes through a stage, from where the stage before it ended.

    ramp: straight to the target. hold: at the target at once, and there to the end; without a target it stays where it
    is. soak: a hold that is long, under a name of its own, so that a judge may ask for flat memory. spike: at the
    target at once, and back to where it was with the stage's end.
    """

    RAMP = "ramp"
    HOLD = "hold"
    SPIKE = "spike"
    SOAK = "soak"


@dataclass(frozen=True, slots=True)
class Stage:
    """One stretch of a run's load. A target is a fleet's size or a rate of positions, not both."""

    shape: Annotated[Shape, Choice(tuple(Shape), Shape), "how the fleet's size goes: ramp, hold, spike or soak"]
    duration_s: Annotated[float, Number(0.1, MAX_STAGE_S), "how long the stage lasts, s"]
    drivers: Annotated[int | None, Whole(0, MAX_FLEET), "target: drivers on the road"] = None
    rate: Annotated[float | None, Number(0.0, MAX_RATE), "target: positions a second; as many drivers as make them"] = (
        None
    )
    name: Annotated[str, Text(), "what reports call the stage; its shape and number if absent"] = ""

    @property
    def has_target(self) -> bool:
        """Whether a size or a rate is given."""
        return self.drivers is not None or self.rate is not None


class ArrivalProcess(StrEnum):
    """When deliveries are asked for.

    constant: at equal distances. poisson: independently of each other, gaps are exponential. histogram: as poisson,
    with an intensity by time of day.
    """

    CONSTANT = "constant"
    POISSON = "poisson"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True)
class Arrivals:
    """Deliveries that come by themselves, however many are on the road.

    Each has a driver of its own, who leaves the road with it.
    """

    process: Annotated[
        ArrivalProcess,
        Choice(tuple(ArrivalProcess), ArrivalProcess),
        "when deliveries come: constant, poisson or histogram",
    ]
    per_second: Annotated[float | None, Number(1e-6, 1e6), "new deliveries a second, on average"] = None
    per_hour: Annotated[float | None, Number(1e-3, 3.6e9), "new deliveries an hour, on average over a day"] = None
    histogram: Annotated[
        tuple[float, ...], Numbers(0.0, 1e9, 1, 1440), "relative intensities of equal parts of a day, from midnight on"
    ] = ()
    from_hour: Annotated[float, Number(0.0, 24.0), "the time of day at which the run begins, hours after midnight"] = (
        0.0
    )

    @property
    def mean_per_s(self) -> float:
        """New deliveries a second, on average over a day."""
        return self.per_second if self.per_second is not None else (self.per_hour or 0.0) / 3600.0


@dataclass(frozen=True, slots=True)
class Sampling:
    """A share of the drivers that reports its position at its own rate."""

    hz: Annotated[float, Number(0.1, 10.0), "positions a second and driver"]
    share: Annotated[float, Number(0.0, 1e9), "share of the drivers, of any sum"] = 1.0

    @property
    def period_ms(self) -> int:
        """Virtual ms from one sample to the next, to the nearest whole one."""
        return round(1000 / self.hz)


@dataclass(frozen=True, slots=True)
class Traces:
    """Recorded drives that are driven again as they were, beside the fleet.

    The one that began first begins with the run.
    """

    files: Annotated[
        tuple[Path, ...],
        Files(),
        "GPX tracks with times, or CSV with time, lat, lng and perhaps id; relative to the scenario",
    ]
    clones: Annotated[int, Whole(0, MAX_FLEET), "drivers beside each trace that are statistically like it"] = 0
    shift_s: Annotated[
        float, Number(0.0, 7 * 86_400.0), "greatest time by which a clone begins later than its trace, s"
    ] = 60.0
    retime: Annotated[float, Number(0.0, 0.5), "a clone is up to this share faster or slower than its trace"] = 0.1
    offset_m: Annotated[float, Number(0.0, 1e6), "greatest distance of a clone's beginning from its trace's, m"] = (
        1000.0
    )


def stage_curve(stages: Sequence[Stage], mean_hz: float) -> FleetCurve:
    """Return the fleet's size over the stages; `mean_hz` is the positions a second that one driver makes."""
    pieces, before = [], 0.0
    for stage in stages:
        target = (
            before
            if not stage.has_target
            else float(stage.drivers)
            if stage.drivers is not None
            else float(round((stage.rate or 0.0) / mean_hz))
        )
        pieces.append((stage.duration_s, before if stage.shape is Shape.RAMP else target, target))
        before = before if stage.shape is Shape.SPIKE else target
    return FleetCurve.through(pieces)


def broken_stage_rules(
    stages: Sequence[Stage], peak: int, fleet_size: int, duration_s: float | None, deliveries: DeliveryPattern
) -> Iterator[Fault]:
    """Yield what does not go together in stages whose values are each within their bounds.

    Parameters
    ----------
    stages : at least one.
    peak : of the stages' curve (`stage_curve`).
    fleet_size, duration_s, deliveries : of the scenario.
    """
    for number, stage in enumerate(stages):
        place = ("stages", str(number))
        if stage.drivers is not None and stage.rate is not None:
            yield (*place, "rate"), "must not stand beside drivers: a stage has one target"
        elif not stage.has_target and (number == 0 or stage.shape in (Shape.RAMP, Shape.SPIKE)):
            yield place, f"of shape {stage.shape} needs a target: drivers = ... or rate = ..."
        if stage.name in [other.name for other in stages[:number]]:
            yield (*place, "name"), f"must be a name of its own, found {stage.name!r} twice"
    if peak > MAX_FLEET:
        yield ("stages",), f"must need at most {MAX_FLEET:,} drivers, found {peak:,}"
    elif fleet_size != peak:
        yield ("fleet", "size"), f"must be absent or {peak:,}, the peak of the stages, found {fleet_size:,}"
    lasts_s = sum(stage.duration_s for stage in stages)
    if duration_s is not None and duration_s > lasts_s + 1e-3:
        yield (
            ("duration_s",),
            f"must be absent or at most {lasts_s:g}, the length of all stages, found {duration_s:g}",
        )
    yield from _broken_delivery_rules(deliveries)


def _broken_delivery_rules(deliveries: DeliveryPattern) -> Iterator[Fault]:
    """Yield the keys of [deliveries] that contradict stages.

    Stages say when a driver is on the road, and a driver at rest does not keep to the rate.
    """
    if deliveries.mode is not DeliveryMode.CONTINUOUS:
        yield (
            ("deliveries", "mode"),
            f'must be "continuous" or absent beside [[stages]], found {deliveries.mode.value!r}',
        )
    if deliveries.start_spread_s:
        yield (
            ("deliveries", "start_spread_s"),
            f"must be 0 or absent beside [[stages]], found {deliveries.start_spread_s:g}",
        )
    if deliveries.pause_s != (0.0, 0.0):
        yield ("deliveries", "pause_s"), f"must be [0, 0] or absent beside [[stages]], found {list(deliveries.pause_s)}"


def broken_arrival_rules(arrivals: Arrivals) -> Iterator[Fault]:
    """Yield what does not go together in arrivals whose values are each within their bounds."""
    if (arrivals.per_second is None) == (arrivals.per_hour is None):
        yield ("arrivals",), "needs either per_second or per_hour"
    is_histogram = arrivals.process is ArrivalProcess.HISTOGRAM
    if is_histogram and not arrivals.histogram:
        yield ("arrivals", "histogram"), "is missing: the relative intensities of equal parts of a day"
    if not is_histogram and arrivals.histogram:
        yield (
            ("arrivals", "histogram"),
            f'goes with process = "histogram" and only with it, found process = "{arrivals.process}"',
        )

"""The load that a scenario plans, as series over time: drivers, positions and arrivals a second.

A run is compared with it, and it is shown.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

from engine.load.arrivals import DAY_S, Intensity
from engine.load.curve import FleetCurve
from engine.scenario.scenario import Scenario
from engine.wire_names import camel

ENDLESS_S = 600.0
"""Seconds of an endless run that are shown; a day of it if there are arrivals."""


@dataclass(frozen=True, slots=True)
class PlannedStage:
    """One stage as planned, in seconds after the run's beginning.

    Attributes
    ----------
    begin, end : drivers on the road at its ends.
    positions : how many the fleet makes in the stage.
    """

    name: str
    shape: str
    begin_s: float
    end_s: float
    begin: int
    end: int
    positions: float


@dataclass(frozen=True, slots=True)
class LoadPlan:
    """The planned load, in n equal columns of time.

    Deliveries that arrive by themselves are in `arrivals_per_s` only, because their length is not planned.

    Attributes
    ----------
    end_s : where the last column ends.
    is_endless : the run continues after it.
    is_upper_bound : drivers may be fewer, because they rest or end.
    mean_hz : positions a second and driver.
    drivers : the most on the road within each column, (n,).
    arrivals_per_s : the mean within each column, (n,); empty without arrivals.
    positions : how many the fleet makes in all.
    arrivals : how many deliveries are expected to arrive.
    from_hour : the time of day at which the run begins, None if it has none.
    """

    end_s: float
    is_endless: bool
    is_upper_bound: bool
    warm_up_s: float
    mean_hz: float
    drivers: tuple[int, ...]
    arrivals_per_s: tuple[float, ...]
    stages: tuple[PlannedStage, ...]
    positions: float
    arrivals: float
    from_hour: float | None = None

    @property
    def peak(self) -> int:
        """The most drivers on the road at once."""
        return max(self.drivers, default=0)

    @property
    def column_s(self) -> float:
        """How long a column is."""
        return self.end_s / len(self.drivers)

    def to_json(self) -> dict[str, Any]:
        """Return the plan as JSON: one entry a column in each series, instants in s after the beginning."""
        return {
            "durationS": None if self.is_endless else self.end_s,
            "warmUpS": self.warm_up_s,
            "meanHz": self.mean_hz,
            "upperBound": self.is_upper_bound,
            "peakDrivers": self.peak,
            "peakPositionsPerS": self.peak * self.mean_hz,
            "positions": round(self.positions),
            "arrivals": round(self.arrivals, 1),
            "stages": [{camel(name): value for name, value in asdict(stage).items()} for stage in self.stages],
            "series": {
                "columnS": self.column_s,
                "atS": [column * self.column_s for column in range(len(self.drivers))],
                "drivers": list(self.drivers),
                "positionsPerS": [count * self.mean_hz for count in self.drivers],
                "arrivalsPerS": list(self.arrivals_per_s),
            },
        }


def load_plan(scenario: Scenario, columns: int) -> LoadPlan:
    """Return a scenario's load in a number of columns of time."""
    end_s = scenario.duration_s if scenario.duration_s is not None else DAY_S if scenario.arrivals else ENDLESS_S
    curve = fleet_curve(scenario, end_s)
    mean_hz = scenario.sampling_mix.mean_hz
    edges = [end_s * column / columns for column in range(columns + 1)]
    intensity = None
    if scenario.arrivals:
        intensity = Intensity(
            scenario.arrivals.mean_per_s, scenario.arrivals.histogram or (1.0,), scenario.arrivals.from_hour * 3600.0
        )
    expected = [intensity.expected(edge) for edge in edges] if intensity else []
    return LoadPlan(
        end_s=end_s,
        is_endless=scenario.duration_s is None,
        is_upper_bound=not scenario.stages
        and (scenario.deliveries.mode == "once" or scenario.deliveries.pause_s[1] > 0),
        warm_up_s=scenario.warm_up_s,
        mean_hz=mean_hz,
        drivers=tuple(curve.most_in(math.floor(begin * 1000), math.ceil(end * 1000)) for begin, end in pairwise(edges)),
        arrivals_per_s=tuple((after - before) * columns / end_s for before, after in pairwise(expected)),
        stages=tuple(_planned_stages(scenario, curve, mean_hz)),
        positions=curve.driver_seconds(0, round(end_s * 1000)) * mean_hz,
        arrivals=expected[-1] if expected else 0.0,
        from_hour=scenario.arrivals.from_hour if scenario.arrivals and scenario.arrivals.histogram else None,
    )


def fleet_curve(scenario: Scenario, end_s: float) -> FleetCurve:
    """Return the fleet's size over time; without stages it rises over the start spread and stays."""
    if scenario.stages:
        return scenario.curve
    size, spread_s = float(scenario.fleet.size), min(scenario.deliveries.start_spread_s, end_s)
    rise = [(spread_s, 0.0, size * spread_s / max(scenario.deliveries.start_spread_s, spread_s))] if spread_s else []
    return FleetCurve.through([*rise, *([(end_s - spread_s, size, size)] if end_s > spread_s else [])])


def _planned_stages(scenario: Scenario, curve: FleetCurve, mean_hz: float) -> list[PlannedStage]:
    found = []
    for stage, piece in zip(scenario.stages, curve.segments if scenario.stages else (), strict=True):
        positions = curve.driver_seconds(piece.begin_ms, piece.end_ms) * mean_hz
        ends = round(piece.begin), round(piece.end)
        found.append(
            PlannedStage(stage.name, stage.shape.value, piece.begin_ms / 1000, piece.end_ms / 1000, *ends, positions)
        )
    return found

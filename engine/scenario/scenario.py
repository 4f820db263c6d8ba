"""A scenario: the sections of its file together, their rules, and what follows from them.

The package's own text shows a whole file.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any

from engine.declared.fields import At, Part, Parts, faults_of, keys_of, lines_of, read_part
from engine.declared.kinds import Fault, Text
from engine.declared.numbers import Number, Whole
from engine.declared.reader import Faults, Table, parsed, path_text
from engine.declared.shares import Shares
from engine.delivery.faults import FaultKind, FaultPlan
from engine.delivery.spec import MAX_PAYLOAD_BYTES
from engine.errors import ScenarioError
from engine.load.curve import FleetCurve
from engine.load.sampling import SamplingMix
from engine.scenario.disturbances import Disturbance, DisturbanceKind, broken_disturbance_rules
from engine.scenario.faults import InjectedFault, broken_fault_rules
from engine.scenario.load import (
    WHOLE_RUN,
    ArrivalProcess,
    Arrivals,
    Sampling,
    Shape,
    Stage,
    Traces,
    broken_arrival_rules,
    broken_stage_rules,
    stage_curve,
)
from engine.scenario.parts import (
    MAX_FLEET,
    DeliveryMode,
    DeliveryPattern,
    FleetMix,
    NetworkSource,
    RouteFiles,
    broken_road_rules,
)
from engine.scenario.threshold_table import ThresholdTable
from engine.scenario.thresholds import Thresholds, broken_threshold_rules
from engine.scenario.viewers import Viewers, broken_viewer_rules

__all__ = [
    "Scenario",
    "NetworkSource",
    "RouteFiles",
    "FleetMix",
    "DeliveryPattern",
    "DeliveryMode",
    "Stage",
    "Shape",
    "Arrivals",
    "ArrivalProcess",
    "Sampling",
    "Traces",
    "InjectedFault",
    "FaultKind",
    "Viewers",
    "Disturbance",
    "DisturbanceKind",
    "Thresholds",
]

MAX_DURATION_S = 366 * 86_400.0

ARRIVED_TRIP_S = 600.0
"""Assumed length of a delivery that arrives by itself, virtual s.

Used where a load must be guessed before the scenario's routes are read.
"""

_NO_WEIGHTS: Mapping[str, float] = MappingProxyType({})


class _Faulty(ScenarioError):
    """A scenario that is refused, with the places of its faults; pickled, it is a plain `ScenarioError`."""

    def __init__(self, found: list[Fault]) -> None:
        super().__init__(
            "\n".join(f"Scenario {path_text(place)} {what}" if place else f"Scenario: {what}" for place, what in found)
        )
        self.found = found

    def __reduce__(self) -> tuple[type[ScenarioError], tuple[str]]:
        return ScenarioError, (str(self),)


@dataclass(frozen=True, slots=True)
class Scenario:
    """What happens in the world, in SI units.

    Raises
    ------
    ScenarioError : every fault with its argument, value and bound.
    """

    name: Annotated[str, Text(), "what the run is called"] = "scenario"
    seed: Annotated[int, Whole(0, 2**63 - 1), "everything that chance decides follows from it"] = 1
    sample_hz: Annotated[float, Number(0.1, 10.0), "positions a virtual second and driver"] = 1.0
    duration_s: Annotated[
        float | None,
        Number(1.0, MAX_DURATION_S),
        "virtual seconds; as long as the stages if there are any, else endless if absent",
    ] = None
    time_scale: Annotated[float, Number(0.01, 1000.0), "virtual seconds per wall second"] = 1.0
    network: Annotated[NetworkSource | None, Part(NetworkSource), "routes between places of a road network"] = None
    routes: Annotated[RouteFiles | None, Part(RouteFiles), "routes from files"] = None
    fleet: Annotated[FleetMix, Part(FleetMix), "the drivers"] = field(default_factory=FleetMix)
    deliveries: Annotated[DeliveryPattern, Part(DeliveryPattern), "when deliveries depart"] = field(
        default_factory=DeliveryPattern
    )
    drivers_per_actor: Annotated[
        int | None, Whole(1, MAX_FLEET), At("actors"), "drivers in one actor; follows the machine if absent"
    ] = None
    warm_up_s: Annotated[
        float, Number(0.0, MAX_DURATION_S), "the run's first virtual seconds, left out of verdicts"
    ] = 0.0
    route_weights: Annotated[
        Mapping[str, float],
        Shares(),
        "weight of the routes whose id matches, the first of the patterns that does; the others weigh 1",
    ] = field(default_factory=lambda: _NO_WEIGHTS)
    stages: Annotated[tuple[Stage, ...], Parts(Stage), "the fleet's size over time"] = ()
    arrivals: Annotated[Arrivals | None, Part(Arrivals), "deliveries that come by themselves"] = None
    sampling: Annotated[
        tuple[Sampling, ...], Parts(Sampling, 100), "sample rates by shares of the drivers, instead of sample_hz"
    ] = ()
    payload_bytes: Annotated[
        int,
        Whole(0, MAX_PAYLOAD_BYTES),
        "least size of the fleet's records, bytes; shorter ones are filled up with blanks",
    ] = 0
    traces: Annotated[Traces | None, Part(Traces), "recorded drives, and drivers like them"] = None
    faults: Annotated[
        tuple[InjectedFault, ...],
        Parts(InjectedFault, 100),
        "faults that are injected into the data; each is labelled in delivery.event",
    ] = ()
    disturbances: Annotated[
        tuple[Disturbance, ...],
        Parts(Disturbance, 100),
        "what a load test does to the system, by the time of the run",
    ] = ()
    viewers: Annotated[Viewers | None, Part(Viewers), "simulated viewers of the live map while a load test runs"] = None
    thresholds: Annotated[Thresholds | None, ThresholdTable(), "what a load test must keep"] = None

    def __post_init__(self) -> None:
        found = list(faults_of(self))
        if not found:
            self._settle()
            found = list(_broken_rules(self))
        if found:
            raise _Faulty(found)

    def _settle(self) -> None:
        """Bring the values into the form that files give them, and fill in what follows from the stages."""
        for key in keys_of(Scenario):
            value = getattr(self, key.name)
            self._put(key.name, value if value is None else key.kind.taken(value))
        if self.stages:
            self._put(
                "stages",
                tuple(
                    replace(stage, name=stage.name or f"{stage.shape} {number}")
                    for number, stage in enumerate(self.stages, 1)
                ),
            )
            self._put(
                "duration_s",
                self.duration_s if self.duration_s is not None else sum(stage.duration_s for stage in self.stages),
            )
            self._put(
                "fleet", self.fleet if self.fleet.size else replace(self.fleet, size=min(self.curve.peak, MAX_FLEET))
            )

    def _put(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)

    def __reduce__(self) -> tuple[Any, ...]:
        values = {key.name: getattr(self, key.name) for key in keys_of(Scenario)}
        return _unpickled, (values | {"route_weights": dict(self.route_weights)},)

    @property
    def period_ms(self) -> int:
        """Virtual ms from one sample of a driver to the next where `sampling` says nothing else."""
        return round(1000 / self.sample_hz)

    @property
    def sampling_mix(self) -> SamplingMix:
        """Who samples how often."""
        return SamplingMix([(one.period_ms, one.share) for one in self.sampling] or [(self.period_ms, 1.0)], self.seed)

    @property
    def positions_per_s(self) -> float:
        """Positions a wall second when all drivers are on the road, as far as a plan can say.

        Deliveries that arrive take `ARRIVED_TRIP_S` each, and a trace file has one trace.
        """
        drivers = self.fleet.size + (self.arrivals.mean_per_s * ARRIVED_TRIP_S if self.arrivals else 0.0)
        drivers += len(self.traces.files) * (1 + self.traces.clones) if self.traces else 0
        return drivers * self.sampling_mix.mean_hz * self.time_scale

    @property
    def curve(self) -> FleetCurve:
        """The fleet's size over time as the stages have it; empty without stages."""
        return stage_curve(self.stages, self.sampling_mix.mean_hz if self.stages else 1.0)

    @property
    def fault_plan(self) -> FaultPlan | None:
        """The faults that are injected into the data, as the simulation takes them; None without faults."""
        return FaultPlan(self.seed, tuple(one.fault() for one in self.faults)) if self.faults else None

    @property
    def is_endless(self) -> bool:
        """Whether the run has no end of its own."""
        return self.duration_s is None and (
            self.deliveries.mode is DeliveryMode.CONTINUOUS or self.arrivals is not None
        )

    @property
    def is_plan_exact(self) -> bool:
        """Whether the fleet's plan is every position that is due.

        No driver rests or ends early, and no delivery comes by itself.
        """
        is_steady = self.deliveries.mode is DeliveryMode.CONTINUOUS and not self.deliveries.pause_s[1]
        return not self.arrivals and not self.traces and (bool(self.stages) or is_steady)

    def with_drivers(self, drivers: int) -> Scenario:
        """Return the scenario with another fleet size.

        Stages are scaled such that it is their peak, and so is a threshold in positions a second.
        """
        factor = drivers / self.fleet.size if self.fleet.size else 1.0
        thresholds = self.thresholds and self.thresholds.scaled(factor)
        if not self.stages or not self.fleet.size:
            return replace(self, fleet=replace(self.fleet, size=drivers), thresholds=thresholds)
        sizes = [
            (
                None if one.drivers is None else round(one.drivers * factor),
                None if one.rate is None else one.rate * factor,
            )
            for one in self.stages
        ]
        scaled = tuple(
            replace(one, drivers=size, rate=rate) for one, (size, rate) in zip(self.stages, sizes, strict=True)
        )
        return replace(self, stages=scaled, fleet=replace(self.fleet, size=0), thresholds=thresholds)

    @classmethod
    def from_toml(cls, text: str, source: str, folder: Path | None = None) -> Scenario:
        """Return the scenario in a text.

        Parameters
        ----------
        source : what errors call the text, for example its file name.
        folder : where relative file names begin; the working folder if None.

        Raises
        ------
        ScenarioError : every fault with its key, value, bound and line.
        """
        values = parsed(source, text)
        faults = Faults(source, text)
        fleet = values.get("fleet", {})
        if not values.keys() & {"stages", "arrivals", "traces"} and isinstance(fleet, dict) and "size" not in fleet:
            faults.add(("fleet", "size"), "is missing: how many drivers there are")
        scenario = None
        try:
            scenario = read_part(cls, Table(faults, values), folder or Path(), name=Path(source).stem or "scenario")
        except _Faulty as error:
            for place, what in error.found:
                faults.add(place, what)
        faults.raise_any()
        assert scenario is not None
        return scenario

    def to_toml(self) -> str:
        """Return the scenario as a file that reads back the same."""
        return "\n".join(lines_of(self)) + "\n"


def _broken_rules(scenario: Scenario) -> Iterator[Fault]:
    """Yield what does not go together in a scenario whose values are each within their bounds."""
    yield from broken_road_rules(scenario.network, scenario.routes, has_traces=scenario.traces is not None)
    if scenario.stages:
        yield from broken_stage_rules(
            scenario.stages, scenario.curve.peak, scenario.fleet.size, scenario.duration_s, scenario.deliveries
        )
    if scenario.arrivals:
        yield from broken_arrival_rules(scenario.arrivals)
    yield from broken_fault_rules(scenario.faults)
    yield from broken_disturbance_rules(
        scenario.disturbances, scenario.duration_s, has_viewers=scenario.viewers is not None
    )
    if scenario.viewers:
        yield from broken_viewer_rules(scenario.viewers)
    if scenario.thresholds:
        yield from broken_threshold_rules(
            scenario.thresholds,
            [stage.name for stage in scenario.stages] or [WHOLE_RUN],
            is_plan_exact=scenario.is_plan_exact,
            has_viewers=scenario.viewers is not None,
        )
    if scenario.sampling and not any(one.share for one in scenario.sampling):
        yield ("sampling",), "needs a share above 0"
    if scenario.duration_s is not None and scenario.warm_up_s >= scenario.duration_s:
        yield ("warm_up_s",), f"must be less than the run's {scenario.duration_s:g} s, found {scenario.warm_up_s:g}"


def _unpickled(values: dict[str, Any]) -> Scenario:
    """Return a scenario that was checked where it was pickled; its files may be elsewhere."""
    scenario = object.__new__(Scenario)
    for name, value in values.items():
        object.__setattr__(scenario, name, MappingProxyType(value) if name == "route_weights" else value)
    return scenario

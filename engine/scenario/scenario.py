"""A scenario: what happens in the world. It says nothing about where anything runs.

    name = "Couriers of Liechtenstein"
    seed = 1                  # everything that chance decides follows from it
    sample_hz = 1.0           # positions a second and driver, 0.1 to 10
    duration_s = 3600.0       # virtual seconds; without it the run is endless
    time_scale = 1.0          # virtual seconds per wall second, 0.01 to 1000

    [network]                 # either: routes between places of a road network
    extract = "liechtenstein" # a shipped one, or: file = "city.npz" or "city.osm.pbf", relative to the scenario
    routes = 400              # how many
    min_length_m = 500.0
    max_length_m = 30000.0

    [routes]                  # or: routes from files
    files = ["1.txt", "city.gpx"]
    ancestor = true           # and, or, the three routes that are shipped

    [route_weights]           # how often a route is chosen; those not named weigh 1
    "city-*" = 3.0

    [fleet]
    size = 300                # drivers
    pace_spread = 0.2         # drivers are up to a fifth slower than their vehicle
    [fleet.mix]               # shares of the vehicle classes, of any sum
    car = 3
    bicycle = 1

    [deliveries]
    mode = "continuous"       # a driver goes on with a next delivery, or "once"
    start_spread_s = 60.0     # first departures are spread over this time
    pause_s = [30.0, 120.0]   # a driver's rest between two deliveries

    [actors]
    drivers_per_actor = 500   # absent: follows the machine

For load there are, beside or instead of the fleet's size (`engine.scenario.load` says what each means):

    payload_bytes = 500       # a record's least size; a plain one has some 320 bytes
    warm_up_s = 30.0          # the run's first seconds are left out of every verdict

    [[stages]]                # the fleet's size over time, and with it the run's duration
    name = "up"
    shape = "ramp"            # ramp, hold, spike or soak
    duration_s = 60.0
    drivers = 1000            # or: rate = 1000.0 positions a second

    [arrivals]                # deliveries that come by themselves
    process = "poisson"       # constant, poisson or histogram
    per_hour = 1200.0         # or: per_second

    [[sampling]]              # instead of sample_hz for all: shares of the drivers
    hz = 5.0
    share = 0.2

    [traces]                  # recorded drives, and drivers that are statistically like them
    files = ["ride.gpx"]
    clones = 100

    [[faults]]                # what is wrong with the data on purpose (`engine.delivery.faults`)
    kind = "late"             # lost, late, out_of_order, duplicated, malformed, tunnel, stuck, gps_drift
    rate = 0.01               # share of the positions
    delay_s = [1.0, 10.0]

    [[disturbances]]          # what a load test does to the system on purpose (`engine.scenario.disturbances`)
    kind = "kill_driver"      # kill_driver, kill_dispatcher, pause_consumers, reconnect_viewers
    at_s = 30.0

    [viewers]                 # simulated viewers of the live map (`engine.scenario.viewers`)
    count = 200
    stalled = 0.1             # share that stops reading, now and then; also slow, reconnecting

    [thresholds]              # what a load test must keep (`engine.scenario.thresholds`)
    e2e_p99_ms = 300          # latency from due, of any segment of the way
    lost = 0                  # positions

A file with a fault is refused before anything starts, and all its faults are listed. A scenario may be built in code as
well: the same checks, the same errors, the name of the argument in place of the line; `to_toml` writes it as a file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any

from engine.declared.fields import At, Part, Parts, faults_of, keys_of, lines_of, read_part
from engine.declared.kinds import Fault as Wrong
from engine.declared.kinds import Number, Shares, Text, Whole
from engine.declared.reader import Faults, Table, parsed, path_text
from engine.delivery.faults import Fault, FaultKind
from engine.delivery.spec import MAX_PAYLOAD_BYTES
from engine.errors import ScenarioError
from engine.load.curve import FleetCurve
from engine.load.sampling import SamplingMix
from engine.scenario.disturbances import Disturbance, DisturbanceKind
from engine.scenario.load import ArrivalProcess, Arrivals, Sampling, Shape, Stage, Traces
from engine.scenario.parts import MAX_FLEET, DeliveryMode, DeliveryPattern, FleetMix, NetworkSource, RouteFiles
from engine.scenario.rules import broken_rules
from engine.scenario.thresholds import Thresholds, ThresholdTable
from engine.scenario.viewers import Viewers

__all__ = [
    "Scenario",
    "load_scenario",
    "check_memory",
    "needed_bytes",
    "SHIPPED",
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
    "Fault",
    "FaultKind",
    "Viewers",
    "Disturbance",
    "DisturbanceKind",
    "Thresholds",
]

SHIPPED = ("liechtenstein", "brasilia", "load-10k", "ramp-and-spike", "rush-hour")
"""Names of the scenarios that come with the project."""

MAX_DURATION_S = 366 * 86_400.0

ARRIVED_TRIP_S = 600.0
"""How long a delivery that arrives by itself is on the road, virtual s, where a load must be guessed before its routes are read."""

BYTES_PER_DRIVER = 4 * 1024
"""Memory of one driver through the whole chain on one machine: its state in actor and API, templates, ids, and records under way. Generous."""

BYTES_PER_ROUTE = 256 * 1024
"""Memory of one route: its points and its plans for the vehicle classes. Generous."""

_NO_WEIGHTS: Mapping[str, float] = MappingProxyType({})


class _Faulty(ScenarioError):
    """A scenario that is refused, and where; what arrives anywhere else is a plain `ScenarioError`."""

    def __init__(self, found: list[Wrong]) -> None:
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
        int, Whole(0, MAX_PAYLOAD_BYTES), "the fleet's records are filled up with blanks to at least so many bytes"
    ] = 0
    traces: Annotated[Traces | None, Part(Traces), "recorded drives, and drivers like them"] = None
    faults: Annotated[
        tuple[Fault, ...],
        Parts(Fault, 100),
        "what is wrong with the data on purpose; each is labelled in delivery.event",
    ] = ()
    disturbances: Annotated[
        tuple[Disturbance, ...],
        Parts(Disturbance, 100),
        "what a load test does to the system on purpose, by the time of the run",
    ] = ()
    viewers: Annotated[Viewers | None, Part(Viewers), "simulated viewers of the live map while a load test runs"] = None
    thresholds: Annotated[Thresholds | None, ThresholdTable(), "what a load test must keep"] = None

    def __post_init__(self) -> None:
        found = list(faults_of(self))
        if not found:
            self._settle()
            found = list(broken_rules(self))
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
        """Virtual ms from one sample of a driver to the next, to the nearest whole one; where `sampling` says nothing else."""
        return round(1000 / self.sample_hz)

    @property
    def sampling_mix(self) -> SamplingMix:
        """Who samples how often."""
        return SamplingMix([(one.period_ms, one.share) for one in self.sampling] or [(self.period_ms, 1.0)], self.seed)

    @property
    def positions_per_s(self) -> float:
        """Positions a wall second when everybody is on the road, as far as a plan can say: arrivals take `ARRIVED_TRIP_S` each, a trace file has one trace."""
        drivers = self.fleet.size + (self.arrivals.mean_per_s * ARRIVED_TRIP_S if self.arrivals else 0.0)
        drivers += len(self.traces.files) * (1 + self.traces.clones) if self.traces else 0
        return drivers * self.sampling_mix.mean_hz * self.time_scale

    @property
    def curve(self) -> FleetCurve:
        """The fleet's size over time as the stages have it; empty without stages."""
        mean_hz = self.sampling_mix.mean_hz if self.stages else 1.0
        pieces, before = [], 0.0
        for stage in self.stages:
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

    @property
    def is_endless(self) -> bool:
        """Whether the run goes on until somebody ends it."""
        return self.duration_s is None and (
            self.deliveries.mode is DeliveryMode.CONTINUOUS or self.arrivals is not None
        )

    @property
    def is_plan_exact(self) -> bool:
        """Whether the fleet's plan is every position that is due: nobody rests, ends early or comes by itself."""
        is_steady = self.deliveries.mode is DeliveryMode.CONTINUOUS and not self.deliveries.pause_s[1]
        return not self.arrivals and not self.traces and (bool(self.stages) or is_steady)

    def with_drivers(self, drivers: int) -> Scenario:
        """Return the scenario with another fleet size; stages are scaled such that it is their peak, and so is a threshold in positions a second."""
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


def _unpickled(values: dict[str, Any]) -> Scenario:
    """Return a scenario that was checked where it was pickled; its files may be elsewhere."""
    scenario = object.__new__(Scenario)
    for name, value in values.items():
        object.__setattr__(scenario, name, MappingProxyType(value) if name == "route_weights" else value)
    return scenario


def load_scenario(path: str | Path) -> Scenario:
    """Return the scenario in a file, or a shipped one by its name (`SHIPPED`).

    Raises
    ------
    ScenarioError : there is no such file, or it has faults; all of them are listed.
    """
    if str(path) in SHIPPED:
        resource = files("engine") / "data" / "scenarios" / f"{path}.toml"
        return Scenario.from_toml(resource.read_text(encoding="utf-8"), f"{path}.toml")
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise ScenarioError(
            f"{path}: there is no such scenario file; shipped scenarios are {', '.join(SHIPPED)}"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ScenarioError(f"{path}: cannot be read: {error}") from None
    return Scenario.from_toml(text, str(path), path.parent)


def needed_bytes(scenario: Scenario) -> int:
    """Return the memory that a scenario's drivers and network routes take on one machine; an upper estimate."""
    routes = scenario.network.routes if scenario.network else 0
    return scenario.fleet.size * BYTES_PER_DRIVER + routes * BYTES_PER_ROUTE


def check_memory(scenario: Scenario, available_bytes: int) -> None:
    """Refuse a scenario that does not fit into some memory.

    Raises
    ------
    ScenarioError : it names the fleet, the memory needed and available, and the fleet that would fit.
    """
    needed = needed_bytes(scenario)
    if needed <= available_bytes:
        return
    fits = max(0, scenario.fleet.size - -(-(needed - available_bytes) // BYTES_PER_DRIVER))
    raise ScenarioError(
        f"{scenario.name}: fleet.size must be at most {fits:,} for {available_bytes / 2**20:,.0f} MiB of available memory, "
        f"found {scenario.fleet.size:,}, which may take {needed / 2**20:,.0f} MiB"
    )

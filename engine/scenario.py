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

A file with a fault is refused before anything starts, and all its faults are listed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from engine.errors import ScenarioError
from engine.scenario_parts import (
    DeliveryMode,
    DeliveryPattern,
    FleetMix,
    NetworkSource,
    RouteFiles,
    read_deliveries,
    read_drivers_per_actor,
    read_fleet,
    read_network,
    read_routes,
)
from engine.scenario_reader import Faults, Table, parsed

__all__ = ["Scenario", "load_scenario", "check_memory", "needed_bytes", "SHIPPED", "NetworkSource", "RouteFiles", "FleetMix", "DeliveryPattern", "DeliveryMode"]

SHIPPED = ("liechtenstein", "brasilia", "load-10k")
"""Names of the scenarios that come with the project."""

MAX_DURATION_S = 366 * 86_400.0

BYTES_PER_DRIVER = 4 * 1024
"""Memory of one driver through the whole chain on one machine: its state in actor and API, templates, ids, and records under way. Generous."""

BYTES_PER_ROUTE = 256 * 1024
"""Memory of one route: its points and its plans for the vehicle classes. Generous."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """What happens in the world, in SI units. Exactly one of `network` and `routes` is set.

    Attributes
    ----------
    sample_hz : positions per virtual second and driver.
    duration_s : virtual seconds; None is endless.
    time_scale : virtual seconds per wall second.
    drivers_per_actor : None leaves it to the machine.
    """

    name: str
    seed: int
    sample_hz: float
    duration_s: float | None
    time_scale: float
    network: NetworkSource | None
    routes: RouteFiles | None
    fleet: FleetMix
    deliveries: DeliveryPattern
    drivers_per_actor: int | None

    @property
    def period_ms(self) -> int:
        """Virtual ms from one sample of a driver to the next, to the nearest whole one."""
        return round(1000 / self.sample_hz)

    @property
    def is_endless(self) -> bool:
        """Whether the run goes on until somebody ends it."""
        return self.duration_s is None and self.deliveries.mode is DeliveryMode.CONTINUOUS

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
        root = Table(faults, values)
        scenario = cls(
            name=root.text("name", Path(source).stem or "scenario"),
            seed=root.whole("seed", 1, 0, 2**63 - 1),
            sample_hz=root.number("sample_hz", 1.0, 0.1, 10.0),
            duration_s=root.number("duration_s", 1.0, 1.0, MAX_DURATION_S) if "duration_s" in root else None,
            time_scale=root.number("time_scale", 1.0, 0.01, 1000.0),
            network=read_network(root, folder or Path()),
            routes=read_routes(root, folder or Path()),
            fleet=read_fleet(root),
            deliveries=read_deliveries(root),
            drivers_per_actor=read_drivers_per_actor(root),
        )
        if "network" in root and "routes" in root:
            root.fault("routes", "must not stand beside [network]: a scenario has one of them")
        elif "network" not in root and "routes" not in root:
            root.fault("", "a scenario needs either [network] or [routes]")
        root.refuse_unknown()
        faults.raise_any()
        return scenario

    def to_toml(self) -> str:
        """Return the scenario as a file that reads back the same."""
        return "\n".join(self._lines()) + "\n"

    def _lines(self) -> Iterator[str]:
        yield f"name = {_quoted(self.name)}"
        yield f"seed = {self.seed}"
        yield f"sample_hz = {self.sample_hz!r}"
        if self.duration_s is not None:
            yield f"duration_s = {self.duration_s!r}"
        yield f"time_scale = {self.time_scale!r}"
        if self.network:
            yield "\n[network]"
            yield f"extract = {_quoted(self.network.extract)}" if self.network.extract else f"file = {_quoted(str(self.network.file))}"
            yield f"routes = {self.network.routes}"
            yield f"min_length_m = {self.network.min_length_m!r}"
            yield f"max_length_m = {self.network.max_length_m!r}"
        if self.routes:
            yield "\n[routes]"
            if self.routes.files:
                yield f"files = [{', '.join(_quoted(str(path)) for path in self.routes.files)}]"
            yield f"ancestor = {str(self.routes.ancestor).lower()}"
        yield f"\n[fleet]\nsize = {self.fleet.size}\npace_spread = {self.fleet.pace_spread!r}\n\n[fleet.mix]"
        for vehicle, share in self.fleet.mix.items():
            yield f"{vehicle} = {share!r}"
        yield f'\n[deliveries]\nmode = "{self.deliveries.mode}"\nstart_spread_s = {self.deliveries.start_spread_s!r}'
        yield f"pause_s = {list(self.deliveries.pause_s)!r}"
        if self.drivers_per_actor is not None:
            yield f"\n[actors]\ndrivers_per_actor = {self.drivers_per_actor}"


def _quoted(text: str) -> str:
    """Return a text as TOML writes it: as JSON does, but for the one character that JSON leaves alone."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


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
        raise ScenarioError(f"{path}: there is no such scenario file; shipped scenarios are {', '.join(SHIPPED)}") from None
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

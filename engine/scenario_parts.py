"""The sections of a scenario file: what each says, its bounds and defaults."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType

from engine.data import NETWORKS
from engine.delivery import DEFAULT_PACE_SPREAD
from engine.scenario_reader import Table
from engine.vehicle import VehicleClass

MAX_FLEET = 10_000_000
MAX_ROUTES = 1_000_000


class DeliveryMode(StrEnum):
    """What a driver does after a delivery."""

    CONTINUOUS = "continuous"
    ONCE = "once"


@dataclass(frozen=True, slots=True)
class NetworkSource:
    """Routes between random places of a road network: a shipped one, or a file.

    Attributes
    ----------
    routes : how many.
    min_length_m, max_length_m : bounds of a route's length.
    """

    extract: str | None
    file: Path | None
    routes: int
    min_length_m: float
    max_length_m: float


@dataclass(frozen=True, slots=True)
class RouteFiles:
    """Routes from files, and the ancestor's three if `ancestor`."""

    files: tuple[Path, ...]
    ancestor: bool


@dataclass(frozen=True, slots=True)
class FleetMix:
    """The drivers.

    Attributes
    ----------
    size : how many; 0 for a run that only serves requests.
    mix : share of each vehicle class that occurs; they add up to 1.
    pace_spread : paces are spread over (1 - pace_spread, 1].
    """

    size: int
    mix: Mapping[VehicleClass, float]
    pace_spread: float

    def __reduce__(self) -> tuple[type[FleetMix], tuple[int, dict[VehicleClass, float], float]]:
        return type(self), (self.size, dict(self.mix), self.pace_spread)


@dataclass(frozen=True, slots=True)
class DeliveryPattern:
    """When deliveries depart.

    Attributes
    ----------
    start_spread_s : the drivers' first departures are spread over this virtual time.
    pause_s : least and greatest rest between two deliveries of a driver.
    """

    mode: DeliveryMode
    start_spread_s: float
    pause_s: tuple[float, float]


def read_network(root: Table, folder: Path) -> NetworkSource | None:
    """Return what [network] says, None if it is absent."""
    table = root.table("network")
    if "network" not in root:
        return None
    if ("extract" in table) == ("file" in table):
        table.fault("", f'needs either extract = "{NETWORKS[0]}" or file = "..."')
    extract = table.choice("extract", NETWORKS[0], NETWORKS) if "extract" in table else None
    file = None
    if "file" in table:
        file = _existing(table, "file", folder, table.text("file", ""))
        if file and not file.name.endswith((".npz", ".osm.pbf")):
            table.fault("file", f"must end in .npz or .osm.pbf, found {str(file)!r}")
    least = table.number("min_length_m", 500.0, 1.0, 1e6)
    greatest = table.number("max_length_m", 30_000.0, 1.0, 1e6)
    if least >= greatest:
        table.fault("max_length_m", f"must be greater than min_length_m = {least:g}, found {greatest:g}")
    source = NetworkSource(extract, file, table.whole("routes", 400, 1, MAX_ROUTES), least, greatest)
    table.refuse_unknown(("extract", "file"))
    return source


def read_routes(root: Table, folder: Path) -> RouteFiles | None:
    """Return what [routes] says, None if it is absent."""
    table = root.table("routes")
    if "routes" not in root:
        return None
    named = table.texts("files") if "files" in table else ()
    paths = tuple(path for name in named if (path := _existing(table, "files", folder, name)))
    ancestor = table.truth("ancestor", False)
    if "files" not in table and not ancestor:
        table.fault("", 'needs files = ["..."] or ancestor = true')
    table.refuse_unknown(("files",))
    return RouteFiles(paths, ancestor)


def _existing(table: Table, key: str, folder: Path, name: str) -> Path | None:
    if not name:
        return None
    path = folder / name
    try:
        found = path.exists()
    except (OSError, ValueError):
        found = False
    if not found:
        table.fault(key, f"names a file that does not exist: {str(path)!r}")
    return path


def read_fleet(root: Table) -> FleetMix:
    """Return what [fleet] says."""
    table = root.table("fleet")
    if "size" not in table:
        table.fault("size", "is missing: how many drivers there are")
    size = table.whole("size", 0, 0, MAX_FLEET)
    shares = table.table("mix")
    mix = {vehicle: share for vehicle in VehicleClass if (share := shares.number(vehicle, 0.0, 0.0, 1e9)) > 0}
    if shares.keys() and not mix and set(shares.keys()) <= set(VehicleClass):
        shares.fault("", "needs a share above 0")
    shares.refuse_unknown()
    spread = table.number("pace_spread", DEFAULT_PACE_SPREAD, 0.0, 0.9)
    table.refuse_unknown()
    total = sum(mix.values())
    if mix and abs(total - 1) > 1e-9:  # shares that add up to 1 already stay as they are, so a file written by `to_toml` reads back the same
        mix = {vehicle: share / total for vehicle, share in mix.items()}
    return FleetMix(size, MappingProxyType(mix or {VehicleClass.CAR: 1.0}), spread)


def read_deliveries(root: Table) -> DeliveryPattern:
    """Return what [deliveries] says."""
    table = root.table("deliveries")
    pattern = DeliveryPattern(
        DeliveryMode(table.choice("mode", DeliveryMode.CONTINUOUS, list(DeliveryMode))),
        table.number("start_spread_s", 0.0, 0.0, 86_400.0),
        table.span("pause_s", (0.0, 0.0), 0.0, 86_400.0),
    )
    table.refuse_unknown()
    return pattern


def read_drivers_per_actor(root: Table) -> int | None:
    """Return what [actors] says."""
    table = root.table("actors")
    found = table.whole("drivers_per_actor", 1, 1, MAX_FLEET) if "drivers_per_actor" in table else None
    table.refuse_unknown(("drivers_per_actor",))
    return found

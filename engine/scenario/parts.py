"""The sections of a scenario that say what the world is: roads, drivers, deliveries.

They say what each key means, its bounds and its default.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any

from engine.data import NETWORKS
from engine.declared.kinds import Choice, Fault, Truth
from engine.declared.numbers import Number, Span, Whole
from engine.declared.paths import File, Files
from engine.declared.shares import Shares
from engine.delivery.spec import DEFAULT_PACE_SPREAD
from engine.messages import MAX_FLEET as MAX_FLEET
from engine.motion.vehicle import VehicleClass

MAX_ROUTES = 1_000_000

_CARS: Mapping[VehicleClass, float] = MappingProxyType({VehicleClass.CAR: 1.0})


class DeliveryMode(StrEnum):
    """What a driver does after a delivery."""

    CONTINUOUS = "continuous"
    ONCE = "once"


@dataclass(frozen=True, slots=True)
class NetworkSource:
    """Routes between random places of a road network: a shipped one, or a file."""

    extract: Annotated[str | None, Choice(NETWORKS), "a road network that is shipped"] = None
    file: Annotated[
        Path | None, File((".npz", ".osm.pbf")), "a road network of one's own; relative to the scenario"
    ] = None
    routes: Annotated[int, Whole(1, MAX_ROUTES), "how many routes"] = 400
    min_length_m: Annotated[float, Number(1.0, 1e6), "shortest route, m"] = 500.0
    max_length_m: Annotated[float, Number(1.0, 1e6), "longest route, m"] = 30_000.0


@dataclass(frozen=True, slots=True)
class RouteFiles:
    """Routes from files, and the ancestor's three if `ancestor`."""

    files: Annotated[tuple[Path, ...], Files(), "files of routes in any known format, relative to the scenario"] = ()
    ancestor: Annotated[bool, Truth(), "the three routes that are shipped"] = False


@dataclass(frozen=True, slots=True)
class FleetMix:
    """The drivers.

    With stages the size follows from them; 0 is for a run that only serves requests or arrivals.
    """

    size: Annotated[int, Whole(0, MAX_FLEET), "drivers"] = 0
    mix: Annotated[
        Mapping[VehicleClass, float],
        Shares(tuple(VehicleClass), VehicleClass, whole=True),
        "share of each vehicle class, of any sum; all are cars if absent",
    ] = field(default_factory=lambda: _CARS)
    pace_spread: Annotated[
        float, Number(0.0, 0.9), "paces are spread over (1 - pace_spread, 1] of what the vehicle can"
    ] = DEFAULT_PACE_SPREAD

    def __post_init__(self) -> None:
        if isinstance(self.mix, Mapping) and not self.mix:
            object.__setattr__(self, "mix", _CARS)

    def __reduce__(self) -> tuple[type[FleetMix], tuple[Any, ...]]:
        return type(self), (self.size, dict(self.mix), self.pace_spread)


@dataclass(frozen=True, slots=True)
class DeliveryPattern:
    """When deliveries depart."""

    mode: Annotated[
        DeliveryMode, Choice(tuple(DeliveryMode), DeliveryMode), "whether a driver begins a next delivery"
    ] = DeliveryMode.CONTINUOUS
    start_spread_s: Annotated[float, Number(0.0, 86_400.0), "first departures are spread over this time, s"] = 0.0
    pause_s: Annotated[
        tuple[float, float], Span(0.0, 86_400.0), "least and greatest rest between two deliveries of a driver, s"
    ] = (0.0, 0.0)


def broken_road_rules(network: NetworkSource | None, routes: RouteFiles | None, *, has_traces: bool) -> Iterator[Fault]:
    """Yield the contradictions in the roads of a scenario whose values are each within their bounds."""
    if network and routes:
        yield ("routes",), "must not stand beside [network]: a scenario has one of them"
    if not network and not routes and not has_traces:
        yield (), "a scenario needs either [network] or [routes]"
    if network and (network.extract is None) == (network.file is None):
        yield ("network",), f'needs either extract = "{NETWORKS[0]}" or file = "..."'
    if network and network.min_length_m >= network.max_length_m:
        yield (
            ("network", "max_length_m"),
            f"must be greater than min_length_m = {network.min_length_m:g}, found {network.max_length_m:g}",
        )
    if routes and not routes.files and not routes.ancestor:
        yield ("routes",), 'needs files = ["..."] or ancestor = true'

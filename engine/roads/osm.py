"""Reads a road network out of an OpenStreetMap extract (PBF or XML), with pyosmium. What tags mean is said in `engine.roads.rules`."""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import osmium

from engine.errors import RouteFileError
from engine.geodesy import Floats
from engine.roads.network import RoadNetwork
from engine.roads.rules import is_barrier, road_of

ATTRIBUTION = "© OpenStreetMap contributors, Open Database License (ODbL) 1.0, https://www.openstreetmap.org/copyright"

_MAX_NAME = 48
_UNITS_PER_GRID = 10  # OpenStreetMap counts in 1e-7 degrees, a network in 1e-6


def _whole() -> array[int]:
    return array("q")


@dataclass(slots=True)
class _Roads:
    """Directed edges as they are met, in columns; nodes are numbered in the order in which they are first met."""

    node_of_ref: dict[int, int] = field(default_factory=dict)
    lat_units: array[int] = field(default_factory=_whole)
    lng_units: array[int] = field(default_factory=_whole)
    name_index: dict[str, int] = field(default_factory=lambda: {"": 0})
    start: array[int] = field(default_factory=_whole)
    end: array[int] = field(default_factory=_whole)
    speed_mps: array[float] = field(default_factory=lambda: array("d"))
    road_class: array[int] = field(default_factory=_whole)
    street: array[int] = field(default_factory=_whole)

    def add(self, way: Any, blocked: frozenset[int]) -> None:
        """Add the edges of a way, if it is a road. An extract cuts ways at its border: points outside have no location. A barrier cuts them too."""
        tags = {tag.k: tag.v for tag in way.tags}
        road = road_of(tags)
        if road is None:
            return
        name = " ".join((tags.get("name") or tags.get("ref") or "").split())
        street = self.name_index.setdefault(name, len(self.name_index))
        before = None
        for point in way.nodes:
            here = self._node(point.ref, point.location) if point.location.valid() and point.ref not in blocked else None
            if before is not None and here is not None:
                self._add_edge(before, here, road.forward_mps, road.road_class, street)
                self._add_edge(here, before, road.backward_mps, road.road_class, street)
            before = here

    def _node(self, ref: int, location: Any) -> int:
        number = self.node_of_ref.setdefault(ref, len(self.lat_units))
        if number == len(self.lat_units):
            self.lat_units.append(location.y)
            self.lng_units.append(location.x)
        return number

    def _add_edge(self, start: int, end: int, speed_mps: float, road_class: int, street: int) -> None:
        if speed_mps > 0 and start != end:
            self.start.append(start)
            self.end.append(end)
            self.speed_mps.append(speed_mps)
            self.road_class.append(road_class)
            self.street.append(street)


def read_osm(path: str | Path, *, name: str | None = None) -> RoadNetwork:
    """Return the roads of an extract that the public may drive on.

    Parameters
    ----------
    path : a file that libosmium reads: ``.osm.pbf``, ``.osm``, ``.osm.gz``, ``.osm.bz2``.
    name : name of the network, the file's name up to its first dot if None; becomes part of ids, so other characters than letters and digits turn to ``-``.

    Raises
    ------
    RouteFileError : the file is missing, damaged, or holds no road.
    """
    path = Path(path)
    if not path.is_file():
        raise RouteFileError(str(path), "file", "not found")
    roads = _Roads()
    try:
        blocked = frozenset(_blocked_nodes(path))
        for way in _highways(path):
            roads.add(way, blocked)
    except (RuntimeError, ValueError, OSError) as error:  # what libosmium raises for damaged files
        raise RouteFileError(str(path), "content", f"no readable OpenStreetMap data: {error}") from error
    if not roads.start:
        raise RouteFileError(str(path), "ways", "none of them is a road that the public may drive on")
    return RoadNetwork.from_edges(
        name=re.sub(r"[^A-Za-z0-9_-]+", "-", name or path.name.split(".")[0])[:_MAX_NAME],
        lat_deg=_on_grid(roads.lat_units),
        lng_deg=_on_grid(roads.lng_units),
        edge_from=np.array(roads.start),
        edge_to=np.array(roads.end),
        speed_mps=np.array(roads.speed_mps),
        road_class=np.array(roads.road_class),
        street=np.array(roads.street),
        street_names=tuple(roads.name_index),
        attribution=ATTRIBUTION,
    )


def _on_grid(units: array[int]) -> Floats:
    return np.rint(np.array(units, dtype=np.float64) / _UNITS_PER_GRID) / 1e6


def _blocked_nodes(path: Path) -> Iterable[int]:
    nodes = osmium.FileProcessor(str(path), osmium.osm.NODE).with_filter(osmium.filter.KeyFilter("barrier"))
    return (node.id for node in nodes if is_barrier({tag.k: tag.v for tag in node.tags}))


def _highways(path: Path) -> osmium.FileProcessor:
    every = osmium.FileProcessor(str(path), osmium.osm.NODE | osmium.osm.WAY).with_locations()
    return every.with_filter(osmium.filter.EntityFilter(osmium.osm.WAY)).with_filter(osmium.filter.KeyFilter("highway"))
